"""The trials of a sweep as numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.history import History, LossCurve
from sweeprun.objective import Objective
from sweeprun.space import ALWAYS, CategoricalParameter, Choice, Condition, FloatParameter, OneOf, Space
from sweeprun.trials import Curve, Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]

LOSS, ACCURACY = Objective("loss", "minimize"), Objective("acc", "maximize")
OTHER = 99  # the number of a trial that is not in the history

TREE = Space(
    [
        Choice("optimizer", ALWAYS, CategoricalParameter("optimizer", ("sgd", "adam"))),
        Choice(
            "momentum",
            Condition((OneOf.of("optimizer", ["sgd"]),)),
            FloatParameter("momentum", 0.0, 0.9, step=0.3),
        ),
    ]
)


def levels(history: History, trial: Trial, step: int, best: bool = True, metric: Objective = LOSS) -> list[float]:
    return history.others(trial, metric, step, best).tolist()


# --- signs


def test_a_maximised_metric_is_a_negated_loss_and_comes_back_as_it_was() -> None:
    assert ACCURACY.loss(0.8) == -0.8
    assert ACCURACY.value(ACCURACY.loss(0.8)) == 0.8
    assert LOSS.value(LOSS.loss(0.8)) == 0.8


def test_the_loss_of_a_trial_is_that_of_the_first_objective(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    trial = make_trial(0, [0.5, 0.4])
    assert make_history([trial]).loss(trial) == 0.4
    assert make_history([trial], goal="maximize").loss(trial) == -0.4


def test_a_trial_without_a_value_has_no_loss(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    assert math.isnan(make_history().loss(make_trial(0)))


def test_a_metric_takes_its_direction_from_the_objective_of_that_name(make_history: MakeHistory) -> None:
    history = make_history(goal="maximize")
    assert history.metric() == Objective("loss", "maximize")
    assert history.metric("loss") == Objective("loss", "maximize")
    assert history.metric("loss", "minimize") == Objective("loss", "minimize")


def test_a_metric_that_is_no_objective_is_minimised_unless_said_otherwise(make_history: MakeHistory) -> None:
    history = make_history(goal="maximize")
    assert history.metric("other") == Objective("other", "minimize")
    assert history.metric("other", "maximize") == Objective("other", "maximize")


# --- configurations


def test_every_trial_counts_among_the_configurations_whatever_became_of_it(make_trial: MakeTrial) -> None:
    trials = [
        make_trial(i, state=state, params={"optimizer": "sgd", "momentum": i * 3 / 10})
        for i, state in enumerate([TrialState.WAITING, TrialState.RUNNING, TrialState.FAILED, TrialState.COMPLETE])
    ]
    history = History(TREE, [LOSS], trials)
    assert len(history.keys) == 4
    assert history.n_tried == 4
    assert history.number == 4


def test_repeats_of_a_configuration_count_once(make_trial: MakeTrial) -> None:
    history = History(TREE, [LOSS], [make_trial(i, params={"optimizer": "adam"}) for i in range(3)])
    assert history.n_tried == len(history.keys) == 1
    assert history.number == 3


def test_a_trial_outside_an_edited_space_is_known_but_not_of_the_space(make_trial: MakeTrial) -> None:
    gone = make_trial(0, params={"optimizer": "rmsprop"})
    history = History(TREE, [LOSS], [gone, make_trial(1, params={"optimizer": "adam"})])
    assert len(history.keys) == 2
    assert history.n_tried == 1
    assert len(history.points[0]) == 1
    assert history.inside == history.trials[1:]


def test_a_value_off_the_grid_exhausts_no_grid(make_trial: MakeTrial) -> None:
    almost = make_trial(0, params={"optimizer": "sgd", "momentum": 0.3 + 1e-13})
    assert TREE.encode(almost.params) is not None
    assert History(TREE, [LOSS], [almost]).n_tried == 0


def test_an_unreadable_trial_has_a_number_and_no_configuration(make_trial: MakeTrial) -> None:
    history = History(TREE, [LOSS], [make_trial(0, state=TrialState.FAILED)._replace(damaged=True)])
    assert history.number == 1
    assert history.keys == {}


def test_points_say_where_each_trial_is_and_which_coordinates_are_active(make_trial: MakeTrial) -> None:
    rows = [{"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "adam"}]
    U, active = History(TREE, [LOSS], [make_trial(i, params=row) for i, row in enumerate(rows)]).points
    assert U.tolist() == [[0.25, 0.875], [0.75, 0.5]]
    assert active.tolist() == [[True, True], [True, False]]


def test_points_of_an_empty_history_have_the_shape_of_the_space() -> None:
    U, active = History(TREE, [LOSS], []).points
    assert U.shape == active.shape == (0, 2)


# --- curves


def test_a_curve_leaves_out_steps_without_a_number(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    curve = make_history().curve(make_trial(0, [3.0, math.nan, 1.0, 2.0], steps=[1, 2, 4, 8]), LOSS)
    assert curve.steps.tolist() == [1, 4, 8]
    assert curve.losses.tolist() == [3.0, 1.0, 2.0]
    assert curve.best.tolist() == [3.0, 1.0, 1.0]


def test_a_curve_is_read_at_the_last_report_at_or_before_a_step(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    curve = make_history().curve(make_trial(0, [3.0, 1.0, 2.0], steps=[2, 4, 8]), LOSS)
    assert [curve.at(step, best=False) for step in (1, 2, 3, 4, 8, 99)] == [None, 3.0, 3.0, 1.0, 2.0, 2.0]
    assert [curve.at(step, best=True) for step in (1, 2, 3, 4, 8, 99)] == [None, 3.0, 3.0, 1.0, 1.0, 1.0]


def test_the_best_of_a_maximised_metric_is_its_highest(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    curve = make_history().curve(make_trial(0, [0.1, 0.7, 0.4], metric="acc"), ACCURACY)
    assert curve.best.tolist() == [-0.1, -0.7, -0.7]


def test_a_metric_that_was_never_reported_has_an_empty_curve(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    curve = make_history().curve(make_trial(0, [1.0]), ACCURACY)
    assert len(curve.steps) == len(curve.losses) == len(curve.best) == 0
    assert not curve.diverged


def test_a_last_report_of_nan_is_divergence_and_an_earlier_one_is_not(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    assert make_history().curve(make_trial(0, [1.0, math.nan]), LOSS).diverged
    assert not make_history().curve(make_trial(0, [math.nan, 1.0]), LOSS).diverged


def test_a_step_that_only_another_metric_has_is_no_divergence(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    curve = Curve((1, 2), {"loss": (1.0, math.nan), "acc": (0.1, 0.2)})
    assert not make_history().curve(make_trial(0)._replace(curve=curve), LOSS).diverged


# --- the others at a step


def test_others_are_all_but_the_trial_itself_in_ascending_order(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    trials = [make_trial(i, [value]) for i, value in enumerate([3.0, 1.0, 2.0])]
    assert levels(make_history(trials), trials[0], 1) == [1.0, 2.0]
    assert levels(make_history(trials), make_trial(OTHER), 1) == [1.0, 2.0, 3.0]


def test_running_paused_pruned_and_complete_trials_are_others_and_no_more(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    trials = [make_trial(i, [float(i)], state=state) for i, state in enumerate(TrialState)]
    evidence = {TrialState.RUNNING, TrialState.PAUSED, TrialState.PRUNED, TrialState.COMPLETE}
    expected = [float(trial.number) for trial in trials if trial.state in evidence]
    assert levels(make_history(trials), make_trial(OTHER), 1) == expected


def test_a_running_trial_is_another_once_it_has_come_as_far(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    running = make_trial(0, [5.0, 4.0], steps=[1, 3], state=TrialState.RUNNING)
    history = make_history([running])
    assert [levels(history, make_trial(OTHER), step) for step in (1, 2, 3, 4)] == [[5.0], [5.0], [4.0], []]


def test_a_trial_that_ended_counts_with_its_last_report_for_ever(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    pruned = make_trial(0, [5.0, 4.0], state=TrialState.PRUNED)
    assert levels(make_history([pruned]), make_trial(OTHER), 50) == [4.0]


def test_values_at_a_step_are_compared_when_that_is_asked_for(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    history = make_history([make_trial(0, [1.0, 9.0])])
    assert levels(history, make_trial(OTHER), 2, best=True) == [1.0]
    assert levels(history, make_trial(OTHER), 2, best=False) == [9.0]


# --- from one moment to the next

moves = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from([TrialState.RUNNING, TrialState.PAUSED, TrialState.COMPLETE, TrialState.PRUNED]),
        st.lists(st.floats(-5, 5), max_size=5),
    ),
    max_size=12,
)


@given(moves=moves, asked=st.integers(0, 7), step=st.integers(1, 6), best=st.booleans())
def test_a_history_that_was_advanced_answers_as_a_new_one(
    moves: list[tuple[int, TrialState, list[float]]],
    asked: int,
    step: int,
    best: bool,
    make_trial: MakeTrial,
    make_history: MakeHistory,
) -> None:
    trials = [make_trial(i, state=TrialState.RUNNING, params={"x": i / 8}) for i in range(8)]
    history = make_history(trials)
    for number, state, values in moves:
        levels(history, trials[asked], step, best)
        before = history, list(trials), levels(history, trials[asked], step, best)
        trials[number] = make_trial(number, values, state=state, params=trials[number].params)
        history = history.advance(trials)
        assert levels(history, trials[asked], step, best) == levels(make_history(trials), trials[asked], step, best)
        assert levels(before[0], before[1][asked], step, best) == before[2]
    assert history.keys == make_history(trials).keys


def test_what_did_not_change_is_not_computed_again(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    old = make_trial(0, [1.0, 2.0], params={"x": 0.5})
    history = make_history([old])
    curve, U = history.curve(old, LOSS), history.points[0]
    following = history.advance([old._replace(n=2), make_trial(1, params={"x": 0.25})])
    assert following.curve(following.trials[0], LOSS) is curve
    assert following.points[0].tolist() == [[U[0, 0]], [0.25]]


def test_a_step_reported_again_replaces_what_was_remembered(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    history = make_history([make_trial(0, [2.0], state=TrialState.RUNNING)])
    assert levels(history, make_trial(OTHER), 1) == [2.0]
    assert levels(history.advance([make_trial(0, [3.0], state=TrialState.RUNNING)]), make_trial(OTHER), 1) == [3.0]


def test_the_histories_input_is_copied(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    trials = [make_trial(0)]
    history = make_history(trials)
    trials.append(make_trial(1))
    assert history.number == 1


def test_a_verdict_costs_what_changed_and_not_the_whole_sweep(
    make_trial: MakeTrial, make_history: MakeHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [make_trial(i, [float(i % 7), 1.0]) for i in range(300)]
    history = make_history(trials)
    levels(history, make_trial(OTHER), 2)
    looked_at: list[int] = []
    at = LossCurve.at
    monkeypatch.setattr(LossCurve, "at", lambda *args: looked_at.append(1) or at(*args))
    following = history.advance([*trials, make_trial(300, [4.0, 4.0]), make_trial(301, state=TrialState.RUNNING)])
    assert len(levels(following, following.trials[301], 2)) == 301
    assert len(looked_at) == 1
