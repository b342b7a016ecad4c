"""Which sampler `algorithm: auto` stands for."""

from __future__ import annotations

import pytest

from sweeprun import registry
from sweeprun.expressions import Expression
from sweeprun.samplers.auto import choose
from sweeprun.space import ALWAYS, Choice, FloatParameter, IntParameter, Space

TWELVE = Space([Choice(name, ALWAYS, IntParameter(name, 1, n)) for name, n in (("x", 3), ("y", 4))])
ENDLESS = Space([Choice("lr", ALWAYS, FloatParameter("lr", 0.1, 1.0))])
UNCOUNTABLE = Space(  # finite, and more dependent combinations than are gone through
    [Choice(name, ALWAYS, IntParameter(name, 1, 2_000_000)) for name in ("x", "y")], [Expression.parse("x < y")]
)


@pytest.mark.parametrize(
    ("space", "n_trials", "name"),
    [
        (TWELVE, 12, "grid"),
        (TWELVE, 11, "gp"),
        (TWELVE, 8, "random"),
        (TWELVE, None, "grid"),
        (ENDLESS, 9, "gp"),
        (ENDLESS, 500, "gp"),
        (ENDLESS, 501, "tpe"),
        (ENDLESS, 8, "random"),
        (ENDLESS, None, "gp"),
        (UNCOUNTABLE, 10**6, "tpe"),
        (UNCOUNTABLE, None, "gp"),
    ],
)
def test_a_space_that_fits_the_budget_is_a_grid_a_tiny_budget_is_random_and_all_else_is_learnt_from(
    space: Space, n_trials: int | None, name: str
) -> None:
    choice = choose(space, n_trials)
    assert choice.name == name
    assert choice.name in registry.names("sampler")


def test_a_tiny_budget_is_not_random_where_earlier_sweeps_are_known() -> None:
    choice = choose(ENDLESS, 3, knows_earlier=True)
    assert choice.name == "gp"
    assert "from earlier sweeps and its own trials it models the losses" in choice.why


def test_more_objectives_than_a_front_is_reckoned_for_are_left_to_tpe() -> None:
    assert [choose(ENDLESS, 100, n_objectives).name for n_objectives in (1, 3, 4)] == ["gp", "gp", "tpe"]


@pytest.mark.parametrize(
    ("space", "n_trials", "why"),
    [
        (TWELVE, 12, "grid: the budget of 12 trials covers all 12 configurations"),
        (TWELVE, None, "grid: 12 configurations in all, and no budget of trials"),
        (TWELVE, 5, "random: a budget of 5 trials is too small to learn from"),
        (
            TWELVE,
            11,
            "gp: 12 configurations, a part of them tried;"
            " after 8 random trials it models the losses and goes where most is expected",
        ),
        (
            ENDLESS,
            501,
            "tpe: more configurations than can be counted; after 10 random trials it goes where the good ones were",
        ),
    ],
)
def test_the_reason_is_one_line_with_the_numbers(space: Space, n_trials: int | None, why: str) -> None:
    assert choose(space, n_trials).why == why


ONE = Space([Choice("x", ALWAYS, IntParameter("x", 3, 3))])


@pytest.mark.parametrize(
    ("space", "n_trials", "why"),
    [
        (ONE, None, "grid: 1 configuration in all, and no budget of trials"),
        (ONE, 1, "grid: the budget of 1 trial covers the one configuration"),
        (TWELVE, 12, "grid: the budget of 12 trials covers all 12 configurations"),
        (TWELVE, 1, "random: a budget of 1 trial is too small to learn from"),
    ],
)
def test_one_is_said_as_one(space: Space, n_trials: int | None, why: str) -> None:
    assert choose(space, n_trials).why == why
