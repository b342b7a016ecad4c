"""Several objectives at once: who dominates whom, how much of the space a front covers, in which order all of them go.

    symbol     shape  meaning
    Y          (n, m) the losses of n trials in m objectives, all minimised, no NaN
    reference  (m,)   the corner up to which hypervolume is counted; only rows that are below it everywhere have some
    limits     (m,)   the highest loss allowed, infinity where any is

A row dominates another one where it is nowhere above it and somewhere below. Equal rows do not dominate each other.
Hypervolumes of up to three objectives are exact and computed here, slab by slab along the third one; those of more
by the package moocore.

Sources: Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II (fronts, crowding, constrained
domination); Zitzler et al. 2003, Performance assessment of multiobjective optimizers (hypervolume).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt

from sweeprun.errors import SweeprunError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MOST_EXACT = 3  # objectives


def fronts(Y: Floats) -> Integers:
    """The rank (n,) of each row: 0 where none dominates it, k where only rows of lower ranks do; infinities allowed."""
    rows, which = np.unique(Y, axis=0, return_inverse=True)
    ranks = _ranks_of_pairs(rows[:, 0], rows[:, -1]) if Y.shape[1] <= 2 else _peeled(rows)
    return ranks[which.reshape(-1)]


def constrained_fronts(Y: Floats, limits: Floats) -> Integers:
    """The same (n,) by constrained domination: feasible rows by their fronts, all others behind, by their violation."""
    violation = violations(Y, limits)
    feasible = violation == 0
    ranks = np.empty(len(Y), dtype=np.int64)
    ranks[feasible] = fronts(Y[feasible])
    behind = np.unique(violation[~feasible], return_inverse=True)[1]
    ranks[~feasible] = behind + ranks[feasible].max(initial=-1) + 1
    return ranks


def violations(Y: Floats, limits: Floats) -> Floats:
    """How far each row is above the limits (n,), as shares of them (of 1 where one is 0), added up; 0: feasible."""
    limited = limits < np.inf
    excess, scales = np.maximum(Y[:, limited] - limits[limited], 0.0), np.abs(limits[limited])
    return np.asarray((excess / np.where(scales > 0, scales, 1.0)).sum(axis=1))


def reference_point(Y: Floats) -> Floats:
    """A corner (m,) to count hypervolume from: the worst of the finite rows, at least one, and a tenth of their range.

    So the rows at the ends of a front count too. Where an objective is the same in all of them it is 1 above.
    """
    finite = Y[np.isfinite(Y).all(axis=1)]
    span = np.ptp(finite, axis=0)
    return np.asarray(finite.max(axis=0) + np.where(span > 0, 0.1 * span, 1.0))


def hypervolume(Y: Floats, reference: Floats) -> float:
    """The volume of what lies between `reference` and at least one row; rows are finite or infinitely bad.

    Raises SweeprunError for more than three objectives without moocore.
    """
    inside = Y[(reference > Y).all(axis=1)]
    if Y.shape[1] > _MOST_EXACT:
        return float(_moocore(Y.shape[1]).hypervolume(inside, ref=reference)) if len(inside) else 0.0
    rows = np.unique(inside, axis=0)
    return float(_swept(rows[_undominated(rows)], reference)[0])


def contributions(Y: Floats, reference: Floats) -> Floats:
    """The volume (n,) that each row alone adds to that of all others: 0 for a row that has an equal or is dominated.

    Finite rows. Raises SweeprunError for more than three objectives without moocore.
    """
    inside = (reference > Y).all(axis=1)
    alone = np.zeros(len(Y))
    if inside.any():
        rows, m = Y[inside], Y.shape[1]
        exact = m <= _MOST_EXACT
        alone[inside] = (
            _swept(rows, reference)[1]
            if exact
            else _moocore(m).hv_contributions(rows, ref=reference, ignore_dominated=False)
        )
    return alone


def crowding(Y: Floats) -> Floats:
    """The crowding distance (n,) of each row of a front: how far apart its neighbours are, summed over the objectives.

    Each objective counts by its finite range; the rows at its ends have infinity, and equal rows the same.
    """
    rows, which = np.unique(Y, axis=0, return_inverse=True)
    distances = np.zeros(len(rows))
    for y in rows.T:
        order, span = np.argsort(y, kind="stable"), np.ptp(_finite(y))
        with np.errstate(invalid="ignore"):  # between two equal infinities
            gaps = np.nan_to_num(y[order][2:] - y[order][:-2], nan=0.0, posinf=np.inf)
        distances[order] += np.concatenate([[np.inf], gaps / (span or 1.0), [np.inf]])[: len(rows)]
    return distances[which.reshape(-1)]


def merits(Y: Floats, limits: Floats) -> Floats:
    """One number (n,) by which rows are ordered, lower is better: NaN where any of the row is, infinity where any is.

    One objective without limit is its own merit. Otherwise it is a rank: by constrained fronts, and within a front by
    the hypervolume that a row adds to it, the largest first; where there are more than three objectives, by crowding,
    which costs thousands of rows nothing. The ends of a front come before all else of it.
    """
    if Y.shape[1] == 1 and limits[0] == np.inf:
        return Y[:, 0]
    failed, pending = np.isposinf(Y).any(axis=1), np.isnan(Y).any(axis=1)
    found, told = np.where(failed, np.inf, np.nan), ~(failed | pending)
    rows, which = np.unique(Y[told], axis=0, return_inverse=True)
    ranks = constrained_fronts(rows, limits)
    keys = np.column_stack([ranks, -_within_fronts(rows, ranks)])
    found[told] = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)[which.reshape(-1)]
    return found


def _within_fronts(Y: Floats, ranks: Integers) -> Floats:
    """What each of the distinct rows adds to its front (n,); infinity at the ends, which are best in an objective."""
    added = np.full(len(Y), np.inf)
    order = np.argsort(ranks, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(ranks[order])) + 1):
        if len(members) <= 2:
            continue  # both are ends
        front = Y[members]
        inner = ~(front == front.min(axis=0)).any(axis=1)
        if inner.any():
            finite = np.isfinite(front).all(axis=1)  # a row that is infinitely good somewhere is an end
            added[members[finite]] = np.where(inner[finite], _added(front[finite]), np.inf)
    return added


def _added(front: Floats) -> Floats:
    if front.shape[1] > _MOST_EXACT:
        return crowding(front)
    scaled = front / (np.abs(front).max(axis=0) + (front == 0).all(axis=0))  # the order is the same in any units
    return contributions(scaled, reference_point(scaled))


def _ranks_of_pairs(x: Floats, y: Floats) -> Integers:
    """The ranks of distinct rows (x, y) in ascending order: each joins the first front whose lowest y is above it."""
    lowest: list[float] = []
    ranks = np.empty(len(x), dtype=np.int64)
    for i, value in enumerate(y.tolist()):
        ranks[i] = front = bisect_right(lowest, value)
        lowest[front : front + 1] = [value]
    return ranks


def _peeled(Y: Floats) -> Integers:
    """The ranks of distinct rows in ascending order: one front after another is taken off."""
    ranks = np.empty(len(Y), dtype=np.int64)
    left, rank = np.arange(len(Y)), 0
    while len(left):
        front = _undominated(Y[left])
        ranks[left[front]] = rank
        left, rank = left[~front], rank + 1
    return ranks


def _undominated(Y: Floats) -> Flags:
    """Which of distinct rows in ascending order no other row dominates: a later row never dominates an earlier one."""
    front = np.zeros(len(Y), dtype=bool)
    left, rest = np.arange(len(Y)), Y[:, 1:].T.copy()  # in the first objective no later row is below an earlier one
    while len(left):
        front[left[0]] = True
        beside = np.flatnonzero((rest < rest[:, :1]).any(axis=0))
        left, rest = left[beside], rest.take(beside, axis=1)
    return front


def _swept(Y: Floats, reference: Floats) -> tuple[float, Floats]:
    """The hypervolume of rows that are below `reference` in at most three objectives, and what each alone adds (n,).

    Between two neighbouring values of the third objective the rows cover a staircase; each strip of it belongs to the
    row that is lowest there, alone as far as the second lowest.
    """
    missing = _MOST_EXACT - Y.shape[1]
    rows = np.pad(Y, ((0, 0), (0, missing)))
    x0, y0, z0 = np.append(reference, [1.0] * missing)
    order = np.argsort(rows[:, 0], kind="stable")
    x, y, z = rows[order].T
    widths, numbers = np.diff(np.append(x, x0)), np.arange(len(x))
    volume, alone = 0.0, np.zeros(len(x))
    levels = np.unique(z)
    for level, thickness in zip(levels, np.diff(np.append(levels, z0)), strict=True):
        heights = np.where(z <= level, y, y0)
        lowest = np.minimum.accumulate(heights)
        before = np.append(y0, lowest[:-1])
        second = np.minimum.accumulate(np.maximum(heights, before))
        owner = np.maximum.accumulate(np.where(heights < before, numbers, 0))
        volume += thickness * float(widths @ (y0 - lowest))
        alone += thickness * np.bincount(owner, widths * (second - lowest), minlength=len(x))
    added = np.empty(len(x))
    added[order] = alone
    return volume, added


def _finite(y: Floats) -> Floats:
    """The finite ones of `y`, and a zero where there is none."""
    finite = y[np.isfinite(y)]
    return finite if len(finite) else np.zeros(1)


def _moocore(m: int) -> Any:
    try:
        import moocore
    except ModuleNotFoundError as error:
        if error.name != "moocore":
            raise
        message = f"the hypervolume of {m} objectives needs the package moocore, which is not installed"
        raise SweeprunError(message, "pip install 'sweeprun[pareto]', or name at most 3 metrics") from None
    return moocore
