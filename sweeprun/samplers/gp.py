"""Gaussian process search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from pydantic import Field

from sweeprun.evidence import Evidence
from sweeprun.history import Flags, Floats, History, Integers
from sweeprun.numerics import gaussian_process, pareto
from sweeprun.numerics.acquisition import log_below, log_improvement
from sweeprun.numerics.boxes import undominated
from sweeprun.numerics.gaussian_process import GaussianProcess, Prior
from sweeprun.numerics.warping import Warp
from sweeprun.samplers._ascent import around, ascended
from sweeprun.samplers._cube import Cube, cube
from sweeprun.samplers._untried import find_rare, is_new
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.trials import Suggestion

_LEAST_KNOWN = 3  # configurations with a loss, for a model to say anything
_N_RANDOM, _N_NEAR, _N_GOOD = 256, 256, 8  # points looked at first: anywhere, and near so many good ones
_XI = 0.03  # deviations by which a point must be better: less is polish, and leaves other branches untried
_REFITTED_UP_TO = 100  # configurations; from there on the hyperparameters are fitted again for each 15 % more
_GROWTH = 1.15
_MOST_POINTS = 250  # of one process: its cost grows with the cube of them
_FAILED, _FINISHED = 1.0, -1.0
_HUGE = 1e100  # a loss whose square is a float


@final
class GPSampler(Sampler):
    """Models the losses as a Gaussian process and tries where it expects most improvement: for trials that are worth a
    second of thinking, up to a few hundred of them.

    Choices, steps and conditional parameters are part of the model. Failed trials teach it where trials fail. With
    several objectives it goes for the volume that a trial adds to the front, with limits for what lies within them. Of
    more than 250 configurations it keeps the best half and a part of the rest.

    Paper: Snoek et al. 2012, Practical Bayesian optimization; Ament et al. 2023 (the logarithm of expected
    improvement); Cowen-Rivers et al. 2022, HEBO (warped losses); Ginsbourger et al. 2010 (what runs is believed).
    Differs from the papers: improvement is over the lowest mean of the model, not the lowest loss, by 3 % of a
    deviation at least; lengthscales are expected to grow with the number of active parameters; the chance to fail has
    a process of its own; inactive parameters lie at the origin of their features.

        algorithm: gp
    """

    startup: int = Field(default=8, ge=1, description="the first so many trials are random, balanced over branches")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        evidence = Evidence.of(history)
        n_known = np.sum(evidence.merits < np.inf)
        if len(history.inside) < self.startup or n_known < _LEAST_KNOWN or not history.space.parameters:
            return RandomSampler().suggest(history, rng)
        box = cube(history.space)
        score = _Score.of(box, evidence)
        anywhere, near = rng.random((_N_RANDOM, box.d)), around(box, score.good, _N_NEAR, rng)
        tried = {u.tobytes() for u in evidence.U}
        for u in ascended(score, box, np.vstack([anywhere, near]), rng):
            if u.tobytes() not in tried and is_new(params := history.space.decode(u), history):
                return Suggestion(params)
        rare = find_rare(history, rng)
        return Suggestion(rare) if rare is not None else None


@dataclass(frozen=True, slots=True, eq=False)
class _Score:
    """What a point is worth: the log of the improvement expected there, and of the chance that it does not fail.

    `objectives` are the processes of the warped losses, `failure` that of failing, `lower` and `upper` the boxes that
    are not dominated yet, `good` (k, d) the best points.
    """

    cube: Cube
    objectives: tuple[GaussianProcess, ...]
    failure: GaussianProcess | None
    lower: Floats
    upper: Floats
    good: Floats

    @classmethod
    def of(cls, box: Cube, evidence: Evidence) -> Self:
        Z = box.features(evidence.U, evidence.active)
        prior = Prior(float(evidence.active.sum(axis=1).mean()))
        failed, pending = evidence.merits == np.inf, np.isnan(evidence.merits)
        known = np.flatnonzero(~failed & ~pending)
        Y = np.clip(evidence.Y[known], -_HUGE, _HUGE)
        warps = [Warp.of(y) for y in Y.T]
        objectives = tuple(
            _modelled(Z[known], box.owner, y, warp, prior).believing(Z[pending])
            for y, warp in zip(Y.T, warps, strict=True)
        )
        means = np.column_stack([process.predict(Z[known])[0] for process in objectives])
        limits = np.array([warp.bound(limit) for warp, limit in zip(warps, evidence.limits, strict=True)])
        lower, upper = undominated(means - _XI, _reference(means, limits))
        good = evidence.U[known[np.argsort(evidence.merits[known], kind="stable")[:_N_GOOD]]]
        return cls(box, objectives, _failing(Z[~pending], box.owner, failed[~pending], prior), lower, upper, good)

    def values(self, U: Floats, active: Flags) -> Floats:
        """(m,) of settled points U (m, d)."""
        Z = self.cube.features(U, active)
        mu, sd = _stacked([process.predict(Z) for process in self.objectives])
        value = log_improvement(mu, sd, self.lower, self.upper)[0]
        return value if self.failure is None else value + log_below(*self.failure.predict(Z), 0.0)[0]

    def slopes(self, U: Floats, active: Flags) -> tuple[Floats, Floats]:
        """The values (m,) and their derivatives by the coordinates (m, d), 0 where one is a choice."""
        Z = self.cube.features(U, active)
        mu, sd, dmu, dsd = _stacked([process.slopes(Z) for process in self.objectives])
        value, by_mu, by_sd = log_improvement(mu, sd, self.lower, self.upper)
        slope = np.einsum("qm,qmp->qp", by_mu, dmu) + np.einsum("qm,qmp->qp", by_sd, dsd)
        if self.failure is not None:
            mu, sd, dmu, dsd = self.failure.slopes(Z)
            chance, by_mu, by_sd = log_below(mu, sd, 0.0)
            value = value + chance
            slope = slope + by_mu[:, None] * dmu + by_sd[:, None] * dsd
        return value, self.cube.by_coordinates(U, active, slope)


def _stacked(predictions: Sequence[tuple[Floats, ...]]) -> list[Floats]:
    """What each of m processes says, (q, ...), as arrays (q, m, ...)."""
    return [np.stack(parts, axis=1) for parts in zip(*predictions, strict=True)]


def _modelled(Z: Floats, owner: Integers, losses: Floats, warp: Warp, prior: Prior) -> GaussianProcess:
    """The process of the warped losses (n,). Its hyperparameters are those of the first so many configurations: between
    two fits they stay, so that most suggestions need none."""
    n_fitted = _n_fitted(len(losses))
    theta = _fitted(Z[:n_fitted], owner, Warp.of(losses[:n_fitted])(losses[:n_fitted]), prior)
    kept = _kept(losses)
    return GaussianProcess(Z[kept], owner, warp(losses[kept]), theta)


def _failing(Z: Floats, owner: Integers, failed: Flags, prior: Prior) -> GaussianProcess | None:
    """The process that is above 0 where trials fail, from those that have ended; None where none has failed."""
    if not failed.any():
        return None
    labels = np.where(failed, _FAILED, _FINISHED)
    n_fitted = _n_fitted(len(labels))
    theta = _fitted(Z[:n_fitted], owner, labels[:n_fitted], prior)
    kept = _kept(-labels)
    return GaussianProcess(Z[kept], owner, labels[kept], theta)


def _fitted(Z: Floats, owner: Integers, y: Floats, prior: Prior) -> Floats:
    kept = _kept(y)
    return gaussian_process.fit(Z[kept], owner, y[kept], prior)


def _n_fitted(n: int) -> int:
    """How many of n configurations the hyperparameters are fitted to: all at first, then fewer and fewer new ones."""
    if n <= _REFITTED_UP_TO:
        return n
    n_growths = math.floor(math.log(n / _REFITTED_UP_TO) / math.log(_GROWTH) + 1e-9)
    return int(_REFITTED_UP_TO * _GROWTH**n_growths)


def _kept(y: Floats) -> Integers:
    """Which configurations (n,) a process is made of: all, or the best half and the others at equal distances."""
    if len(y) <= _MOST_POINTS:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    n_best = _MOST_POINTS // 2
    others = np.sort(order[n_best:])
    spaced = others[np.linspace(0, len(others) - 1, _MOST_POINTS - n_best).astype(np.int64)]
    return np.sort(np.concatenate([order[:n_best], spaced]))


def _reference(means: Floats, limits: Floats) -> Floats:
    """What counts as improvement lies below this (m,): the limits, and without one a little more than the worst of the
    front within the limits. With one objective it is the best mean."""
    within = means[np.all(means <= limits, axis=1)]
    front = within[pareto.fronts(within) == 0]
    if not len(front):
        return np.asarray(np.minimum(means.max(axis=0), limits))
    margin = np.maximum(0.1 * np.ptp(front, axis=0), 0.1) if means.shape[1] > 1 else 0.0
    return np.asarray(np.minimum(front.max(axis=0) + margin, limits))
