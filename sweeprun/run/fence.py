"""A worker that nobody can see alive must not go on: others may be about to take its trials over."""

from __future__ import annotations

from contextlib import suppress

from sweeprun.executors.base import Executor
from sweeprun.store.liveness import Membership, Observer


class Fence:
    """Beats for this worker, tells when it has been silent for too long, and has its executor end its trials where it
    hangs and cannot even tell.

    On one machine a silent worker is still seen to be alive, so only workers of another host or pid namespace count.
    """

    def __init__(self, member: Membership, observer: Observer, executor: Executor):
        self._member, self._observer, self._executor = member, observer, executor
        self._strangers: bool | None = None
        self._armed = False

    def grace_s(self, wanted_s: float) -> float:
        """How long trials may take to end, so that they are gone when others take them over."""
        return min(wanted_s, self._member.lease.lease_s - self._member.lease.fence_s)

    def beat(self, grace_s: float) -> float | None:
        """Say that we are alive; `grace_s` is what trials are given to end. Returns for how many seconds nobody has
        heard of us, where that is too long; else None."""
        silent_s, lease = self._member.silent_s, self._member.lease
        due = self._strangers is None or silent_s >= lease.beat_s
        if due:
            with suppress(OSError):  # the directory is away: what was known of them holds
                self._strangers = any(not worker.here for worker in self._observer.workers())
        self._member.beat()
        if due and self._member.silent_s < lease.beat_s:
            self._arm(grace_s)
        return silent_s if self._strangers and silent_s > lease.fence_s else None

    def _arm(self, grace_s: float) -> None:
        if self._strangers or self._armed:
            self._armed = bool(self._strangers)
            after_s = self._member.lease.fence_s if self._armed else None
            self._executor.fence(after_s, self.grace_s(grace_s))
