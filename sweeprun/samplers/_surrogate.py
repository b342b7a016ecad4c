"""What Gaussian processes make of the trials of a sweep and of earlier ones: models of objectives and of failing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from sweeprun.evidence import Evidence
from sweeprun.history import Floats, Integers
from sweeprun.numerics import gaussian_process, pareto
from sweeprun.numerics.ensemble import Ensemble, rank_weights
from sweeprun.numerics.gaussian_process import GaussianProcess, Prior
from sweeprun.numerics.warping import Warp
from sweeprun.samplers._cube import Cube

LEAST_KNOWN = 3  # configurations with all their losses, for a model to say anything
_N_GOOD = 8
_REFITTED_UP_TO = 100  # configurations; from there on hyperparameters are fitted again for each 15 % more
_GROWTH = 1.15
_MOST_POINTS = 250  # of one process: its cost grows with the cube of them
_FAILED, _FINISHED = 1.0, -1.0
_SAME = 0.01  # of a logarithm: times that differ by less are the same
_HUGE = 1e100  # a loss whose square is a float

Model = GaussianProcess | Ensemble


def is_enough(evidence: Evidence) -> bool:
    """Whether a model can be made of it."""
    return bool(np.sum(evidence.merits < np.inf) >= LEAST_KNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """`objectives` are models of the m warped losses, as if what runs had come out as they expect, and what failed no
    better than what is there. `failure` is above 0 where trials fail; None where none has. `means` (k, m) are what the
    models expect of what was tried; what counts as improvement lies below `reference` (m,). `good` (g, d) are the best
    points."""

    objectives: tuple[Model, ...]
    failure: GaussianProcess | None
    means: Floats
    reference: Floats
    good: Floats

    @classmethod
    def of(cls, cube: Cube, evidence: Evidence, earlier: Sequence[Evidence], rng: np.random.Generator) -> Self:
        """From the evidence of this sweep and of `earlier` ones: each of those is enough, and this one may be."""
        enough = is_enough(evidence)
        fits = [_Fit.of(cube, each) for each in ([*earlier, evidence] if enough else earlier)]
        Z, failed = cube.features(evidence.U, evidence.active), evidence.merits == np.inf
        open_ = np.isnan(evidence.merits) if enough else ~failed
        models = [
            _joined([fit.processes[j] for fit in fits], enough, rng).believing(Z[open_])
            for j in range(len(evidence.limits))
        ]
        tried = Z[~failed] if np.any(~failed) else fits[-1].Z
        means = np.column_stack([model.predict(tried)[0] for model in models])
        reference = _reference(means, fits[-1].limits)
        objectives = tuple(
            model.believing(Z[failed], at_least) for model, at_least in zip(models, reference.tolist(), strict=True)
        )
        return cls(objectives, _failing(cube, evidence), means, reference, np.vstack([fit.good for fit in fits]))


@dataclass(frozen=True, slots=True, eq=False)
class Thrift:
    """What time is worth: `process` is of the standardised logarithms of seconds, `weight` what one of them counts."""

    process: GaussianProcess
    weight: float

    @classmethod
    def of(cls, cube: Cube, evidence: Evidence, seconds: Floats, left: float) -> Self | None:
        """From the seconds (n,) that are known; None where too few are, all took the same, or nothing is `left` of the
        budget, a share of it: then time no longer matters (Lee et al. 2020, Cost-aware Bayesian optimization)."""
        timed = ~np.isnan(seconds)
        logs = np.log(seconds[timed])
        if len(logs) < LEAST_KNOWN or left <= 0 or logs.std() < _SAME:
            return None
        y = (logs - logs.mean()) / logs.std()
        Z = cube.features(evidence.U[timed], evidence.active[timed])
        kept = _kept(y)
        theta = _fitted(Z[: _n_fitted(len(y))], cube, y[: _n_fitted(len(y))], _prior(evidence))
        return cls(GaussianProcess(Z[kept], cube.owner, y[kept], theta), left * float(logs.std()))

    def price(self, Z: Floats) -> Floats:
        """What the logarithm of the time at features Z (q, p) counts, up to a constant: (q,)."""
        return self.weight * self.process.predict(Z)[0]

    def slopes(self, Z: Floats) -> tuple[Floats, Floats]:
        """The same, and its derivatives by the features (q, p)."""
        mu, _, dmu, _ = self.process.slopes(Z)
        return self.weight * mu, self.weight * dmu


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The processes of one sweep's warped losses, one for each objective, its warped limits (m,), the features of what
    it knows, and the best points of that."""

    processes: tuple[GaussianProcess, ...]
    limits: Floats
    Z: Floats
    good: Floats

    @classmethod
    def of(cls, cube: Cube, evidence: Evidence) -> Self:
        known = np.flatnonzero(evidence.merits < np.inf)
        Z = cube.features(evidence.U[known], evidence.active[known])
        columns = np.clip(evidence.Y[known], -_HUGE, _HUGE).T
        warps = [Warp.of(losses) for losses in columns]
        prior = _prior(evidence)
        processes = (_modelled(Z, cube, losses, warp, prior) for losses, warp in zip(columns, warps, strict=True))
        limits = [warp.bound(limit) for warp, limit in zip(warps, evidence.limits, strict=True)]
        best = known[np.argsort(evidence.merits[known], kind="stable")[:_N_GOOD]]
        return cls(tuple(processes), np.array(limits), Z, evidence.U[best])


