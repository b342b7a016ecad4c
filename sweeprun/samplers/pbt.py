"""Population based training."""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from sweeprun.history import History
from sweeprun.pruners.base import Demotion, Promoter, Promotion, Start, Verdict
from sweeprun.samplers._exploring import perturbed
from sweeprun.samplers._population import Population
from sweeprun.samplers._staging import Interval, Max, Members, Quantile, Resample, Rules, Sync
from sweeprun.samplers.base import Sampler
from sweeprun.trials import Params, Suggestion, Trial

Factor = Annotated[float, Field(gt=0)]


@final
class PBTSampler(Sampler, Promoter):
    """Trains a population at once, and again and again replaces the worst by copies of the best with other parameters:
    for long trainings whose best parameters change on the way, such as a learning rate.

    Every `interval` steps a trial is paused. It goes on, unless it is among the worst `quantile`: then it is pruned,
    and a new trial begins with a copy of the checkpoint of one of the best, with its parameters perturbed. So the
    program has to save at each step and to go on from what it finds. A copy is taken of a trial that stands still: the
    new one waits until one of the best is ready. With fewer slots than members who is furthest behind goes on first. A
    member of which three trials in a row fail or become NaN is not begun again.

    Paper: Jaderberg et al. 2017, Population based training of neural networks.
    Differs from the paper: a trial whose parameters change is another trial; integers and ordered values move by one at
    least; nobody is replaced before half of the members are ready, or where those that are better are at their end.

        algorithm: {name: pbt, members: 8, max: 100, interval: 5}
    """

    exhausted: ClassVar[str] = "every member has come to its end"

    members: Members = 10
    max: Max
    interval: Interval = None
    quantile: Quantile = 0.25
    resample: Resample = 0.25
    factors: tuple[Factor, Factor] = Field(
        default=(0.8, 1.2), strict=False, description="a number is moved by one of these factors"
    )
    sync: Sync = False

    @property
    def rules(self) -> Rules:
        """How far its members go at a time."""
        return Rules.of(self.members, self.interval, self.max, self.quantile, self.sync)

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        opening = Population.of(history, self.rules).opening(rng)
        if opening is None:
            return None
        if opening.donor is None:
            return opening.begun(history, rng)
        return opening.filled(perturbed(history.space, opening.donor.params, self.factors, self.resample, rng))

    def promotion(self, history: History) -> Promotion | Demotion | None:
        return Population.of(history, self.rules).decision()

    def verdict(self, trial: Trial, history: History) -> Verdict:
        return self.rules.verdict(trial, history)

    def start(self, params: Params, history: History) -> Start:
        return Population.of(history, self.rules).start
