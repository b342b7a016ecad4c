"""What every pruner must be. A new file in sweeprun/pruners is picked up by itself."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun import registry
from sweeprun.history import History
from sweeprun.objective import Goal
from sweeprun.pruners.base import Action, Pruner
from sweeprun.trials import Curve, Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]

numbers = st.floats(-10, 10) | st.sampled_from([math.inf, -math.inf, math.nan])
curves = st.lists(numbers, max_size=8)
states = st.sampled_from([TrialState.RUNNING, TrialState.PAUSED, TrialState.PRUNED, TrialState.COMPLETE])
crowds = st.lists(st.tuples(states, curves), max_size=10)


MAX = {"max": 81}
OPTIONS: Mapping[str, Mapping[str, Any]] = {"asha": MAX, "hyperband": MAX, "pbt": MAX, "pb2": MAX}  # what some need
POPULATIONS = [name for name in registry.names("sampler") if issubclass(registry.find("sampler", name), Pruner)]


@pytest.fixture(scope="module", params=[*registry.names("pruner"), *POPULATIONS])
def pruner(request: pytest.FixtureRequest) -> Pruner:
    kind: registry.Kind = "sampler" if request.param in POPULATIONS else "pruner"
    found: Pruner = registry.load(kind, request.param, OPTIONS.get(request.param, {}))
    return found


def flipped(trial: Trial) -> Trial:
    """The same trial of a sweep that maximises the negative."""
    values = {name: tuple(-value for value in column) for name, column in trial.curve.values.items()}
    return replace(trial, curve=Curve(trial.curve.steps, values))


def moment(
    crowd: list[tuple[TrialState, list[float]]], own: list[float], make_trial: MakeTrial
) -> tuple[list[Trial], Trial]:
    """The others, and the running trial that is asked about; it is the last."""
    trials = [make_trial(i, values, state=state) for i, (state, values) in enumerate(crowd)]
    trial = make_trial(len(trials), own, state=TrialState.RUNNING)
    return [*trials, trial], trial


@given(crowd=crowds, own=curves)
def test_the_same_question_has_one_answer_and_changes_nothing(
    pruner: Pruner,
    make_trial: MakeTrial,
    make_history: MakeHistory,
    crowd: list[tuple[TrialState, list[float]]],
    own: list[float],
) -> None:
    trials, trial = moment(crowd, own, make_trial)
    history, before = make_history(trials), repr(copy.deepcopy(trials))
    first = pruner.verdict(trial, history)
    assert pruner.verdict(trial, history) == first == pruner.verdict(trial, make_history(trials))
    assert repr(list(history.trials)) == before
    assert first.reason
    assert "\n" not in first.reason


@given(crowd=crowds, own=curves)
def test_maximising_is_minimising_the_negative(
    pruner: Pruner,
    make_trial: MakeTrial,
    make_history: MakeHistory,
    crowd: list[tuple[TrialState, list[float]]],
    own: list[float],
) -> None:
    trials, trial = moment(crowd, own, make_trial)
    lower = pruner.verdict(trial, make_history(trials))
    higher = pruner.verdict(flipped(trial), make_history([flipped(each) for each in trials], goal="maximize"))
    assert lower.action is higher.action


@given(crowd=crowds, own=curves, random=st.randoms(use_true_random=False))
def test_the_order_of_the_others_does_not_matter(
    pruner: Pruner,
    make_trial: MakeTrial,
    make_history: MakeHistory,
    crowd: list[tuple[TrialState, list[float]]],
    own: list[float],
    random: object,
) -> None:
    trials, trial = moment(crowd, own, make_trial)
    mixed = list(crowd)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    others, _ = moment(mixed, own, make_trial)
    assert pruner.verdict(trial, make_history(trials)) == pruner.verdict(trial, make_history(others))


@given(crowd=crowds, own=curves)
def test_a_trial_that_is_not_in_the_history_yet_is_judged_alike(
    pruner: Pruner,
    make_trial: MakeTrial,
    make_history: MakeHistory,
    crowd: list[tuple[TrialState, list[float]]],
    own: list[float],
) -> None:
    trials, trial = moment(crowd, own, make_trial)
    stale = [*trials[:-1], make_trial(trial.number, own[:1], state=TrialState.RUNNING)]
    expected = pruner.verdict(trial, make_history(trials))
    assert pruner.verdict(trial, make_history(trials[:-1])) == expected == pruner.verdict(trial, make_history(stale))


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_the_only_trial_of_a_sweep_goes_on(
    pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory, goal: Goal
) -> None:
    for values in ([], [1.0], [3.0, 2.0, 1.0], [math.inf]):
        trial = make_trial(0, values, state=TrialState.RUNNING)
        assert pruner.verdict(trial, make_history([], goal=goal)).action is Action.CONTINUE


def test_nobody_is_stopped_where_all_are_equal(
    pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    trials = [make_trial(i, [1.0] * 9, state=TrialState.RUNNING) for i in range(12)]
    assert {pruner.verdict(trial, make_history(trials)).action for trial in trials} == {Action.CONTINUE}


def test_failed_and_waiting_others_are_no_evidence(
    pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    others = [make_trial(i, [0.0] * 9, state=[TrialState.FAILED, TrialState.WAITING][i % 2]) for i in range(12)]
    trial = make_trial(12, [1.0] * 9, state=TrialState.RUNNING)
    assert pruner.verdict(trial, make_history(others)).action is Action.CONTINUE
