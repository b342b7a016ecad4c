"""What holds when the worker or the launcher is killed (P02, P03)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sweeprun.launch.events import Ended, Started
from sweeprun.processes import by_cookie, end_leftovers

if TYPE_CHECKING:
    from tests.launch.conftest import Stage

# A deaf program with a deaf grandchild that has escaped its session and its parent.
DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open(os.environ["RUN"] + "/said", "w") as fifo:
            fifo.write(f"{os.getpid()} {os.environ['LEADER']}")
        signal.pause()
    os._exit(0)
os.wait()
signal.pause()
"""
DEAF = "import os; os.environ['LEADER'] = str(os.getpid())\n" + DEAF

WORKER = """
import sys
from pathlib import Path
from sweeprun.launch.control import Launcher
from sweeprun.launch.events import Order
launcher = Launcher()
run_dir, program, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for trial in range(n):
    uid = f"{run_dir}-{trial}"
    env = {"SWEEPRUN_TRIAL_UID": uid, "RUN": str(run_dir)}
    launcher.spawn(Order(trial, uid, [sys.executable, "-I", "-S", "-c", program], env, run_dir, run_dir))
print(launcher.identity[0], flush=True)
while True:
    launcher.poll(60)
"""


def worker(run_dir: Path, program: str = DEAF, n: int = 1) -> tuple[subprocess.Popen[str], int]:
    """A worker process, and the pid of its launcher."""
    os.mkfifo(run_dir / "said")
    arguments = [sys.executable, "-c", WORKER, str(run_dir), program, str(n)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.slow
def test_a_killed_worker_takes_all_its_processes_with_it(stage: Stage, tmp_path: Path) -> None:
    process, launcher = worker(tmp_path)
    pids = [int(word) for word in (tmp_path / "said").read_text().split()]
    killed = time.monotonic()
    kill(process)
    stage.wait_until(lambda: not any(map(stage.alive, (*pids, launcher))))
    assert time.monotonic() - killed < 8
    record = json.loads((tmp_path / "exit.json").read_text())
    assert (record["ended_by"], record["signal"]) == ("worker_lost", "SIGKILL")


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.06, 0.1])
def test_a_worker_killed_while_it_starts_trials_leaves_none(stage: Stage, tmp_path: Path, delay_s: float) -> None:
    process, launcher = worker(tmp_path, "import signal; signal.pause()", n=20)
    stage.launcher.poll(delay_s)
    kill(process)
    uids = {f"{tmp_path}-{trial}" for trial in range(20)}
    stage.wait_until(lambda: not stage.alive(launcher))
    assert by_cookie(uids) == []


def test_worker_and_launcher_killed_at_once_leave_what_the_next_command_finds(stage: Stage, tmp_path: Path) -> None:
    process, launcher = worker(tmp_path)
    grandchild, leader = (int(word) for word in (tmp_path / "said").read_text().split())
    process.send_signal(signal.SIGSTOP)
    os.kill(launcher, signal.SIGKILL)
    kill(process)
    stage.wait_until(lambda: not stage.alive(leader))
    assert stage.alive(grandchild)
    assert [each.pid for each in by_cookie({f"{tmp_path}-0"})] == [grandchild]
    assert end_leftovers({f"{tmp_path}-0"}, within_s=5) == []
    assert not stage.alive(grandchild)


def test_a_killed_launcher_loses_its_trials_and_is_replaced(stage: Stage) -> None:
    orders = [stage.spawn(sys.executable, "-I", "-S", "-c", DEAF) for _ in range(3)]
    for order in orders:
        stage.await_event(order, Started)
    pids = [pid for order in orders for pid in stage.said(order)]
    before, _ = stage.launcher.identity
    os.kill(before, signal.SIGKILL)
    for order in orders:
        ended = stage.end(order)
        assert (ended.launcher_lost, ended.code, ended.signal, ended.unkillable) == (True, None, None, False)
    assert not any(map(stage.alive, pids))
    assert stage.end(stage.spawn("true")).code == 0
    after, _ = stage.launcher.identity
    assert after != before


# The first of the trials has a grandchild without cookie, session or parent to know it by.
UNMARKED = """
import os, signal
if os.environ["SWEEPRUN_TRIAL_UID"].endswith("-0") and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve("/bin/sh", ["sh", "-c", f"echo $$ > {os.environ['RUN']}/said; exec sleep 60"], {})
    os._exit(0)
signal.pause()
"""


