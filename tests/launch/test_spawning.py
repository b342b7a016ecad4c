"""What a program finds when it starts, and what is said where it cannot be started (P09, P14, P16)."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sweeprun.launch.events import Ended, SpawnFailed, Started
from sweeprun.processes import process

if TYPE_CHECKING:
    from tests.launch.conftest import Stage


def refused(stage: Stage, *argv: str, **more: object) -> SpawnFailed:
    order = stage.spawn(*argv, **more)
    event = stage.await_event(order, SpawnFailed)
    assert isinstance(event, SpawnFailed)
    assert not (order.run_dir / "exit.json").exists()
    return event


def test_output_goes_to_private_files_and_the_exit_code_comes_back(stage: Stage) -> None:
    order = stage.shell("echo out; echo err >&2; exit 3")
    ended = stage.end(order)
    assert (ended.code, ended.signal, ended.ended_by) == (3, None, "program")
    assert (order.run_dir / "stdout.log").read_text() == "out\n"
    assert (order.run_dir / "stderr.log").read_text() == "err\n"
    assert (order.run_dir / "stdout.log").stat().st_mode & 0o777 == 0o600


def test_the_exit_file_says_what_the_event_says(stage: Stage) -> None:
    order = stage.shell("exit 3")
    ended = stage.end(order)
    record = json.loads((order.run_dir / "exit.json").read_text())
    assert (record.pop("format"), record.pop("uid"), record.pop("how")) == (1, order.uid, "exec")
    assert record == {name: getattr(ended, name) for name in record}
    assert set(os.listdir(order.run_dir)) == {"exit.json", "go", "said", "stdout.log", "stderr.log"}


def test_a_second_run_of_a_program_appends_to_its_output(stage: Stage) -> None:
    order = stage.shell("echo again")
    stage.end(order)
    stage.launcher.spawn(order)
    stage.end(order)
    assert (order.run_dir / "stdout.log").read_text() == "again\nagain\n"


def test_started_names_the_process(stage: Stage) -> None:
    order = stage.shell("echo $$ > $RUN/said; exec sleep 60")
    started = stage.await_event(order, Started)
    assert isinstance(started, Started)
    assert [started.pid] == stage.said(order)
    found = process(started.pid)
    assert found is not None
    assert (found.start_time, found.session, found.group) == (started.start_time, started.pid, started.pid)


def test_a_program_that_does_not_exist_is_refused_by_name(stage: Stage) -> None:
    event = refused(stage, "no-such-program")
    assert event.errno == errno.ENOENT
    assert "'no-such-program'" in event.message


def test_a_file_that_is_not_executable_is_refused(stage: Stage) -> None:
    (stage.directory / "script").write_text("#!/bin/sh\n")
    assert refused(stage, "./script").errno == errno.EACCES


def test_a_missing_working_directory_is_refused_by_name(stage: Stage) -> None:
    event = refused(stage, "true", cwd=stage.directory / "gone")
    assert event.errno == errno.ENOENT
    assert str(stage.directory / "gone") in event.message


def test_too_long_arguments_are_refused(stage: Stage) -> None:
    assert refused(stage, "true", "x" * (1 << 18)).errno == errno.E2BIG


def test_a_nul_byte_in_an_argument_is_refused(stage: Stage) -> None:
    event = refused(stage, "true", "a\0b")
    assert (event.errno, "null byte" in event.message) == (errno.EINVAL, True)


@pytest.mark.parametrize("planted", ["fifo", "symlink"])
def test_a_planted_output_file_is_refused_and_not_followed(stage: Stage, planted: str) -> None:
    order = stage.order("echo", "text")
    target = stage.directory / "target"
    if planted == "fifo":
        os.mkfifo(order.run_dir / "stdout.log")
    else:
        (order.run_dir / "stdout.log").symlink_to(target)
    stage.launcher.spawn(order)
    assert isinstance(stage.await_event(order, SpawnFailed), SpawnFailed)
    assert not target.exists()


def test_no_process_to_be_had_is_a_refusal_with_its_errno(stage: Stage) -> None:
    stage.end(stage.spawn("true"))
    pid, _ = stage.launcher.identity
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    open_now = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (open_now + 1, hard))
    assert refused(stage, "true").errno == errno.EMFILE
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert stage.end(stage.spawn("true")).code == 0


@pytest.mark.parametrize("room", [-1, 0])
def test_leases_that_find_no_room_in_the_launcher_refuse_that_order_alone(
    stage: Stage, tmp_path: Path, room: int
) -> None:
    pid, _ = stage.launcher.identity
    stage.end(stage.spawn("true"))
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + room, hard))
    lease = os.open(tmp_path / "lease", os.O_RDWR | os.O_CREAT)
    assert refused(stage, "true", fds=(lease, lease, lease)).errno == errno.EMFILE
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    order = stage.shell("ls /proc/$$/fd", fds=(lease,))
    stage.end(order)
    os.close(lease)
    assert len((order.run_dir / "stdout.log").read_text().split()) == 4


def test_a_program_is_looked_up_in_its_own_path_from_its_own_directory(stage: Stage) -> None:
    (stage.directory / "bin").mkdir()
    program = stage.directory / "bin" / "program"
    program.write_text("#!/bin/sh\npwd\n")
    program.chmod(0o700)
    order = stage.spawn("program", PATH="bin:/usr/bin:/bin")
    assert stage.end(order).code == 0
    assert (order.run_dir / "stdout.log").read_text() == f"{stage.directory}\n"


def test_a_program_has_its_environment_and_streams_and_nothing_else(stage: Stage) -> None:
    code = "import os, json; print(json.dumps([dict(os.environ), sorted(map(int, os.listdir('/proc/self/fd')))]))"
    odd = {"ODD": "caf\udce9 \u00e9\n=", "LC_ALL": "C.UTF-8"}
    order = stage.spawn(sys.executable, "-I", "-S", "-c", code, **odd)
    stage.end(order)
    env, fds = json.loads((order.run_dir / "stdout.log").read_text())
    assert env == order.env
    assert fds == [0, 1, 2, 3]  # 3 is the listing itself


def test_a_program_reads_nothing_from_standard_input(stage: Stage) -> None:
    order = stage.shell("readlink /proc/self/fd/0; cat")
    stage.end(order)
    assert (order.run_dir / "stdout.log").read_text() == "/dev/null\n"


def test_a_program_inherits_its_leases_alone(stage: Stage, tmp_path: Path) -> None:
    mine, other = (os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("mine", "other"))
    neighbour = stage.shell("echo $$ > $RUN/said; sleep 60", fds=(other,))
    stage.said(neighbour)
    order = stage.shell("readlink /proc/$$/fd/*", fds=(mine,))
    stage.end(order)
    links = (order.run_dir / "stdout.log").read_text().split()
    assert links.count(str(tmp_path / "mine")) == 1
    assert str(tmp_path / "other") not in links
    os.close(mine)
    os.close(other)


def test_a_large_environment_arrives_whole(stage: Stage) -> None:
    big = {f"BIG{i}": "x" * 100_000 for i in range(15)}
    order = stage.shell("env | wc -c", **big)
    stage.end(order)
    assert int((order.run_dir / "stdout.log").read_text()) > 1_500_000


def test_signals_that_the_worker_ignores_or_blocks_are_as_new_in_the_trial(tmp_path: Path) -> None:
    script = f"""
