"""Population based training."""

from __future__ import annotations

from typing import Annotated, final

import numpy as np
from pydantic import Field

from sweeprun.samplers._exploring import perturbed
from sweeprun.samplers._members import PopulationSampler
from sweeprun.samplers._population import Opening, Population
from sweeprun.trials import Params

Factor = Annotated[float, Field(gt=0)]


@final
class PBTSampler(PopulationSampler):
    """Trains a population at once, and again and again replaces the worst by copies of the best with other parameters:
    for long trainings whose best parameters change on the way, such as a learning rate.

    Every `interval` steps a trial is paused. It goes on, unless it is among the worst `quantile`: then it is pruned,
    and a new trial begins with a copy of the checkpoint of one of the best, with its parameters perturbed. So the
    program has to save at each step and to go on from what it finds. Trials are compared at equal steps: where one is
    ahead, at the last step at which half of the members have been, and enough for one to be the worst `quantile`: four
    of a quarter. A copy is taken of a trial that stands still: the
    new one waits until one of the best is ready. With fewer slots than members who is furthest behind goes on first. A
    member of which three trials in a row fail or become NaN is not begun again.

    Paper: Jaderberg et al. 2017, Population based training of neural networks.
    Differs from the paper: a trial whose parameters change is another trial; integers and ordered values move by one at
    least; the paper compares with the newest result of each, however far it has come; nobody is replaced where those
    that are better are at their end.

        algorithm: {name: pbt, members: 8, max: 100, interval: 5}
    """

    factors: tuple[Factor, Factor] = Field(
        default=(0.8, 1.2), strict=False, description="a number is moved by one of these factors"
    )

    def _changed(self, params: Params, population: Population, opening: Opening, rng: np.random.Generator) -> Params:
        return perturbed(population.history.space, params, self.factors, self.resample, rng)
