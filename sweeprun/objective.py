"""What a sweep makes small or large."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sweeprun.trials import Trial

Goal = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric and the direction in which it gets better; `limit` is the worst value allowed.

    The only place where signs flip: a loss is what is minimised, whatever the goal.
    """

    name: str
    goal: Goal = "minimize"
    limit: float | None = None

    def loss(self, value: float) -> float:
        return -value if self.goal == "maximize" else value

    def value(self, loss: float) -> float:
        """What the program reported for this loss."""
        return -loss if self.goal == "maximize" else loss

    @property
    def loss_limit(self) -> float:
        """The highest loss allowed; infinity where any is."""
        return math.inf if self.limit is None else self.loss(self.limit)

    def loss_of(self, trial: Trial) -> float:
        """The loss of the trial's value; NaN where it has none."""
        return self.loss(trial.values.get(self.name, math.nan))

    def excess(self, trial: Trial) -> float:
        """How far the trial's value is beyond the limit, as a share of the limit (of 1 where that is 0).

        0 where it is within, or where there is no limit; infinity without a finite value, which is no result.
        """
        loss = self.loss_of(trial)
        if not math.isfinite(loss):
            return math.inf
        return 0.0 if self.limit is None else max(0.0, loss - self.loss(self.limit)) / (abs(self.limit) or 1.0)
