"""Parzen mixtures over the unit cube: densities made of one kernel for each point that was seen.

    symbol  shape    meaning
    X       (n, d)   the points that the kernels stand on
    Q       (m, d)   the points at which a density is asked for
    w       (n + 1,) the weights of the kernels, the last that of the flat one; they sum to 1

A kernel is a product over the axes of the cube. The logarithm of a normal kernel is linear in (q^2, q), that of one
over cells in the indicator of q's cell, so all of them at all points are one matrix product.

Source: Bergstra et al. 2011, Algorithms for hyper-parameter optimization; bandwidths from the neighbours as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_TINY = 1e-300  # a mass whose logarithm is still finite: 0 times minus infinity is no number
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

    def coefficients(self) -> tuple[Floats, Floats]:
        """By feature (2, n), and constants (n,)."""
        below, above = self._tails()
        constants = -0.5 * (self.mu / self.sigma) ** 2 - np.log(self.sigma * (above - below)) - _LOG_ROOT_2PI
        return np.stack([-0.5 / self.sigma**2, self.mu / self.sigma**2]), constants

    def features(self, q: Floats) -> Floats:
        """(2, m) of coordinates q (m,)."""
        return np.stack([q**2, q])

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
    """Kernels that give each cell a mass, `masses` (n, c), spread evenly between its `edges` (c + 1,)."""

    edges: Floats
    masses: Floats

    def coefficients(self) -> tuple[Floats, Floats]:
        densities = np.maximum(self.masses, _TINY) / np.diff(self.edges)
        return np.log(densities).T, np.zeros(len(self.masses))

    def features(self, q: Floats) -> Floats:
        return np.asarray(_cell(q, self.edges) == np.arange(len(self.edges) - 1)[:, None], dtype=np.float64)

    def draw(self, kernels: Integers, uniforms: Floats) -> Floats:
        cumulated = np.cumsum(self.masses[kernels], axis=1)
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

    @cached_property
    def _coefficients(self) -> tuple[Floats, Floats]:
        """Of all features (f, n + 1), and the constants (n + 1,) with the logarithms of the weights in them."""
        parts = [kernels.coefficients() for kernels in self._kernels]
        linear = np.concatenate([coefficients for coefficients, _ in parts])
        constants = np.sum([constants for _, constants in parts], axis=0)
        flat = np.zeros((len(linear), 1))
        return np.concatenate([linear, flat], axis=1), np.append(constants, 0.0) + np.log(self.w)

    def log_density(self, Q: Floats) -> Floats:
        """The logarithm of the density at each of Q (m, d), which is (m,)."""
        features = np.concatenate([kernels.features(Q[:, i]) for i, kernels in enumerate(self._kernels)])
        linear, constants = self._coefficients
        logs = features.T @ linear + constants  # (m, n + 1)
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
        return _Cells(axis.edges, _smoothed(cells, np.diff(axis.edges)))
    # Half a cell at least, or nothing would ever reach the next one.
    smallest = np.maximum(floor, np.diff(axis.edges)[cells] / 2)
    return _Cells(axis.edges, _masses(axis.edges, cells, bandwidths(x, smallest)))


def _cell(x: Floats, edges: Floats) -> Integers:
    return np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)


def _masses(edges: Floats, cells: Integers, sigma: Floats) -> Floats:
    """What a truncated normal around the centre of its cell, with `sigma` (n,), gives every cell: (n, c)."""
    from scipy.special import ndtr

    centers = (edges[cells] + edges[cells + 1]) / 2
    # Many points share their cell and bandwidth: a kernel is computed once. A complex number is a pair that sorts fast.
    pairs, inverse = np.unique(centers + 1j * sigma, return_inverse=True)
    masses = np.diff(ndtr((edges - pairs.real[:, None]) / pairs.imag[:, None]), axis=1)
    return np.asarray((masses / masses.sum(axis=1, keepdims=True))[inverse])


def _smoothed(cells: Integers, widths: Floats) -> Floats:
    """One count for the own cell and, the fewer points there are the more, a share for all by width: (n, c)."""
    share = len(widths) / (len(cells) + 1)
    masses = np.tile(share * widths, (len(cells), 1))
    masses[np.arange(len(cells)), cells] += 1
    return np.asarray(masses / (1 + share))
