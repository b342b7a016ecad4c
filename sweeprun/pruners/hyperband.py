"""Hyperband: successive halving from several first rungs."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, Self, final

from pydantic import Field, model_validator

from sweeprun.history import History
from sweeprun.objective import Goal
from sweeprun.pruners._rungs import Halving, Ladder, Steps
from sweeprun.pruners.base import Promoter, Promotion, Start, Verdict
from sweeprun.trials import Params, Trial


class _Bracket(NamedTuple):
    """Bracket `rung` of a round begins at that rung: 0 with many trials of few steps, the last with few whole ones."""

    round: int
    rung: int


@final
class HyperbandPruner(Promoter):
    """Successive halving that hedges: some trials are judged early, some late, some never. For trainings of which
    nobody knows how much their first steps say; where they say much, asha alone is better.

    A round is a bracket for each rung: the first begins at the lowest rung with the most trials, the last has a few
    that run whole, and all cost about the same. One round follows the other.

    Paper: Li et al. 2018, Hyperband: a novel bandit-based approach to hyperparameter optimization (JMLR 18).
    Differs from the paper: within a bracket nobody waits for the others, as in asha; a failed trial counts as one that
    came to its rung, so that every bracket comes to its end.

        pruner: {name: hyperband, max: 81}
    """

    metric: str | None = Field(default=None, description="the metric that is compared; the first objective by default")
    goal: Goal | None = Field(
        default=None, description="minimize or maximize; by default the sweep's own for this metric, else minimize"
    )
    compare: Literal["best", "value"] = Field(
        default="best", description="best: the best value so far of each trial; value: the value at the rung"
    )
    max: int | None = Field(default=None, ge=1, description="the step at which every trial ends: the last rung")
    length: str | None = Field(
        default=None,
        description="instead of max: the parameter that says how many steps a trial has; rungs are shares of it",
    )
    min: float | None = Field(
        default=None, gt=0, description="the lowest rung: a step, or with length a share of the trial's own steps"
    )
    rungs: Steps | None = Field(default=None, description="instead of min and max: the steps of all rungs, ascending")
    eta: int = Field(default=3, ge=2, description="one in so many is promoted, to so many times the steps")

    @model_validator(mode="after")
    def _climbable(self) -> Self:
        self._ladder.check()
        return self

    def verdict(self, trial: Trial, history: History) -> Verdict:
        bracket = _bracket(trial) or _Bracket(0, self._ladder.n - 1)
        return self._halving(bracket, history).verdict(trial)

    def promotion(self, history: History) -> Promotion | None:
        for bracket in sorted({bracket for bracket in map(_bracket, history.trials) if bracket}):
            found = self._halving(bracket, history).promotion(self._ladder.n - bracket.rung)
            if found is not None:
                return found
        return None

    def start(self, params: Params, history: History) -> Start:
        begun = [bracket for bracket in map(_bracket, history.trials) if bracket]
        bracket = max(begun, default=_Bracket(0, 0))
        if begun.count(bracket) >= self._size(bracket):
            bracket = self._after(bracket)
        until = self._ladder.steps(params)[bracket.rung]
        return Start(until, {"round": bracket.round, "bracket": bracket.rung})

    @property
    def _ladder(self) -> Ladder:
        return Ladder(self.min, self.max, self.length, self.rungs, self.eta)

    def _size(self, bracket: _Bracket) -> int:
        """With how many trials it begins: as many as make it cost what the others cost (JMLR, algorithm 1, line 3)."""
        s = self._ladder.n - 1 - bracket.rung
        return math.ceil(self._ladder.n * int(self.eta**s) / (s + 1))

    def _after(self, bracket: _Bracket) -> _Bracket:
        round_, rung = divmod(bracket.round * self._ladder.n + bracket.rung + 1, self._ladder.n)
        return _Bracket(round_, rung)

    def _halving(self, bracket: _Bracket, history: History) -> Halving:
        """That of one bracket."""

        def steps_of(params: Params) -> tuple[int, ...]:
            return self._ladder.steps(params)[bracket.rung :]

        trials = [trial for trial in history.trials if _bracket(trial) == bracket]
        metric = history.metric(self.metric, self.goal)
        return Halving(trials, history, metric, self.compare == "best", self.eta, steps_of)


def _bracket(trial: Trial) -> _Bracket | None:
    """The bracket that is noted on a trial; None where it was begun without one, by hand."""
    match trial.notes:
        case {"round": int(round_), "bracket": int(rung)}:
            return _Bracket(round_, rung)
    return None
