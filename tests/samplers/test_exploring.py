"""How the parameters of a copy differ from those of its parent."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from sweeprun.expressions import Expression
from sweeprun.samplers._exploring import perturbed, scaled
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    Condition,
    FloatParameter,
    IntParameter,
    OneOf,
    Parameter,
    Space,
)
from sweeprun.trials import Json, Params

FACTORS = (0.8, 1.2)


def choice(parameter: Parameter, *gate: object) -> Choice:
    when = Condition((OneOf.of(str(gate[0]), list(gate[1:])),)) if gate else ALWAYS
    return Choice(parameter.name, when, parameter)


def copies(space: Space, params: Params, resample: float = 0.0, n: int = 200) -> list[Params]:
    return [perturbed(space, params, FACTORS, resample, np.random.default_rng([3, i])) for i in range(n)]


def values(found: Iterable[Params], name: str) -> set[Json]:
    return {each.get(name) for each in found}


@pytest.mark.parametrize("log", [False, True])
def test_a_number_is_multiplied_in_value_space_within_its_bounds(log: bool) -> None:
    parameter = FloatParameter("lr", 0.001, 1.0, log=log)
    found = values(copies(Space([choice(parameter)]), {"lr": 0.5}), "lr")
    assert sorted(found) == pytest.approx([0.4, 0.6])
    assert scaled(parameter, 0.9, 1.2) == 1.0
    assert scaled(parameter, 0.00101, 0.8) == 0.001


@pytest.mark.parametrize("value", [1, 2, 3, 4, 5, 100])
def test_integers_move_by_one_at_least_and_both_ways(value: int) -> None:
    parameter = IntParameter("n", 0, 1000)
    down, up = (scaled(parameter, value, factor) for factor in FACTORS)
    assert down <= value - 1
    assert up >= value + 1
    assert (down, up) == (80, 120) or value < 100


def test_at_their_bounds_integers_stay_within() -> None:
    parameter = IntParameter("n", 1, 3)
    assert [scaled(parameter, 1, 0.8), scaled(parameter, 3, 1.2)] == [1, 3]


def test_negative_values_and_zero_move_towards_where_the_factor_points() -> None:
    parameter = IntParameter("n", -10, 10)
    assert [scaled(parameter, 0, factor) for factor in FACTORS] == [-1, 1]
    assert [scaled(parameter, -5, factor) for factor in FACTORS] == [-4, -6]


def test_values_with_steps_move_to_another_step() -> None:
    parameter = FloatParameter("dropout", 0.0, 0.8, step=0.1)
    assert [scaled(parameter, 0.2, factor) for factor in FACTORS] == [0.1, 0.3]
    assert [scaled(IntParameter("n", 16, 256, step=16), 128, factor) for factor in FACTORS] == [96, 160]


def test_ordered_values_move_to_a_neighbour_and_unordered_ones_stay() -> None:
    sizes = CategoricalParameter("batch", (16, 32, 64, 128), ordered=True)
    names = CategoricalParameter("optimizer", ("sgd", "adam", "lion"))
    found = copies(Space([choice(sizes), choice(names)]), {"batch": 64, "optimizer": "adam"})
    assert values(found, "batch") == {32, 128}
    assert values(found, "optimizer") == {"adam"}
    assert [scaled(sizes, 16, 0.8), scaled(sizes, 128, 1.2)] == [16, 128]


def test_a_share_is_drawn_anew() -> None:
    names = CategoricalParameter("optimizer", ("sgd", "adam", "lion"))
    space = Space([choice(names), choice(FloatParameter("x", 0.0, 1.0))])
    found = copies(space, {"optimizer": "adam", "x": 0.5}, resample=0.25, n=2000)
    drawn = sum(each["optimizer"] != "adam" for each in found)
    assert drawn == pytest.approx(2000 * 0.25 * 2 / 3, abs=60)
    assert len(values(found, "x")) == pytest.approx(2000 * 0.25, abs=80)


def test_a_gate_that_moved_draws_its_new_children() -> None:
    space = Space(
        [
            choice(CategoricalParameter("optimizer", ("sgd", "adam"))),
            choice(FloatParameter("momentum", 0.0, 0.9), "optimizer", "sgd"),
            choice(FloatParameter("beta", 0.9, 0.999), "optimizer", "adam"),
        ]
    )
    found = copies(space, {"optimizer": "adam", "beta": 0.95}, resample=0.5)
    moved = [each for each in found if each["optimizer"] == "sgd"]
    assert all(each.keys() == {"optimizer", "momentum"} for each in moved)
    assert len(values(moved, "momentum")) == len(moved) > 20


def test_constraints_hold_and_where_nothing_else_is_allowed_the_parameters_stay() -> None:
    numbers = [choice(IntParameter("a", 1, 9)), choice(IntParameter("b", 1, 9))]
    space = Space(numbers, [Expression.parse("a + b <= 9")])
    assert all(each["a"] + each["b"] <= 9 for each in copies(space, {"a": 4, "b": 5}))
    fixed = Space(numbers, [Expression.parse("a == 4 and b == 5")])
    assert copies(fixed, {"a": 4, "b": 5}, n=3) == [{"a": 4, "b": 5}] * 3
