"""What the algorithms that train a population have in common: all but the parameters of a copy."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from pydantic import Field

from sweeprun.history import History
from sweeprun.pruners.base import Demotion, Promoter, Promotion, Start, Verdict
from sweeprun.samplers._population import Opening, Population
from sweeprun.samplers._staging import Rules
from sweeprun.samplers.base import Sampler
from sweeprun.trials import Params, Suggestion, Trial


class PopulationSampler(Sampler, Promoter):
    """Suggests members until all have begun, then copies of good ones in the place of bad ones."""

    exhausted: ClassVar[str] = "every member has come to its end"

    members: int = Field(
        default=10, ge=2, description="how many are trained at once; left out: budget.trials, where that is said"
    )
    max: int = Field(ge=1, description="the step at which each of them ends")
    interval: int | None = Field(
        default=None, ge=1, description="after so many steps each is compared with others; left out: a tenth of max"
    )
    quantile: float = Field(
        default=0.25, gt=0, le=0.5, description="this share, the worst, is replaced by copies of this share, the best"
    )
    resample: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="the chance that a choice, or a number that is moved, is drawn anew instead",
    )
    sync: bool = Field(
        default=False,
        description="whether all wait until everybody is ready; else each is compared where enough have been",
    )

    @property
    def rules(self) -> Rules:
        """How far its members go at a time."""
        return Rules.of(self.members, self.interval, self.max, self.quantile, self.sync)

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        population = Population.of(history, self.rules)
        opening = population.opening(rng)
        if opening is None:
            return None
        if opening.donor is None:
            return opening.begun(history, rng)
        return opening.filled(self._changed(opening.donor.params, population, opening, rng))

    def promotion(self, history: History) -> Promotion | Demotion | None:
        return Population.of(history, self.rules).decision()

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        return self.rules.verdict(trial, history)

    def start(self, params: Params, history: History) -> Start:
        return Population.of(history, self.rules).start

    def again(self, trial: Trial, history: History) -> Start:
        return Population.of(history, self.rules).again(trial)

    @abstractmethod
    def _changed(self, params: Params, population: Population, opening: Opening, rng: np.random.Generator) -> Params:
        """The parameters of a copy of a trial that has `params`."""
