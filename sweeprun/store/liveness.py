"""Who works on a sweep, and who is still alive.

On the same machine (boot id and pid namespace agree) a worker is alive while its pid has its start time. Of any other
worker we know only that its beat changes: an observer that has seen the same bytes for `lease_s` of its own monotonic
clock holds it for dead. Clocks of two hosts are never compared.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from sweeprun import processes
from sweeprun.errors import Damaged
from sweeprun.store import durable
from sweeprun.store.layout import WORKER_NAME, Layout

BEAT_BYTES = 32
FORMAT = 1
_BEATING = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Lease:
    """How often a worker beats, when it gives up by itself, when others give it up; in seconds."""

    beat_s: float = 10.0
    fence_s: float = 60.0
    lease_s: float = 90.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works, or worked, on a sweep. `start_time` is in clock ticks since boot, as the kernel says."""

    uuid: str
    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    start_time: int
    started: float
    argv: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()

    @property
    def here(self) -> bool:
        """Whether its processes are ours to see and to end."""
        return (self.boot_id, self.pid_namespace) == (processes.boot_id(), processes.pid_namespace())


class Membership:
    """This process as a worker of a sweep: made by `join`, ended by `leave`."""

    def __init__(self, layout: Layout, worker: Worker, lease: Lease, clock: Callable[[], float]):
        self.worker, self.lease = worker, lease
        self.log = layout.worker_log(worker.uuid)
        self._layout, self._clock = layout, clock
        self._beats, self._beaten = 0, clock()

    @property
    def silent_s(self) -> float:
        """Seconds since our last beat reached the directory, suspended time included."""
        return self._clock() - self._beaten

    def beat(self) -> None:
        """Say that we are alive, in place and in a fixed size, so that a full disk does not stop it. A failure is not
        raised: `silent_s` grows, and the owner fences itself in time."""
        if self.silent_s < self.lease.beat_s and self._beats:
            return
        with suppress(OSError):
            fd = os.open(self._layout.worker_beat(self.worker.uuid), _BEATING)
            try:
                os.pwrite(fd, b"%*d\n" % (BEAT_BYTES - 1, self._beats + 1), 0)
            finally:
                os.close(fd)
            self._beats, self._beaten = self._beats + 1, self._clock()

    def leave(self) -> None:
        """Say that we are gone for good, so that nobody waits for the lease to run out."""
        with suppress(OSError):
            durable.write_new(self._layout.worker(self.worker.uuid) / "left", b"")


def join(layout: Layout, worker: Worker, lease: Lease, clock: Callable[[], float] | None = None) -> Membership:
    """Enter `worker` into the directory."""
    folder = layout.worker(worker.uuid)
    folder.mkdir(mode=durable.DIRECTORY_MODE)
    durable.write_new(layout.worker_beat(worker.uuid), b"%*d\n" % (BEAT_BYTES - 1, 0))
    durable.write_new(layout.worker_info(worker.uuid), durable.encode({"format": FORMAT} | asdict(worker)))
    durable.fsync_directory(folder)
    durable.fsync_directory(layout.workers)
    return Membership(layout, worker, lease, clock or boot_clock)


def boot_clock() -> float:
    """Seconds since boot, with the time spent suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Observer:
    """One process's view of which workers are alive. What it cannot yet know it holds for alive."""

    def __init__(self, layout: Layout, lease: Lease, clock: Callable[[], float] = time.monotonic):
        self._layout, self._lease, self._clock = layout, lease, clock
        self._workers: dict[str, Worker | None] = {}
        self._gone: set[str] = set()  # for good: a worker that is merely silent may wake
        self._seen: dict[str, tuple[bytes, float]] = {}

    def worker(self, uuid: str) -> Worker | None:
        """Who `uuid` is; None where the directory does not say."""
        if self._workers.get(uuid) is None:
            self._workers[uuid] = _read_worker(self._layout, uuid)
        return self._workers[uuid]

    def alive(self, uuid: str) -> bool:
        if uuid in self._gone:
            return False
        if self._surely_gone(uuid):
            self._gone.add(uuid)
            return False
        worker = self.worker(uuid)
        return (worker is not None and worker.here) or self._beats(uuid)

    def workers(self) -> list[Worker]:
        """Every worker that may be alive."""
        with suppress(FileNotFoundError):
            names = [name for name in os.listdir(self._layout.workers) if WORKER_NAME.match(name)]
            known = [self.worker(name) for name in names if self.alive(name)]
            return sorted((worker for worker in known if worker), key=lambda worker: (worker.started, worker.uuid))
        return []

    def _surely_gone(self, uuid: str) -> bool:
        worker = self.worker(uuid)
        if os.path.lexists(self._layout.worker(uuid) / "left"):
            return True
        return worker is not None and worker.here and processes.start_time(worker.pid) != worker.start_time

    def _beats(self, uuid: str) -> bool:
        try:
            beat = durable.read(self._layout.worker_beat(uuid))
        except (OSError, Damaged):
            beat = b""
        seen, since = self._seen.get(uuid, (None, 0.0))
        if beat != seen:
            self._seen[uuid] = (beat, self._clock())
            return True
        return self._clock() - since < self._lease.lease_s


def _read_worker(layout: Layout, uuid: str) -> Worker | None:
    """What the worker said of itself; fields that an older or newer sweeprun does not write have their defaults."""
    try:
        record: dict[str, Any] = durable.read_record(layout.worker_info(uuid))
        said = {field.name: record[field.name] for field in fields(Worker) if field.name in record}
        return Worker(**said | {"argv": tuple(said.get("argv", ())), "devices": tuple(said.get("devices", ()))})
    except (OSError, Damaged, TypeError):
        return None


def forget_old(layout: Layout, observer: Observer, keep: set[str], older_than_s: float = 86_400.0) -> None:
    """Keep only who they were of workers dead for a day that own no open trial (`keep`): records name them."""
    with suppress(OSError):
        for entry in os.scandir(layout.workers):
            path = Path(entry.path)
            if entry.name in keep or not WORKER_NAME.match(entry.name) or observer.alive(entry.name):
                continue
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > older_than_s:
                for gone in (layout.worker_beat(entry.name), layout.worker_log(entry.name)):
                    gone.unlink(missing_ok=True)
                with suppress(FileExistsError):
                    durable.write_new(path / "left", b"")
