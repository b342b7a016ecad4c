"""The signed-rank test against scipy 1.17 and against all signs by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from sweeprun.numerics.signed_rank import chance


def by_all_signs(D: np.ndarray) -> float:
    ranks = rankdata(np.abs(D))[D != 0]
    observed = rankdata(np.abs(D))[D > 0].sum()
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product([0, 1], repeat=len(ranks))]
    return sum(each >= observed for each in sums) / len(sums)


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=8))
def test_with_ties_and_zeros_it_is_the_share_of_all_signs(differences: list[float]) -> None:
    D = np.array(differences)
    assert chance(D) == pytest.approx(by_all_signs(D), abs=1e-12)


@pytest.mark.parametrize("n", [1, 4, 10, 30, 50])
def test_without_ties_it_is_scipys_exact_test(n: int) -> None:
    D = np.random.default_rng(n).normal(0.3, 1.0, n)
    assert chance(D) == pytest.approx(wilcoxon(D, alternative="greater", method="exact").pvalue, rel=1e-9)


@pytest.mark.parametrize("n", [60, 500])
def test_of_many_differences_it_is_scipys_normal_approximation(n: int) -> None:
    D = np.round(np.random.default_rng(n).normal(0.1, 1.0, n), 1)
    D[:5] = 0
    expected = wilcoxon(D, alternative="greater", zero_method="pratt", method="asymptotic", correction=True).pvalue
    assert chance(D) == pytest.approx(expected, rel=1e-9)


def test_the_approximation_takes_over_without_a_jump() -> None:
    D = np.random.default_rng(0).normal(0.1, 1.0, 52)
    assert chance(D[:50]) == pytest.approx(chance(D), abs=0.05)
    assert chance(np.arange(1.0, 51)) < 1e-9
    assert chance(np.arange(1.0, 52)) < 1e-9


def test_where_nothing_differs_it_is_certain() -> None:
    assert chance(np.zeros(5)) == 1.0
    assert chance(np.zeros(500)) == 1.0
    assert chance(-np.arange(1.0, 31)) == 1.0


def test_infinities_are_the_largest() -> None:
    assert chance(np.array([np.inf, 1.0, 2.0, 3.0])) == chance(np.array([4.0, 1.0, 2.0, 3.0])) == 1 / 16
    assert chance(np.array([-np.inf, 1.0, 2.0, 3.0])) == chance(np.array([-4.0, 1.0, 2.0, 3.0]))
