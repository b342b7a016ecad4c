"""Parzen mixtures over the unit cube: densities made of one kernel for each point that was seen.

    symbol  shape    meaning
    X       (n, d)   the points that the kernels stand on
    Q       (m, d)   the points at which a density is asked for
    w       (n + 1,) the weights of the kernels, the last that of the flat one; they sum to 1

A kernel is a product over the axes of the cube. Measured and left: all logarithms as one matrix product of (q^2, q) and
indicators of cells with their coefficients. The coefficients cost more than the few points that they are used for.

Source: Bergstra et al. 2011, Algorithms for hyper-parameter optimization; bandwidths from the neighbours as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_TINY = 1e-300  # the least mass, so that its logarithm is finite
_LOG_ROOT_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One coordinate of the cube: all of [0, 1], or cells with these `edges` (c + 1,), ascending from 0 to 1.

    Neighbouring cells are similar where they are `ordered`.
    """

    edges: Floats | None = None
    ordered: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _Normals:
    """Normal kernels truncated to [0, 1], with means `mu` (n,) and standard deviations `sigma` (n,)."""

    mu: Floats
    sigma: Floats

    def logs(self, q: Floats) -> Floats:
        """The logarithm of each kernel (n,) at each coordinate q (m,): (m, n)."""
        below, above = self._tails()
        z = (q[:, None] - self.mu) / self.sigma
        return np.asarray(-0.5 * z**2 - np.log(self.sigma * (above - below)) - _LOG_ROOT_2PI)

    def draw(self, kernels: Integers, uniforms: Floats) -> Floats:
        """A coordinate for each of `kernels` (m,), from a uniform number each."""
        from scipy.special import ndtri

        below, above = (tail[kernels] for tail in self._tails())
        drawn = self.mu[kernels] + self.sigma[kernels] * ndtri(below + uniforms * (above - below))
        return np.asarray(np.clip(drawn, 0.0, 1.0))

    def _tails(self) -> tuple[Floats, Floats]:
        """The distribution functions of the kernels without truncation at 0 and at 1, each (n,)."""
        from scipy.special import ndtr

        return ndtr(-self.mu / self.sigma), ndtr((1 - self.mu) / self.sigma)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Kernels that give each cell a mass, spread evenly between its `edges` (c + 1,).

    Few kernels differ: the distinct ones have `masses` (k, c), and `which` (n,) of them stands on each point.
    """

    edges: Floats
    masses: Floats
    which: Integers

    def logs(self, q: Floats) -> Floats:
        cells = _cell(q, self.edges)
        densities = np.maximum(self.masses[:, cells], _TINY) / np.diff(self.edges)[cells]
        return np.asarray(np.log(densities)[self.which].T)

    def draw(self, kernels: Integers, uniforms: Floats) -> Floats:
        cumulated = np.cumsum(self.masses[self.which[kernels]], axis=1)
        cells = np.sum(cumulated[:, :-1] < uniforms[:, None] * cumulated[:, -1:], axis=1)
        return np.asarray((self.edges[cells] + self.edges[cells + 1]) / 2)


class Mixture:
    """Kernels on the points `X (n, d)` with `weights` (n,) of any scale, and a flat kernel that weighs as their mean.

    `floor` is the smallest bandwidth, as a share of the range. Without points it is the flat density.
    """

    def __init__(self, axes: Sequence[Axis], X: Floats, weights: Floats, floor: float):
        relative = weights / weights.mean() if len(weights) else weights
        self.w: Floats = np.append(relative, 1.0) / (len(X) + 1)
        self._kernels = [_kernels(axis, X[:, i], floor) for i, axis in enumerate(axes)]

    def log_density(self, Q: Floats) -> Floats:
        """The logarithm of the density at each of Q (m, d), which is (m,)."""
        logs = np.zeros((len(Q), len(self.w)))
        for i, kernels in enumerate(self._kernels):
            logs[:, :-1] += kernels.logs(Q[:, i])
        logs += np.log(self.w)
        highest = logs.max(axis=1)
        return np.asarray(highest + np.log(np.exp(logs - highest[:, None]).sum(axis=1)))

    def draw(self, rng: np.random.Generator, m: int) -> Floats:
        """Independent draws (m, d); one in a cell is its centre."""
        kernels = rng.choice(len(self.w), size=m, p=self.w)
        Q = rng.random((m, len(self._kernels)))
        seen = np.flatnonzero(kernels < len(self.w) - 1)  # the others are of the flat kernel, uniform as they are
        for i, each in enumerate(self._kernels):
            Q[seen, i] = each.draw(kernels[seen], Q[seen, i])
        return Q


def bandwidths(x: Floats, floor: Floats | float) -> Floats:
    """For each of the coordinates x (n,) the distance to the farther of its two neighbours, from `floor` to 1.

    The ends of the range are no neighbours: a kernel at the border would be as wide as the gap behind it. A single
    point has none and gets 1.
    """
    if len(x) < 2:
        return np.ones(len(x))
    order = np.argsort(x, kind="stable")
    gaps = np.diff(x[order])
    wide = np.empty(len(x))
    wide[order] = np.maximum(np.append(gaps, 0.0), np.append(0.0, gaps))
    return np.clip(wide, floor, 1.0)


def _kernels(axis: Axis, x: Floats, floor: float) -> _Normals | _Cells:
    if axis.edges is None:
        return _Normals(x, bandwidths(x, floor))
    cells = _cell(x, axis.edges)
    if not axis.ordered:
        return _smoothed(axis.edges, cells)
    # Half a cell at least, or nothing would ever reach the next one.
    smallest = np.maximum(floor, np.diff(axis.edges)[cells] / 2)
    return _normal_cells(axis.edges, cells, bandwidths(x, smallest))


def _cell(x: Floats, edges: Floats) -> Integers:
    return np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)


def _normal_cells(edges: Floats, cells: Integers, sigma: Floats) -> _Cells:
    """Each cell gets what a truncated normal around the centre of the point's cell, with `sigma` (n,), gives it."""
    from scipy.special import ndtr

    centers = (edges[cells] + edges[cells + 1]) / 2
    pairs, which = np.unique(centers + 1j * sigma, return_inverse=True)  # complex numbers are pairs that sort fast
    masses = np.diff(ndtr((edges - pairs.real[:, None]) / pairs.imag[:, None]), axis=1)
    return _Cells(edges, masses / masses.sum(axis=1, keepdims=True), which)


def _smoothed(edges: Floats, cells: Integers) -> _Cells:
    """One count for the point's own cell and, the fewer points there are the more, a share for all by width."""
    seen, which = np.unique(cells, return_inverse=True)
    share = (len(edges) - 1) / (len(cells) + 1)
    masses = np.tile(share * np.diff(edges), (len(seen), 1))
    masses[np.arange(len(seen)), seen] += 1
    return _Cells(edges, masses / (1 + share), which)
