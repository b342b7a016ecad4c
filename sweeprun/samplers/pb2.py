"""Population based bandits: population based training with a model of what improves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, final

import numpy as np

from sweeprun.history import Flags, Floats
from sweeprun.numerics.gaussian_process import GaussianProcess, Prior, fit_fading
from sweeprun.samplers._cube import Cube, cube
from sweeprun.samplers._exploring import perturbed
from sweeprun.samplers._members import PopulationSampler
from sweeprun.samplers._population import Opening, Population
from sweeprun.space import CategoricalParameter
from sweeprun.trials import Params, Trial

_FACTORS = (0.8, 1.2)
_LEAST_KNOWN = 4  # legs, for a model to say anything
_MOST_KNOWN = 200  # legs, the newest: the cost of a model grows with the cube of them
_N_ANYWHERE, _N_NEAR = 512, 256  # points that are looked at: anywhere, then around the best of them, twice
_SPREADS = (0.1, 0.03)


@final
class PB2Sampler(PopulationSampler):
    """Population based training whose copies take numbers from a model instead of at random: for populations of four to
    ten members, which are too few for luck.

    The model is a Gaussian process of how much the loss falls per step, given the parameters and the time; what was
    seen long ago counts less. A copy takes the numbers where it may fall most: mean plus deviations. Choices, and what
    they make active, are drawn as `pbt` draws them. All else is as it is there.

    Paper: Parker-Holder et al. 2020, Provably efficient online hyperparameter optimization with population-based
    bandits.
    Differs from the paper: Matern-5/2 with a lengthscale for each parameter instead of a squared exponential; how fast
    the past is forgotten is the most likely of four rates; choices are part of the model.

        algorithm: {name: pb2, members: 4, max: 100, interval: 5}
    """

    def _changed(self, params: Params, population: Population, opening: Opening, rng: np.random.Generator) -> Params:
        near = perturbed(population.history.space, params, _FACTORS, self.resample, rng)
        return _improved(population, opening, near, rng)


def _improved(population: Population, opening: Opening, near: Params, rng: np.random.Generator) -> Params:
    """`near` with the numbers from which most is expected; as it is where too little is known."""
    space, legs = population.history.space, _legs(population)[-_MOST_KNOWN:]
    found = space.encode(near)
    box = cube(space)
    free = np.array([not isinstance(each, CategoricalParameter) for each in space.parameters], dtype=bool)
    if found is None or len(legs) < _LEAST_KNOWN or not np.any(free & found[1]):
        return near
    model = _Model.of(box, population, legs, opening)
    start, free = found[0], free & found[1]
    best = _varied(start, free, rng.random((_N_ANYWHERE, box.d)))
    for spread in _SPREADS:
        top = best[np.argsort(-model.values(box, best), kind="stable")[:8]]
        moved = top[rng.integers(len(top), size=_N_NEAR)] + spread * rng.standard_normal((_N_NEAR, box.d))
        best = np.vstack([top, _varied(start, free, np.clip(moved, 0.0, 1.0))])
    for i in np.argsort(-model.values(box, best), kind="stable").tolist():
        params = space.decode(best[i])
        if space.satisfies(params):
            return params
    return near


def _varied(start: Floats, free: Flags, U: Floats) -> Floats:
    """Points that are as `start` (d,) but where they are `free` (d,): there as U (m, d)."""
    return np.where(free, U, start)


@dataclass(frozen=True, slots=True)
class _Leg:
    """From one ready point to the next, `end`: by how much the loss fell per step, with which parameters."""

    params: Params
    end: int
    fall: float


def _legs(population: Population) -> list[_Leg]:
    """All that were finished with parameters of this space, by the step at which they ended."""
    space = population.history.space
    trials = [trial for member in population.members for trial in member.trials]
    inside = [trial for trial in trials if space.encode(trial.params) is not None]
    return sorted((leg for trial in inside for leg in _legs_of(population, trial)), key=lambda leg: leg.end)


def _legs_of(population: Population, trial: Trial) -> Iterator[_Leg]:
    start, before = _beginning(population, trial)
    end = population.rules.next_stop(start)
    while start < end <= trial.last_step:
        loss = population.loss(trial, end)
        if math.isfinite(before - loss):
            yield _Leg(trial.params, end, (before - loss) / (end - start))
        start, before, end = end, loss, population.rules.next_stop(end)


def _beginning(population: Population, trial: Trial) -> tuple[int, float]:
    """The step and the loss from which it went on; where it began from nothing, those of its first report."""
    if trial.from_step and trial.parent is not None:
        return trial.from_step, population.loss(population.history.trials[trial.parent], trial.from_step)
    curve = population.history.curve(trial, population.metric)
    return (int(curve.steps[0]), float(curve.losses[0])) if len(curve.steps) else (0, math.nan)


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """The process of falls per step, and how many deviations above its mean are hoped for."""

    process: GaussianProcess
    hope: float

    @classmethod
    def of(cls, box: Cube, population: Population, legs: list[_Leg], opening: Opening) -> Self:
        """Legs that run now are believed to go as expected, so that copies differ."""
        interval = population.rules.interval
        Z, n_active = _features(box, [leg.params for leg in legs], population)
        y = np.array([leg.fall for leg in legs])
        y = (y - y.mean()) / (y.std() or 1.0)
        t, now = np.array([leg.end / interval for leg in legs]), opening.until / interval
        theta, fading = fit_fading(Z, box.owner, y, Prior(n_active), t, now)
        running, _ = _features(box, [trial.params for trial in population.running], population)
        process = GaussianProcess(Z, box.owner, y, theta, fading).believing(running)
        return cls(process, math.sqrt(0.2 + max(0.0, math.log(0.4 * len(legs)))))

    def values(self, box: Cube, U: Floats) -> Floats:
        """An upper bound (m,) of the fall at each of U (m, d)."""
        mu, sd = self.process.predict(box.features(*box.settled(U)))
        return np.asarray(mu + self.hope * sd)


def _features(box: Cube, params: list[Params], population: Population) -> tuple[Floats, float]:
    """(n, p), and the mean number of active parameters."""
    points = [point for each in params if (point := population.history.space.encode(each)) is not None]
    U = np.array([u for u, _ in points]).reshape(-1, box.d)
    active = np.array([active for _, active in points], dtype=bool).reshape(-1, box.d)
    return box.features(U, active), float(active.sum(axis=1).mean()) if len(points) else 1.0