def test_an_unmarked_process_of_a_killed_launcher_comes_to_the_worker_and_is_ended(stage: Stage) -> None:
    order = stage.spawn(sys.executable, "-I", "-S", "-c", UNMARKED)
    grandchild = stage.said(order)[0]
    os.kill(stage.launcher.identity[0], signal.SIGKILL)
    assert stage.end(order).launcher_lost
    assert not stage.alive(grandchild)


@pytest.mark.slow
def test_an_unmarked_process_of_a_killed_worker_is_ended_by_the_launcher(stage: Stage, tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"  # so that both end at the same moment
    process, launcher = worker(tmp_path, deaf + UNMARKED, n=2)
    grandchild = int((tmp_path / "said").read_text())
    kill(process)
    stage.wait_until(lambda: not stage.alive(launcher))
    assert not stage.alive(grandchild)


def test_events_from_before_the_launchers_death_are_not_lost(stage: Stage) -> None:
    order = stage.shell("exit 4")
    stage.wait_until((order.run_dir / "exit.json").exists)
    other = stage.shell("echo $$ > $RUN/said; exec sleep 60")
    stage.said(other)  # by now the launcher has told of the first one's end
    os.kill(stage.launcher.identity[0], signal.SIGKILL)
    ended = stage.await_event(order, Ended)
    assert (ended.code, ended.ended_by) == (4, "program")
    assert stage.end(other).launcher_lost


def test_a_launcher_that_dies_before_an_order_reaches_it_reports_the_trial_as_lost(stage: Stage) -> None:
    pid, _ = stage.launcher.identity
    os.kill(pid, signal.SIGKILL)
    stage.wait_until(lambda: not stage.alive(pid))
    assert stage.end(stage.spawn("true")).launcher_lost
    assert stage.end(stage.spawn("true")).code == 0


def test_orders_wait_for_a_launcher_that_is_stopped(stage: Stage) -> None:
    pid, _ = stage.launcher.identity
    os.kill(pid, signal.SIGSTOP)
    big = {f"BIG{i}": "x" * 100_000 for i in range(10)}
    orders = [stage.spawn("true", **big) for _ in range(5)]  # more than the socket takes
    assert stage.launcher.poll(0.05) == []
    os.kill(pid, signal.SIGCONT)
    assert {stage.end(order).code for order in orders} == {0}


def test_a_launcher_whose_worker_is_silent_ends_every_trial_and_goes_on_with_the_next(stage: Stage) -> None:
    orders = [stage.spawn(sys.executable, "-I", "-S", "-c", DEAF) for _ in range(2)]
    pids = [pid for order in orders for pid in stage.said(order)]
    stage.launcher.fence(0.2, grace_s=0.3)
    began = time.monotonic()
    for order in orders:
        ended = stage.end(order)
        assert (ended.ended_by, ended.signal, ended.launcher_lost) == ("fenced", "SIGKILL", False)
    assert 0.4 < time.monotonic() - began < 5
    assert not any(map(stage.alive, pids))
    assert stage.end(stage.spawn("true")).ended_by == "program"


def test_a_worker_that_is_heard_of_in_time_keeps_its_trials(stage: Stage) -> None:
    order = stage.shell("echo $$ > $RUN/said; read line < $RUN/go; exit 3")
    stage.said(order)
    stage.launcher.fence(0.5, grace_s=0.0)
    stage.launcher.fence(None, grace_s=0.0)
    assert [event for event in stage.launcher.poll(1.0) if isinstance(event, Ended)] == []
    stage.launcher.fence(60.0, grace_s=0.0)
    stage.let_go(order)
    assert stage.end(order).code == 3


def test_the_fence_stands_though_the_launcher_was_replaced(stage: Stage) -> None:
    stage.launcher.fence(0.5, grace_s=0.0)
    pid, _ = stage.launcher.identity
    os.kill(pid, signal.SIGKILL)
    assert stage.end(stage.spawn("true")).launcher_lost
    assert stage.end(stage.spawn("sleep", "60")).ended_by == "fenced"


def test_the_launcher_is_replaced_before_it_is_named(stage: Stage) -> None:
    before, _ = stage.launcher.identity
    os.kill(before, signal.SIGKILL)
    assert stage.end(stage.spawn("true")).launcher_lost
    after, start_time = stage.launcher.identity
    assert after != before
    assert start_time is not None
    assert stage.end(stage.spawn("true")).code == 0
    assert stage.launcher.identity == (after, start_time)
