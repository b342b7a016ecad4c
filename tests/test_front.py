"""Limits, and which trials no other one beats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import le

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.front import Front, Losses, excess, feasible
from sweeprun.objective import Goal, Objective
from sweeprun.trials import Trial, TrialState

ACC, MS = Objective("acc", "maximize"), Objective("ms", limit=100.0)
TWO = (ACC, MS)


def trial(number: int = 0, **values: float) -> Trial:
    return Trial(number, f"uid{number}", TrialState.COMPLETE, values=values)


def front(*said: tuple[float, float], objectives: Sequence[Objective] = TWO) -> list[int]:
    """The members of the front of trials with these values."""
    trials = [trial(number, acc=acc, ms=ms) for number, (acc, ms) in enumerate(said)]
    made = Front(objectives, trials)
    return [each.number for each in trials if each in made]


@pytest.mark.parametrize(
    ("limit", "goal", "value", "share"),
    [
        (100.0, "minimize", 100.0, 0.0),
        (100.0, "minimize", 150.0, 0.5),
        (0.8, "maximize", 0.9, 0.0),
        (0.8, "maximize", 0.6, 0.25),
        (-2.0, "minimize", -1.0, 0.5),
        (0.0, "minimize", 3.0, 3.0),
        (None, "minimize", 1e9, 0.0),
        (None, "minimize", math.inf, math.inf),
        (None, "maximize", math.inf, math.inf),
        (100.0, "minimize", math.nan, math.inf),
    ],
)
def test_a_value_is_beyond_its_limit_by_a_share_of_it(
    limit: float | None, goal: Goal, value: float, share: float
) -> None:
    assert Objective("ms", goal, limit).excess(trial(ms=value)) == pytest.approx(share)


def test_several_limits_add_up() -> None:
    strict = (Objective("acc", "maximize", 0.8), MS)
    assert excess(strict, trial(acc=0.6, ms=150.0)) == pytest.approx(0.75)


def test_a_trial_is_feasible_or_not_once_all_its_values_are_there() -> None:
    assert feasible(TWO, trial(acc=0.5, ms=100.0)) is True
    assert feasible(TWO, trial(acc=0.5, ms=100.1)) is False
    assert feasible(TWO, trial(acc=0.5)) is None
    assert feasible(TWO, trial(acc=0.5, ms=math.nan)) is None
    assert feasible(TWO, trial(acc=math.inf, ms=3.0)) is False


def test_on_the_front_is_what_no_other_beats_in_every_metric() -> None:
    assert front((0.9, 50.0), (0.8, 20.0), (0.8, 30.0), (0.7, 20.0), (0.6, 10.0)) == [0, 1, 4]


def test_equal_trials_stand_side_by_side() -> None:
    assert front((0.9, 50.0), (0.9, 50.0), (0.9, 60.0)) == [0, 1]


def test_a_trial_beyond_a_limit_is_on_no_front_and_beats_nobody() -> None:
    assert front((0.99, 101.0), (0.9, 50.0)) == [1]
    assert front((0.99, 101.0)) == []


def test_of_one_objective_the_front_is_the_best() -> None:
    assert front((0.5, 0.0), (0.9, 0.0), (0.7, 0.0), objectives=[ACC]) == [1]


def test_what_a_trial_adds_is_an_improvement_and_an_equal_one_is_none() -> None:
    grown = Front(TWO)
    values = [(0.5, 50.0), (0.5, 50.0), (0.4, 60.0), (0.4, 40.0), (0.6, 30.0)]
    improved = [grown.add(trial(i, acc=acc, ms=ms)) for i, (acc, ms) in enumerate(values)]
    assert improved == [True, False, False, True, True]
    assert (len(grown), grown.members) == (1, {(-0.6, 30.0): [4]})


def test_an_equal_trial_that_is_added_later_is_a_member_too() -> None:
    grown = Front(TWO, [trial(0, acc=0.5, ms=50.0)])
    grown.add(trial(3, acc=0.5, ms=50.0))
    assert (len(grown), trial(3, acc=0.5, ms=50.0) in grown) == (2, True)


def test_an_improvement_may_have_to_be_so_large() -> None:
    made = Front(TWO, [trial(acc=0.5, ms=50.0)])
    assert made.improved_by(trial(1, acc=0.5, ms=49.0), 0.5)
    assert not made.improved_by(trial(1, acc=0.9, ms=49.5), 0.5)


@given(st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), max_size=30))
def test_it_is_what_comparing_each_with_each_gives(points: list[Losses]) -> None:
    objectives = [Objective(name) for name in "abc"]
    trials = [trial(i, **dict(zip("abc", point, strict=True))) for i, point in enumerate(points)]
    expected = [i for i, q in enumerate(points) if not any(p != q and all(map(le, p, q)) for p in points)]
    made = Front(objectives, trials)
    assert [each.number for each in trials if each in made] == expected
    assert len(made) == len(expected)
