"""Losses made normal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew, yeojohnson

from sweeprun.numerics import warping
from sweeprun.numerics.warping import Floats, Warp


def warped(y: Floats) -> Floats:
    return Warp.of(y)(y)


def test_the_order_stays_and_the_scale_goes() -> None:
    y = np.random.default_rng(0).lognormal(size=200)
    found = warped(y)
    assert found.mean() == pytest.approx(0, abs=1e-12)
    assert found.std() == pytest.approx(1)
    assert np.all(np.diff(found[np.argsort(y)]) >= 0)
    np.testing.assert_allclose(warped(1e6 * y - 3), found)


def test_a_long_tail_of_bad_losses_is_drawn_in() -> None:
    y = np.random.default_rng(0).lognormal(sigma=0.8, size=500)
    assert abs(skew(warped(y))) < 0.3 < 2 < skew(y)


def test_a_long_tail_of_good_losses_is_left_as_it_is() -> None:
    y = -np.random.default_rng(0).lognormal(sigma=0.5, size=500)
    np.testing.assert_allclose(warped(y), (y - y.mean()) / y.std())


def test_an_outlier_does_not_hide_the_rest() -> None:
    y = np.append(np.linspace(0, 1, 20), 1e9)
    assert np.ptp(warped(y)[:20]) > 1


def test_losses_that_are_all_the_same_are_zero() -> None:
    for constant in (7.0, 0.1, -1e-9, 0.0):
        np.testing.assert_allclose(warped(np.full(7, constant)), 0.0, atol=1e-9)
    assert warped(np.array([3.0])).tolist() == [0.0]


def test_other_losses_are_placed_among_those_it_was_made_from() -> None:
    y = np.random.default_rng(0).lognormal(size=50)
    warp, order = Warp.of(y), np.sort(y)
    between = warp((order[1:] + order[:-1]) / 2)
    assert np.all(warp(order)[:-1] <= between)
    assert np.all(between <= warp(order)[1:])
    assert warp(np.array([order[0] - 1]))[0] < warp(order)[0]


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_the_transform_is_that_of_yeo_and_johnson(power: float) -> None:
    z = np.linspace(-3, 3, 13)
    np.testing.assert_allclose(warping._yeo_johnson(z, power), yeojohnson(z, power))
