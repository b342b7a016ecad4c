"""The median rule, against values computed by hand."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.history import History
from sweeprun.pruners.base import Action, Verdict
from sweeprun.pruners.median import MedianPruner, _quantile
from sweeprun.trials import Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]
Ask = Callable[..., Verdict]

CONTINUE, STOP = Action.CONTINUE, Action.STOP
FINAL = [1.0, 2.0, 3.0, 4.0, 5.0]  # of the five others; their median is 3


@pytest.fixture
def ask(make_trial: MakeTrial, make_history: MakeHistory) -> Ask:
    """The verdict on a trial that reported `own`, beside complete ones with the curves of `others`."""

    def verdict(
        own: Sequence[float],
        others: Sequence[Sequence[float]] = tuple([9.0, 9.0, value] for value in FINAL),
        steps: Sequence[int] | None = None,
        goal: str = "minimize",
        **options: object,
    ) -> Verdict:
        trials = [make_trial(i, values) for i, values in enumerate(others)]
        trial = make_trial(len(trials), own, state=TrialState.RUNNING, steps=steps)
        return MedianPruner(**{"startup": 0, **options}).verdict(trial, make_history(trials, goal=goal))

    return verdict


def test_worse_than_the_median_is_stopped_and_as_good_is_not(ask: Ask) -> None:
    assert ask([9.0, 9.0, 3.0]).action is CONTINUE
    assert ask([9.0, 9.0, 3.0000001]).action is STOP


def test_the_reason_has_the_numbers_as_they_were_reported(ask: Ask) -> None:
    assert ask([9.0, 9.0, 4.5]).reason == "loss 4.5 at step 3 is worse than the median 3 of 5 others"
    assert ask([9.0, 9.0, 1.5]).reason == "loss 1.5 at step 3 is no worse than the median 3 of 5 others"
    higher = ask([0.0, 0.0, 1.5], [[0.0, 0.0, value] for value in FINAL], goal="maximize")
    assert higher == Verdict(STOP, "loss 1.5 at step 3 is worse than the median 3 of 5 others")


def test_an_even_number_of_others_has_its_median_in_the_middle(ask: Ask) -> None:
    others = [[value] * 3 for value in (1.0, 2.0, 3.0, 4.0)]
    assert ask([2.5] * 3, others).action is CONTINUE
    assert ask([2.51] * 3, others).action is STOP


def test_best_so_far_is_compared_by_default_and_the_value_on_request(ask: Ask) -> None:
    dipped = [9.0, 0.5, 8.0]
    assert ask(dipped).action is CONTINUE
    assert ask(dipped, compare="value").action is STOP


def test_a_quantile_moves_the_bar(ask: Ask) -> None:
    assert ask([9.0, 9.0, 2.5], quantile=0.25).action is STOP  # the bar is 2
    assert ask([9.0, 9.0, 3.9], quantile=0.75).action is CONTINUE  # the bar is 4
    assert "the 0.25 quantile 2 of 5 others" in ask([9.0, 9.0, 2.5], quantile=0.25).reason


def test_fewer_than_min_trials_others_stop_nobody(ask: Ask) -> None:
    good = [[0.0] * 3] * 4
    assert ask([9.0] * 3, good).action is STOP
    assert ask([9.0] * 3, good[:3]) == Verdict(CONTINUE, "3 others at step 3, 4 are needed")
    assert ask([9.0] * 3, good[:3], min_trials=3).action is STOP


def test_the_first_trials_of_a_sweep_are_spared(ask: Ask) -> None:
    assert ask([9.0] * 3, startup=5).action is STOP  # it is trial 5
    assert ask([9.0] * 3, startup=6) == Verdict(CONTINUE, "one of the first 6 trials")


def test_comparisons_begin_at_the_warmup_step(ask: Ask) -> None:
    others = [[1.0] * 9] * 5
    assert [ask([9.0] * n, others).action for n in (1, 2, 3, 4)] == [CONTINUE, CONTINUE, STOP, STOP]
    assert [ask([9.0] * n, others, warmup=1).action for n in (1, 2)] == [STOP, STOP]


def test_a_comparison_that_was_due_between_two_looks_is_made(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    others = [make_trial(i, [1.0] * 13) for i in range(5)]
    trial, pruner = make_trial(5, [9.0] * 13, state=TrialState.RUNNING), MedianPruner(startup=0, warmup=2, interval=10)
    for since, action in ((-1, STOP), (11, STOP), (12, CONTINUE), (None, CONTINUE)):
        assert pruner.verdict(trial, make_history([*others, trial]), since).action is action


def test_an_interval_spaces_the_comparisons(ask: Ask) -> None:
    others = [[1.0] * 9] * 5
    actions = [ask([9.0] * n, others, interval=3).action for n in range(1, 10)]
    assert [n for n, action in enumerate(actions, 1) if action is STOP] == [3, 6, 9]


def test_an_interval_holds_for_programs_that_skip_steps(ask: Ask) -> None:
    others = [[1.0] * 30] * 5
    steps = [2, 4, 5, 9, 12, 13]  # with warmup 3 and interval 5: comparisons are due from 3, 8, 13 on
    actions = [ask([9.0] * n, others, steps=steps[:n], interval=5).action for n in range(1, 7)]
    assert [steps[n] for n, action in enumerate(actions) if action is STOP] == [4, 9, 13]


def test_steps_that_do_not_line_up_are_read_at_the_last_report_before(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    others = [make_trial(i, [5.0, value], steps=[4, 8]) for i, value in enumerate(FINAL)]
    early, late = (make_trial(5, [4.0], state=TrialState.RUNNING, steps=[step]) for step in (7, 9))
    assert MedianPruner().verdict(early, make_history(others)).action is CONTINUE  # all of them had 5
    assert MedianPruner().verdict(late, make_history(others)).action is STOP  # they have 1 to 5


def test_running_trials_are_rivals_from_the_step_they_have_reached(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    far = [make_trial(i, [1.0] * 5, state=TrialState.RUNNING) for i in range(4)]
    near = [make_trial(i, [1.0] * 3, state=TrialState.RUNNING) for i in range(4)]
    trial = make_trial(4, [2.0] * 5, state=TrialState.RUNNING)
    assert MedianPruner().verdict(trial, make_history(far)).action is STOP
    assert MedianPruner().verdict(trial, make_history(near)).action is CONTINUE


def test_what_was_pruned_keeps_the_bar_low(ask: Ask, make_trial: MakeTrial, make_history: MakeHistory) -> None:
    pruned = [make_trial(i, [8.0] * 3, state=TrialState.PRUNED) for i in range(4)]
    survivors = [make_trial(i, [value] * 9) for i, value in zip((4, 5, 6), FINAL, strict=False)]
    trial = make_trial(7, [5.0] * 9, state=TrialState.RUNNING)
    assert MedianPruner().verdict(trial, make_history([*pruned, *survivors])).action is CONTINUE


def test_nan_stops_those_too_that_are_not_compared_yet(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    for number in (0, 9):
        trial = make_trial(number, [math.nan], state=TrialState.RUNNING)
        assert MedianPruner().verdict(trial, make_history()) == Verdict(STOP, "loss is NaN at step 1")


def test_an_infinite_loss_is_worse_than_any_other(ask: Ask) -> None:
    assert ask([math.inf] * 3).action is STOP
    assert ask([math.inf] * 3, [[math.inf] * 3] * 5).action is CONTINUE
    assert ask([-math.inf] * 3).action is CONTINUE


def test_another_metric_is_compared_in_its_own_direction(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    trials = [make_trial(i, [0.5] * 3, metric="acc") for i in range(5)]
    trial = make_trial(5, [0.9] * 3, metric="acc", state=TrialState.RUNNING)
    history = make_history(trials)
    assert MedianPruner(metric="acc", goal="maximize").verdict(trial, history).action is CONTINUE
    assert MedianPruner(metric="acc", goal="minimize").verdict(trial, history).action is STOP
    assert MedianPruner(metric="acc").verdict(trial, history).action is STOP
    assert MedianPruner().verdict(trial, history).reason == "nothing reported yet"


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1), share=st.floats(0.01, 0.99))
def test_the_quantile_is_numpys(values: list[float], share: float) -> None:
    ordered = np.sort(np.array(values))
    assert _quantile(ordered, share) == pytest.approx(np.quantile(ordered, share), rel=1e-12, abs=1e-9)
    assert _quantile(ordered, 0.5) == pytest.approx(statistics.median(values), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("ascending", "expected"),
    [
        ([1.0, math.inf], math.inf),
        ([-math.inf, 1.0], -math.inf),
        ([-math.inf, 1.0, math.inf], 1.0),
        ([math.inf, math.inf], math.inf),
    ],
)
def test_the_median_of_infinite_values_needs_no_arithmetic(ascending: list[float], expected: float) -> None:
    assert _quantile(np.array(ascending), 0.5) == expected
