"""CMA-ES: what it promises beyond the conformance suite."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
import pytest

from sweeprun.errors import SpaceError, SweeprunError
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.cmaes import CMAESSampler
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
from sweeprun.trials import Failure, FailureClass, Params, Trial, TrialState

Loss = Callable[[Params], float]


def space_of(*parameters: Parameter) -> Space:
    return Space([Choice(each.name, ALWAYS, each) for each in parameters])


def box(d: int, high: float = 1.0) -> Space:
    return space_of(*(FloatParameter(f"x{i}", 0.0, high) for i in range(d)))


def ended(number: int, params: Params, loss: float, **rest: object) -> Trial:
    """Complete with this loss; failed where it is NaN."""
    notes = rest.get("notes", {})
    if math.isnan(loss):
        failure = Failure(FailureClass.OOM, "")
        return Trial(number, str(number), TrialState.FAILED, params=params, failure=failure, notes=notes)
    return Trial(number, str(number), TrialState.COMPLETE, params=params, values={"loss": loss}, notes=notes)


def ask(history: History, seed: int = 0, sampler: Sampler | None = None) -> Trial:
    """The next trial, as it begins to run."""
    found = (sampler or CMAESSampler()).suggest(history, np.random.default_rng([seed, history.number]))
    assert found is not None
    number = history.number
    return Trial(number, str(number), TrialState.RUNNING, params=found.params, notes=found.notes)


def history_of(space: Space, trials: list[Trial] | None = None) -> History:
    return History(space, [Objective("loss")], trials or [])


def run(space: Space, loss: Loss, n: int, n_workers: int = 1, seed: int = 0, sampler: Sampler | None = None) -> History:
    """A sweep of workers that all run one trial each; the newest of them ends first, the others go on."""
    history = history_of(space)
    while history.number < n:
        trials = [*history.trials, ask(history, seed, sampler)]
        running = [trial for trial in trials if trial.state is TrialState.RUNNING]
        if len(running) == n_workers:
            last = running[-1] if len(trials) % n_workers else running[0]
            trials[last.number] = ended(last.number, last.params, loss(last.params), notes=last.notes)
        history = history.advance(trials)
    return history


def lowest(history: History) -> float:
    return min(trial.values.get("loss", math.inf) for trial in history.trials)


def valley(params: Params) -> float:
    """Narrow and not along any axis."""
    x = np.array(list(params.values())) - 0.4
    return float(np.sum(x) ** 2 * 100 + np.sum(x**2))


# --- finding


def test_it_goes_down_a_valley_that_lies_across_the_axes() -> None:
    assert lowest(run(box(4), valley, 200)) < 0.2 * lowest(run(box(4), valley, 200, sampler=RandomSampler()))


def test_integers_are_found_beside_floats() -> None:
    space = space_of(IntParameter("n", 1, 40), IntParameter("units", 8, 512, log=True), FloatParameter("x", 0.0, 1.0))

    def loss(params: Params) -> float:
        return abs(params["n"] - 31) + abs(math.log(params["units"] / 100)) + abs(params["x"] - 0.7)

    best = min(run(space, loss, 150).trials, key=lambda trial: trial.values.get("loss", math.inf))
    assert best.params["n"] == 31
    assert abs(best.params["units"] - 100) <= 5
    assert abs(best.params["x"] - 0.7) < 0.05


def test_where_it_has_converged_it_begins_again_elsewhere() -> None:
    history = run(box(1), lambda params: abs(params["x0"] - 0.3), 150)
    late = [trial.params["x0"] for trial in history.trials[100:]]
    assert lowest(history) < 1e-4
    assert np.ptp(late) > 0.3


def test_a_region_that_fails_is_left() -> None:
    history = run(box(2), lambda params: math.nan if params["x0"] > 0.5 else valley(params), 80)
    assert np.mean([trial.params["x0"] > 0.5 for trial in history.trials[40:]]) < 0.2


# --- what it is told


def test_a_population_is_told_once_in_the_order_of_the_notes() -> None:
    history = run(box(3), valley, 60)
    told = [number for trial in history.trials for number in trial.notes.get("told", ())]
    assert len(told) == len(set(told)) == 56  # eight times seven
    assert all(len(trial.notes.get("told", range(7))) == 7 for trial in history.trials)


def test_nobody_waits_and_no_result_is_lost_where_trials_end_in_another_order() -> None:
    history = run(box(3), valley, 80, n_workers=5)
    told = [number for trial in history.trials for number in trial.notes.get("told", ())]
    n_ended = sum(trial.state.final for trial in history.trials)
    assert len(told) == len(set(told)) > n_ended - 14
    assert told != sorted(told)
    assert lowest(history) < lowest(run(box(3), valley, 80, sampler=RandomSampler()))


def test_a_late_result_does_not_change_what_was_told_before() -> None:
    history = history_of(box(3))
    trials = [ask(history)]
    for number in range(1, 8):
        history = history.advance(trials)
        trials.append(ask(history))
        trials[number] = ended(number, trials[number].params, float(number), notes=trials[number].notes)
    history = history.advance(trials)
    first = ask(history)
    assert first.notes["told"] == [1, 2, 3, 4, 5, 6, 7]
    trials = [ended(0, trials[0].params, -1.0), *trials[1:], first]
    late = ask(history.advance(trials))
    earlier = ask(history.advance([ended(0, trials[0].params, math.nan), *trials[1:]]))
    assert "told" not in late.notes
    assert late.params == earlier.params


def test_trials_that_others_suggested_inform_it() -> None:
    rng = np.random.default_rng(3)
    given = [ended(i, {f"x{k}": float(rng.uniform(0.7, 0.9)) for k in range(3)}, 1.0) for i in range(14)]
    drawn = [ask(history_of(box(3), given), seed).params for seed in range(20)]
    assert np.mean([list(params.values()) for params in drawn]) > 0.65


def test_trials_of_a_narrower_space_still_inform_a_widened_one() -> None:
    narrow = run(box(2), lambda params: abs(params["x0"] - 0.4) + abs(params["x1"] - 0.4), 60)
    drawn = [ask(history_of(box(2, high=2.0), list(narrow.trials)), seed).params for seed in range(20)]
    assert np.median([abs(value - 0.4) for params in drawn for value in params.values()]) < 0.1


def test_running_trials_are_not_told() -> None:
    running = [Trial(i, str(i), TrialState.RUNNING, params={"x0": 0.9, "x1": 0.9}) for i in range(20)]
    assert "told" not in ask(history_of(box(2), running)).notes


# --- what it refuses


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (space_of(CategoricalParameter("kind", ("a", "b", "c"))), "kind"),
        (
            Space(
                [
                    Choice("amp", ALWAYS, CategoricalParameter("amp", (True, False))),
                    Choice("scale", Condition((OneOf.of("amp", [True]),)), FloatParameter("scale", 0.0, 1.0)),
                ]
            ),
            "scale",
        ),
    ],
)
def test_what_is_no_number_is_refused_by_name(space: Space, name: str) -> None:
    with pytest.raises(SpaceError, match=name) as raised:
        ask(history_of(space))
    assert "algorithm: tpe" in str(raised.value.hint)


def test_two_values_and_ordered_ones_are_numbers() -> None:
    space = space_of(CategoricalParameter("amp", (True, False)), CategoricalParameter("n", (16, 64, 256), ordered=True))
    assert len({space.key(trial.params) for trial in run(space, lambda params: params["n"], 6).trials}) == 6


def test_without_the_package_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(SweeprunError, match="package cmaes") as raised:
        ask(history_of(box(2)))
    assert "pip install 'sweeprun[cmaes]'" in str(raised.value.hint)