import os, signal, sys
from pathlib import Path
for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
    signal.signal(signum, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1])
from sweeprun.launch.control import Launcher
from sweeprun.launch.events import Ended, Order
launcher = Launcher()

def run(*argv):
    launcher.spawn(Order(0, "u", argv, {{"PATH": os.environ["PATH"]}}, Path("/"), Path({str(tmp_path)!r})))
    while not any(isinstance(event, Ended) for event in launcher.poll(10)):
        pass

run("sh", "-c", "kill -9 $PPID")  # another launcher follows, which is started without streams
for fd in (0, 1, 2):
    os.close(fd)
run("grep", "^Sig", "/proc/self/status")
launcher.close(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=20)
    lines = dict(line.split() for line in (tmp_path / "stdout.log").read_text().splitlines() if line[:5] != "SigQ:")
    of_libc = 0b11 << 31  # 32 and 33: what they were here before us, no program can change
    assert {int(lines[key], 16) & ~of_libc for key in ("SigBlk:", "SigIgn:")} == {0}


def test_peak_memory_and_cpu_time_are_those_of_the_program(stage: Stage) -> None:
    code = "import time; data = b'x' * 100_000_000\nwhile time.process_time() < 0.1: pass"
    ended = stage.end(stage.spawn(sys.executable, "-c", code))
    assert 100_000_000 < ended.memory_bytes < 200_000_000
    assert 0.1 <= ended.cpu_seconds <= ended.seconds + 0.1


def test_two_hundred_programs_leave_no_descriptor_and_no_zombie_in_the_launcher(stage: Stage, tmp_path: Path) -> None:
    pid, _ = stage.launcher.identity
    stage.end(stage.spawn("true"))
    before = sorted(os.listdir(f"/proc/{pid}/fd"))
    lease = os.open(tmp_path / "lease", os.O_RDWR | os.O_CREAT)
    for start in range(0, 200, 20):
        orders = [stage.spawn("true" if i % 4 else "missing", fds=(lease,)) for i in range(start, start + 20)]
        for order in orders:
            stage.await_event(order, Ended, SpawnFailed)
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == before
    fcntl.flock(lease, fcntl.LOCK_EX)
    os.close(lease)
    assert stage.programs == []


def test_sixty_programs_run_at_once(stage: Stage) -> None:
    orders = [stage.shell("echo $$ > $RUN/said; exec sleep 60") for _ in range(60)]
    pids = [stage.said(order)[0] for order in orders]
    for order in orders:
        stage.launcher.stop(order.trial, 5)
    assert {stage.end(order).signal for order in orders} == {"SIGTERM"}
    assert not any(map(stage.alive, pids))


def test_the_launcher_is_small_and_alone_in_its_session(stage: Stage) -> None:
    pid, _ = stage.launcher.identity
    stage.end(stage.spawn("true"))
    status = Path(f"/proc/{pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 14_000  # kB, 8500 of which are the bare interpreter's
    found = process(pid)
    assert found is not None
    assert found.session == pid
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        os.kill(pid, signum)
    assert stage.end(stage.spawn("true")).code == 0


def test_a_trial_with_a_process_cannot_be_started_again(stage: Stage) -> None:
    order = stage.shell("sleep 60")
    with pytest.raises(ValueError, match="trial 0 has a process already"):
        stage.launcher.spawn(order)
