"""How far each trial of a population goes at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sweeprun.history import History
from sweeprun.pruners.base import Action, Verdict
from sweeprun.trials import Trial


@dataclass(frozen=True, slots=True)
class Rules:
    """Of `members` members each is ready at every `interval` steps and ends at `max`. The worst `quantile` of them is
    given up for copies of the best; `sync`: when all of them are ready."""

    members: int
    interval: int
    max: int
    quantile: float
    sync: bool

    @classmethod
    def of(cls, members: int, interval: int | None, end: int, quantile: float, sync: bool) -> Self:
        """From the options of an algorithm."""
        return cls(members, interval or max(1, round(end / 10)), end, quantile, sync)

    def next_stop(self, step: int) -> int:
        """The ready point, or the end, that comes after `step`."""
        return min((step // self.interval + 1) * self.interval, self.max)

    @property
    def stops(self) -> tuple[int, ...]:
        """All ready points, and the end."""
        return (*range(self.interval, self.max, self.interval), self.max)

    def ready_points(self, after: int, to: int) -> range:
        """Those above `after` and not above `to`, the highest first."""
        return range(to // self.interval * self.interval, after, -self.interval)

    def verdict(self, trial: Trial, history: History) -> Verdict:
        """It goes to its ready point, and waits there for what is decided."""
        metric = history.metric()
        if history.curve(trial, metric).diverged:
            return Verdict(Action.STOP, f"{metric.name} is NaN at step {trial.last_step}")
        if trial.last_step >= self.max:
            return Verdict(Action.FINISH, f"step {self.max} is the end")
        if trial.until is None or trial.last_step < trial.until:
            return Verdict(Action.CONTINUE, f"step {trial.last_step}, it is ready at step {trial.until or self.max}")
        return Verdict(Action.PAUSE, f"it is ready at step {trial.last_step}")