def _reference(means: Floats, limits: Floats) -> Floats:
    """The limits (m,), and without one a little more than the worst of the front within them. With one objective and no
    limit it is the best mean."""
    within = means[np.all(means <= limits, axis=1)]
    front = within[pareto.fronts(within) == 0]
    if not len(front):
        return np.asarray(np.minimum(means.max(axis=0), limits))
    margin = np.maximum(0.1 * np.ptp(front, axis=0), 0.1) if means.shape[1] > 1 else 0.0
    return np.asarray(np.minimum(front.max(axis=0) + margin, limits))


def _prior(evidence: Evidence) -> Prior:
    return Prior(float(evidence.active.sum(axis=1).mean()))


def _joined(processes: Sequence[GaussianProcess], with_own: bool, rng: np.random.Generator) -> Model:
    """One model of one objective. The last process is of this sweep where `with_own`: then each weighs as it ranks what
    came out here; else all weigh the same."""
    if len(processes) == 1:
        return processes[0]
    if not with_own:
        return Ensemble(tuple(processes), np.full(len(processes), 1 / len(processes)))
    own = processes[-1]
    predicted = [*(process.predict(own.Z)[0] for process in processes[:-1]), own.left_out()]
    return Ensemble(tuple(processes), rank_weights(predicted, own.y, rng))


def _modelled(Z: Floats, cube: Cube, losses: Floats, warp: Warp, prior: Prior) -> GaussianProcess:
    """The process of the warped losses (n,). Its hyperparameters are those of the first so many configurations: between
    two fits they stay, so that most suggestions need none."""
    n_fitted = _n_fitted(len(losses))
    theta = _fitted(Z[:n_fitted], cube, Warp.of(losses[:n_fitted])(losses[:n_fitted]), prior)
    kept = _kept(losses)
    return GaussianProcess(Z[kept], cube.owner, warp(losses[kept]), theta)


def _failing(cube: Cube, evidence: Evidence) -> GaussianProcess | None:
    """The process that is above 0 where trials fail, from those that have ended; None where none has failed."""
    failed, ended = evidence.merits == np.inf, ~np.isnan(evidence.merits)
    if not failed.any():
        return None
    Z, labels = cube.features(evidence.U[ended], evidence.active[ended]), np.where(failed[ended], _FAILED, _FINISHED)
    n_fitted = _n_fitted(len(labels))
    theta = _fitted(Z[:n_fitted], cube, labels[:n_fitted], _prior(evidence))
    kept = _kept(-labels)
    return GaussianProcess(Z[kept], cube.owner, labels[kept], theta)


def _fitted(Z: Floats, cube: Cube, y: Floats, prior: Prior) -> Floats:
    kept = _kept(y)
    return gaussian_process.fit(Z[kept], cube.owner, y[kept], prior)


def _n_fitted(n: int) -> int:
    """How many of n configurations the hyperparameters are fitted to: all at first, then in leaps."""
    if n <= _REFITTED_UP_TO:
        return n
    n_leaps = math.floor(math.log(n / _REFITTED_UP_TO) / math.log(_GROWTH) + 1e-9)
    return int(_REFITTED_UP_TO * _GROWTH**n_leaps)


def _kept(y: Floats) -> Integers:
    """Which configurations (n,) a process is made of: all, or the lowest half and the others at equal distances."""
    if len(y) <= _MOST_POINTS:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    n_lowest = _MOST_POINTS // 2
    others = np.sort(order[n_lowest:])
    spaced = others[np.linspace(0, len(others) - 1, _MOST_POINTS - n_lowest).astype(np.int64)]
    return np.sort(np.concatenate([order[:n_lowest], spaced]))
