"""Tree-structured Parzen estimators: what they promise beyond the conformance suite."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from sweeprun.expressions import Expression
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.samplers.tpe import TPESampler
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
from sweeprun.trials import Curve, Failure, FailureClass, Params, Trial, TrialState

Loss = Callable[[Params], float]


def choice(parameter: Parameter, *gate: object) -> Choice:
    """Active where the first of `gate`, a name, has one of the values behind it."""
    when = Condition((OneOf.of(str(gate[0]), list(gate[1:])),)) if gate else ALWAYS
    return Choice(parameter.name, when, parameter)


def box(*names: str, high: float = 1.0, constraints: tuple[str, ...] = ()) -> Space:
    return Space([choice(FloatParameter(name, 0.0, high)) for name in names], map(Expression.parse, constraints))


def trial(number: int, params: Params, loss: float | None = None, state: TrialState | None = None) -> Trial:
    """Complete with this loss, failed where it is NaN, running without one."""
    if loss is None:
        return Trial(number, str(number), state or TrialState.RUNNING, params=params)
    if math.isnan(loss):
        failure = Failure(FailureClass.OOM, "")
        return Trial(number, str(number), TrialState.FAILED, params=params, failure=failure)
    curve = Curve((1,), {"loss": (loss,)})
    state = state or TrialState.COMPLETE
    return Trial(number, str(number), state, params=params, values={"loss": loss}, curve=curve, last_step=1)


def next_params(history: History, sampler: Sampler, seed: int = 0) -> Params:
    found = sampler.suggest(history, np.random.default_rng([seed, history.number]))
    assert found is not None
    return found.params


def run(space: Space, loss: Loss, n: int, seed: int = 0, sampler: Sampler | None = None) -> list[Trial]:
    history = History(space, [Objective("loss")], [])
    while history.number < n:
        params = next_params(history, sampler or TPESampler(), seed)
        history = history.advance([*history.trials, trial(history.number, params, loss(params))])
    return list(history.trials)


def lowest(trials: list[Trial]) -> float:
    return min(trial.values.get("loss", math.inf) for trial in trials)


def bowl(params: Params) -> float:
    return float((params["x"] - 0.3) ** 2 + (params["y"] - 0.8) ** 2)


def scattered(space: Space, n: int, loss: Loss, seed: int = 0) -> History:
    """Random trials that have been told."""
    rng = np.random.default_rng(seed)
    trials = [trial(i, params := space.sample(rng), loss(params)) for i in range(n)]
    return History(space, [Objective("loss")], trials)


def suggested(history: History, n: int = 20) -> list[Params]:
    """What different generators make of the same history."""
    return [next_params(history, TPESampler(), seed) for seed in range(n)]


# --- finding


def test_it_finds_the_minimum_of_a_bowl_closer_than_random_search_on_nearly_every_seed() -> None:
    space = box("x", "y")
    wins = sum(
        lowest(run(space, bowl, 40, seed)) < lowest(run(space, bowl, 40, seed, RandomSampler())) for seed in range(12)
    )
    assert wins >= 10


def test_it_finds_the_rare_branch_that_is_good_and_stays_in_it() -> None:
    kind = CategoricalParameter("kind", tuple("abcdef"))
    space = Space([choice(kind), choice(FloatParameter("x", 0.0, 1.0), "kind", "f")])

    def loss(params: Params) -> float:
        return (params["x"] - 0.2) ** 2 if params["kind"] == "f" else 1.0 + "abcde".index(params["kind"])

    for seed in range(3):
        trials = run(space, loss, 40, seed)
        assert lowest(trials) < 1e-3
        assert sum(each.params["kind"] == "f" for each in trials[20:]) >= 15


def test_a_branch_learns_from_its_own_trials_even_where_another_is_better() -> None:
    space = Space(
        [
            choice(CategoricalParameter("kind", ("good", "poor"))),
            choice(FloatParameter("x", 0.0, 1.0), "kind", "good"),
            choice(FloatParameter("y", 0.0, 1.0), "kind", "poor"),
        ]
    )

    def loss(params: Params) -> float:
        return (params["x"] - 0.5) ** 2 if params["kind"] == "good" else 5 + (params["y"] - 0.1) ** 2

    history, sampler = scattered(space, 60, loss), TPESampler(candidates=1)  # so that the branches do not compete
    drawn = [next_params(history, sampler, seed) for seed in range(60)]
    poor = [params["y"] for params in drawn if params["kind"] == "poor"]
    assert poor
    assert np.median(poor) < 0.25


def test_neighbours_of_a_good_integer_are_tried_and_far_ones_are_not() -> None:
    space = Space([choice(IntParameter("n", 1, 1000, log=True)), choice(FloatParameter("x", 0.0, 1.0))])
    found = suggested(scattered(space, 80, lambda params: abs(math.log(params["n"] / 30))))
    assert np.median([abs(math.log(params["n"] / 30)) for params in found]) < 0.5


# --- what is bad


def test_a_region_that_fails_is_left() -> None:
    space = box("x", "y")
    trials = run(space, lambda params: math.nan if params["x"] > 0.4 else bowl(params), 60)
    assert np.mean([each.params["x"] > 0.4 for each in trials[:10]]) > 0.4
    assert np.mean([each.params["x"] > 0.4 for each in trials[20:]]) < 0.2


def test_failures_are_avoided_before_anything_has_succeeded() -> None:
    space = box("x")
    trials = [trial(i, {"x": 0.5 * i / 19}, math.nan) for i in range(20)]
    found = suggested(History(space, [Objective("loss")], trials))
    assert np.mean([params["x"] > 0.5 for params in found]) > 0.9


def test_two_numbers_among_failures_are_too_few_to_stay_with() -> None:
    space = box("x")
    told = [trial(0, {"x": 0.10}, 1.0), trial(1, {"x": 0.11}, 2.0)]
    failed = [trial(2 + i, {"x": 0.3 + 0.01 * i}, math.nan) for i in range(10)]
    found = suggested(History(space, [Objective("loss")], [*told, *failed]), 40)
    assert np.mean([params["x"] > 0.6 for params in found]) > 0.4


def test_a_trial_that_was_pruned_for_being_bad_is_bad() -> None:
    space = box("x")
    told = [trial(i, {"x": 0.05 * i}, float(i % 5)) for i in range(10)]
    pruned = [trial(10 + i, {"x": 0.5 + 0.025 * i}, 50.0, TrialState.PRUNED) for i in range(20)]
    found = suggested(History(space, [Objective("loss")], [*told, *pruned]))
    assert np.mean([params["x"] > 0.5 for params in found]) < 0.2


def test_a_trial_that_was_pruned_though_it_was_good_is_good() -> None:
    space = box("x")
    told = [trial(i, {"x": 0.03 * i}, 5.0 + i % 5) for i in range(15)]
    pruned = [trial(15 + i, {"x": 0.8 + 0.02 * i}, 0.1, TrialState.PRUNED) for i in range(5)]
    found = suggested(History(space, [Objective("loss")], [*told, *pruned]))
    assert np.mean([params["x"] > 0.7 for params in found]) > 0.5


def test_it_stays_close_to_good_trials_unless_only_their_first_steps_are_known() -> None:
    space = box("x")
    spread = {}
    for state in (TrialState.COMPLETE, TrialState.PAUSED):
        told = [trial(i, {"x": 0.025 * i}, abs(0.025 * i - 0.3), state) for i in range(40)]
        found = suggested(History(space, [Objective("loss")], told))
        spread[state] = np.mean([abs(params["x"] - 0.3) for params in found])
    assert spread[TrialState.COMPLETE] < 0.05
    assert spread[TrialState.PAUSED] > 0.15


# --- several objectives and limits


def told_of_two(space: Space, n: int, limit: float | None = None) -> History:
    """Random trials. The loss falls towards x = 1, the cost towards x = 0; both are worse with y."""
    rng = np.random.default_rng(5)
    trials = [of_two(number, space.sample(rng)) for number in range(n)]
    return History(space, [Objective("loss"), Objective("cost", limit=limit)], trials)


def of_two(number: int, params: Params) -> Trial:
    values = {"loss": params["y"] - params["x"], "cost": params["y"] + params["x"]}
    return Trial(number, str(number), TrialState.COMPLETE, params=params, values=values)


def test_of_two_objectives_the_whole_front_is_gone_for() -> None:
    history = told_of_two(box("x", "y"), 20)
    while history.number < 60:
        history = history.advance([*history.trials, of_two(history.number, next_params(history, TPESampler()))])
    found = [each.params for each in history.trials[20:]]
    assert np.median([params["y"] for params in found]) < 0.1
    assert {int(params["x"] * 3) for params in found} == {0, 1, 2}


def test_what_breaks_a_limit_is_bad_however_low_its_loss() -> None:
    history = told_of_two(box("x", "y"), 80, limit=0.5)
    assert np.mean([params["x"] + params["y"] < 0.55 for params in suggested(history, 40)]) > 0.8


def test_where_all_break_a_limit_it_goes_towards_what_would_not() -> None:
    history = told_of_two(box("x", "y"), 80, limit=-1.0)
    assert np.median([params["x"] + params["y"] for params in suggested(history, 40)]) < 0.35


# --- several at once


def test_eight_asks_without_a_tell_are_spread() -> None:
    history = scattered(box("x"), 30, lambda params: abs(params["x"] - 0.5))
    for number in range(30, 38):
        history = history.advance([*history.trials, trial(number, next_params(history, TPESampler()))])
    asked = sorted(each.params["x"] for each in history.trials[30:])
    assert min(b - a for a, b in pairwise(asked)) > 1e-3
    assert asked[-1] - asked[0] > 0.1


def test_where_all_run_and_none_has_told_anything_new_ones_keep_away() -> None:
    space = box("x")
    running = [trial(i, {"x": 0.3 + 0.01 * i}) for i in range(20)]
    found = suggested(History(space, [Objective("loss")], running))
    assert not any(0.29 < params["x"] < 0.5 for params in found)


# --- spaces


def test_the_startup_visits_every_branch_equally_often() -> None:
    kind = CategoricalParameter("kind", tuple("abcde"))
    space = Space([choice(kind), choice(FloatParameter("x", 0, 1), "kind", "a")])
    kinds = [each.params["kind"] for each in run(space, lambda params: 1.0, 10)]
    assert sorted(kinds) == sorted("abcde" * 2)


def test_a_range_of_a_hundred_million_integers_is_searched_as_a_continuum() -> None:
    space = Space([choice(IntParameter("n", 1, 10**8))])
    found = suggested(scattered(space, 40, lambda params: abs(params["n"] - 10**7)))
    assert np.median([abs(params["n"] - 10**7) for params in found]) < 10**7


def test_constraints_are_respected_where_the_best_trials_are_at_their_border() -> None:
    space = box("x", "y", constraints=("x + y < 0.6",))
    trials = run(space, lambda params: -params["x"] - params["y"], 40)
    assert all(each.params["x"] + each.params["y"] < 0.6 for each in trials)
    assert lowest(trials) < -0.55


def test_trials_of_a_narrower_space_still_inform_a_widened_one() -> None:
    narrow = scattered(box("x", "y"), 40, bowl)
    widened = History(box("x", "y", high=2.0), narrow.objectives, narrow.trials)
    found = suggested(widened)
    assert np.mean([abs(params["x"] - 0.3) < 0.3 and abs(params["y"] - 0.8) < 0.3 for params in found]) > 0.5


def test_trials_outside_a_narrowed_space_inform_nothing() -> None:
    wide = scattered(box("x", "y", high=2.0), 60, lambda params: -params["x"])
    history = History(box("x", "y"), wide.objectives, wide.trials)
    inside = [each for each in wide.trials if each.params["x"] <= 1 and each.params["y"] <= 1]
    renumbered = [trial(i, each.params, each.values["loss"]) for i, each in enumerate(inside)]
    rng = np.random.default_rng
    alone = TPESampler().suggest(History(history.space, wide.objectives, renumbered), rng(1))
    assert TPESampler().suggest(history, rng(1)) == alone


def test_the_settings_are_checked() -> None:
    for wrong in ({"startup": 0}, {"candidates": 0}, {"gamma": 1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TPESampler.model_validate(wrong)


# --- earlier sweeps


def test_the_first_trials_go_where_an_earlier_sweep_was_good() -> None:
    earlier = scattered(box("x", "y"), 60, bowl)
    found = suggested(History(earlier.space, earlier.objectives, [], earlier=(earlier,)))
    assert np.mean([abs(params["x"] - 0.3) < 0.25 and abs(params["y"] - 0.8) < 0.25 for params in found]) > 0.7


def test_an_earlier_sweep_that_misleads_is_forgotten() -> None:
    own = scattered(box("x", "y"), 40, bowl, seed=1)
    misleading = scattered(box("x", "y"), 60, lambda params: -bowl(params))
    with_it = suggested(History(own.space, own.objectives, own.trials, earlier=(misleading,)))
    assert with_it == suggested(own)


def test_an_earlier_sweep_that_agrees_sharpens_what_few_trials_say() -> None:
    own, agreeing = scattered(box("x", "y"), 12, bowl, seed=1), scattered(box("x", "y"), 60, bowl)

    def distance(history: History) -> float:
        return float(np.median([math.dist((p["x"], p["y"]), (0.3, 0.8)) for p in suggested(history)]))

    assert distance(History(own.space, own.objectives, own.trials, earlier=(agreeing,))) < 0.7 * distance(own)
