"""Jobs as processes here: leases follow them, events come in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeprun.executors.base import Ended, Job, Lease, NoRoom, SpawnFailed, Started
from sweeprun.executors.local import LocalExecutor
from sweeprun.launch.slots import Resources, Slots


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(Slots(Resources(gpus=0, slots=2), "cifar"))
    yield executor
    executor.close(0)


def job(executor: LocalExecutor, run_dir: Path, trial: int, *argv: str) -> Job:
    lease = executor.lease()
    assert isinstance(lease, Lease)
    return Job(trial, f"uid-{trial}", argv, {"PATH": os.environ["PATH"]}, run_dir, run_dir, lease)


def events(executor: LocalExecutor, n: int) -> list[object]:
    found: list[object] = []
    while len(found) < n:
        found += executor.poll(10)
    return found


def test_a_job_starts_and_ends_and_gives_its_slot_back(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.start(job(executor, tmp_path, 3, "sh", "-c", "exit 2"))
    started, ended = events(executor, 2)
    assert isinstance(started, Started)
    assert isinstance(ended, Ended)
    assert (started.trial, ended.trial, ended.code) == (3, 3, 2)
    assert isinstance(executor.lease(), Lease)
    assert isinstance(executor.lease(), Lease)


def test_a_job_that_cannot_start_gives_its_slot_back(executor: LocalExecutor, tmp_path: Path) -> None:
    kept = executor.lease()
    executor.start(job(executor, tmp_path, 0, "no-such-program"))
    assert isinstance(executor.lease(), NoRoom)
    assert isinstance(events(executor, 1)[0], SpawnFailed)
    assert isinstance(executor.lease(), Lease)
    assert isinstance(kept, Lease)


def test_there_is_no_room_while_all_slots_are_in_use(executor: LocalExecutor, tmp_path: Path) -> None:
    assert executor.slots == 2
    for trial in range(2):
        executor.start(job(executor, tmp_path, trial, "sleep", "60"))
    refused = executor.lease()
    assert isinstance(refused, NoRoom)
    assert "(2)" in refused.why
    executor.stop(0, 5)
    while not any(isinstance(event, Ended) for event in executor.poll(10)):
        pass
    assert isinstance(executor.lease(), Lease)


def test_close_ends_the_jobs_and_tells_how(tmp_path: Path) -> None:
    executor = LocalExecutor(Slots(Resources(gpus=0), "cifar"))
    executor.start(job(executor, tmp_path, 0, "sleep", "60"))
    ends = [event for event in executor.close(5) if isinstance(event, Ended)]
    assert [ended.ended_by for ended in ends] == ["stop"]


def test_wake_lets_a_poll_return(executor: LocalExecutor) -> None:
    executor.wake()
    assert executor.poll(60) == []


def test_the_launcher_that_holds_the_trials_is_named(executor: LocalExecutor) -> None:
    pid, start_time = executor.launcher
    assert pid != os.getpid()
    assert start_time is not None
