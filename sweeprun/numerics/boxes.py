"""What a front leaves undominated, as boxes: the shape that expected improvements are summed over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def undominated(front: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """`lower` and `upper` (b, m) of disjoint boxes that fill all below `reference` (m,) that no row of `front` (k, m)
    dominates; everything is minimised, and lower may be minus infinity.

    By slabs along the last objective, and within each by the same in one dimension less: k + 1 boxes for two
    objectives, up to (k + 1)(k + 2) / 2 for three, k to the power of m - 1 for more.
    """
    inside = front[np.all(front < reference, axis=1)]
    if len(reference) == 1:
        return np.array([[-np.inf]]), np.minimum(reference, inside.min(axis=0, initial=np.inf))[None]
    order = np.argsort(inside[:, -1], kind="stable")
    points, levels = inside[order, :-1], inside[order, -1]
    starts, ends = np.append(-np.inf, levels), np.append(levels, reference[-1])
    lowers, uppers = [], []
    for n_below, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if start == end:
            continue
        lower, upper = undominated(_minimal(points[:n_below]), reference[:-1])
        lowers.append(np.column_stack([lower, np.full(len(lower), start)]))
        uppers.append(np.column_stack([upper, np.full(len(upper), end)]))
    return np.vstack(lowers), np.vstack(uppers)


def _minimal(points: Floats) -> Floats:
    """Those of `points` (k, m) that no other one dominates, equal ones once."""
    distinct = np.unique(points, axis=0)
    others = np.all(distinct[:, None] >= distinct, axis=2) & ~np.eye(len(distinct), dtype=bool)
    return np.asarray(distinct[~others.any(axis=1)])
