"""Tree-structured Parzen estimators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from pydantic import Field

from sweeprun.evidence import Evidence
from sweeprun.history import Flags, Floats, History, Integers
from sweeprun.numerics.parzen import Axis, Mixture
from sweeprun.samplers._untried import find_rare
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.space import CategoricalParameter, Parameter, Space
from sweeprun.trials import Params, Suggestion

_LEAST_GOOD = 3  # with fewer good points a branch has no shape of its own yet
_MOST_GOOD = 25
_ROUNDS = 8  # of draws, where constraints or earlier trials rule out most of them
_MOST_CELLS = 64  # more values are as good as a continuum, and a kernel over them costs less as one


@final
class TPESampler(Sampler):
    """Draws where good trials are dense and bad ones are not: the allrounder, for any space, any number of workers.

    A candidate is a whole configuration from the root of the tree to its leaves. Each node, that is the parameters
    which are active under one condition, has two densities of its own, of the good trials and of the others that
    reached it; a candidate scores the sum over its nodes, so a branch is judged with what it leads to. Trials that
    run, wait, failed or gave NaN are among the others. The first objective alone is looked at.

    Paper: Bergstra et al. 2011, Algorithms for hyper-parameter optimization; Watanabe 2023, arXiv 2304.11127;
    Falkner et al. 2018, BOHB (multivariate kernels).
    Differs from the papers: good and bad are split in each node among those that reached it; good points weigh by
    the logarithm of their rank; bandwidths are the distance to the neighbours, without the ends of the range, and may
    fall to a floor that shrinks from 8 % to 1 % of the range as trials come in.

        algorithm: tpe
    """

    startup: int = Field(default=10, ge=1, description="the first so many trials are random, balanced over branches")
    candidates: int = Field(default=24, ge=1, description="configurations drawn for each suggestion; more is greedier")
    gamma: float = Field(default=0.15, gt=0, lt=1, description="the share of the trials that is good; 25 at most")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        if len(history.inside) < self.startup:
            return RandomSampler().suggest(history, rng)
        space, evidence = history.space, Evidence.of(history)
        branches = [_Branch.of(coordinates, evidence, space, self.gamma) for coordinates in _nodes(space)]
        candidates = self._drawn(space, branches, {u.tobytes() for u in evidence.U}, rng)
        found = _best(candidates, branches) if candidates else find_rare(history, rng)
        return Suggestion(found) if found is not None else None

    def _drawn(
        self, space: Space, branches: list[_Branch], tried: set[bytes], rng: np.random.Generator
    ) -> list[_Candidate]:
        """As many configurations at none of the points `tried` as are asked for, fewer where they are rare."""
        found: list[_Candidate] = []
        for _ in range(_ROUNDS):
            U = np.empty((self.candidates, len(space.parameters)))
            for branch in branches:
                U[:, branch.coordinates] = branch.good.draw(rng, self.candidates)
            for params in map(space.decode, U):
                point = space.encode(params)
                if point and point[0].tobytes() not in tried and space.satisfies(params):
                    found.append(_Candidate(params, *point))
            if len(found) >= self.candidates:
                break
        return found[: self.candidates]


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A configuration, its point `u` (d,) and which coordinates are active (d,)."""

    params: Params
    u: Floats
    active: Flags


@dataclass(frozen=True, slots=True, eq=False)
class _Branch:
    """A node of the tree: its coordinates, the density of the good trials there and that of the others."""

    coordinates: Integers
    good: Mixture
    others: Mixture

    @classmethod
    def of(cls, coordinates: Integers, evidence: Evidence, space: Space, gamma: float) -> _Branch:
        axes = [_axis(space.parameters[i]) for i in coordinates]
        reached = evidence.active[:, coordinates[0]]
        X, losses = evidence.U[np.ix_(reached, coordinates)], evidence.losses[reached]
        order = np.argsort(losses, kind="stable")  # NaN, which is pending, comes last
        n_good = _n_good(losses, gamma)
        floor = max(0.01, 0.08 * min(1.0, 20 / max(1, len(losses))))
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


def _n_good(losses: Floats, gamma: float) -> int:
    """How many of the trials that reached a node are good ones; 0 where too few have a loss to tell."""
    n_known, n_numbers = int(np.sum(~np.isnan(losses))), int(np.sum(losses < np.inf))
    if n_numbers < _LEAST_GOOD:
        return 0
    return min(max(_LEAST_GOOD, math.ceil(gamma * n_known)), _MOST_GOOD, n_numbers)


def _nodes(space: Space) -> list[Integers]:
    """The coordinates of the parameters of each node."""
    coordinates = {parameter.name: i for i, parameter in enumerate(space.parameters)}
    return [np.array([coordinates[each.name] for each in node.parameters], dtype=np.int64) for node in space.nodes]


def _axis(parameter: Parameter) -> Axis:
    categorical = isinstance(parameter, CategoricalParameter)
    if parameter.size is None or (parameter.size > _MOST_CELLS and not categorical):
        return Axis()
    ordered = not (isinstance(parameter, CategoricalParameter) and not parameter.ordered)
    return Axis(np.array(parameter.edges), ordered)


def _best(candidates: list[_Candidate], branches: list[_Branch]) -> Params:
    """The one of the highest score, the first of several."""
    U, active = np.array([each.u for each in candidates]), np.array([each.active for each in candidates])
    scores = np.sum([branch.score(U, active) for branch in branches], axis=0)
    return candidates[int(np.argmax(scores))].params
