"""Random search: what it promises beyond the conformance suite."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sweeprun.expressions import Expression
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers.random import RandomSampler
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
from sweeprun.trials import Json, Params, Trial, TrialState


def gated(gate: Parameter, value: Json, constraints: tuple[str, ...] = ()) -> Space:
    """`child` is active where `gate` has this value."""
    child = Choice("child", Condition((OneOf.of(gate.name, [value]),)), FloatParameter("child", 0.0, 1.0))
    return Space([Choice(gate.name, ALWAYS, gate), child], map(Expression.parse, constraints))


def draws(space: Space, n: int, seed: int = 0, first: tuple[Params, ...] = ()) -> list[Params]:
    trials = [Trial(i, str(i), TrialState.WAITING, params=params) for i, params in enumerate(first)]
    while len(trials) < n + len(first):
        found = RandomSampler().suggest(
            History(space, [Objective("loss", "minimize")], trials), np.random.default_rng([seed, len(trials)])
        )
        assert found is not None
        trials.append(Trial(len(trials), str(len(trials)), TrialState.RUNNING, params=found.params))
    return [trial.params for trial in trials[len(first) :]]


@pytest.mark.parametrize(
    "gate", [CategoricalParameter("gate", ("a", "b", "c")), IntParameter("gate", 1, 3)], ids=["categorical", "integer"]
)
def test_branches_are_drawn_equally_often_to_within_one(gate: Parameter) -> None:
    counts = Counter(params["gate"] for params in draws(gated(gate, next(iter(gate.values()))), 31))
    assert sorted(counts.values()) == [10, 10, 11]


def test_a_branch_that_came_first_by_hand_waits_for_the_others() -> None:
    space = gated(CategoricalParameter("gate", ("a", "b")), "a")
    found = draws(space, 3, first=({"gate": "b"},) * 3)
    assert [params["gate"] for params in found] == ["a", "a", "a"]


def test_weighted_branches_get_their_share() -> None:
    space = gated(CategoricalParameter("gate", ("a", "b", "c"), weights=(6.0, 3.0, 1.0)), "a")
    assert Counter(params["gate"] for params in draws(space, 100)) == {"a": 60, "b": 30, "c": 10}


def test_which_branch_begins_is_drawn() -> None:
    space = gated(CategoricalParameter("gate", ("a", "b", "c")), "a")
    assert {draws(space, 1, seed)[0]["gate"] for seed in range(20)} == {"a", "b", "c"}


def test_an_inner_gate_is_evened_out_among_the_trials_that_reach_it() -> None:
    outer, inner = CategoricalParameter("outer", ("a", "b")), CategoricalParameter("inner", (1, 2))
    reached = Condition((OneOf.of("outer", ["a"]),))
    space = Space(
        [
            Choice("outer", ALWAYS, outer),
            Choice("inner", reached, inner),
            Choice("child", Condition((OneOf.of("inner", [1]),)), FloatParameter("child", 0.0, 1.0)),
        ]
    )
    counts = Counter(params.get("inner") for params in draws(space, 40))
    assert counts == {None: 20, 1: 10, 2: 10}


def test_a_logarithmic_gate_keeps_its_distribution() -> None:
    space = gated(IntParameter("gate", 1, 64, log=True), 1)
    ones = sum(params["gate"] == 1 for params in draws(space, 80))
    assert 10 <= ones <= 30  # log(1.5 / 0.5) / log(64.5 / 0.5) = 0.226 of them, where evened out it were 1 in 64


def test_values_that_gate_nothing_are_independent() -> None:
    space = Space([Choice("x", ALWAYS, FloatParameter("x", 0.0, 1.0)), Choice("n", ALWAYS, IntParameter("n", 0, 1))])
    found = draws(space, 60)
    halves = [tuple(sorted((first["n"], second["n"]))) for first, second in zip(found[::2], found[1::2], strict=True)]
    assert (0, 0) in halves  # which draws without replacement would rule out


def test_a_branch_that_constraints_rule_out_does_not_stop_the_search() -> None:
    space = gated(CategoricalParameter("gate", ("a", "b")), "a", ("gate != 'a'",))
    assert {params["gate"] for params in draws(space, 5)} == {"b"}
