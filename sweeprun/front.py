"""Several objectives at once: which trials are within all limits, and which of them no other one beats.

A trial beats another where it is at least as good in every objective and better in one. Those that none beats are the
Pareto front. With one objective it is the best trial, and those of the same value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import le

from sweeprun.objective import Objective
from sweeprun.trials import Trial

Losses = tuple[float, ...]


def losses(objectives: Sequence[Objective], trial: Trial) -> Losses:
    """One loss for each objective; NaN where the trial has none."""
    return tuple(objective.loss_of(trial) for objective in objectives)


def excess(objectives: Sequence[Objective], trial: Trial) -> float:
    """How far the trial is beyond the limits, added up; 0 where it is feasible, infinity where a value is missing."""
    return sum(objective.excess(trial) for objective in objectives)


def feasible(objectives: Sequence[Objective], trial: Trial) -> bool | None:
    """Whether all its values are finite and within their limits; None while one is missing."""
    beyond = excess(objectives, trial)
    missing = beyond == math.inf and any(map(math.isnan, losses(objectives, trial)))
    return None if missing else beyond == 0


class Front:
    """The feasible trials that no other one beats, of those that were added so far.

    `members` are their numbers by their losses: equal trials stand side by side.
    """

    def __init__(self, objectives: Sequence[Objective], trials: Sequence[Trial] = ()):
        self.objectives = tuple(objectives)
        self.members: dict[Losses, list[int]] = {}
        within = ((losses(objectives, trial), trial.number) for trial in trials if excess(objectives, trial) == 0)
        for new, number in sorted(within):  # in this order none that comes later beats an earlier one
            if new in self.members:
                self.members[new].append(number)
            elif not self._matches(new):
                self.members[new] = [number]

    def __len__(self) -> int:
        return sum(map(len, self.members.values()))

    def __contains__(self, trial: Trial) -> bool:
        return trial.number in self.members.get(losses(self.objectives, trial), ())

    def improved_by(self, trial: Trial, min_delta: float = 0.0) -> bool:
        """Whether `trial` is feasible and, beside each member, better by more than `min_delta` in some objective."""
        reach = tuple(loss + min_delta for loss in losses(self.objectives, trial))
        return excess(self.objectives, trial) == 0 and not self._matches(reach)

    def add(self, trial: Trial) -> bool:
        """Take `trial` in where none beats it; whether it improved the front, which an equal of a member does not."""
        new = losses(self.objectives, trial)
        if new in self.members:
            self.members[new].append(trial.number)
            return False
        improved = self.improved_by(trial)
        if improved:
            beaten = [old for old in self.members if all(map(le, new, old))]
            for old in beaten:
                del self.members[old]
            self.members[new] = [trial.number]
        return improved

    def _matches(self, reach: Losses) -> bool:
        """Whether a member is at least as good in all objectives. The newest is the likeliest to be."""
        return any(all(map(le, old, reach)) for old in reversed(self.members))
