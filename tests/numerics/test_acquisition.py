"""Acquisition functions, checked against integrals, sampling and difference quotients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from sweeprun.numerics.acquisition import (
    Acquired,
    Floats,
    log_below,
    log_improvement,
)

MU = np.array([-2.0, -0.3, 0.0, 0.7, 4.0])
SD = np.array([0.5, 1.0, 0.1, 2.0, 0.8])


def improvement(mu: Floats, sd: Floats, best: float = 0.2) -> Acquired:
    """That of one objective below `best`, all (q,)."""
    value, by_mu, by_sd = log_improvement(mu[:, None], sd[:, None], np.array([[-math.inf]]), np.array([[best]]))
    return value, by_mu.ravel(), by_sd.ravel()


def test_expected_improvement_is_the_integral_that_defines_it() -> None:
    value = improvement(MU, SD)[0]
    for found, mu, sd in zip(value, MU, SD, strict=True):
        expected, _ = quad(lambda f, mu=mu, sd=sd: (0.2 - f) * norm.pdf(f, mu, sd), mu - 12 * sd, 0.2)
        assert math.exp(found) == pytest.approx(expected, rel=1e-6)


def test_far_from_the_best_it_still_tells_points_apart() -> None:
    mu = np.array([10.0, 40.0, 999.0, 1001.0, 1e6, 1e9])
    value, by_mu, _ = improvement(mu, np.ones(6), 0.0)
    assert np.all(np.isfinite(value))
    assert np.all(np.diff(value) < 0)
    np.testing.assert_allclose(by_mu, -mu, rtol=0.02)


def test_its_two_ways_to_compute_meet() -> None:
    for seam in (1.0, 1e3):
        value, by_mu, by_sd = improvement(np.array([seam - 1e-9, seam + 1e-9]), np.ones(2), 0.0)
        for each in (value, by_mu, by_sd):
            assert each[0] == pytest.approx(each[1], rel=1e-5)


def test_the_probability_to_keep_a_limit_is_that_of_the_normal_distribution() -> None:
    np.testing.assert_allclose(log_below(MU, SD, 0.5)[0], norm.logcdf(0.5, MU, SD))


def test_far_beyond_a_limit_its_slope_still_points_back() -> None:
    mu = np.array([10.0, 999.0, 1001.0, 1e6, 1e12])
    _, by_mu, _ = log_below(mu, np.ones(5), 0.0)
    np.testing.assert_allclose(by_mu, -mu, rtol=0.02)


def two_d(front: list[tuple[float, float]], reference: tuple[float, float]) -> tuple[Floats, Floats]:
    """The strips below a staircase."""
    points = sorted(front)
    edges = [-math.inf, *(x for x, _ in points), reference[0]]
    heights = [reference[1], *(y for _, y in points)]
    lower = np.array([[edge, -math.inf] for edge in edges[:-1]])
    return lower, np.array(list(zip(edges[1:], heights, strict=True)))


BOXES = two_d([(0.0, 1.0), (0.4, 0.5), (1.0, 0.0)], (1.5, 1.4))


def volume(points: Floats, lower: Floats, upper: Floats) -> Floats:
    """What each of `points` (n, m) adds: of every box the part that it dominates."""
    clipped = np.maximum(points[:, None, :], lower)
    return np.asarray(np.maximum(upper - clipped, 0.0).prod(axis=2).sum(axis=1))


def test_expected_hypervolume_improvement_is_the_mean_over_draws() -> None:
    mu, sd = np.array([[0.3, 0.3], [0.9, 0.9], [2.0, -0.5]]), np.array([[0.3, 0.2], [0.1, 0.4], [0.5, 0.1]])
    value = log_improvement(mu, sd, *BOXES)[0]
    draws = np.random.default_rng(0).standard_normal((200_000, 2))
    for i in range(3):
        assert math.exp(value[i]) == pytest.approx(volume(mu[i] + sd[i] * draws, *BOXES).mean(), rel=0.03)


def hypervolume(mu: Floats, sd: Floats) -> Acquired:
    return log_improvement(mu.reshape(-1, 2), sd.reshape(-1, 2), *BOXES)


def test_every_derivative_is_the_limit_of_its_difference_quotient() -> None:
    rng = np.random.default_rng(1)
    for function in (improvement, lambda m, s: log_below(m, s, 0.2), hypervolume):
        mu, sd = rng.normal(0, 3, 40), rng.uniform(0.05, 2, 40)
        _, by_mu, by_sd = function(mu, sd)
        for i in range(40):
            step = np.where(np.arange(40) == i, 1e-6, 0.0)
            for derivative, (up, down) in (
                (by_mu, (function(mu + step, sd)[0], function(mu - step, sd)[0])),
                (by_sd, (function(mu, sd + step)[0], function(mu, sd - step)[0])),
            ):
                quotient = (up - down).sum() / 2e-6
                assert derivative.ravel()[i] == pytest.approx(quotient, rel=1e-3, abs=1e-4)
