"""Which workers of a sweep are there, as far as a single look tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sweeprun.store.layout import Layout
from sweeprun.store.liveness import Observer, Worker

UNSEEN_S = 600.0  # many leases, and more than the clocks of two hosts should differ by


@dataclass(frozen=True, slots=True)
class Unseen:
    """A worker of another machine that was last seen long ago, at `since` (seconds since the epoch)."""

    worker: Worker
    since: float


@dataclass(frozen=True, slots=True)
class Presence:
    """`workers` are alive, those of other machines as far as can be seen. `unseen` may have died without a word: an
    observer that has just begun to watch cannot tell, so the age of their last beat must do."""

    workers: tuple[Worker, ...]
    unseen: tuple[Unseen, ...]

    @classmethod
    def of(cls, layout: Layout, observer: Observer, now: float) -> Self:
        workers, unseen = [], []
        for worker in observer.workers():
            since = now if worker.here else _last_beat(layout, worker)
            if now - since > UNSEEN_S:
                unseen.append(Unseen(worker, since))
            else:
                workers.append(worker)
        return cls(tuple(workers), tuple(unseen))


def _last_beat(layout: Layout, worker: Worker) -> float:
    """When its beat was written; for one without a beat, when it came."""
    try:
        return layout.worker_beat(worker.uuid).stat().st_mtime
    except FileNotFoundError:
        return worker.started
