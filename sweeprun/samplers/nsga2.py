"""The genetic algorithm NSGA-II."""

from __future__ import annotations

from typing import final

import numpy as np
from pydantic import Field

from sweeprun.evidence import Evidence
from sweeprun.history import Flags, Floats, History, Integers
from sweeprun.numerics.pareto import constrained_fronts, crowding
from sweeprun.samplers._cube import Axis, Cube, cube
from sweeprun.samplers._untried import first_new
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.trials import Suggestion

_STARTUP = 10  # random trials, balanced over branches
_CROSSED = 0.9  # of the children; the others are mutations of one parent
_ETA = 10.0  # of crossover and mutation: the higher, the closer are children to their parents; 20 in the paper
_TRIES = 50  # children that constraints or earlier trials may rule out


@final
class NSGA2Sampler(Sampler):
    """Crosses and mutates the best configurations: for several objectives, hundreds of trials and many workers.

    The parents are the best of all trials so far: by their fronts, within a front where it is least crowded; trials
    that break a limit come after all that do not, by how far they are from it. Trials that run or wait are not waited
    for. A child takes each value from near one of its two parents, and a branch that only one of them has with all of
    its children. With one objective it is a plain genetic algorithm, and tpe needs fewer trials.

    Paper: Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II; Deb and Agrawal 1995,
    Simulated binary crossover; Deb and Goyal 1996, A combined genetic adaptive search (mutation).
    Differs from the papers: there are no generations, each child is one of the whole record; a value of few is mutated
    to another one, of unordered ones to any; the population grows with the trials.

        algorithm: nsga2
    """

    population: int | None = Field(
        default=None, ge=2, description="how many are parents; left out: a tenth of the trials, from 10 to 100"
    )

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        evidence = Evidence.of(history)
        parents = _survivors(evidence, self.population or min(max(_STARTUP, len(evidence.U) // 10), 100))
        if len(evidence.U) < _STARTUP or len(parents) < 2:
            return RandomSampler().suggest(history, rng)
        box = cube(history.space)
        children = (box.settled(_child(box, evidence, parents, rng)[None])[0][0] for _ in range(_TRIES))
        return first_new(history, children, rng)


def _survivors(evidence: Evidence, n: int) -> Integers:
    """The n best configurations that have shown every objective, the best first; of equally good ones one."""
    known = np.flatnonzero(evidence.Y.max(axis=1) < np.inf)  # which NaN is not
    Y, first = np.unique(evidence.Y[known], axis=0, return_index=True)
    known, ranks, distances = known[first], constrained_fronts(Y, evidence.limits), np.zeros(len(Y))
    for rank in np.unique(np.sort(ranks)[:n]):
        front = ranks == rank
        distances[front] = crowding(Y[front])
    return known[np.lexsort((-distances, ranks))[:n]]


def _child(box: Cube, evidence: Evidence, parents: Integers, rng: np.random.Generator) -> Floats:
    """A point (d,) made of two of the parents, each the better one of two that are drawn."""
    one, other = parents[rng.integers(len(parents), size=(2, 2)).min(axis=1)]
    pair = [one, other if rng.random() < _CROSSED else one]
    u = _crossed(box, evidence.U[pair], evidence.active[pair], rng)
    for i in np.flatnonzero(rng.random(box.d) < 1 / max(1, evidence.active[one].sum())):
        u[i] = _mutated(box.axes[i], float(u[i]), rng)
    return u


def _crossed(box: Cube, U: Floats, active: Flags, rng: np.random.Generator) -> Floats:
    """A point (d,) between two parents U (2, d); where only one is `active` (2, d) what it has, where none is any."""
    both, places = active.all(axis=0), np.arange(box.d)
    near = np.where(both, rng.integers(2, size=box.d), active.argmax(axis=0))
    own, others = U[near, places], U[1 - near, places]
    r = rng.random(box.d)
    beta = np.where(r <= 0.5, 2 * r, 1 / (2 - 2 * r)) ** (1 / (_ETA + 1))  # the spread factor of Deb and Agrawal
    mixed = np.clip(((1 + beta) * own + (1 - beta) * others) / 2, 0.0, 1.0)
    numbers = np.array([not axis.categorical for axis in box.axes], dtype=bool)
    child = np.where(both & numbers, mixed, own)
    return np.asarray(np.where(active.any(axis=0), child, rng.random(box.d)))


def _mutated(axis: Axis, u: float, rng: np.random.Generator) -> float:
    """A polynomial step from `u`, to another cell at least where there are any; anywhere where they have no order."""
    r = rng.random()
    if axis.categorical:
        return r
    step: float = (2 * r) ** (1 / (_ETA + 1)) - 1 if r < 0.5 else 1 - (2 - 2 * r) ** (1 / (_ETA + 1))
    moved = min(max(u + step, 0.0), 1.0)
    if axis.points is None:
        return moved
    was, now = axis.cells(np.array([u, moved]))
    if now == was:
        now = min(max(was + (1 if step > 0 else -1), 0), len(axis.points) - 1)
    return float(axis.points[now])
