"""Where a smooth score is highest in a space of continua, steps and choices."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sweeprun.history import Flags, Floats
from sweeprun.samplers._cube import Cube

_SUMMITS = 6  # points that are improved
_ROUNDS = 2  # of steps to neighbours, each after a climb
_CLIMB = 25  # evaluations of L-BFGS over all of them together
_N_MOVES = 4  # small ones of all numbers at once, among the steps
_SPREADS = (0.3, 0.1, 0.03)  # deviations of the moves around good points, as shares of the range


class Score(Protocol):
    """What is to be high. `U` (m, d) are settled points, `active` (m, d) which of their coordinates are."""

    def values(self, U: Floats, active: Flags) -> Floats:
        """(m,)."""
        ...

    def slopes(self, U: Floats, active: Flags) -> tuple[Floats, Floats]:
        """The values (m,) and their derivatives by the coordinates (m, d), 0 where one is a choice."""
        ...


def around(cube: Cube, U: Floats, m: int, rng: np.random.Generator) -> Floats:
    """m points near those of U (n, d): numbers moved a little, each choice drawn anew with probability 1 / d."""
    near = U[rng.integers(len(U), size=m)]
    moved = near + rng.choice(_SPREADS, size=(m, 1)) * rng.standard_normal(near.shape)
    moved = np.where(rng.random(near.shape) < 0.5, near, np.clip(moved, 0.0, 1.0))
    choices = np.array([axis.categorical for axis in cube.axes], dtype=bool)
    anew = choices & (rng.random(near.shape) < 1 / cube.d)
    kept = np.where(choices, near, moved)
    return np.where(anew, rng.random(near.shape), kept)


def ascended(score: Score, cube: Cube, U: Floats, rng: np.random.Generator) -> Floats:
    """Settled points, the best first: those of U (m, d), and before them the best of these improved: numbers along the
    slope, then steps and choices to the best neighbour."""
    U, active = cube.settled(U)
    values = score.values(U, active)
    order = np.argsort(-values, kind="stable")
    summits = _spread(U[order], active[order])
    found = [U]
    scores = [values]
    for _ in range(_ROUNDS):
        summits = _climbed(score, cube, summits)
        summits, high = _stepped(score, cube, summits, rng)
        found.append(summits)
        scores.append(high)
    every, levels = np.vstack(found), np.concatenate(scores)
    return every[np.argsort(-levels, kind="stable")]


def _spread(U: Floats, active: Flags) -> Floats:
    """The first so many rows, at first no more than two of one branch."""
    chosen: list[int] = []
    seen: dict[bytes, int] = {}
    for row, mask in enumerate(active):
        branch = mask.tobytes()
        if seen.get(branch, 0) < 2:
            seen[branch] = seen.get(branch, 0) + 1
            chosen.append(row)
        if len(chosen) == _SUMMITS:
            return U[chosen]
    rest = [row for row in range(len(U)) if row not in set(chosen)]
    return U[(chosen + rest)[:_SUMMITS]]


def _climbed(score: Score, cube: Cube, U: Floats) -> Floats:
    """U (k, d) with its active numbers where the slope leads them."""
    from scipy.optimize import minimize

    U, active = cube.settled(U)
    free = active & cube.numbers
    if not free.any():
        return U

    def negative(x: Floats) -> tuple[float, Floats]:
        moved = U.copy()
        moved[free] = x
        values, slopes = score.slopes(moved, active)
        return -float(values.sum()), -slopes[free]

    bounds = [(0.0, 1.0)] * int(free.sum())
    found = minimize(negative, U[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxfun": _CLIMB})
    climbed = U.copy()
    climbed[free] = found.x
    climbed, active = cube.settled(climbed)
    higher = score.values(climbed, active) >= score.values(U, active)
    return np.where(higher[:, None], climbed, U)


def _stepped(score: Score, cube: Cube, U: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Each of U (k, d), or its best neighbour where that is better, and the values (k,)."""
    neighbours = [_neighbours(cube, u, rng) for u in U]
    rows, active = cube.settled(np.vstack(neighbours))
    values = score.values(rows, active)
    ends = np.cumsum([len(each) for each in neighbours])
    best = [start + int(np.argmax(values[start:end])) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return rows[best], values[best]


def _neighbours(cube: Cube, u: Floats, rng: np.random.Generator) -> Floats:
    """u (d,) itself, with each other choice, each value one step away, and a few small moves; what becomes active by
    that is drawn."""
    active = cube.active(u[None])[0]
    moved = np.clip(u + _SPREADS[-1] * rng.standard_normal((_N_MOVES, cube.d)), 0.0, 1.0)
    rows = [u, *np.where(active & cube.numbers, moved, u)]
    for i in np.flatnonzero(active):
        axis = cube.axes[i]
        if axis.points is None:
            continue
        cell = int(axis.cells(u[i : i + 1])[0])
        others = range(len(axis.points)) if axis.categorical else (cell - 1, cell + 1)
        for other in others:
            if other != cell and 0 <= other < len(axis.points):
                row = np.where(active, u, rng.random(cube.d))
                row[i] = axis.points[other]
                rows.append(row)
    return np.array(rows)
