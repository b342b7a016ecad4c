"""What every pruner must be. A new file in sweeprun/pruners is picked up by itself; `NEEDED` are the options without
which one does nothing here."""

from __future__ import annotations

import copy
import math
import random
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun import registry
from sweeprun.history import History
from sweeprun.objective import Goal
from sweeprun.pruners.base import Action, Promoter, Pruner, Verdict
from sweeprun.pruners.none import NonePruner
from sweeprun.trials import RETRY, Curve, Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]

NEEDED: dict[str, dict[str, object]] = {
    "patience": {"patience": 3},
    "threshold": {"behind": {"1": "50%", "3": 2.0, "6": "5%"}},
    "wilcoxon": {"p": 0.3, "startup": 2},
    "asha": {"max": 81},
    "hyperband": {"max": 81},
    "bohb": {"max": 81},
    "pbt": {"max": 81},
    "pb2": {"max": 81},
}

numbers = st.floats(-10, 10) | st.sampled_from([math.inf, -math.inf, math.nan])
curves = st.lists(numbers, max_size=8)
states = st.sampled_from([TrialState.RUNNING, TrialState.PAUSED, TrialState.PRUNED, TrialState.COMPLETE])
crowds = st.lists(st.tuples(states, curves), max_size=10)


POPULATIONS = [name for name in registry.names("sampler") if issubclass(registry.find("sampler", name), Pruner)]


@pytest.fixture(scope="module", params=[*registry.names("pruner"), *POPULATIONS])
def pruner(request: pytest.FixtureRequest) -> Pruner:
    kind: registry.Kind = "sampler" if request.param in POPULATIONS else "pruner"
    found: Pruner = registry.load(kind, request.param, NEEDED.get(request.param, {}))
    return found


def flipped(trial: Trial) -> Trial:
    """The same trial of a sweep that maximises the negative."""
    values = {name: tuple(-value for value in column) for name, column in trial.curve.values.items()}
    return trial._replace(curve=Curve(trial.curve.steps, values))


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
    one, other = (pruner.verdict(trial, make_history(each)) for each in (trials, others))
    assert one.action is other.action
    assert re.sub(r"trial \d+", "trial", one.reason) == re.sub(r"trial \d+", "trial", other.reason)


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


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.COMPLETE])
def test_nobody_is_stopped_where_all_get_better_alike(
    pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory, state: TrialState
) -> None:
    trials = [make_trial(i, range(9, 0, -1), state=state) for i in range(12)]
    assert {pruner.verdict(trial, make_history(trials)).action for trial in trials} == {Action.CONTINUE}


def test_failed_and_waiting_others_are_no_evidence(
    pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    others = [make_trial(i, [0.0] * 9, state=[TrialState.FAILED, TrialState.WAITING][i % 2]) for i in range(12)]
    trial = make_trial(12, range(9, 0, -1), state=TrialState.RUNNING)
    assert pruner.verdict(trial, make_history(others)).action is Action.CONTINUE


def test_nan_stops_at_once(pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory) -> None:
    trial = make_trial(0, [1.0, math.nan], state=TrialState.RUNNING)
    stopped = Verdict(Action.STOP, "loss is NaN at step 2")
    assert (pruner.verdict(trial, make_history()) == stopped) is not isinstance(pruner, NonePruner)


def test_a_report_without_the_metric_is_no_nan(
    pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    curve = Curve((1, 2), {"loss": (1.0, math.nan), "acc": (0.1, 0.2)})
    trial = make_trial(9, state=TrialState.RUNNING)._replace(curve=curve)
    assert pruner.verdict(trial, make_history()).action is Action.CONTINUE


@settings(max_examples=30)
@given(walk=st.randoms(use_true_random=False))
def test_what_was_kept_from_earlier_moments_changes_no_answer(
    pruner: Pruner, make_trial: MakeTrial, make_history: MakeHistory, walk: random.Random
) -> None:
    history = make_history([])
    for _ in range(40):
        trials = list(history.trials)
        number = walk.randrange(len(trials) + 1)
        losses = [walk.choice([1.0, 2.0, 3.0, 4.0, math.inf, math.nan]) for _ in range(walk.choice([2, 5, 6, 15]))]
        trial = make_trial(
            number,
            losses,
            state=walk.choice([*TrialState, *[TrialState.PAUSED] * 4]),
            until=walk.choice([5, 5, 5, 15, 81, None]),
            notes=walk.choice([{}, {"round": 0, "bracket": 1}, *[{"round": 0, "bracket": 0}] * 4]),
            damaged=walk.random() < 0.05,
        )
        if trials and walk.random() < 0.4:
            trial = trial._replace(origin=RETRY, parent=walk.randrange(len(trials)))
        trials[number : number + 1] = [trial]
        if walk.random() < 0.1:
            trials.pop()
        history = history.advance(trials)
        fresh, running = make_history(trials), trial._replace(state=TrialState.RUNNING)
        assert pruner.verdict(running, history) == pruner.verdict(running, fresh)
        if isinstance(pruner, Promoter):
            assert pruner.promotion(history) == pruner.promotion(fresh)
            assert pruner.start({}, history) == pruner.start({}, fresh)
