"""The genetic algorithm: what it promises beyond the conformance suite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers.nsga2 import NSGA2Sampler
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
from sweeprun.trials import Failure, FailureClass, Params, Trial, TrialState

TWO = (Objective("a"), Objective("b"))
Tell = Callable[[Params], tuple[float, ...]]


def choice(parameter: Parameter, *gate: object) -> Choice:
    """Active where the first of `gate`, a name, has one of the values behind it."""
    when = Condition((OneOf.of(str(gate[0]), list(gate[1:])),)) if gate else ALWAYS
    return Choice(parameter.name, when, parameter)


def told(number: int, params: Params, *values: float) -> Trial:
    """Complete with values of a and b; failed without any."""
    if not values:
        failure = Failure(FailureClass.OOM, "")
        return Trial(number, str(number), TrialState.FAILED, params=params, failure=failure)
    named = dict(zip("ab", values, strict=False))
    return Trial(number, str(number), TrialState.COMPLETE, params=params, values=named)


def scattered(space: Space, n: int, tell: Tell, objectives: tuple[Objective, ...] = TWO) -> History:
    rng = np.random.default_rng(7)
    trials = [told(i, params := space.sample(rng), *tell(params)) for i in range(n)]
    return History(space, objectives, trials)


def children(history: History, n: int = 40, sampler: NSGA2Sampler | None = None) -> list[Params]:
    """What different generators make of the same history."""
    found = [(sampler or NSGA2Sampler()).suggest(history, np.random.default_rng([seed])) for seed in range(n)]
    return [each.params for each in found if each is not None]


LINE = Space([choice(FloatParameter("x", 0.0, 1.0)), choice(FloatParameter("y", 0.0, 1.0))])


def test_children_are_near_the_front_and_spread_over_all_of_it() -> None:
    history = scattered(LINE, 100, lambda params: (params["x"] + params["y"], 1 - params["x"] + params["y"]))
    found = children(history)
    assert np.median([params["y"] for params in found]) < 0.15
    assert len({int(params["x"] * 4) for params in found}) == 4


def test_what_breaks_a_limit_has_no_children_where_enough_do_not() -> None:
    limited = (Objective("a"), Objective("b", limit=0.5))
    found = children(scattered(LINE, 100, lambda params: (-params["x"], params["x"]), limited))
    assert np.mean([params["x"] < 0.55 for params in found]) > 0.8


def test_where_all_break_a_limit_those_that_do_so_least_have_children() -> None:
    limited = (Objective("a"), Objective("b", limit=-1.0))
    found = children(scattered(LINE, 60, lambda params: (-params["x"], params["x"]), limited))
    assert np.median([params["x"] for params in found]) < 0.15


def test_failures_have_no_children() -> None:
    history = scattered(LINE, 60, lambda params: (params["x"], 1.0) if params["x"] < 0.5 else ())
    assert np.mean([params["x"] < 0.6 for params in children(history)]) > 0.9


def test_a_child_takes_a_branch_with_the_children_that_belong_to_it() -> None:
    kind = CategoricalParameter("kind", ("one", "other"))
    space = Space(
        [
            choice(kind),
            choice(FloatParameter("x", 0.0, 1.0), "kind", "one"),
            choice(FloatParameter("y", 0.0, 1.0), "kind", "other"),
        ]
    )
    ones = [told(i, {"kind": "one", "x": 0.2 + 1e-4 * i}, 0.01 * i, 1 - 0.01 * i) for i in range(10)]
    others = [told(10 + i, {"kind": "other", "y": 0.8 + 1e-4 * i}, 1 - 0.01 * i, 0.01 * i) for i in range(10)]
    found = children(History(space, TWO, [*ones, *others]), 60)
    assert {params["kind"] for params in found} == {"one", "other"}
    assert np.median([abs(params["x"] - 0.2) for params in found if "x" in params]) < 0.1
    assert np.median([abs(params["y"] - 0.8) for params in found if "y" in params]) < 0.1


def test_a_branch_that_no_parent_has_is_entered_anywhere() -> None:
    kind = CategoricalParameter("kind", ("one", "other"))
    space = Space([choice(kind), choice(FloatParameter("y", 0.0, 1.0), "kind", "other"), *LINE.declarations[:1]])
    history = History(space, TWO, [told(i, {"kind": "one", "x": i / 20}, i, -i) for i in range(20)])
    entered = [params["y"] for params in children(history, 100) if "y" in params]
    assert len(entered) > 5
    assert np.ptp(entered) > 0.5


def test_a_value_of_few_is_mutated_to_a_neighbour_and_an_unordered_one_to_any() -> None:
    kind = CategoricalParameter("kind", tuple("abcdefgh"))
    space = Space([choice(IntParameter("n", 1, 9)), choice(kind), *LINE.declarations[:1]])
    history = History(space, TWO, [told(i, {"n": 5, "kind": "d", "x": i / 20}, i, -i) for i in range(20)])
    found = children(history, 200)
    assert {4, 5, 6} <= {params["n"] for params in found}
    assert np.mean([abs(params["n"] - 5) for params in found]) < 1
    assert len({params["kind"] for params in found}) == 8


def test_the_population_can_be_set() -> None:
    history = scattered(LINE, 60, lambda params: (params["x"], params["x"]))
    few, many = (np.median([p["x"] for p in children(history, 40, NSGA2Sampler(population=n))]) for n in (2, 60))
    assert few < 0.05 < many
    with pytest.raises(ValueError, match="population"):
        NSGA2Sampler(population=1)


def test_one_of_equally_good_trials_is_enough() -> None:
    same = [told(i, {"x": 0.9, "y": 0.01 * i}, 0.0, 1.0) for i in range(20)]
    history = History(LINE, TWO, [*same, told(20, {"x": 0.1, "y": 0.5}, 1.0, 0.0)])
    assert np.mean([params["x"] < 0.5 for params in children(history)]) > 0.1

