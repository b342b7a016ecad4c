"""Which trial is compared with which, and when the comparison is sure enough."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sweeprun import registry
from sweeprun.errors import SweepFileError
from sweeprun.history import History
from sweeprun.pruners.base import Action, Verdict
from sweeprun.pruners.wilcoxon import WilcoxonPruner
from sweeprun.trials import Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]
Judge = Callable[..., Verdict]

CONTINUE, STOP = Action.CONTINUE, Action.STOP
BEST = [1.0, 5.0, 2.0, 8.0, 3.0, 4.0]  # easy folds and hard ones


def worse(by: float, n: int = 6) -> list[float]:
    return [loss + by for loss in BEST[:n]]


def test_a_trial_that_is_worse_at_every_step_is_stopped_as_soon_as_that_is_sure(judge: Judge) -> None:
    actions = [judge(WilcoxonPruner(), worse(0.5, n), [BEST]).action for n in range(1, 7)]
    assert actions == [CONTINUE] * 3 + [STOP] * 3  # four of four: once in 16


def test_the_reason_has_both_means_and_the_chance(judge: Judge) -> None:
    said = "the mean loss over 4 steps is 4.5, that of trial 0 4"
    assert judge(WilcoxonPruner(), worse(0.5, 4), [BEST]) == Verdict(STOP, f"{said}: worse, p = 0.0625 is below 0.1")
    assert judge(WilcoxonPruner(p=0.05), worse(0.5, 4), [BEST]) == Verdict(
        CONTINUE, f"{said}: not surely worse, p = 0.0625 is not below 0.05"
    )
    assert judge(WilcoxonPruner(), worse(-0.5, 4), [BEST]).reason.endswith("is 3.5, that of trial 0 4: no worse")


def test_the_goal_decides_what_is_worse(judge: Judge) -> None:
    assert judge(WilcoxonPruner(), worse(-0.5), [BEST], goal="maximize").stop
    assert "over 6 steps is 3.33333, that of trial 0 3.83333" in (
        judge(WilcoxonPruner(), worse(-0.5), [BEST], goal="maximize").reason
    )
    assert not judge(WilcoxonPruner(), worse(0.5), [BEST], goal="maximize").stop


def test_hard_steps_prove_nothing(judge: Judge) -> None:
    own = [1.0, 5.1, 2.0, 30.0, 2.9, 4.0]  # its mean is far worse, by one step of them
    assert judge(WilcoxonPruner(), own, [BEST]).action is CONTINUE


def test_many_small_defeats_do_not_outweigh_a_better_mean(judge: Judge) -> None:
    own = [*worse(0.1, 5), -9.0]
    verdict = judge(WilcoxonPruner(p=0.5), own, [BEST])
    assert verdict == Verdict(CONTINUE, verdict.reason)
    assert verdict.reason.endswith("no worse")


def test_with_fewer_steps_in_common_than_startup_nobody_is_stopped(judge: Judge) -> None:
    assert judge(WilcoxonPruner(p=0.5), worse(1.0, 3), [BEST]) == Verdict(
        CONTINUE, "3 steps in common with trial 0, 4 are needed"
    )
    assert judge(WilcoxonPruner(p=0.5, startup=3), worse(1.0, 3), [BEST]).stop


def test_only_steps_that_both_have_are_compared(judge: Judge) -> None:
    own = [2.0, 3.0, 9.0, 4.0, 6.0, 0.0]  # 1 more than the best at steps 1, 3, 5, 6; nothing to compare with at 7, 8
    verdict = judge(WilcoxonPruner(), own, [BEST], steps=[1, 3, 4, 5, 7, 8])
    assert verdict.reason == "the mean loss over 4 steps is 4.5, that of trial 0 3.5: worse, p = 0.0625 is below 0.1"
    assert verdict.stop


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.PAUSED, TrialState.PRUNED, TrialState.FAILED])
def test_only_complete_trials_are_compared_with(judge: Judge, state: TrialState) -> None:
    assert judge(WilcoxonPruner(), worse(5.0), [BEST], state=state) == Verdict(CONTINUE, "no trial is complete yet")


def test_the_trial_with_the_best_mean_over_common_steps_is_the_one_to_compare_with(judge: Judge) -> None:
    later_better = [*worse(2.0, 4), -99.0, -99.0]
    verdict = judge(WilcoxonPruner(), worse(1.0, 4), [later_better, worse(3.0), BEST])
    assert "that of trial 2 4" in verdict.reason
    assert verdict.stop
    assert not judge(WilcoxonPruner(), worse(1.0, 4), [later_better, worse(3.0)]).stop


def test_of_equal_means_the_order_of_trials_does_not_choose(judge: Judge) -> None:
    up, down = [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]
    verdicts = [judge(WilcoxonPruner(), [2.0, 3.0, 4.0, 5.0], others) for others in ([up, down], [down, up])]
    assert [verdict.action for verdict in verdicts] == [STOP, STOP]  # beside `down` alone it would go on
    assert not judge(WilcoxonPruner(), [2.0, 3.0, 4.0, 5.0], [down]).stop


def test_a_trial_that_ended_early_is_compared_with_only_where_no_other_has_more_steps(judge: Judge) -> None:
    short = [0.0, 0.0]
    assert "that of trial 1" in judge(WilcoxonPruner(), worse(1.0, 4), [short, BEST]).reason
    assert judge(WilcoxonPruner(), worse(1.0, 4), [short]).reason == "2 steps in common with trial 0, 4 are needed"


def test_equal_values_take_part_and_prove_nothing(judge: Judge) -> None:
    assert judge(WilcoxonPruner(p=0.99), BEST, [BEST]).reason.endswith("no worse")
    own = [*BEST[:3], *worse(1.0)[3:]]  # three equal, three worse: once in 8, whatever the ranks
    assert not judge(WilcoxonPruner(), own, [BEST]).stop
    assert judge(WilcoxonPruner(p=0.13), own, [BEST]).stop


def test_infinities_are_worse_than_any_number_and_equal_to_each_other(judge: Judge) -> None:
    assert judge(WilcoxonPruner(), [math.inf] * 6, [BEST]).stop
    assert not judge(WilcoxonPruner(p=0.9), [math.inf] * 6, [[math.inf] * 6]).stop
    assert judge(WilcoxonPruner(), [math.inf, *worse(1.0)[1:]], [[math.inf, *BEST[1:]]]).reason.endswith("no worse")
    assert not judge(WilcoxonPruner(), [math.inf, -math.inf, *BEST[2:]], [BEST]).stop
    assert not judge(WilcoxonPruner(), [1e308] * 6, [[-1e308] * 6], goal="maximize").stop
    assert judge(WilcoxonPruner(), [1e308] * 6, [[-1e308] * 6]).stop


def test_a_mean_that_is_no_number_is_the_last_to_compare_with(judge: Judge) -> None:
    mixed = [math.inf, -math.inf, 0.0, 0.0, 0.0, 0.0]
    assert "that of trial 1" in judge(WilcoxonPruner(), worse(1.0), [mixed, BEST]).reason


def test_of_trials_as_good_as_the_best_few_are_stopped_and_of_worse_ones_most(judge: Judge) -> None:
    rng = np.random.default_rng(0)

    def stopped(by: float) -> float:
        n = 0
        for _ in range(100):
            folds = rng.normal(size=10)
            best, own = folds + rng.normal(0, 0.5, 10), folds + by + rng.normal(0, 0.5, 10)
            n += any(judge(WilcoxonPruner(), own[:k].tolist(), [best.tolist()]).stop for k in range(4, 10))
        return n / 100

    assert stopped(0.0) < 0.3  # it is asked six times: more than p
    assert stopped(1.0) > 0.9


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"p": 0}, "p is 0; allowed is a number above 0.0"),
        ({"p": 1}, "p is 1; allowed is a number below 1.0"),
        ({"startup": 1}, "startup is 1; allowed is a number of at least 2"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(options: dict[str, object], said: str) -> None:
    with pytest.raises(SweepFileError) as caught:
        registry.load("pruner", "wilcoxon", options)
    assert caught.value.message == f"pruner 'wilcoxon': {said}"
