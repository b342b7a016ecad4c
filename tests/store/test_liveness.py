"""Who is alive: on this machine by pid and start time, elsewhere by a beat on the observer's clock."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeprun import processes
from sweeprun.store import durable, liveness
from sweeprun.store.layout import Layout
from sweeprun.store.liveness import Lease, Membership, Observer, Worker
from sweeprun.store.sweep import Sweep

LEASE = Lease(beat_s=10.0, fence_s=60.0, lease_s=90.0)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def layout(sweep: Sweep) -> Layout:
    return sweep.layout


@pytest.fixture
def observer(layout: Layout, clock: Clock) -> Observer:
    return Observer(layout, LEASE, clock)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until the test ends it."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def here(pid: int | None = None, **said: Any) -> Worker:
    pid = pid or os.getpid()
    worker = Worker(
        uuid=uuid.uuid4().hex,
        host="h",
        boot_id=processes.boot_id(),
        pid_namespace=processes.pid_namespace(),
        pid=pid,
        start_time=processes.start_time(pid) or 0,
        started=1.0,
        argv=("sweeprun", "start"),
        versions={"python": "3"},
        devices=("0",),
    )
    return replace(worker, **said)


def elsewhere(**said: Any) -> Worker:
    return here(boot_id="another", **said)


def join(layout: Layout, worker: Worker, clock: Callable[[], float]) -> Membership:
    return liveness.join(layout, worker, LEASE, clock)


# ---- this machine


def test_a_worker_here_is_alive_while_its_process_is(
    layout: Layout, clock: Clock, observer: Observer, child: subprocess.Popen[bytes]
) -> None:
    worker = here(child.pid)
    join(layout, worker, clock)
    clock.now += 10_000
    assert observer.alive(worker.uuid), "no beat is needed where the process can be seen"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not observer.alive(worker.uuid), "a zombie does no work"
    child.wait()
    assert not Observer(layout, LEASE, clock).alive(worker.uuid)


def test_a_pid_that_another_process_has_now_is_not_the_worker(layout: Layout, clock: Clock, observer: Observer) -> None:
    worker = here()
    reused = replace(worker, start_time=worker.start_time - 1)
    join(layout, reused, clock)
    assert not observer.alive(reused.uuid)


def test_a_worker_that_left_is_gone_at_once(layout: Layout, clock: Clock, observer: Observer) -> None:
    for worker in (here(), elsewhere()):
        member = join(layout, worker, clock)
        assert observer.alive(worker.uuid)
        member.leave()
        member.leave()
        assert not observer.alive(worker.uuid)


# ---- other machines and containers


@pytest.mark.parametrize("said", [{"boot_id": "another"}, {"pid_namespace": "pid:[1]"}])
def test_of_a_worker_that_cannot_be_seen_only_its_beat_counts(
    layout: Layout, clock: Clock, observer: Observer, said: dict[str, str]
) -> None:
    """The pid that it names exists here, with that start time, and means nothing."""
    worker = here(**said)
    join(layout, worker, clock)
    assert observer.alive(worker.uuid)
    clock.now += LEASE.lease_s - 0.001
    assert observer.alive(worker.uuid), "not earlier"
    clock.now += 0.001
    assert not observer.alive(worker.uuid)


def test_the_pid_of_another_machine_is_never_looked_up(layout: Layout, clock: Clock, observer: Observer) -> None:
    worker = elsewhere(pid=999_999_999, start_time=0)
    join(layout, worker, clock)
    assert observer.alive(worker.uuid)


def test_a_worker_that_beats_is_never_held_for_dead(layout: Layout, clock: Clock, observer: Observer) -> None:
    worker = elsewhere()
    member = join(layout, worker, clock)
    for _ in range(100):
        clock.now += LEASE.lease_s - 1
        member.beat()
        assert observer.alive(worker.uuid)


def test_the_lease_runs_from_when_the_observer_first_saw_the_beat(layout: Layout, clock: Clock) -> None:
    worker = elsewhere()
    join(layout, worker, clock)
    clock.now += 10_000
    late = Observer(layout, LEASE, clock)
    assert late.alive(worker.uuid)
    clock.now += LEASE.lease_s - 1
    assert late.alive(worker.uuid)


def test_clocks_of_two_hosts_are_not_compared(layout: Layout, clock: Clock, observer: Observer) -> None:
    worker = elsewhere(started=9e12)
    member = join(layout, worker, lambda: -5e9)
    os.utime(layout.worker_beat(worker.uuid), (0, 0))
    assert observer.alive(worker.uuid)
    member.beat()
    os.utime(layout.worker_beat(worker.uuid), (4e9, 4e9))
    clock.now += LEASE.lease_s - 1
    assert observer.alive(worker.uuid)
    clock.now += LEASE.lease_s
    assert not observer.alive(worker.uuid)


def test_who_was_held_for_dead_and_beats_again_is_alive(layout: Layout, clock: Clock, observer: Observer) -> None:
    worker = elsewhere()
    member = join(layout, worker, clock)
    assert observer.alive(worker.uuid)
    clock.now += LEASE.lease_s
    assert not observer.alive(worker.uuid)
    member.beat()
    assert observer.alive(worker.uuid), "what it claims from now on is its own"


@pytest.mark.parametrize("damage", ["gone", "torn", "no beat"])
def test_a_worker_that_nothing_is_known_of_is_dead_when_the_lease_has_run_out(
    layout: Layout, clock: Clock, observer: Observer, damage: str
) -> None:
    worker = elsewhere()
    if damage != "gone":
        join(layout, worker, clock)
        layout.worker_info(worker.uuid).write_bytes(b"{")
    if damage == "no beat":
        layout.worker_beat(worker.uuid).unlink()
    assert observer.alive(worker.uuid)
    clock.now += LEASE.lease_s - 1
    assert observer.alive(worker.uuid)
    clock.now += 1
    assert not observer.alive(worker.uuid)


# ---- beating


def test_a_beat_is_rewritten_in_place_in_a_fixed_size(layout: Layout, clock: Clock) -> None:
    worker = here()
    member = join(layout, worker, clock)
    beat = layout.worker_beat(worker.uuid)
    inode, seen = beat.stat().st_ino, {beat.read_bytes()}
    for n in range(3):
        member.beat()
        clock.now += LEASE.beat_s
        seen.add(beat.read_bytes())
        assert len(seen) == n + 2
        assert (beat.stat().st_ino, beat.stat().st_size) == (inode, liveness.BEAT_BYTES)


def test_a_worker_beats_no_more_often_than_it_must(layout: Layout, clock: Clock) -> None:
    worker = here()
    member = join(layout, worker, clock)
    member.beat()
    before = layout.worker_beat(worker.uuid).read_bytes()
    clock.now += LEASE.beat_s - 0.1
    member.beat()
    assert layout.worker_beat(worker.uuid).read_bytes() == before


@pytest.mark.parametrize("obstacle", ["gone", "fifo", "link"])
def test_a_beat_that_fails_shows_as_silence(layout: Layout, clock: Clock, tmp_path: Path, obstacle: str) -> None:
    worker = here()
    member = join(layout, worker, clock)
    beat = layout.worker_beat(worker.uuid)
    beat.unlink()
    if obstacle == "fifo":
        os.mkfifo(beat)
    elif obstacle == "link":
        (tmp_path / "elsewhere").write_text("mine")
        beat.symlink_to(tmp_path / "elsewhere")
    clock.now += 30
    member.beat()
    assert member.silent_s == 30
    if obstacle == "link":
        assert (tmp_path / "elsewhere").read_text() == "mine"


def test_joining_is_on_the_disk_before_it_counts(layout: Layout, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable, "fsync_directory", synced.append)
    worker = here()
    join(layout, worker, clock)
    assert synced == [layout.worker(worker.uuid), layout.workers]


def test_the_clock_of_a_worker_counts_suspended_time_too() -> None:
    before = liveness.boot_clock()
    assert liveness.boot_clock() >= before > 0


# ---- who is there


def test_workers_lists_those_that_may_be_alive_oldest_first(layout: Layout, clock: Clock, observer: Observer) -> None:
    old, young, left = here(started=1.0), elsewhere(started=2.0), here(started=0.0)
    join(layout, young, clock)
    join(layout, old, clock)
    join(layout, left, clock).leave()
    (layout.workers / "junk").mkdir()
    assert observer.workers() == [old, young]
    clock.now += LEASE.lease_s
    assert observer.workers() == [old]


def test_what_a_worker_says_of_itself_is_read_back(layout: Layout, clock: Clock, observer: Observer) -> None:
    worker = here()
    join(layout, worker, clock)
    assert observer.worker(worker.uuid) == worker
    assert worker.here
    assert not elsewhere().here
    assert observer.worker("c" * 32) is None


def test_of_the_long_dead_only_who_they_were_is_kept(layout: Layout, clock: Clock, observer: Observer) -> None:
    living, owner, dead, fresh = here(), here(), here(), here()
    for worker in (living, owner, dead, fresh):
        member = join(layout, worker, clock)
        if worker is not living:
            member.leave()
        if worker is not fresh:
            os.utime(layout.worker(worker.uuid), (0, 0))
    (layout.workers / "junk").mkdir()
    os.utime(layout.workers / "junk", (0, 0))
    liveness.forget_old(layout, observer, keep={owner.uuid})
    assert sorted(os.listdir(layout.worker(dead.uuid))) == ["info.json", "left"]
    assert all(layout.worker_beat(kept.uuid).exists() for kept in (living, owner, fresh))
    assert (layout.workers / "junk").exists()
