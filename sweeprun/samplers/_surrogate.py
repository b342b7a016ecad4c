"""What Gaussian processes make of the trials of a sweep and of earlier ones: models of objectives and of failing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from sweeprun.evidence import Evidence
from sweeprun.history import Flags, Floats, Integers
from sweeprun.numerics import gaussian_process, pareto
from sweeprun.numerics.ensemble import Ensemble, agreement, rank_weights
from sweeprun.numerics.gaussian_process import GaussianProcess, Prior
from sweeprun.numerics.warping import Warp
from sweeprun.samplers._cube import Cube

LEAST_KNOWN = 3  # configurations with all their losses, for a model to say anything
_N_GOOD = 8
_REFITTED_UP_TO = 100  # configurations; from there on hyperparameters are fitted again for each 15 % more
_GROWTH = 1.15
_MOST_POINTS = 200  # of one process: its cost grows with the cube of them
_FAILED, _FINISHED = 1.0, -1.0
_SAME = 0.01  # of a logarithm: times that differ by less are the same
_MOST_FAILED = 100  # that are believed to be bad; where trials fail is modelled from more of them
_MOST_ON_FRONT = (1, 60, 18, 8)  # of one, two ... objectives: the boxes that a front leaves grow with the power of them
_BEST = -1e100  # a loss of minus infinity as a number that may be squared

Model = GaussianProcess | Ensemble
Array = TypeVar("Array", Floats, Integers)


def is_enough(evidence: Evidence) -> bool:
    """Whether a model can be made of it."""
    return bool(np.sum(evidence.merits < np.inf) >= LEAST_KNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """`objectives` are models of the m warped losses, as if what runs had come out as they expect, and what failed no
    better than what is there; `limits` (m,) are warped too. `failure` is above 0 where trials fail; None where none
    has. `front` (k, m) is what the models expect of the best that was tried; what counts as improvement lies below
    `reference` (m,). `good` (g, d) are the best points. `misled`: there are earlier sweeps, and none is believed."""

    objectives: tuple[Model, ...]
    limits: Floats
    failure: GaussianProcess | None
    front: Floats
    reference: Floats
    good: Floats
    misled: bool

    @classmethod
    def of(
        cls, cube: Cube, evidence: Evidence, earlier: Sequence[Evidence], rng: np.random.Generator, scale: float = 1.0
    ) -> Self:
        """From the evidence of this sweep and of `earlier` ones: each of those is enough, and this one may be. All
        lengthscales are `scale` times what is most likely."""
        enough = is_enough(evidence)
        fits = [_Fit.of(cube, each, scale) for each in ([*earlier, evidence] if enough else earlier)]
        Z, failed = cube.features(evidence.U, evidence.active), evidence.merits == np.inf
        unknown = np.isnan(evidence.merits) if enough else ~failed
        models: list[Model] = []
        misled = bool(earlier) and enough
        for j, limit in enumerate(evidence.limits):
            # Earlier sweeps are right about the order at best, and a limit is no matter of order.
            believed = fits[-1:] if enough and limit < np.inf else fits
            model = _joined([fit.processes[j] for fit in believed], enough, rng)
            misled = misled and not (isinstance(model, Ensemble) and model.weights[:-1].any())
            models.append(model.believing(Z[unknown]))
        tried = Z[~failed] if np.any(~failed) else fits[-1].Z
        means = np.column_stack([model.predict(tried)[0] for model in models])
        front, reference = _front(means), _reference(means, fits[-1].limits)
        Z_failed = _spaced(Z[failed], _MOST_FAILED)
        objectives = tuple(
            model.believing(Z_failed, at_least) for model, at_least in zip(models, reference.tolist(), strict=True)
        )
        good = np.vstack([fit.good for fit in fits])
        return cls(objectives, fits[-1].limits, _failing(cube, evidence, scale), front, reference, good, misled)


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
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
        y, active = (logs - logs.mean()) / logs.std(), evidence.active[timed]
        Z = cube.features(evidence.U[timed], active)
        return cls(_process(Z, cube.owner, active, y, y, scale=1.0), left * float(logs.std()))

    def predict(self, Z: Floats) -> Floats:
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
    def of(cls, cube: Cube, evidence: Evidence, scale: float) -> Self:
        known = np.flatnonzero(evidence.merits < np.inf)
        active = evidence.active[known]
        Z = cube.features(evidence.U[known], active)
        columns, limits = np.maximum(evidence.Y[known], _BEST).T, evidence.limits.tolist()
        warps = [Warp.of(losses, limit) for losses, limit in zip(columns, limits, strict=True)]
        n_fitted = _n_fitted(len(known))
        processes = tuple(
            _process(Z, cube.owner, active, Warp.of(losses[:n_fitted], limit)(losses[:n_fitted]), warp(losses), scale)
            for losses, limit, warp in zip(columns, limits, warps, strict=True)
        )
        bounds = np.array([warp.bound(limit) for warp, limit in zip(warps, limits, strict=True)])
        best = known[np.argsort(evidence.merits[known], kind="stable")[:_N_GOOD]]
        return cls(processes, bounds, Z, evidence.U[best])


def _front(means: Floats) -> Floats:
    """The rows of `means` (n, m) that no other one dominates; of many those that add most."""
    front = np.unique(means[pareto.fronts(means) == 0], axis=0)
    m = means.shape[1]
    most = _MOST_ON_FRONT[min(m, len(_MOST_ON_FRONT)) - 1]
    if len(front) <= most:
        return front
    return front[np.argsort(pareto.merits(front, np.full(m, np.inf)), kind="stable")[:most]]


def _reference(means: Floats, limits: Floats) -> Floats:
    """A little more (m,) than the worst of the front within the limits, or than the limit where there is one: what just
    keeps it counts too. With one objective and no limit it is the best mean."""
    within = means[np.all(means <= limits, axis=1)]
    front = within[pareto.fronts(within) == 0]
    if means.shape[1] == 1:
        return np.asarray(np.minimum(front.min(axis=0, initial=np.inf), limits))
    worst = front.max(axis=0) if len(front) else means.max(axis=0)
    margin = np.maximum(0.1 * np.ptp(front, axis=0), 0.1) if len(front) else 0.1
    return np.asarray(np.where(limits < np.inf, limits, worst) + margin)


def _joined(processes: Sequence[GaussianProcess], with_own: bool, rng: np.random.Generator) -> Model:
    """One model of one objective. The last process is of this sweep where `with_own`: then each weighs as it ranks what
    came out here, and an earlier one only as far as it agrees with all of that: close to a minimum nobody ranks well,
    and who is wrong about the rest would be believed there. Else all weigh the same."""
    if len(processes) == 1:
        return processes[0]
    if not with_own:
        return Ensemble(tuple(processes), np.full(len(processes), 1 / len(processes)))
    own = processes[-1]
    predicted = [process.predict(own.Z)[0] for process in processes[:-1]]
    weights = rank_weights([*predicted, own.left_out()], own.y, rng)
    weights[:-1] *= [agreement(each, own.y) for each in predicted]
    weights[-1] = 1 - weights[:-1].sum()
    return Ensemble(tuple(processes), weights)


def _failing(cube: Cube, evidence: Evidence, scale: float) -> GaussianProcess | None:
    """The process that is above 0 where trials fail, from those that have ended; None where none has failed."""
    failed, ended = evidence.merits == np.inf, ~np.isnan(evidence.merits)
    if not failed.any():
        return None
    labels, active = np.where(failed[ended], _FAILED, _FINISHED), evidence.active[ended]
    return _process(cube.features(evidence.U[ended], active), cube.owner, active, labels, labels, scale)


def _process(
    Z: Floats, owner: Integers, active: Flags, y_fitted: Floats, y: Floats, scale: float
) -> GaussianProcess:
    """The process of y (n,) at features Z (n, p). Its hyperparameters are those of the first so many points, whose
    values among themselves are `y_fitted`: between two fits they stay, so that most suggestions need none. Then its
    lengthscales are taken `scale` times as long."""
    n_fitted = _n_fitted(len(y))
    prior = Prior(float(active[:n_fitted].sum(axis=1).mean()))
    first, kept = _kept(y_fitted[:n_fitted]), _kept(y)
    theta = gaussian_process.fit(Z[:n_fitted][first], owner, y_fitted[:n_fitted][first], prior)
    scaled = np.append(theta[:-2] + math.log(scale), theta[-2:])
    return GaussianProcess(Z[kept], owner, y[kept], scaled)


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
    return np.sort(np.concatenate([order[:n_lowest], _spaced(np.sort(order[n_lowest:]), _MOST_POINTS - n_lowest)]))


def _spaced(rows: Array, most: int) -> Array:
    """At most so many of the rows (n, ...), at equal distances."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
