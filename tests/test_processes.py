"""What /proc says about processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sweeprun.processes import (
    Process,
    boot_id,
    by_cookie,
    cookie,
    descendants,
    end_leftovers,
    pid_namespace,
    process,
    send,
    start_time,
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    env = {"SWEEPRUN_TRIAL_UID": f"mine-{os.getpid()}", "PATH": os.environ["PATH"]}
    process = subprocess.Popen(["sh", "-c", "env -i sleep 60 & echo; wait"], env=env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    for each in descendants(process.pid):
        send(each, 9)
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_name_with_spaces_and_parentheses_is_no_obstacle() -> None:
    rest = b"S 7 8 9 " + b"0 " * 15 + b"4242 0 0"
    found = Process(5, b"5 (a) R (b c) " + rest)
    assert (found.parent, found.group, found.session, found.start_time, found.zombie) == (7, 8, 9, 4242, False)


def test_a_start_time_stays_and_a_zombie_has_none() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    begun = start_time(child.pid)
    assert begun is not None
    assert start_time(child.pid) == begun
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(child.pid) is None
    found = process(child.pid)
    assert found is not None
    assert found.zombie
    child.wait()
    assert process(child.pid) is None


def test_this_boot_and_this_pid_namespace_have_names() -> None:
    assert len(boot_id()) == 36
    assert pid_namespace().startswith("pid:[")


def test_a_trials_processes_are_found_by_cookie_and_descent(sleeper: subprocess.Popen[bytes]) -> None:
    uid = f"mine-{os.getpid()}"
    assert cookie(sleeper.pid) == uid
    found = {each.pid for each in by_cookie({uid, "another"})}
    assert found == {sleeper.pid, *(each.pid for each in descendants(sleeper.pid))}
    assert len(found) == 2  # the child has no cookie of its own
    assert by_cookie({"another"}) == []


def test_leftovers_are_ended(sleeper: subprocess.Popen[bytes]) -> None:
    assert end_leftovers({f"mine-{os.getpid()}"}, within_s=5) == []
    assert sleeper.wait(5) == -9


def test_a_signal_for_a_process_that_is_gone_hits_no_later_bearer_of_its_pid(sleeper: subprocess.Popen[bytes]) -> None:
    found = process(sleeper.pid)
    assert found is not None
    found.start_time -= 1
    send(found, 9)
    assert sleeper.poll() is None
