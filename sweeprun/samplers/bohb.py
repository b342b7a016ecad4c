"""BOHB: Hyperband with a model."""

from __future__ import annotations

from typing import Annotated, Self, final

import numpy as np
from pydantic import Field, model_validator

from sweeprun.history import History
from sweeprun.pruners._rungs import Eta, Ladder, Length, Max, Min, Steps
from sweeprun.pruners._standing import Compare, Direction, MetricName
from sweeprun.pruners.base import Promoter, Promotion, Start, Verdict
from sweeprun.pruners.hyperband import HyperbandPruner
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.samplers.tpe import TPESampler
from sweeprun.trials import Params, Suggestion, Trial


@final
class BOHBSampler(Sampler, Promoter):
    """Hyperband whose configurations come from Parzen estimators of what was good so far: where hyperband is wanted,
    and a model may help it.

    A part of the configurations is random, so that a model which is wrong about the lowest rung does no harm. How far
    each trial goes is what the pruner hyperband says; it comes with this algorithm.

    Paper: Falkner et al. 2018, BOHB: robust and efficient hyperparameter optimization at scale.
    Differs from the paper: one model of all rungs, in which a trial that waits is placed by what those that went
    further came to, where the paper models the highest rung that has enough trials alone; the densities are those of
    tpe, over the tree of parameters; within a bracket nobody waits.

        algorithm: {name: bohb, max: 81}
    """

    metric: MetricName = None
    goal: Direction = None
    compare: Compare = "best"
    max: Max = None
    length: Length = None
    min: Min = None
    rungs: Steps = None
    eta: Eta = 3
    random: Annotated[float, Field(ge=0, le=1, description="the share of the configurations that is random")] = 1 / 3

    @model_validator(mode="after")
    def _climbable(self) -> Self:
        self.hyperband  # noqa: B018 - it checks its settings
        return self

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        sampler = RandomSampler() if rng.random() < self.random else TPESampler()
        return sampler.suggest(history, rng)

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        return self.hyperband.verdict(trial, history)

    def promotion(self, history: History) -> Promotion | None:
        return self.hyperband.promotion(history)

    def start(self, params: Params, history: History) -> Start:
        return self.hyperband.start(params, history)

    def again(self, trial: Trial, history: History) -> Start:
        return self.hyperband.again(trial, history)

    @property
    def ladder(self) -> Ladder:
        """Where the rungs are."""
        return self.hyperband.ladder

    @property
    def trials_per_round(self) -> int:
        """How many trials all brackets of a round begin with."""
        return self.hyperband.trials_per_round

    @property
    def hyperband(self) -> HyperbandPruner:
        """The pruner that it brings."""
        return HyperbandPruner(**self.model_dump(exclude={"random"}))
