"""Gaussian processes, checked against scikit-learn's and against what defines them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from sweeprun.numerics import gaussian_process
from sweeprun.numerics.gaussian_process import Fading, Floats, GaussianProcess, Prior

OWNER = np.array([0, 1, 1, 2])  # the second of three parameters has two features
THETA = np.array([-0.5, 0.3, 1.0, 0.4, -4.0])


def observed(n: int = 25, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    Z = rng.random((n, 4))
    y = np.sin(4 * Z[:, 0]) + Z[:, 1] * Z[:, 2] + 0.05 * rng.standard_normal(n)
    return Z, (y - y.mean()) / y.std()


def theirs(Z: Floats, y: Floats, theta: Floats = THETA) -> GaussianProcessRegressor:
    """scikit-learn's, with the same kernel: a lengthscale for each feature, those of one parameter equal."""
    kernel = ConstantKernel(math.exp(theta[-2])) * Matern(np.exp(theta[:-2])[OWNER], nu=2.5)
    noisy = kernel + WhiteKernel(math.exp(theta[-1]))
    return GaussianProcessRegressor(noisy, optimizer=None, alpha=1e-8).fit(Z, y)


def test_predictions_are_those_of_scikit_learn() -> None:
    (Z, y), Q = observed(), np.random.default_rng(1).random((7, 4))
    mu, sd = GaussianProcess(Z, OWNER, y, THETA).predict(Q)
    expected, noisy = theirs(Z, y).predict(Q, return_std=True)
    np.testing.assert_allclose(mu, expected, rtol=1e-6)
    np.testing.assert_allclose(sd**2 + math.exp(THETA[-1]), noisy**2, rtol=1e-6)


def test_what_is_maximised_is_the_marginal_likelihood_times_the_prior() -> None:
    Z, y = observed()
    D = gaussian_process._squared_differences(Z, OWNER)
    means, deviations = Prior(3).moments(3)
    value, _ = gaussian_process._objective(THETA, D, y, means, deviations)
    likelihood = theirs(Z, y).log_marginal_likelihood_value_
    prior = -0.5 * np.sum(((THETA - means) / deviations) ** 2)
    assert value == pytest.approx(-likelihood - prior - 0.5 * len(y) * math.log(2 * math.pi), rel=1e-6)


def test_its_gradient_is_the_limit_of_difference_quotients() -> None:
    Z, y = observed()
    arguments = gaussian_process._squared_differences(Z, OWNER), y, *Prior(3).moments(3)
    _, gradient = gaussian_process._objective(THETA, *arguments)
    for i in range(len(THETA)):
        step = np.where(np.arange(len(THETA)) == i, 1e-5, 0.0)
        up, down = (gaussian_process._objective(THETA + s, *arguments)[0] for s in (step, -step))
        assert gradient[i] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-5)


