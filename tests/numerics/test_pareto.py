"""Pareto fronts and hypervolumes, checked against moocore 0.3.2, closed forms and the definitions by brute force."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sweeprun.errors import SweeprunError
from sweeprun.numerics.pareto import (
    Floats,
    constrained_fronts,
    contributions,
    crowding,
    fronts,
    hypervolume,
    merits,
    reference_point,
    violations,
)

NO_LIMITS = np.full(2, math.inf)
COARSE = st.integers(0, 6).map(float)  # so that rows are equal, and objectives of different rows too
SETS = st.integers(1, 4).flatmap(lambda m: st.integers(1, 25).flatmap(lambda n: arrays(float, (n, m), elements=COARSE)))
SMALL_SETS = SETS.filter(lambda Y: Y.shape[1] <= 3)


def rows(*each: tuple[float, ...]) -> Floats:
    return np.array(each, dtype=np.float64)


def cloud(n: int, m: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((n, m))


def sphere(n: int, m: int, seed: int = 0) -> Floats:
    """All of one front."""
    directions = np.abs(np.random.default_rng(seed).normal(size=(n, m)))
    return np.asarray(1 - directions / np.linalg.norm(directions, axis=1, keepdims=True))


def dominates(a: Floats, b: Floats) -> bool:
    return bool(np.all(a <= b) and np.any(a < b))


# --- fronts


@given(SETS)
def test_a_rank_is_one_more_than_the_highest_rank_of_those_that_dominate(Y: Floats) -> None:
    ranks = fronts(Y)
    for i, row in enumerate(Y):
        above = [ranks[j] for j, other in enumerate(Y) if dominates(other, row)]
        assert ranks[i] == max(above, default=-1) + 1


@pytest.mark.parametrize("m", [2, 3, 5])
def test_ranks_are_those_of_moocore(m: int) -> None:
    Y = cloud(300, m).round(2)
    assert fronts(Y).tolist() == moocore.pareto_rank(Y).tolist()


def test_infinities_are_losses_like_others() -> None:
    Y = rows((-math.inf, 3), (1, 1), (math.inf, 1), (math.inf, math.inf), (2, -math.inf))
    assert fronts(Y).tolist() == [0, 0, 1, 2, 0]


def test_of_no_rows_there_are_no_ranks() -> None:
    assert fronts(np.empty((0, 2))).tolist() == fronts(np.empty((0, 3))).tolist() == []


# --- limits


def test_whoever_breaks_a_limit_is_behind_all_who_do_not_however_good() -> None:
    Y = rows((0, 11), (5, 10), (4, 12), (1, 9), (9, 1))
    assert constrained_fronts(Y, np.array([math.inf, 10.0])).tolist() == [2, 1, 3, 0, 0]


def test_where_all_break_a_limit_they_go_by_their_violation() -> None:
    Y = rows((0, 12), (5, 11), (0, 14), (1, 12))
    assert constrained_fronts(Y, np.array([math.inf, 10.0])).tolist() == [1, 0, 2, 1]


def test_violations_are_shares_of_the_limits_added_up_whatever_the_units() -> None:
    Y, limits = rows((3, 0), (0, 3), (1, 1), (2, 5)), np.array([1.0, -4.0])
    expected = [2 + 1, 7 / 4, 5 / 4, 1 + 9 / 4]
    assert violations(Y, limits) == pytest.approx(expected)
    units = np.array([1e-3, 1e6])
    assert violations(Y * units, limits * units) == pytest.approx(expected)


def test_violations_of_a_limit_of_0_are_counted_as_they_are_and_infinite_ones_are_told_apart() -> None:
    assert violations(rows((5,), (-5,)), np.array([0.0])).tolist() == [5, 0]
    assert violations(rows((-math.inf,), (math.inf,), (0,)), np.array([1.0])).tolist() == [0, math.inf, 0]


# --- hypervolume


def test_closed_forms() -> None:
    assert hypervolume(rows((2,), (3,)), np.array([10.0])) == 8
    assert hypervolume(rows((1, 2), (2, 1)), np.array([3.0, 3.0])) == 3
    assert hypervolume(rows((0, 0, 1), (0, 1, 0), (1, 0, 0)), np.full(3, 2.0)) == 7
    assert hypervolume(np.empty((0, 2)), np.ones(2)) == hypervolume(np.empty((0, 5)), np.ones(5)) == 0


@pytest.mark.parametrize("shape", [cloud, sphere])
@pytest.mark.parametrize("m", [2, 3, 4, 6])
def test_hypervolumes_are_those_of_moocore(shape: Callable[[int, int], Floats], m: int) -> None:
    Y = shape(80, m)
    assert hypervolume(Y, np.full(m, 0.9)) == pytest.approx(moocore.hypervolume(Y, ref=np.full(m, 0.9)))


@given(SMALL_SETS, st.integers(0, 6))
def test_a_dominated_row_adds_nothing(Y: Floats, worse: int) -> None:
    reference = np.full(Y.shape[1], 7.0)
    assert hypervolume(np.vstack([Y, Y[:1] + worse]), reference) == hypervolume(Y, reference)


@given(SMALL_SETS, st.integers(0, 2**32 - 1))
def test_the_order_of_rows_and_of_objectives_does_not_matter(Y: Floats, seed: int) -> None:
    rng = np.random.default_rng(seed)
    order, columns = rng.permutation(len(Y)), rng.permutation(Y.shape[1])
    reference = np.full(Y.shape[1], 5.0)
    assert hypervolume(Y[order][:, columns], reference) == pytest.approx(hypervolume(Y, reference))
    assert contributions(Y[order], reference) == pytest.approx(contributions(Y, reference)[order])
    assert crowding(Y[order]) == pytest.approx(crowding(Y)[order])
    assert merits(Y[order], reference - 2).tolist() == merits(Y, reference - 2)[order].tolist()


def test_what_is_not_below_the_reference_everywhere_has_no_volume() -> None:
    Y = rows((1, 2), (0, 3), (math.inf, 0))
    assert hypervolume(Y, np.array([3.0, 3.0])) == 2
    assert contributions(Y[:2], np.array([3.0, 3.0])).tolist() == [2, 0]


@given(SMALL_SETS)
def test_a_contribution_is_what_is_lost_without_the_row(Y: Floats) -> None:
    reference = np.full(Y.shape[1], 6.0)
    without = [hypervolume(np.delete(Y, i, axis=0), reference) for i in range(len(Y))]
    assert contributions(Y, reference) == pytest.approx(hypervolume(Y, reference) - np.array(without))


@pytest.mark.parametrize("m", [2, 3, 4])
def test_contributions_are_those_of_moocore(m: int) -> None:
    Y, reference = sphere(60, m), np.full(m, 1.1)
    assert contributions(Y, reference) == pytest.approx(moocore.hv_contributions(Y, ref=reference))


def test_many_objectives_without_moocore_are_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moocore", None)
    for ask in (hypervolume, contributions):
        with pytest.raises(SweeprunError, match="moocore") as raised:
            ask(cloud(3, 4), np.ones(4))
        assert "pip install 'sweeprun[pareto]'" in str(raised.value.hint)
    assert hypervolume(cloud(3, 3), np.ones(3)) > 0


def test_the_reference_point_is_a_tenth_of_the_range_beyond_the_worst() -> None:
    assert reference_point(rows((0, 5), (10, 5), (math.inf, -9))).tolist() == [11, 6]


# --- crowding


def test_the_ends_are_infinitely_far_and_others_as_far_as_their_neighbours() -> None:
    Y = rows((0, 10), (1, 4), (2, 3), (10, 0))
    assert crowding(Y) == pytest.approx([math.inf, 2 / 10 + 7 / 10, 9 / 10 + 4 / 10, math.inf])


def test_infinite_losses_are_ends_and_no_measure() -> None:
    Y = rows((-math.inf, 9), (0, 8), (1, 4), (2, 3), (4, -math.inf))
    assert crowding(Y)[[0, 1, 4]].tolist() == [math.inf] * 3
    assert crowding(Y)[2] == pytest.approx(2 / 4 + 5 / 6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_two_rows_are_both_ends(n: int) -> None:
    assert crowding(cloud(n, 2)).tolist() == [math.inf] * n


# --- merits


def test_one_objective_without_limit_is_its_own_merit() -> None:
    losses = [3.0, math.inf, -math.inf, 1.0]
    assert merits(np.array(losses)[:, None], np.array([math.inf])).tolist() == losses


def test_one_objective_with_a_limit_is_ranked_feasible_first() -> None:
    Y = np.array([[3.0], [9.0], [1.0], [8.0], [3.0]])
    assert merits(Y, np.array([5.0])).tolist() == [1, 3, 0, 2, 1]


def test_the_lower_front_is_better_and_within_it_first_the_ends_and_then_the_larger_volume() -> None:
    Y = rows((9, 9), (0, 8), (1, 4), (1.5, 3.9), (4, 0), (5, 5))
    assert merits(Y, NO_LIMITS).tolist() == [4, 0, 1, 2, 0, 3]


def test_equal_rows_are_equally_good() -> None:
    Y = rows((0, 8), (1, 4), (1, 4), (4, 0), (1, 4))
    assert merits(Y, NO_LIMITS).tolist() == [0, 1, 1, 0, 1]


def test_who_is_infeasible_comes_after_all_who_are_feasible_the_less_so_the_earlier() -> None:
    Y = rows((0, 12), (0, 11), (9, 9), (math.inf, 0))
    assert merits(Y, np.array([math.inf, 10.0])).tolist() == [2, 1, 0, math.inf]


def test_what_is_unknown_is_nan_and_what_failed_in_one_objective_is_infinite() -> None:
    found = merits(rows((1, math.nan), (0, math.inf), (math.nan, math.inf), (5, 5)), NO_LIMITS)
    assert math.isnan(found[0])
    assert found[1:].tolist() == [math.inf, math.inf, 0]


def test_infinitely_good_rows_are_ends() -> None:
    Y = rows((-math.inf, 9), (0, 5), (1, 2), (2, 1.9), (5, 0), (6, -math.inf))
    assert merits(Y, NO_LIMITS).tolist() == [0, 3, 1, 4, 2, 0]


def test_more_than_three_objectives_need_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moocore", None)
    found = merits(sphere(30, 5), np.full(5, math.inf))
    assert np.isfinite(found).all()
    assert len(set(found)) > 20
