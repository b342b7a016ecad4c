"""How starting programs goes: a pause after what may pass, the end of the work after what will not."""

from __future__ import annotations

import errno
from collections.abc import Callable

from sweeprun.executors.base import SpawnFailed
from sweeprun.run.budget import Halt, Reached
from sweeprun.run.outcome import Outcome, not_spawned

TRANSIENT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
MOST_FAILURES = 5  # of one kind in a row end the sweep


class Spawning:
    """What a worker has seen of starts; `clock` is its monotonic one."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._pause_s, self._not_before = FIRST_PAUSE_S, 0.0
        self._failure, self._n_failures = "", 0

    @property
    def paused(self) -> bool:
        """Whether it is too early for another try."""
        return self._clock() < self._not_before

    @property
    def hopeless(self) -> Reached | None:
        """The end of our patience with a program that cannot be started."""
        if self._n_failures < MOST_FAILURES:
            return None
        why = f"{self._n_failures} trials in a row could not be started: {self._failure}"
        return Reached("failures", Halt.FINISH, why)

    def worked(self) -> None:
        """A trial could be started."""
        self._pause_s, self._n_failures = FIRST_PAUSE_S, 0

    def failed(self, event: SpawnFailed) -> Outcome:
        """What it means for the trial that it could not be started: a want of processes or descriptors passes."""
        outcome = not_spawned(event)
        if event.errno not in TRANSIENT:
            self._n_failures = self._n_failures + 1 if outcome.why == self._failure else 1
            self._failure = outcome.why
            return outcome
        if not self.paused:  # else it was tried at the same time as one that failed
            self._not_before = self._clock() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return outcome.requeued()
