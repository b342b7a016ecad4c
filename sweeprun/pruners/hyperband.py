"""Hyperband: successive halving from several first rungs."""

from __future__ import annotations

import math
from typing import Self, final

from pydantic import model_validator

from sweeprun.history import History
from sweeprun.pruners._halving import Bracket, Halving
from sweeprun.pruners._rungs import Eta, Ladder, Length, Max, Min, Steps
from sweeprun.pruners._standing import Compare, Direction, MetricName
from sweeprun.pruners.base import Promoter, Promotion, Start, Verdict
from sweeprun.trials import Params, Trial


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

    metric: MetricName = None
    goal: Direction = None
    compare: Compare = "best"
    max: Max = None
    length: Length = None
    min: Min = None
    rungs: Steps = None
    eta: Eta = 3

    @model_validator(mode="after")
    def _climbable(self) -> Self:
        self.ladder.check()
        return self

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        return self._halving(history).verdict(trial)

    def promotion(self, history: History) -> Promotion | None:
        return self._halving(history).promotion()

    def start(self, params: Params, history: History) -> Start:
        sizes = self._halving(history).rungs.sizes
        bracket = max(sizes, default=Bracket(0, 0))
        if sizes.get(bracket, 0) >= self._size(bracket):
            bracket = self._after(bracket)
        return self._start(params, bracket)

    def again(self, trial: Trial, history: History) -> Start:
        bracket = self._halving(history).rungs.given_up(trial.number)
        return self.start(trial.params, history) if bracket is None else self._start(trial.params, bracket)

    @property
    def trials_per_round(self) -> int:
        """How many trials all brackets of a round begin with."""
        return sum(self._size(Bracket(0, rung)) for rung in range(self.ladder.n))

    @property
    def ladder(self) -> Ladder:
        """Where the rungs are."""
        return Ladder(self.min, self.max, self.length, self.rungs, self.eta)

    def _start(self, params: Params, bracket: Bracket) -> Start:
        until = self.ladder.steps(params)[bracket.rung]
        return Start(until, {"round": bracket.round, "bracket": bracket.rung})

    def _size(self, bracket: Bracket) -> int:
        """With how many trials it begins: as many as make it cost what the others cost (JMLR, algorithm 1, line 3)."""
        s = self.ladder.n - 1 - bracket.rung
        return math.ceil(self.ladder.n * int(self.eta**s) / (s + 1))

    def _after(self, bracket: Bracket) -> Bracket:
        round_, rung = divmod(bracket.round * self.ladder.n + bracket.rung + 1, self.ladder.n)
        return Bracket(round_, rung)

    def _halving(self, history: History) -> Halving:
        metric = history.metric(self.metric, self.goal)
        return Halving(history, self.ladder, _bracket, metric, self.compare == "best")


def _bracket(trial: Trial) -> Bracket | None:
    """The bracket that is noted on a trial; None where it was begun without one."""
    match trial.notes:
        case {"round": int(round_), "bracket": int(rung)}:
            return Bracket(round_, rung)
    return None
