"""Gaussian process search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from pydantic import Field

from sweeprun.evidence import Evidence, durations, elapsed
from sweeprun.history import Flags, Floats, History
from sweeprun.numerics.acquisition import log_below, log_improvement
from sweeprun.numerics.boxes import undominated
from sweeprun.samplers._ascent import around, ascended
from sweeprun.samplers._cube import Cube, cube
from sweeprun.samplers._surrogate import Cost, Surrogate, is_enough
from sweeprun.samplers._untried import first_new
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.trials import Suggestion

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_N_RANDOM, _N_NEAR = 256, 256  # points looked at first: anywhere, and near good ones
_LEAST_GAIN = 0.001  # deviations to be better by
_SCALES = (1.0, 0.25)  # of the lengthscales, in turns: as they were fitted, and doubted


@final
class GPSampler(Sampler):
    """Models the losses as a Gaussian process and tries where it expects most improvement: for trials that are worth a
    tenth of a second of thinking, up to a few hundred of them.

    Choices, steps and conditional parameters are part of the model. Failed trials teach it where trials fail. With
    several objectives it goes for the volume that a trial adds to the front, with limits for what lies within them. Of
    more than 200 configurations it keeps the best half and a part of the rest.

    Paper: Snoek et al. 2012, Practical Bayesian optimization; Ament et al. 2023 (the logarithm of expected
    improvement); Cowen-Rivers et al. 2022, HEBO (warped losses); Ginsbourger et al. 2010 (what runs is believed);
    Feurer et al. 2018 (earlier sweeps).
    Berkenkamp et al. 2019, No-regret Bayesian optimization with unknown hyperparameters (shorter lengthscales).
    Differs from the papers: improvement is over the lowest mean of the model, not the lowest loss; for every second
    trial lengthscales are a quarter of what was fitted, where Berkenkamp's shrink as time passes: a fit that is too
    sure of itself would stay in the first good branch, or at a border; an earlier sweep counts, beside its weight of
    Feurer et al., only as far as it ranks all trials of this one rightly, and where none does the first trials are
    random; lengthscales are expected to grow with the
    number of active parameters; the chance to fail has a process of its own, and what failed is believed to be no
    better than the best; inactive parameters lie at the origin of their features.

        algorithm: gp
    """

    learns_from_earlier: ClassVar[bool] = True

    startup: int = Field(default=8, ge=1, description="the first so many trials are random, balanced over branches")
    seconds: float | None = Field(
        default=None,
        gt=0,
        description="the time that the sweep has; then what a trial gains is weighed against the seconds that it is"
        " expected to take, less and less as the time passes",
    )

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        evidence = Evidence.of(history)
        earlier = [each for each in map(Evidence.of, history.earlier) if is_enough(each)]
        begun = len(history.inside) >= self.startup and is_enough(evidence)
        if not history.space.parameters or not (begun or earlier):
            return RandomSampler().suggest(history, rng)
        with _linear_algebra().limit(limits=1, user_api="blas"):
            box = cube(history.space)
            surrogate = Surrogate.of(box, evidence, earlier, rng, _SCALES[history.number % 2])
            if not begun and surrogate.misled:
                return RandomSampler().suggest(history, rng)
            return first_new(history, self._candidates(box, surrogate, history, evidence, rng), rng)

    def _candidates(
        self, box: Cube, surrogate: Surrogate, history: History, evidence: Evidence, rng: np.random.Generator
    ) -> Floats:
        """Points (m, d), the best first."""
        score = _Score.of(box, surrogate, self._cost(box, history, evidence))
        starts = np.vstack([rng.random((_N_RANDOM, box.d)), around(box, surrogate.good, _N_NEAR, rng)])
        return ascended(score, box, starts, rng)

    @property
    def times(self) -> bool:
        return self.seconds is not None

    def _cost(self, box: Cube, history: History, evidence: Evidence) -> Cost | None:
        """What a trial costs, as far as that matters."""
        if self.seconds is None:
            return None
        return Cost.of(box, evidence, durations(history), left=1 - elapsed(history) / self.seconds)


@cache
def _linear_algebra() -> ThreadpoolController:
    """The libraries of this process for it, numpy's and scipy's own. They get one thread: the cores are the trials',
    and with more threads sums are rounded otherwise, so that another machine would suggest something else."""
    import scipy.linalg  # noqa: F401 - what is not loaded is not found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@dataclass(frozen=True, slots=True, eq=False)
class _Score:
    """What a point is worth: the logarithms of the improvement expected there, of the chances that it keeps the limits
    and does not fail, and of what it costs.

    `lower` and `upper` are the boxes of losses that no trial is expected to dominate.
    """

    cube: Cube
    surrogate: Surrogate
    cost: Cost | None
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, box: Cube, surrogate: Surrogate, cost: Cost | None) -> _Score:
        return cls(box, surrogate, cost, *undominated(surrogate.front - _LEAST_GAIN, surrogate.reference))

    @property
    def _limits(self) -> list[tuple[int, float]]:
        """Of several objectives those that have a limit: where the improvement is reckoned to a little beyond it."""
        limits = self.surrogate.limits.tolist()
        return [(j, limit) for j, limit in enumerate(limits) if limit < math.inf and len(limits) > 1]

    def values(self, U: Floats, active: Flags) -> Floats:
        """(m,) of settled points U (m, d)."""
        Z = self.cube.features(U, active)
        mu, sd = _stacked([model.predict(Z) for model in self.surrogate.objectives])
        value = log_improvement(mu, sd, self.lower, self.upper)[0]
        for j, limit in self._limits:
            value = value + log_below(mu[:, j], sd[:, j], limit)[0]
        if self.surrogate.failure is not None:
            value = value + log_below(*self.surrogate.failure.predict(Z), 0.0)[0]
        return value if self.cost is None else value - self.cost.predict(Z)

    def slopes(self, U: Floats, active: Flags) -> tuple[Floats, Floats]:
        """The values (m,) and their derivatives by the coordinates (m, d), 0 where one is a choice."""
        Z = self.cube.features(U, active)
        mu, sd, dmu, dsd = _stacked([model.slopes(Z) for model in self.surrogate.objectives])
        value, by_mu, by_sd = log_improvement(mu, sd, self.lower, self.upper)
        for j, limit in self._limits:
            chance, more_by_mu, more_by_sd = log_below(mu[:, j], sd[:, j], limit)
            value = value + chance
            by_mu[:, j] += more_by_mu
            by_sd[:, j] += more_by_sd
        slope = np.einsum("qm,qmp->qp", by_mu, dmu) + np.einsum("qm,qmp->qp", by_sd, dsd)
        if self.surrogate.failure is not None:
            mu, sd, dmu, dsd = self.surrogate.failure.slopes(Z)
            chance, by_mu, by_sd = log_below(mu, sd, 0.0)
            value = value + chance
            slope = slope + by_mu[:, None] * dmu + by_sd[:, None] * dsd
        if self.cost is not None:
            cost, by_features = self.cost.slopes(Z)
            value, slope = value - cost, slope - by_features
        return value, self.cube.by_coordinates(U, active, slope)


def _stacked(predictions: Sequence[tuple[Floats, ...]]) -> list[Floats]:
    """What each of m models says, (q, ...), as arrays (q, m, ...)."""
    return [np.stack(parts, axis=1) for parts in zip(*predictions, strict=True)]

