"""Bounds, and the distance to the best one, against values computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from sweeprun import registry
from sweeprun.errors import SweepFileError
from sweeprun.history import History
from sweeprun.pruners.base import Action, Verdict
from sweeprun.pruners.threshold import ThresholdPruner
from sweeprun.trials import Curve, Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]
Judge = Callable[..., Verdict]

CONTINUE, STOP = Action.CONTINUE, Action.STOP


def behind(**schedule: Any) -> ThresholdPruner:
    """`from_5="15%"` is 15 % from step 5 on."""
    return ThresholdPruner(behind={int(key.removeprefix("from_")): distance for key, distance in schedule.items()})


# ---- bounds


def test_a_value_outside_the_bounds_is_stopped_and_one_on_them_is_not(judge: Judge) -> None:
    pruner = ThresholdPruner(lower=-1.0, upper=2.0)
    assert [judge(pruner, [value]).action for value in (-1.1, -1.0, 0.0, 2.0, 2.1)] == [
        STOP,
        CONTINUE,
        CONTINUE,
        CONTINUE,
        STOP,
    ]
    assert judge(pruner, [math.inf]).stop
    assert judge(pruner, [-math.inf]).stop


def test_bounds_are_in_the_units_of_the_metric_whatever_its_goal(judge: Judge) -> None:
    pruner = ThresholdPruner(lower=0.3, upper=1.0)
    assert judge(pruner, [0.2], goal="maximize") == Verdict(STOP, "loss 0.2 at step 1 is below 0.3, the lowest allowed")
    assert judge(pruner, [1.5], goal="maximize") == Verdict(STOP, "loss 1.5 at step 1 is above 1, the highest allowed")
    assert judge(pruner, [0.5], goal="maximize") == Verdict(CONTINUE, "step 1, within the bounds")


def test_one_bound_leaves_the_other_side_open(judge: Judge) -> None:
    assert not judge(ThresholdPruner(upper=0.0), [-1e300]).stop
    assert not judge(ThresholdPruner(lower=0.0), [1e300]).stop


def test_the_newest_value_counts_for_bounds_not_the_best(judge: Judge) -> None:
    assert judge(ThresholdPruner(upper=2.0), [1.0, 3.0]).stop
    assert not judge(ThresholdPruner(upper=2.0), [3.0, 1.0]).stop


def test_nothing_is_judged_before_the_warmup(judge: Judge) -> None:
    pruner = ThresholdPruner(lower=0.5, warmup=3)
    assert judge(pruner, [0.1, 0.1]) == Verdict(CONTINUE, "step 2, trials are judged from step 3 on")
    assert judge(pruner, [0.1, 0.1, 0.1]).stop
    assert not judge(ThresholdPruner(behind={1: 0.5}, warmup=3), [9.0, 9.0], [[1.0] * 3]).stop


# ---- behind the best


def test_the_distance_to_the_best_one_may_not_exceed_a_number(judge: Judge) -> None:
    others = [[5.0], [2.0], [4.0]]
    assert judge(behind(from_1=0.5), [2.5], others) == Verdict(
        CONTINUE, "loss 2.5 at step 1 is not more than 0.5 behind 2, the best of 3 others"
    )
    assert judge(behind(from_1=0.5), [2.75], others) == Verdict(
        STOP, "loss 2.75 at step 1 is more than 0.5 behind 2, the best of 3 others"
    )


@pytest.mark.parametrize(
    ("goal", "best", "spared", "stopped"),
    [
        ("minimize", 2.0, 2.29, 2.31),
        ("maximize", 0.8, 0.69, 0.67),
        ("maximize", -40.0, -45.9, -46.1),
        ("minimize", -40.0, -34.1, -33.9),
    ],
)
def test_a_percentage_is_one_of_the_size_of_the_best_value(
    judge: Judge, goal: str, best: float, spared: float, stopped: float
) -> None:
    worst = -1e3 if goal == "maximize" else 1e3
    verdicts = [judge(behind(from_1="15%"), [own], [[worst], [best]], goal=goal) for own in (spared, stopped)]
    assert [verdict.action for verdict in verdicts] == [CONTINUE, STOP]
    assert verdicts[1].reason == f"loss {stopped:g} at step 1 is more than 15% behind {best:g}, the best of 2 others"


def test_of_a_best_value_of_zero_there_is_no_percentage(judge: Judge) -> None:
    assert judge(behind(from_1="15%"), [9.0], [[0.0]]) == Verdict(
        CONTINUE, "loss 9 at step 1, beside 0, the best of 1 other: there is no percentage of 0"
    )
    assert judge(behind(from_1=0.1), [9.0], [[0.0]]).stop


def test_each_step_of_the_schedule_holds_until_the_next(judge: Judge) -> None:
    pruner = behind(from_2="50%", from_4="20%", from_7="5%")
    actions = [judge(pruner, [1.3] * n, [[1.0] * 9]).action for n in range(1, 10)]
    assert actions == [CONTINUE] * 3 + [STOP] * 6
    actions = [judge(pruner, [1.1] * n, [[1.0] * 9]).action for n in range(1, 10)]
    assert actions == [CONTINUE] * 6 + [STOP] * 3
    assert judge(pruner, [9.0], [[1.0] * 9]) == Verdict(CONTINUE, "step 1, comparisons begin at step 2")


def test_the_schedule_holds_for_programs_that_skip_steps(judge: Judge) -> None:
    assert not judge(behind(from_5="15%"), [9.0, 9.0], [[1.0] * 9], steps=[3, 4]).stop
    assert judge(behind(from_5="15%"), [9.0, 9.0], [[1.0] * 9], steps=[3, 8]).stop


def test_best_values_so_far_are_compared_or_those_at_the_step(judge: Judge) -> None:
    value = ThresholdPruner(behind={1: 0.5}, compare="value")
    assert not judge(behind(from_1=0.5), [1.0, 9.0], [[1.0, 1.0]]).stop
    assert judge(value, [1.0, 9.0], [[1.0, 1.0]]).stop
    assert judge(behind(from_1=0.5), [9.0, 2.0], [[1.0, 9.0]]).stop
    assert not judge(value, [9.0, 2.0], [[1.0, 9.0]]).stop


def test_others_are_taken_at_the_same_step(judge: Judge) -> None:
    assert not judge(behind(from_1=0.5), [3.0], [[3.0, 1.0]]).stop
    assert judge(behind(from_1=0.5), [3.0, 3.0], [[3.0, 1.0]]).stop


def test_who_is_running_is_a_rival_from_the_step_that_it_has_reached(judge: Judge) -> None:
    near, far = [[1.0] * 2], [[1.0] * 3]
    assert judge(behind(from_1=0.5), [3.0] * 3, near, state=TrialState.RUNNING) == Verdict(
        CONTINUE, "no other trial has come to step 3"
    )
    assert judge(behind(from_1=0.5), [3.0] * 3, far, state=TrialState.RUNNING).stop
    assert judge(behind(from_1=0.5), [3.0] * 3, near, state=TrialState.PRUNED).stop


def test_an_infinite_loss_is_behind_any_other(judge: Judge) -> None:
    for pruner in (behind(from_1="15%"), behind(from_1=2.0)):
        assert judge(pruner, [math.inf], [[1.0]]).stop
        assert not judge(pruner, [math.inf], [[math.inf]]).stop
        assert not judge(pruner, [-math.inf], [[1.0]]).stop
        assert not judge(pruner, [-math.inf], [[-math.inf]]).stop


def test_bounds_hold_beside_a_schedule(judge: Judge) -> None:
    pruner = ThresholdPruner(upper=9.0, behind={2: 0.5})
    assert judge(pruner, [10.0], [[10.0] * 3]).stop
    assert judge(pruner, [8.0, 8.0], [[1.0] * 3]).stop
    assert not judge(pruner, [8.0], [[1.0] * 3]).stop


# ---- until


def test_nobody_is_stopped_from_until_on(judge: Judge) -> None:
    pruner = ThresholdPruner(upper=9.0, behind={2: 0.5}, until=4)
    assert judge(pruner, [99.0] * 3, [[1.0] * 9]).stop
    assert judge(pruner, [99.0] * 4, [[1.0] * 9]) == Verdict(CONTINUE, "step 4, nobody is stopped from step 4 on")
    assert not judge(pruner, [99.0] * 5, [[1.0] * 9]).stop


def test_a_metric_that_is_reported_rarely_is_not_judged_after_until_either(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    curve = Curve((3, 4), {"loss": (9.0, math.nan), "train_loss": (1.0, 1.0)})
    trial = make_trial(1, state=TrialState.RUNNING)._replace(curve=curve)
    history = make_history([make_trial(0, [1.0] * 9)])
    assert not ThresholdPruner(behind={2: 0.5}, until=4).verdict(trial, history).stop
    assert ThresholdPruner(behind={2: 0.5}, until=5).verdict(trial, history).stop


def test_nan_stops_after_until_too(judge: Judge) -> None:
    assert judge(ThresholdPruner(upper=9.0, until=2), [1.0, math.nan]) == Verdict(STOP, "loss is NaN at step 2")


# ---- options


def test_a_schedule_is_the_same_with_text_for_keys_as_files_have_it() -> None:
    loaded = registry.load("pruner", "threshold", {"behind": {"5": "15 %", "10": 2}})
    assert loaded == ThresholdPruner(behind={5: "15 %", 10: 2})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs lower, upper or behind: without any of them it stops nobody"),
        ({"until": 9}, "needs lower, upper or behind: without any of them it stops nobody"),
        ({"lower": 2, "upper": 1}, "lower is 2 and upper is 1; lower must be below upper"),
        ({"lower": 1, "upper": 1}, "lower is 1 and upper is 1; lower must be below upper"),
        ({"lower": "1"}, "lower is '1'; allowed is a number"),
        ({"upper": float("inf")}, "upper is inf; allowed is a finite number"),
        ({"behind": {}}, "behind must say distances by steps, as in {5: 15%, 10: 0.02}, not {}"),
        ({"behind": "15%"}, "behind must say distances by steps, as in {5: 15%, 10: 0.02}, not '15%'"),
        ({"behind": {"0": 1}}, "behind holds the step '0'; allowed is a whole number of at least 1"),
        ({"behind": {"-5": 1}}, "behind holds the step '-5'; allowed is a whole number of at least 1"),
        ({"behind": {"1.5": 1}}, "behind holds the step '1.5'; allowed is a whole number of at least 1"),
        ({"behind": {"five": 1}}, "behind holds the step 'five'; allowed is a whole number of at least 1"),
        ({"behind": {"10": 1, "5": 1}}, "behind has step 5 after step 10; steps must ascend"),
        ({"behind": {"5": 1, 5: 2}}, "behind has step 5 after step 5; steps must ascend"),
        ({"upper": 1, "until": 0}, "until is 0; allowed is a number of at least 1"),
        ({"upper": 1, "warmup": 5, "until": 5}, "until is 5, so that what begins at step 5 never decides"),
        ({"behind": {"5": 1, "30": 1}, "until": 20}, "until is 20, so that what begins at step 30 never decides"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(options: dict[str, object], said: str) -> None:
    with pytest.raises(SweepFileError) as caught:
        registry.load("pruner", "threshold", options)
    assert caught.value.message == f"pruner 'threshold': {said}"


@pytest.mark.parametrize(
    "distance",
    ["15", "%", "-5%", "0%", "5 percent", "1e2%", "５%", "nan%", 0, -0.1, math.inf, math.nan, True, None, [1]],
)
def test_a_distance_that_is_none_is_refused_with_what_is_allowed(distance: object) -> None:
    with pytest.raises(SweepFileError) as caught:
        registry.load("pruner", "threshold", {"behind": {"5": distance}})
    assert caught.value.message == (
        f"pruner 'threshold': behind holds the distance {distance!r}; allowed is a percentage such as 15%,"
        " or a number in the metric's own units, above 0"
    )


def test_true_is_no_step_in_a_program_either() -> None:
    with pytest.raises(ValidationError, match="holds the step True"):
        ThresholdPruner(behind={True: 1.0})
