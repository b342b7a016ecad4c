"""Several models as one, weighted by how they rank."""

from __future__ import annotations

import numpy as np
import pytest

from sweeprun.numerics.ensemble import Ensemble, agreement, rank_weights
from sweeprun.numerics.gaussian_process import Floats, GaussianProcess

THETA = np.array([-0.5, -0.3, 0.2, -4.0])


def process(seed: int, n: int = 12) -> GaussianProcess:
    rng = np.random.default_rng(seed)
    Z = rng.random((n, 2))
    return GaussianProcess(Z, np.arange(2), np.sin(5 * Z[:, 0]) + seed * Z[:, 1], THETA)


def weights(*predicted: Floats, y: Floats, seed: int = 0) -> Floats:
    return rank_weights(predicted, y, np.random.default_rng(seed))


Y = np.random.default_rng(0).standard_normal(20)


def test_a_model_that_ranks_all_right_is_believed_alone() -> None:
    noise = np.random.default_rng(1).standard_normal(20)
    assert weights(3 * Y - 7, noise, y=Y).tolist() == [1.0, 0.0]


def test_a_model_that_misleads_gets_nothing() -> None:
    own = Y + 0.5 * np.random.default_rng(2).standard_normal(20)
    found = weights(-Y, own, y=Y)
    assert found.tolist() == [0.0, 1.0]


def test_models_that_rank_alike_weigh_alike() -> None:
    np.testing.assert_allclose(weights(Y, 2 * Y, np.exp(Y), y=Y), 1 / 3)


def test_the_more_is_known_the_less_a_model_that_is_nearly_right_counts_beside_one_that_is() -> None:
    rng = np.random.default_rng(3)
    y = rng.standard_normal(60)
    nearly, right = y + 0.4 * rng.standard_normal(60), y + 0.2 * rng.standard_normal(60)
    few = weights(nearly[:4], right[:4], y=y[:4])
    assert weights(nearly, right, y=y)[0] < few[0]


def test_an_ensemble_is_the_weighted_sum_of_independent_processes() -> None:
    a, b = process(0), process(1)
    Q = np.random.default_rng(5).random((9, 2))
    mu, sd = Ensemble((a, b), np.array([0.25, 0.75])).predict(Q)
    (mu_a, sd_a), (mu_b, sd_b) = a.predict(Q), b.predict(Q)
    np.testing.assert_allclose(mu, 0.25 * mu_a + 0.75 * mu_b)
    np.testing.assert_allclose(sd**2, (0.25 * sd_a) ** 2 + (0.75 * sd_b) ** 2)


def test_its_slopes_are_the_limits_of_difference_quotients() -> None:
    ensemble, Q = Ensemble((process(0), process(1)), np.array([0.4, 0.6])), np.random.default_rng(5).random((6, 2))
    mu, sd, dmu, dsd = ensemble.slopes(Q)
    np.testing.assert_allclose((mu, sd), ensemble.predict(Q))
    for i in range(2):
        step = np.where(np.arange(2) == i, 1e-6, 0.0)
        (mu_up, sd_up), (mu_down, sd_down) = ensemble.predict(Q + step), ensemble.predict(Q - step)
        np.testing.assert_allclose(dmu[:, i], (mu_up - mu_down) / 2e-6, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(dsd[:, i], (sd_up - sd_down) / 2e-6, rtol=1e-3, atol=1e-5)


def test_believing_leaves_the_means_and_makes_it_sure() -> None:
    ensemble, Q = Ensemble((process(0), process(1)), np.array([0.4, 0.6])), np.random.default_rng(5).random((6, 2))
    believing = ensemble.believing(Q)
    np.testing.assert_allclose(believing.predict(Q)[0], ensemble.predict(Q)[0], atol=1e-6)
    assert np.all(believing.predict(Q)[1] < ensemble.predict(Q)[1])


def test_leaving_out_a_point_predicts_it_as_a_process_without_it_does() -> None:
    whole = process(2)
    for i in range(3):
        kept = np.arange(12) != i
        without = GaussianProcess(whole.Z[kept], np.arange(2), whole.y[kept], THETA)
        assert whole.left_out()[i] == pytest.approx(without.predict(whole.Z[i : i + 1])[0][0], abs=1e-6)


def test_agreement_is_1_where_all_pairs_are_ranked_right_and_nothing_where_most_are_wrong() -> None:
    assert agreement(np.exp(Y), Y) == 1.0
    assert agreement(-Y, Y) == 0.0
    assert agreement(np.random.default_rng(9).standard_normal(2000), np.arange(2000.0)) < 0.1


def test_a_model_is_believed_before_anything_was_observed() -> None:
    assert agreement(np.empty(0), np.empty(0)) == agreement(np.ones(1), np.ones(1)) == 1.0
