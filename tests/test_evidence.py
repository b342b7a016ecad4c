"""What models learn from: configurations, and losses that can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sweeprun.evidence import Evidence
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.space import ALWAYS, Choice, FloatParameter, Space
from sweeprun.trials import Curve, Failure, FailureClass, Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]
PRUNED, RUNNING, PAUSED = TrialState.PRUNED, TrialState.RUNNING, TrialState.PAUSED


@pytest.fixture
def losses(make_trial: MakeTrial, make_history: MakeHistory) -> Callable[..., list[float]]:
    """The losses of a sweep whose trials reported these curves, each with its state, at different points."""

    def of(*told: tuple[TrialState, list[float]], goal: str = "minimize") -> list[float]:
        trials = [make_trial(i, c, state=s, params={"x": i / len(told)}) for i, (s, c) in enumerate(told)]
        found: list[float] = Evidence.of(make_history(trials, goal=goal)).Y[:, 0].tolist()
        return found

    return of


def complete(*curve: float) -> tuple[TrialState, list[float]]:
    return TrialState.COMPLETE, list(curve)


def test_complete_trials_have_the_loss_of_their_value(losses: Callable[..., list[float]]) -> None:
    assert losses(complete(3, 2), complete(1, 5)) == [2, 5]
    assert losses(complete(3, 2), complete(1, 5), goal="maximize") == [-2, -5]


def test_a_failed_trial_and_one_without_a_number_are_infinitely_bad(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    failed = make_trial(0, [0.1], TrialState.FAILED, params={"x": 0.1}, failure=Failure(FailureClass.OOM, ""))
    nan = make_trial(1, [math.nan], params={"x": 0.2})
    assert Evidence.of(make_history([failed, nan])).Y[:, 0].tolist() == [math.inf, math.inf]


def test_a_trial_that_was_stopped_because_it_diverged_is_infinitely_bad(losses: Callable[..., list[float]]) -> None:
    assert losses(complete(2, 2), (PRUNED, [1, math.nan]))[1] == math.inf


@pytest.mark.parametrize("state", [TrialState.WAITING, RUNNING, PAUSED])
def test_a_trial_that_has_shown_nothing_yet_is_pending(losses: Callable[..., list[float]], state: TrialState) -> None:
    assert math.isnan(losses(complete(1), (state, []))[1])


def test_a_damaged_trial_is_at_its_place_and_says_nothing(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    damaged = make_trial(0, state=TrialState.FAILED, params={"x": 0.5})._replace(damaged=True)
    evidence = Evidence.of(make_history([damaged]))
    assert evidence.U.tolist() == [[0.5]]
    assert np.isnan(evidence.Y[:, 0]).all()


@pytest.mark.parametrize("state", [PRUNED, RUNNING, PAUSED])
def test_a_trial_that_came_less_far_is_as_good_as_it_was_among_the_others_there(
    losses: Callable[..., list[float]], state: TrialState
) -> None:
    finished = [complete(10 + i, i) for i in range(8)]
    found = losses(*finished, (state, [9.0]), (state, [13.5]), (state, [99.0]))
    assert found[8:10] == [-1, 3.5]  # 1 below the best there, and between two
    assert 7 < found[10] < 25  # far above the worst, but as far as it were all others would be the same


def test_a_complete_trial_does_not_outrank_a_better_one_that_was_pruned(losses: Callable[..., list[float]]) -> None:
    finished = [complete(10 + i, 10 + i) for i in range(8)]
    found = losses(*finished, (PRUNED, [10.5]))
    assert 10 < found[8] < 11


def test_where_few_have_finished_all_are_compared_at_the_step_that_enough_share(
    losses: Callable[..., list[float]],
) -> None:
    finished = complete(5, 4, 0.1)
    pruned = [(PRUNED, [float(i), 7.0]) for i in range(7)]
    assert losses(finished, *pruned) == [4, 0, 1, 2, 3, 4, 5, 6]


def test_early_losses_that_say_nothing_place_nobody(losses: Callable[..., list[float]]) -> None:
    """The better eight were at first, the worse they were in the end."""
    finished = [complete(1 + i, 80 - 10 * i) for i in range(8)]
    found = losses(*finished, (PAUSED, [1.0]), (PAUSED, [3.5]), (PAUSED, [99.0]), (PAUSED, [1e9]))
    assert found[8:] == [45, 45, 80, 80]  # but who is worse than all that went on was at best as good as the worst


def test_who_is_furthest_behind_is_placed_by_all_that_went_on(losses: Callable[..., list[float]]) -> None:
    """Eight came to the end, and the two at step 2 are placed by those; at step 1 that makes ten."""
    finished = [complete(30 + 2 * i, 20 + 2 * i, 10 + 2 * i) for i in range(8)]
    second = [(PAUSED, [31.0, 25.0]), (PAUSED, [37.0, 23.0])]  # who changed places
    third = [(PAUSED, [x]) for x in (30.0, 34.0, 38.0)]
    found = losses(*finished, *second, *third)
    assert found[8:10] == [15, 13]
    assert found[10] == 10
    assert 13 < found[11] < found[12] <= 18


def test_levels_of_who_is_far_from_all_others_leave_room_to_tell_the_others_apart(
    losses: Callable[..., list[float]],
) -> None:
    plateau = [complete(2.3025851 + 1e-7 * i, 1.0 + 0.1 * i) for i in range(8)]
    far = [(PAUSED, [1.9]), (PAUSED, [2.4]), (PAUSED, [1e6]), (PAUSED, [math.inf])]
    found = losses(*plateau, *far)
    assert found[:8] == [1.0 + 0.1 * i for i in range(8)]
    assert 0 < found[8] < 1.0
    assert 1.7 < found[9] <= found[10] <= found[11] < 4.0


def test_trials_that_were_stopped_at_thousands_of_steps_are_placed_at_a_hundred(
    losses: Callable[..., list[float]],
) -> None:
    finished = [complete(*[10.0 + i - step / 1000 for step in range(300)]) for i in range(8)]
    stopped = [(PRUNED, [10.5 - step / 1000 for step in range(n)]) for n in range(1, 300)]
    levels = losses(*finished, *stopped)[8:]
    assert all(9.7 < level < 10.7 for level in levels)


def test_without_a_common_step_a_shorter_trial_is_pending(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    late = [make_trial(i, [1.0], steps=[5], params={"x": i / 10}) for i in range(8)]
    early = make_trial(8, [0.5], RUNNING, steps=[2], params={"x": 0.9})
    assert math.isnan(Evidence.of(make_history([*late, early])).Y[:, 0][8])


def test_it_is_compared_with_those_that_had_reported_by_then(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    early = [make_trial(i, [10.0 + i, i], params={"x": i / 20}) for i in range(4)]
    late = [make_trial(i, [100.0], steps=[2], params={"x": i / 20}) for i in range(4, 8)]
    pruned = make_trial(8, [12.0], PRUNED, params={"x": 0.9})
    assert Evidence.of(make_history([*early, *late, pruned])).Y[:, 0][8] == 2


def test_what_counts_of_a_curve_is_the_best_of_it(losses: Callable[..., list[float]]) -> None:
    finished = [complete(10 + i, i) for i in range(8)]
    assert losses(*finished, (PRUNED, [12.0, 99.0]))[8] == losses(*finished, (PRUNED, [12.0, 12.0]))[8]


def test_repeats_of_a_configuration_are_one_with_the_mean_of_those_that_gave_a_number(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    trials = [make_trial(i, [loss], params={"x": 0.25}) for i, loss in enumerate([1.0, 3.0, math.nan])]
    evidence = Evidence.of(make_history([*trials, make_trial(3, [7.0], params={"x": 0.75})]))
    assert evidence.U.tolist() == [[0.25], [0.75]]
    assert evidence.Y[:, 0].tolist() == [2.0, 7.0]


def test_infinite_losses_are_the_best_and_the_worst(losses: Callable[..., list[float]]) -> None:
    assert losses(complete(-math.inf), complete(math.inf)) == [-math.inf, math.inf]


# --- several objectives


def several(trials: list[Trial], *objectives: Objective) -> Evidence:
    return Evidence.of(History(Space([Choice("x", ALWAYS, FloatParameter("x", 0.0, 1.0))]), objectives, trials))


LOSS, SPEED = Objective("loss"), Objective("speed", "maximize", limit=10.0)


def pair(number: int, curve: list[tuple[float, ...]], state: TrialState = TrialState.COMPLETE) -> Trial:
    """Reported loss and, in rows of two, speed; its values are those of the last row."""
    names = ("loss", "speed")
    columns = {name: tuple(row[i] if i < len(row) else math.nan for row in curve) for i, name in enumerate(names)}
    values = dict(zip(names, curve[-1], strict=False)) if curve else {}
    reported = Curve(tuple(range(1, len(curve) + 1)), columns)
    return Trial(number, str(number), state, params={"x": number / 100}, values=values, curve=reported)


def test_every_objective_has_a_column_of_losses_and_a_limit_in_losses() -> None:
    evidence = several([pair(0, [(1.0, 20.0)]), pair(1, [(2.0, 30.0)])], LOSS, SPEED)
    assert evidence.Y.tolist() == [[1, -20], [2, -30]]
    assert evidence.Y[:, 0].tolist() == [1, 2]
    assert evidence.limits.tolist() == [math.inf, -10]


def test_a_failed_trial_is_infinitely_bad_in_every_objective() -> None:
    evidence = several([pair(0, [(1.0, 20.0)], TrialState.FAILED)], LOSS, SPEED)
    assert evidence.Y.tolist() == [[math.inf, math.inf]]


def test_a_trial_that_came_less_far_is_placed_in_every_objective_by_its_own_curve() -> None:
    finished = [pair(i, [(10.0 + i, 50.0 - i), (float(i), 40.0 - 2 * i)]) for i in range(8)]
    evidence = several([*finished, pair(8, [(13.5, 45.5)], PRUNED)], LOSS, SPEED)
    assert evidence.Y[8].tolist() == [3.5, -31]


def test_a_complete_trial_without_a_number_for_an_objective_has_failed_in_it() -> None:
    evidence = several([pair(0, [(1.0,)]), pair(1, [(2.0, 30.0)])], LOSS, SPEED)
    assert evidence.Y.tolist() == [[1, math.inf], [2, -30]]
    assert evidence.merits.tolist() == [math.inf, 0]


@pytest.mark.parametrize("state", [PRUNED, RUNNING, PAUSED])
def test_a_trial_that_has_not_come_to_an_objective_is_compared_with_none(state: TrialState) -> None:
    finished = [pair(i, [(10.0 + i,), (float(i), 40.0 - i)]) for i in range(8)]
    evidence = several([*finished, pair(8, [(10.5,)], state)], LOSS, SPEED)
    assert evidence.Y[8, 0] == 0.5
    assert math.isnan(evidence.Y[8, 1])
    assert math.isnan(evidence.merits[8])


def test_the_merit_of_one_objective_without_limit_is_its_loss() -> None:
    evidence = several([pair(0, [(1.0,)]), pair(1, [(math.nan,)]), pair(2, [], RUNNING)], LOSS)
    assert evidence.merits.tolist()[:2] == [1, math.inf]
    assert math.isnan(evidence.merits[2])


def test_merits_order_feasible_fronts_before_what_breaks_a_limit() -> None:
    told = [(5.0, 20.0), (3.0, 15.0), (6.0, 14.0), (0.0, 9.0), (0.0, 5.0)]
    evidence = several([pair(i, [row]) for i, row in enumerate(told)], LOSS, SPEED)
    assert evidence.merits.tolist() == [0, 0, 1, 2, 3]


def test_repeats_are_one_configuration_in_every_objective() -> None:
    twice = [pair(i, [row])._replace(params={"x": 0.5}) for i, row in enumerate([(1.0, 20.0), (3.0, 30.0)])]
    assert several(twice, LOSS, SPEED).Y.tolist() == [[2, -25]]


# --- what there is


def test_a_trial_outside_the_space_is_left_out(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    outside, inside = make_trial(0, [0.0], params={"x": 7.0}), make_trial(1, [1.0], params={"x": 0.5})
    assert Evidence.of(make_history([outside, inside])).Y[:, 0].tolist() == [1.0]


def test_of_no_trials_it_is_empty_in_the_shape_of_the_space(make_history: MakeHistory) -> None:
    evidence = Evidence.of(make_history())
    assert evidence.U.shape == evidence.active.shape == (0, 1)
    assert evidence.Y.shape == (0, 1)
    assert evidence.Y[:, 0].shape == evidence.merits.shape == (0,)
    assert several([], LOSS, SPEED).merits.shape == (0,)
