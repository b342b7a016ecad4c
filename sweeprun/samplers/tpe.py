"""Tree-structured Parzen estimators."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np
from pydantic import Field

from sweeprun.evidence import Evidence
from sweeprun.history import Flags, Floats, History, Integers
from sweeprun.numerics import parzen
from sweeprun.numerics.ensemble import agreement
from sweeprun.numerics.parzen import Mixture
from sweeprun.samplers._cube import Cube, cube
from sweeprun.samplers._untried import first_new
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.trials import Suggestion

_EARLY_FLOOR = 0.45  # of bandwidths, as a share of the range
_LEAST_GOOD = 3  # with fewer good points a branch has no shape of its own yet
_MOST_GOOD = 25
_ROUNDS = 8  # of draws, where constraints or earlier trials rule out most of them
_FADING = 4  # trials after which an earlier sweep that agrees in everything counts half


@final
class TPESampler(Sampler):
    """Draws where good trials are dense and bad ones are not: the allrounder, for any space, any number of workers.

    A candidate is a whole configuration from the root of the tree to its leaves. Each node, that is the parameters
    which are active under one condition, has two densities of its own, of the good trials and of the others that
    reached it; a candidate scores the sum over its nodes, so a branch is judged with what it leads to. Trials that
    run, wait, failed or gave NaN are among the others. Of several objectives the good trials are those of the first
    fronts, and a trial that breaks a limit is worse than all that do not (Evidence.merits).

    Paper: Bergstra et al. 2011, Algorithms for hyper-parameter optimization; Watanabe 2023, arXiv 2304.11127;
    Falkner et al. 2018, BOHB (multivariate kernels); Ozaki et al. 2020, Multiobjective tree-structured Parzen
    estimator.
    Differs from the papers: good and bad are split in each node among those that reached it; good points weigh by
    the logarithm of their rank, of several objectives too, where Ozaki et al. weigh by hypervolume and choose greedily
    within the front that is split; bandwidths are the distance to the neighbours, without the ends of the range, and
    may fall to a floor that shrinks from 8 % to 1 % of the range as trials come in. Where trials are stopped or paused
    early the floor stays at 45 %, as their first steps only say roughly where it is good.

        algorithm: tpe
    """

    learns_from_earlier: ClassVar[bool] = True

    startup: int = Field(default=10, ge=1, description="the first so many trials are random, balanced over branches")
    candidates: int = Field(default=24, ge=1, description="configurations drawn for each suggestion; more is greedier")
    gamma: float = Field(default=0.15, gt=0, lt=1, description="the share of the trials that is good; 25 at most")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        earlier = [Evidence.of(each) for each in history.earlier if each.inside]
        beginning = len(history.inside) < self.startup
        if not history.space.parameters or (beginning and not earlier):
            return RandomSampler().suggest(history, rng)
        box, evidence = cube(history.space), Evidence.of(history)
        search = _Search.of(box, evidence, earlier, self.gamma)
        if beginning and not search.shares[1:].any():  # all earlier sweeps mislead
            return RandomSampler().suggest(history, rng)
        return first_new(history, self._candidates(box, search, rng), rng)

    def _candidates(self, box: Cube, search: _Search, rng: np.random.Generator) -> Iterator[Floats]:
        """Points (d,) round by round, in each the best first."""
        for _ in range(_ROUNDS):
            U, active = box.settled(search.draw(rng, self.candidates))
            yield from U[np.argsort(-search.score(U, active), kind="stable")]


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """The densities of this sweep and of earlier ones as far as those agree with it: `shares` (k,), the first 1."""

    sweeps: tuple[_Densities, ...]
    shares: Floats

    @classmethod
    def of(cls, box: Cube, evidence: Evidence, earlier: Sequence[Evidence], gamma: float) -> Self:
        own, *others = (_Densities.of(box, each, gamma) for each in (evidence, *earlier))
        known = evidence.merits < np.inf
        U, active, merits = evidence.U[known], evidence.active[known], evidence.merits[known]
        fading = 1 / (1 + len(merits) / _FADING)
        shares = [fading * agreement(-each.score(U, active), merits) for each in others]
        return cls((own, *others), np.array([1.0, *shares]))

    def draw(self, rng: np.random.Generator, m: int) -> Floats:
        """Coordinates (m, d) where good trials are dense."""
        drawn = np.stack([each.draw(rng, m) for each in self.sweeps])
        which = rng.choice(len(drawn), size=m, p=self.shares / self.shares.sum())
        return np.asarray(drawn[which, np.arange(m)])

    def score(self, U: Floats, active: Flags) -> Floats:
        """What is to be high, for each of U (m, d)."""
        return np.asarray(self.shares @ [each.score(U, active) for each in self.sweeps])


@dataclass(frozen=True, slots=True, eq=False)
class _Densities:
    """What one sweep's trials say: the nodes of the tree, each with its densities."""

    d: int
    branches: tuple[_Branch, ...]

    @classmethod
    def of(cls, box: Cube, evidence: Evidence, gamma: float) -> Self:
        return cls(box.d, tuple(_Branch.of(coordinates, evidence, box, gamma) for coordinates in box.nodes))

    def draw(self, rng: np.random.Generator, m: int) -> Floats:
        U = np.empty((m, self.d))
        for branch in self.branches:
            U[:, branch.coordinates] = branch.good.draw(rng, m)
        return U

    def score(self, U: Floats, active: Flags) -> Floats:
        return np.asarray(np.sum([branch.score(U, active) for branch in self.branches], axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class _Branch:
    """A node of the tree: its coordinates, the density of the good trials there and that of the others."""

    coordinates: Integers
    good: Mixture
    others: Mixture

    @classmethod
    def of(cls, coordinates: Integers, evidence: Evidence, box: Cube, gamma: float) -> Self:
        axes = [parzen.Axis(box.axes[i].edges, not box.axes[i].categorical) for i in coordinates]
        reached = evidence.active[:, coordinates[0]]
        X, merits = evidence.U[np.ix_(reached, coordinates)], evidence.merits[reached]
        order = np.argsort(merits, kind="stable")  # NaN, which is pending, comes last
        n_good = _n_good(merits, gamma)
        floor = _EARLY_FLOOR if evidence.early else max(0.01, 0.08 * min(1.0, 20 / max(1, len(merits))))
        good, others = X[order[:n_good]], X[order[n_good:]]
        ranks = np.arange(1, n_good + 1)
        return cls(
            coordinates,
            Mixture(axes, good, math.log(n_good + 1) - np.log(ranks), floor),
            Mixture(axes, others, np.ones(len(others)), floor),
        )

    def score(self, U: Floats, active: Flags) -> Floats:
        """log l - log g of each row of U (m, d) here; 0 where this node is not active."""
        scores = np.zeros(len(U))
        here = active[:, self.coordinates[0]]
        Q = U[np.ix_(here, self.coordinates)]
        scores[here] = self.good.log_density(Q) - self.others.log_density(Q)
        return scores


def _n_good(merits: Floats, gamma: float) -> int:
    """How many of the trials that reached a node are good ones; 0 where too few have a merit to tell."""
    n_known, n_numbers = int(np.sum(~np.isnan(merits))), int(np.sum(merits < np.inf))
    if n_numbers < _LEAST_GOOD:
        return 0
    return min(max(_LEAST_GOOD, math.ceil(gamma * n_known)), _MOST_GOOD, n_numbers)
