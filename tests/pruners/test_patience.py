"""The verdict on a trial beside nobody but itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from sweeprun import registry
from sweeprun.errors import SweepFileError
from sweeprun.history import History
from sweeprun.pruners.base import Action, Verdict
from sweeprun.pruners.patience import PatiencePruner
from sweeprun.trials import Curve, Trial, TrialState

Judge = Callable[..., Verdict]

CONTINUE, FINISH = Action.CONTINUE, Action.FINISH


def stops(judge: Judge, pruner: PatiencePruner, values: Sequence[float], goal: str = "minimize") -> list[int]:
    """The steps at which it would be stopped, if it were not before."""
    return [n for n in range(1, len(values) + 1) if judge(pruner, values[:n], goal=goal).stop]


def test_a_trial_is_stopped_once_it_has_not_improved_for_so_many_steps(judge: Judge) -> None:
    assert stops(judge, PatiencePruner(patience=3), [5.0, 4.0, 4.0, 4.5, 4.0, 3.0, 3.0, 3.0, 3.0]) == [5, 9]


def test_the_best_value_so_far_counts_then_and_now(judge: Judge) -> None:
    assert judge(PatiencePruner(patience=2), [1.0, 5.0, 5.0, 3.0]).stop
    assert not judge(PatiencePruner(patience=2), [3.0, 1.0, 4.0]).stop


def test_getting_worse_is_no_improvement(judge: Judge) -> None:
    assert stops(judge, PatiencePruner(patience=2), [1.0, 2.0, 3.0]) == [3]
    assert stops(judge, PatiencePruner(patience=2), [1.0, 2.0, 3.0], goal="maximize") == []


def test_the_reason_has_the_values_as_they_were_reported(judge: Judge) -> None:
    pruner = PatiencePruner(patience=2, min_delta=0.5)
    assert judge(pruner, [1.0, 1.25, 1.25], goal="maximize") == Verdict(
        FINISH, "the best loss is 1.25 at step 3 and was 1 at step 1: not improved by 0.5 in 2 steps"
    )
    assert judge(pruner, [3.0, 2.0, 1.5]) == Verdict(
        CONTINUE, "the best loss is 1.5 at step 3 and was 3 at step 1: improved by 0.5"
    )
    assert judge(PatiencePruner(patience=1), [3.0, 3.0]).reason.endswith("3 at step 1: not improved in 1 step")
    assert judge(PatiencePruner(patience=1), [3.0, 2.0]).reason.endswith("3 at step 1: improved")


def test_an_improvement_has_to_be_of_min_delta(judge: Judge) -> None:
    pruner = PatiencePruner(patience=2, min_delta=0.5)
    assert judge(pruner, [2.0, 2.0, 1.5]).action is CONTINUE
    assert judge(pruner, [2.0, 2.0, 1.75]).action is FINISH


def test_small_improvements_add_up_within_the_patience(judge: Judge) -> None:
    assert stops(judge, PatiencePruner(patience=2, min_delta=0.5), [2.0, 1.75, 1.5, 1.25, 1.0]) == []


def test_steps_count_and_not_reports(judge: Judge) -> None:
    pruner = PatiencePruner(patience=10)
    rare = [judge(pruner, [1.0] * n, steps=[5, 10, 15, 20][:n]).action for n in range(1, 5)]
    assert rare == [CONTINUE, CONTINUE, FINISH, FINISH]
    assert not judge(pruner, [1.0] * 10).stop
    assert judge(pruner, [1.0] * 11).stop


def test_between_reports_the_last_one_holds(judge: Judge) -> None:
    assert not judge(PatiencePruner(patience=4), [2.0, 1.0, 1.0], steps=[1, 5, 8]).stop  # at step 4 it was 2
    assert judge(PatiencePruner(patience=3), [2.0, 1.0, 1.0], steps=[1, 5, 8]).stop


def test_patience_begins_with_the_first_report_and_not_before_the_warmup(judge: Judge) -> None:
    assert stops(judge, PatiencePruner(patience=2), [1.0] * 5) == [3, 4, 5]
    assert stops(judge, PatiencePruner(patience=2, warmup=2), [1.0] * 5) == [4, 5]
    due = judge(PatiencePruner(patience=2, warmup=2), [1.0] * 3)
    assert due == Verdict(CONTINUE, "step 3, an improvement is due at step 4")
    late = judge(PatiencePruner(patience=2), [1.0], steps=[7])
    assert late == Verdict(CONTINUE, "step 7, an improvement is due at step 9")


def test_what_others_have_shown_changes_nothing(judge: Judge) -> None:
    for others in ([], [[0.0] * 9] * 5, [[9.0] * 9] * 5):
        assert stops(judge, PatiencePruner(patience=2), [1.0] * 3) == [3]
        assert judge(PatiencePruner(patience=2), [3.0, 2.0, 1.0], others).action is CONTINUE


def test_infinities_are_no_improvement_and_the_way_out_of_them_is(judge: Judge) -> None:
    pruner = PatiencePruner(patience=1, min_delta=0.1)
    assert judge(pruner, [math.inf, math.inf]).stop
    assert judge(pruner, [-math.inf, -math.inf]).stop
    assert not judge(pruner, [math.inf, 1e300]).stop


def test_another_metric_is_watched_in_its_own_direction(make_history: Callable[..., History]) -> None:
    curve = Curve((1, 2, 3), {"loss": (3.0, 2.0, 1.0), "acc": (0.5, 0.5, 0.4)})
    trial = Trial(0, "uid", TrialState.RUNNING, curve=curve, last_step=3)
    assert PatiencePruner(metric="acc", goal="maximize", patience=2).verdict(trial, make_history()).stop
    assert not PatiencePruner(metric="acc", patience=2).verdict(trial, make_history()).stop
    assert not PatiencePruner(patience=2).verdict(trial, make_history()).stop
    assert not PatiencePruner(metric="f1", patience=2).verdict(trial._replace(), make_history()).stop


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "pruner 'patience' needs the option 'patience'"),
        ({"patience": 0}, "pruner 'patience': patience is 0; allowed is a number of at least 1"),
        ({"patience": 2.5}, "pruner 'patience': patience is 2.5; allowed is a whole number"),
        ({"patience": 2, "min_delta": -1}, "pruner 'patience': min_delta is -1; allowed is a number of at least 0.0"),
        ({"patience": 2, "warmup": -1}, "pruner 'patience': warmup is -1; allowed is a number of at least 0"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(options: dict[str, object], said: str) -> None:
    with pytest.raises(SweepFileError) as caught:
        registry.load("pruner", "patience", options)
    assert caught.value.message == said
