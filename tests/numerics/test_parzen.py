"""Parzen mixtures, checked against scipy and against what the definition says, kernel by kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import kstest, norm, truncnorm

from sweeprun.numerics.parzen import Axis, Floats, Mixture, bandwidths

LINE = Axis()
CELLS = Axis(np.array([0.0, 0.1, 0.3, 0.6, 1.0]))
KINDS = Axis(np.array([0.0, 0.25, 0.5, 1.0]), ordered=False)


def points(n: int, d: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((n, d))


def mixture(*axes: Axis, n: int = 7, floor: float = 0.05) -> Mixture:
    return Mixture(axes, points(n, len(axes)), np.arange(1.0, n + 1), floor)


def density(mixture: Mixture, *x: float) -> float:
    return math.exp(float(mixture.log_density(np.array([x]))[0]))


# --- the density


def test_it_integrates_to_one_over_a_line() -> None:
    total, _ = integrate.quad(lambda x: density(mixture(LINE), x), 0, 1, limit=200)
    assert total == pytest.approx(1, abs=1e-6)


def test_it_integrates_to_one_over_a_square() -> None:
    grid = (np.arange(400) + 0.5) / 400
    Q = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    assert np.exp(mixture(LINE, LINE).log_density(Q)).mean() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("axis", [CELLS, KINDS], ids=["ordered", "unordered"])
def test_the_masses_of_cells_sum_to_one(axis: Axis) -> None:
    assert axis.edges is not None
    centers = (axis.edges[:-1] + axis.edges[1:]) / 2
    masses = np.exp(mixture(axis).log_density(centers[:, None])) * np.diff(axis.edges)
    assert masses.sum() == pytest.approx(1)


def test_it_is_the_sum_over_kernels_of_products_over_axes() -> None:
    X, Q, weights = points(5, 3), points(4, 3, seed=1), np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    X[:, 2] = [0.1, 0.3, 0.3, 0.9, 0.6]
    mixed = Mixture((LINE, CELLS, KINDS), X, weights, 0.05)
    shares = np.append(weights / weights.mean(), 1.0) / 6
    for q, found in zip(Q, mixed.log_density(Q), strict=True):
        kernels = [normal(X[:, 0], q[0])[i] * ordered(X[:, 1], q[1])[i] * kinds(X[:, 2], q[2])[i] for i in range(5)]
        assert found == pytest.approx(math.log(float(np.dot(shares, [*kernels, 1.0]))))


def normal(x: Floats, q: float) -> list[float]:
    sigmas = bandwidths(x, 0.05)
    return [float(truncnorm.pdf(q, -m / s, (1 - m) / s, loc=m, scale=s)) for m, s in zip(x, sigmas, strict=True)]


def ordered(x: Floats, q: float) -> list[float]:
    assert CELLS.edges is not None
    edges, widths = CELLS.edges, np.diff(CELLS.edges)
    own = [int(np.searchsorted(edges, value, side="right")) - 1 for value in x]
    there = int(np.searchsorted(edges, q, side="right")) - 1
    sigmas = bandwidths(x, np.maximum(0.05, widths[own] / 2))
    found = []
    for cell, sigma in zip(own, sigmas, strict=True):
        masses = np.diff(norm.cdf(edges, loc=(edges[cell] + edges[cell + 1]) / 2, scale=sigma))
        found.append(float(masses[there] / masses.sum() / widths[there]))
    return found


def kinds(x: Floats, q: float) -> list[float]:
    """Each own cell counts one, and 3 / (5 + 1) is shared by width."""
    assert KINDS.edges is not None
    widths = np.diff(KINDS.edges)
    own, there = np.searchsorted(KINDS.edges, x, side="right") - 1, int(np.searchsorted(KINDS.edges, q, "right")) - 1
    return [float(((cell == there) + 0.5 * widths[there]) / 1.5 / widths[there]) for cell in own]


def test_without_points_it_is_flat() -> None:
    flat = Mixture((LINE, KINDS), np.empty((0, 2)), np.empty(0), 0.05)
    assert flat.log_density(points(5, 2)) == pytest.approx(np.zeros(5))


def test_far_from_every_point_it_is_what_the_flat_kernel_gives() -> None:
    X = np.full((3, 2), 0.05)
    X[:, 0] += [0.0, 0.001, 0.002]
    lonely = Mixture((LINE, CELLS), X, np.ones(3), 0.01)
    assert density(lonely, 0.9, 0.9) == pytest.approx(1 / 4)


def test_a_point_at_the_border_and_the_last_cell_count() -> None:
    mixed = Mixture((LINE, CELLS), np.array([[1.0, 1.0], [0.99, 1.0]]), np.ones(2), 0.01)
    assert density(mixed, 1.0, 1.0) > 10


def test_heavier_points_have_more_of_it() -> None:
    mixed = Mixture((LINE,), np.array([[0.2], [0.8]]), np.array([9.0, 1.0]), 0.01)
    assert density(mixed, 0.2) > density(mixed, 0.8)


# --- draws


def test_draws_are_of_the_density() -> None:
    mixed = mixture(LINE, n=3)
    drawn = mixed.draw(np.random.default_rng(3), 4000)[:, 0]
    grid = np.linspace(0, 1, 2001)
    cumulated = integrate.cumulative_trapezoid(np.exp(mixed.log_density(grid[:, None])), grid, initial=0)
    assert kstest(drawn, lambda x: np.interp(x, grid, cumulated)).pvalue > 0.01


@pytest.mark.parametrize("axis", [CELLS, KINDS], ids=["ordered", "unordered"])
def test_cells_are_drawn_by_their_masses(axis: Axis) -> None:
    assert axis.edges is not None
    mixed, centers = mixture(axis), (axis.edges[:-1] + axis.edges[1:]) / 2
    cells = np.searchsorted(axis.edges, mixed.draw(np.random.default_rng(4), 20_000)[:, 0]) - 1
    masses = np.exp(mixed.log_density(centers[:, None])) * np.diff(axis.edges)
    assert np.bincount(cells, minlength=len(centers)) / 20_000 == pytest.approx(masses, abs=0.02)


def test_draws_stay_in_the_cube_where_points_are_at_its_corners() -> None:
    mixed = Mixture((LINE, LINE), np.array([[0.0, 1.0], [1.0, 0.0]]), np.ones(2), 0.01)
    drawn = mixed.draw(np.random.default_rng(5), 500)
    assert drawn.shape == (500, 2)
    assert np.all((drawn >= 0) & (drawn <= 1))


# --- bandwidths


def test_a_bandwidth_is_the_distance_to_the_farther_neighbour() -> None:
    assert bandwidths(np.array([0.5, 0.1, 0.2, 0.9]), 0.01) == pytest.approx([0.4, 0.1, 0.3, 0.4])


def test_the_ends_of_the_range_are_no_neighbours() -> None:
    assert bandwidths(np.array([0.50, 0.52]), 0.01) == pytest.approx([0.02, 0.02])


def test_a_bandwidth_is_never_below_its_floor() -> None:
    assert bandwidths(np.array([0.3, 0.3, 0.3]), np.array([0.1, 0.2, 0.3])) == pytest.approx([0.1, 0.2, 0.3])


def test_a_single_point_says_nothing_about_widths() -> None:
    assert bandwidths(np.array([0.3]), 0.01) == pytest.approx([1.0])
