"""Population based training."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from sweeprun.history import History
from sweeprun.pruners.base import Demotion, Promoter, Promotion, Start, Verdict
from sweeprun.samplers import _population
from sweeprun.samplers._exploring import perturbed
from sweeprun.samplers._population import Population, Rules
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.trials import Params, Suggestion, Trial

Factor = Annotated[float, Field(gt=0)]


@final
class PBTSampler(Sampler, Promoter):
    """Trains a population at once, and again and again replaces the worst by copies of the best with other parameters:
    for long trainings whose best parameters change on the way, such as a learning rate.

    Every `interval` steps a trial is paused. It goes on, unless it is among the worst `quantile`: then it is pruned,
    and a new trial begins with a copy of the checkpoint of one of the best, with its parameters perturbed. So the
    program has to save at each step and to go on from what it finds. A copy is taken of a trial that stands still: the
    new one waits until one of the best is ready. With fewer slots than members who is furthest behind goes on first.

    Paper: Jaderberg et al. 2017, Population based training of neural networks.
    Differs from the paper: a trial whose parameters change is another trial; integers and ordered values move by one at
    least; nobody is replaced before half of the members are ready, or where those that are better are at their end.

        algorithm: {name: pbt, members: 8, max: 100, interval: 5}
    """

    exhausted: ClassVar[str] = "every member has come to its end"

    members: int = Field(default=10, ge=2, description="how many are trained at once; left out: budget.trials, else 10")
    max: int = Field(ge=1, description="the step at which each of them ends")
    interval: int | None = Field(
        default=None, ge=1, description="after so many steps each is compared with the others; left out: a tenth of max"
    )
    quantile: float = Field(
        default=0.25, gt=0, le=0.5, description="this share, the worst, is replaced by copies of this share, the best"
    )
    resample: float = Field(
        default=0.25, ge=0, le=1, description="the chance that a parameter of a copy is drawn anew instead of moved"
    )
    factors: tuple[Factor, Factor] = Field(
        default=(0.8, 1.2), strict=False, description="a number is moved by one of these factors"
    )
    sync: bool = Field(
        default=False, description="whether all wait until everybody is ready; else each is compared with what is known"
    )

    @property
    def _rules(self) -> Rules:
        interval = self.interval or max(1, round(self.max / 10))
        return Rules(self.members, interval, self.max, self.quantile, self.sync)

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        opening = Population.of(history, self._rules).opening(rng)
        if opening is None:
            return None
        if opening.donor is not None:
            return opening.filled(perturbed(history.space, opening.donor.params, self.factors, self.resample, rng))
        drawn = RandomSampler().suggest(history, rng)
        return opening.filled(drawn.params if drawn is not None else history.space.sample(rng))

    def promotion(self, history: History) -> Promotion | Demotion | None:
        return Population.of(history, self._rules).decision()

    def verdict(self, trial: Trial, history: History) -> Verdict:
        return _population.verdict(self._rules, trial, history)

    def start(self, params: Params, history: History) -> Start:
        return _population.first_start(self._rules, history)