def test_slopes_are_the_limits_of_difference_quotients() -> None:
    (Z, y), Q = observed(), np.random.default_rng(1).random((5, 4))
    process = GaussianProcess(Z, OWNER, y, THETA)
    mu, sd, dmu, dsd = process.slopes(Q)
    np.testing.assert_allclose((mu, sd), process.predict(Q))
    for feature in range(4):
        step = np.where(np.arange(4) == feature, 1e-6, 0.0)
        (mu_up, sd_up), (mu_down, sd_down) = process.predict(Q + step), process.predict(Q - step)
        np.testing.assert_allclose(dmu[:, feature], (mu_up - mu_down) / 2e-6, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(dsd[:, feature], (sd_up - sd_down) / 2e-6, rtol=1e-3, atol=1e-5)


def test_a_fit_is_the_best_of_its_neighbourhood_and_finds_what_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    Z = rng.random((60, 3))
    y = np.sin(5 * Z[:, 0]) + 0.02 * rng.standard_normal(60)
    y = (y - y.mean()) / y.std()
    theta = gaussian_process.fit(Z, np.arange(3), y, Prior(3))
    arguments = gaussian_process._squared_differences(Z, np.arange(3)), y, *Prior(3).moments(3)
    value, gradient = gaussian_process._objective(theta, *arguments)
    assert value < gaussian_process._objective(Prior(3).moments(3)[0], *arguments)[0]
    assert np.all(np.abs(gradient) < 0.5)
    assert theta[1] - theta[0] > 1
    assert theta[2] - theta[0] > 1
    assert theta[-1] < -6


def test_noise_is_found() -> None:
    rng = np.random.default_rng(3)
    Z = rng.random((80, 1))
    y = np.sin(6 * Z[:, 0]) + 0.5 * rng.standard_normal(80)
    scale = y.std()
    theta = gaussian_process.fit(Z, np.arange(1), (y - y.mean()) / scale, Prior(1))
    assert math.exp(theta[-1] / 2) * scale == pytest.approx(0.5, rel=0.3)


def test_where_nothing_was_observed_it_knows_nothing() -> None:
    Z, y = observed()
    mu, sd = GaussianProcess(Z, OWNER, y, THETA).predict(np.full((1, 4), 1e3))
    assert mu[0] == pytest.approx(0.0, abs=1e-9)
    assert sd[0] == pytest.approx(math.exp(THETA[-2] / 2))


def test_believing_changes_no_mean_and_makes_sure_of_what_is_believed() -> None:
    (Z, y), Q = observed(), np.random.default_rng(1).random((6, 4))
    process = GaussianProcess(Z, OWNER, y, THETA)
    believing = process.believing(Q[:3])
    np.testing.assert_allclose(believing.predict(Q)[0], process.predict(Q)[0], atol=1e-6)
    assert np.all(believing.predict(Q[:3])[1] < process.predict(Q[:3])[1])


def test_points_that_coincide_and_values_that_are_constant_are_no_obstacle() -> None:
    Z, y = np.full((20, 2), 0.5), np.zeros(20)
    theta = gaussian_process.fit(Z, np.arange(2), y, Prior(2))
    mu, sd = GaussianProcess(Z, np.arange(2), y, theta).predict(np.array([[0.5, 0.5], [0.1, 0.9]]))
    np.testing.assert_allclose(mu, 0, atol=1e-9)
    assert np.all(np.isfinite(sd))


# ---- functions that change with time


def test_a_fading_process_multiplies_its_kernel_with_the_share_that_is_remembered() -> None:
    (Z, y), Q = observed(), np.random.default_rng(1).random((7, 4))
    t = np.arange(len(y)) / 5.0
    fading = Fading(t, now=6.0, forgotten=0.2)
    mu, sd = GaussianProcess(Z, OWNER, y, THETA, fading).predict(Q)
    kernel = ConstantKernel(math.exp(THETA[-2])) * Matern(np.exp(THETA[:-2])[OWNER], nu=2.5)
    K = kernel(Z) * 0.8 ** (np.abs(t[:, None] - t) / 2) + (math.exp(THETA[-1]) + 1e-8) * np.eye(len(y))
    k = kernel(Q, Z) * 0.8 ** ((6.0 - t) / 2)
    np.testing.assert_allclose(mu, k @ np.linalg.solve(K, y))
    variance = math.exp(THETA[-2]) - np.einsum("ij,ij->i", k, np.linalg.solve(K, k.T).T)
    np.testing.assert_allclose(sd, np.sqrt(variance))


def test_where_nothing_is_forgotten_it_is_the_process_without_time() -> None:
    (Z, y), Q = observed(), np.random.default_rng(1).random((7, 4))
    fading = Fading(np.arange(len(y), dtype=float), now=99.0, forgotten=0.0)
    steady, fades = GaussianProcess(Z, OWNER, y, THETA), GaussianProcess(Z, OWNER, y, THETA, fading)
    np.testing.assert_array_equal(fades.predict(Q), steady.predict(Q))
    np.testing.assert_allclose(fades.believing(Q).predict(Q[:3]), steady.believing(Q).predict(Q[:3]))


def test_what_changes_is_found_to_change_and_what_stays_is_not() -> None:
    rng = np.random.default_rng(4)
    Z, t = rng.random((80, 1)), np.repeat(np.arange(10.0), 8)
    steady, turning = np.sin(6 * Z[:, 0]), np.sin(6 * Z[:, 0] + t)
    forgotten = [
        gaussian_process.fit_fading(Z, np.zeros(1, dtype=np.int64), (y - y.mean()) / y.std(), Prior(1), t, 10.0)[1]
        for y in (steady, turning)
    ]
    assert forgotten[0].forgotten == 0.0
    assert forgotten[1].forgotten > 0.0
