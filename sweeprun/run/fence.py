"""A worker that nobody can see alive must not go on: others may be about to take its trials over."""

from __future__ import annotations

from contextlib import suppress

from sweeprun.store.liveness import Membership, Observer


class Fence:
    """Beats for this worker, and tells when it has been silent for too long.

    On one machine a silent worker is still seen to be alive, so only workers of another host or pid namespace count.
    """

    def __init__(self, member: Membership, observer: Observer):
        self._member, self._observer = member, observer
        self._strangers: bool | None = None

    @property
    def grace_s(self) -> float:
        """How long trials may take to end, so that they are gone when others take them over."""
        return self._member.lease.lease_s - self._member.lease.fence_s

    def beat(self) -> float | None:
        """Say that we are alive. For how many seconds nobody has heard of us, where that is too long; else None."""
        silent_s, lease = self._member.silent_s, self._member.lease
        if self._strangers is None or silent_s >= lease.beat_s:
            with suppress(OSError):  # the directory is away: what was known of them holds
                self._strangers = any(not worker.here for worker in self._observer.workers())
        self._member.beat()
        return silent_s if self._strangers and silent_s > lease.fence_s else None
