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
        (TWELVE, 11, "random"),
        (TWELVE, None, "grid"),
        (ENDLESS, 12, "random"),
        (ENDLESS, None, "random"),
        (UNCOUNTABLE, 10**6, "random"),
        (UNCOUNTABLE, None, "random"),
    ],
)
def test_a_finite_space_that_fits_the_budget_is_a_grid_and_all_else_random(
    space: Space, n_trials: int | None, name: str
) -> None:
    choice = choose(space, n_trials)
    assert choice.name == name
    assert choice.name in registry.names("sampler")


@pytest.mark.parametrize(
    ("space", "n_trials", "why"),
    [
        (TWELVE, 12, "grid: the budget of 12 trials covers all 12 configurations"),
        (TWELVE, None, "grid: 12 configurations in all, and no budget of trials"),
        (TWELVE, 5, "random: the budget of 5 trials covers a part of the 12 configurations"),
        (ENDLESS, 5, "random: more configurations than can be counted"),
        (ENDLESS, None, "random: more configurations than can be counted"),
    ],
)
def test_the_reason_is_one_line_with_the_numbers(space: Space, n_trials: int | None, why: str) -> None:
    assert choose(space, n_trials).why == why
