"""Successive halving without waiting: rungs, who is promoted, who is stopped."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun import registry
from sweeprun.errors import SweepFileError
from sweeprun.history import History
from sweeprun.optimizer import Optimizer
from sweeprun.pruners._rungs import rungs
from sweeprun.pruners.asha import AshaPruner
from sweeprun.pruners.base import Action, Promotion
from sweeprun.trials import RETRY, Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]

NINE = AshaPruner(min=3, max=27)  # rungs at 3, 9 and 27


@pytest.fixture
def paused(make_trial: MakeTrial) -> Callable[..., Trial]:
    def at(number: int, loss: float, step: int = 3, **rest: Any) -> Trial:
        rest = {"state": TrialState.PAUSED, "until": step} | rest
        return make_trial(number, [loss + 1, loss], steps=[1, step], **rest)

    return at


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"max": 52}, (3, 9, 27, 52)),
        ({"max": 81}, (5, 15, 45, 81)),
        ({"max": 27}, (3, 9, 27)),
        ({"max": 10}, (3, 10)),
        ({"max": 4}, (4,)),
        ({"max": 1}, (1,)),
        ({"max": 81, "min": 1}, (1, 3, 9, 27, 81)),
        ({"max": 16, "min": 1, "eta": 2}, (1, 2, 4, 8, 16)),
    ],
)
def test_rungs_are_powers_of_eta_apart_and_the_last_is_the_end(
    make_history: MakeHistory, options: dict[str, Any], steps: tuple[int, ...]
) -> None:
    pruner = AshaPruner(**options)
    assert pruner.start({}, make_history()).until == steps[0]
    assert pruner.ladder.steps({}) == steps


@pytest.mark.parametrize(
    ("options", "searched", "steps"),
    [
        ({"max": 100}, ["lr", "optimizer.warmup_steps"], (10, 30, 100)),
        ({"max": 100}, ["lr", "warmth"], (6, 18, 54, 100)),
        ({"max": 20}, ["Warmup"], (3, 9, 20)),
        ({"max": 2}, ["warmup"], (2,)),
        ({"max": 100, "min": 5}, ["warmup"], (5, 15, 45, 100)),
        ({"length": "epochs"}, ["warmup_ratio"], (8, 24, 80)),
    ],
)
def test_where_a_warmup_is_searched_the_first_rung_is_a_tenth_of_the_way(
    options: dict[str, Any], searched: list[str], steps: tuple[int, ...]
) -> None:
    space = {name: {"min": 0.0, "max": 1.0} for name in searched} | {"epochs": 80}
    for halves in ({"pruner": {"name": "asha", **options}}, {"algorithm": {"name": "bohb", **options}}):
        optimizer = Optimizer(space, "loss", budget=9, **halves)
        pruner: Any = getattr(optimizer._pruner, "hyperband", optimizer._pruner)
        assert pruner.ladder.steps({"epochs": 80}) == steps


def test_a_rung_close_to_the_end_is_dropped() -> None:
    assert rungs(1, 10, 3) == (1, 3, 10)
    assert rungs(1, 13, 3) == (1, 3, 9, 13)


def test_a_trial_goes_to_its_rung_and_waits_there(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    on_the_way = make_trial(0, [5.0, 4.0], state=TrialState.RUNNING, until=3)
    there = make_trial(0, [5.0, 4.0, 3.0], state=TrialState.RUNNING, until=3)
    assert NINE.verdict(on_the_way, make_history([on_the_way])).action is Action.CONTINUE
    verdict = NINE.verdict(there, make_history([there]))
    assert (verdict.action, verdict.reason) == (Action.PAUSE, "loss 3 at step 3 is number 1 of 1 there")


def test_a_trial_is_finished_at_the_last_rung(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    trial = make_trial(0, [1.0], steps=[27], state=TrialState.RUNNING, until=27)
    assert NINE.verdict(trial, make_history([trial])).action is Action.FINISH


def test_a_trial_that_was_given_no_rung_goes_to_the_last_one(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    trial = make_trial(0, [1.0], steps=[20], state=TrialState.RUNNING)
    assert NINE.verdict(trial, make_history([trial])).action is Action.CONTINUE


def test_at_a_rung_between_two_reports_the_last_one_before_it_counts(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    def waiting(number: int, loss: float) -> Trial:
        trial = make_trial(number, [loss], steps=[2], state=TrialState.PAUSED, until=3)
        return trial._replace(last_step=3)

    history = make_history([waiting(0, 0.4), waiting(1, 0.2), waiting(2, 0.3)])
    assert NINE.verdict(history.trials[1], history).reason == "loss 0.2 at step 3 is number 1 of 3 there"
    promotion = NINE.promotion(history)
    assert promotion is not None
    assert promotion.trial == 1


def test_one_in_eta_is_promoted_the_best_first(paused: Callable[..., Trial], make_history: MakeHistory) -> None:
    trials = [paused(i, loss) for i, loss in enumerate([0.5, 0.1, 0.4, 0.2, 0.3, 0.6])]
    assert NINE.promotion(make_history(trials[:2])) is None
    promotion = NINE.promotion(make_history(trials[:3]))
    assert promotion is not None
    assert (promotion.trial, promotion.until) == (1, 9)
    went_on = [*trials[:1], paused(1, 0.1, until=9, state=TrialState.RUNNING), *trials[2:]]
    assert NINE.promotion(make_history(went_on[:5])) is None
    assert NINE.promotion(make_history(went_on)) == Promotion(
        3, 9, "the best of 5 that wait at step 3, loss 0.2; 1 of 6 there were promoted before, 2 may be"
    )


def test_the_highest_rung_comes_first(paused: Callable[..., Trial], make_history: MakeHistory) -> None:
    above = [paused(i, 0.5 - i / 10, step=9) for i in range(3)]
    below = [paused(i, 0.1) for i in range(3, 12)]
    promotion = NINE.promotion(make_history([*above, *below]))
    assert promotion is not None
    assert (promotion.trial, promotion.until) == (2, 27)


def test_equal_trials_are_promoted_in_the_order_of_their_numbers(
    paused: Callable[..., Trial], make_history: MakeHistory
) -> None:
    promotion = NINE.promotion(make_history([paused(i, 1.0) for i in range(3)]))
    assert promotion is not None
    assert promotion.trial == 0


def test_failed_trials_count_in_a_rung_and_are_never_promoted(
    paused: Callable[..., Trial], make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    failed = [make_trial(i, state=TrialState.FAILED, until=3) for i in range(2)]
    promotion = NINE.promotion(make_history([*failed, paused(2, 1.0)]))
    assert promotion is not None
    assert promotion.trial == 2
    assert promotion.reason.startswith("the one that waits at step 3, loss 1; ")
    assert NINE.promotion(make_history([*failed, make_trial(2, state=TrialState.FAILED, until=3)])) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_a_failed_trial_that_is_tried_again_counts_once(
    paused: Callable[..., Trial], make_trial: MakeTrial, make_history: MakeHistory, order: tuple[int, ...]
) -> None:
    failed = make_trial(0, state=TrialState.FAILED, until=3)
    again = failed._replace(number=1, origin=RETRY, parent=0)
    line = [failed, again, paused(2, 0.5, origin=RETRY, parent=1)]
    assert NINE.promotion(make_history([*line, paused(3, 0.4)])) is None
    assert NINE.promotion(make_history([*line, paused(3, 0.4), paused(4, 0.3)])) == Promotion(
        4, 9, "the best of 3 that wait at step 3, loss 0.3; 0 of 3 there were promoted before, 1 may be"
    )
    trials = [make_trial(i, state=TrialState.RUNNING, until=3) for i in range(3)]
    history = make_history([*trials, paused(3, 0.4)])
    for number in order:
        trials[number] = line[number]
        history = history.advance([*trials, paused(3, 0.4)])
        assert NINE.promotion(history) is None


def test_who_is_tried_again_gives_back_the_promotion_on_which_it_failed(
    paused: Callable[..., Trial], make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    failed = make_trial(0, [0.1], steps=[3], state=TrialState.FAILED, until=9)
    others = [paused(i, 0.5) for i in (1, 2)]
    assert NINE.promotion(make_history([failed, *others])) is None
    promotion = NINE.promotion(make_history([failed, *others, paused(3, 0.1, origin=RETRY, parent=0)]))
    assert promotion is not None
    assert (promotion.trial, promotion.until) == (3, 9)


def test_what_was_complete_counts_though_it_is_tried_again(
    paused: Callable[..., Trial], make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    complete = make_trial(0, [0.1], steps=[27], state=TrialState.COMPLETE, until=27)
    again = make_trial(4, [0.1], steps=[27], state=TrialState.COMPLETE, origin=RETRY, parent=0)
    assert NINE.promotion(make_history([complete, *(paused(i, 0.5) for i in (1, 2, 3)), again])) is None


def test_a_loss_that_is_no_number_waits_for_ever(paused: Callable[..., Trial], make_history: MakeHistory) -> None:
    assert NINE.promotion(make_history([paused(i, math.inf) for i in range(6)])) is None


def test_trials_on_their_way_to_a_rung_do_not_count_there(
    paused: Callable[..., Trial], make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    running = [make_trial(i, [1.0], state=TrialState.RUNNING, until=3) for i in range(2)]
    assert NINE.promotion(make_history([*running, paused(2, 1.0)])) is None


def test_rungs_may_be_shares_of_each_trials_own_length(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    pruner = AshaPruner(length="epochs", min=0.1)
    assert [pruner.start({"epochs": n}, make_history()).until for n in (100, 30, 3)] == [10, 3, 1]
    short = make_trial(0, [5, 4, 3], state=TrialState.PAUSED, until=3, params={"epochs": 30})
    long = [make_trial(i, [1.0], steps=[10], state=TrialState.PAUSED, until=10, params={"epochs": 100}) for i in (1, 2)]
    promotion = pruner.promotion(make_history([short, *long]))
    assert promotion is not None
    assert (promotion.trial, promotion.until) == (1, 30)
    assert pruner.ladder.steps({"epochs": 2}) == (1, 2, 3)  # a rung is a step further than the one before


@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_a_trial_that_is_too_short_for_all_rungs_is_complete_at_its_own_end(
    make_trial: MakeTrial, make_history: MakeHistory, n: int
) -> None:
    pruner, params = AshaPruner(length="epochs"), {"epochs": n}
    trial = make_trial(0, [1.0] * n, state=TrialState.RUNNING, params=params, until=n)
    assert pruner.verdict(trial, make_history([trial])).action is Action.FINISH


def test_who_went_to_the_end_instead_of_waiting_at_a_rung_is_complete(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    trial = make_trial(0, [1.0] * 27, state=TrialState.RUNNING, until=3)
    assert NINE.verdict(trial, make_history([trial])).action is Action.FINISH


def test_where_nobody_waits_who_is_not_among_the_best_of_a_rung_is_stopped(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    stopping = AshaPruner(min=3, max=27, mode="stop")
    assert stopping.start({}, make_history()).until == 27
    others = [make_trial(i, [9, 9, float(i)], state=TrialState.RUNNING) for i in range(5)]

    def judged(*values: float) -> Action:
        trial = make_trial(5, values, state=TrialState.RUNNING)
        return stopping.verdict(trial, make_history([*others, trial])).action

    assert judged(9, 9) is Action.CONTINUE
    assert judged(9, 9, 1.5) is Action.STOP
    assert judged(9, 9, 0.5) is Action.CONTINUE
    assert judged(9, 9, 0.5, 9) is Action.CONTINUE  # no rung
    few = stopping.verdict(make_trial(9, [9, 9, 9], state=TrialState.RUNNING), make_history(others[:3]))
    assert few.action is Action.CONTINUE
    assert stopping.promotion(make_history(others)) is None


def test_the_value_at_the_rung_may_count_instead_of_the_best_until_then(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    rises = make_trial(0, [1, 2, 5], state=TrialState.PAUSED, until=3)
    others = [make_trial(i, [4, 4, 4], state=TrialState.PAUSED, until=3) for i in (1, 2)]
    chosen = [
        AshaPruner(min=3, max=27, compare=compare).promotion(make_history([rises, *others]))
        for compare in ("best", "value")
    ]
    assert [each and each.trial for each in chosen] == [0, 1]


def test_however_trials_come_no_more_than_one_in_eta_of_a_rung_is_promoted(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    rng = random.Random(0)
    history = make_history([])
    for _ in range(400):
        trials = list(history.trials)
        promotion = NINE.promotion(history)
        if promotion is None:
            losses = [rng.random() - len(trials) / 50 for _ in range(3)]  # each better than the ones before
            trials.append(make_trial(len(trials), losses, state=TrialState.PAUSED, until=3))
        else:
            before = trials[promotion.trial]
            values = [*before.curve.values["loss"], before.curve.values["loss"][-1] - rng.random()]
            steps = [*before.curve.steps, promotion.until]
            state = TrialState.PAUSED if promotion.until < 27 else TrialState.COMPLETE
            trials[before.number] = make_trial(before.number, values, steps=steps, state=state, until=promotion.until)
        history = history.advance(trials)
    n = [sum(trial.until is not None and trial.until >= step for trial in history.trials) for step in (3, 9, 27)]
    assert n[1] == n[0] // 3
    assert n[2] == n[1] // 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "must have max, the step at which a trial ends, or length"),
        ({"max": 9, "length": "epochs"}, "must have max"),
        ({"max": 9, "min": 10}, "must have min at most at 9, the end of a trial, not at 10"),
        ({"max": 9, "min": 2.5}, "must have a whole step as min, not 2.5; shares go with length"),
        ({"length": "epochs", "min": 3}, "must have min at most at 1"),
        ({"max": 9, "eta": 1}, "eta is 1; allowed is a number of at least 2"),
        ({"max": 0}, "max is 0; allowed is a number of at least 1"),
        ({"max": 9, "min": 0}, "min is 0; allowed is a number above 0"),
        ({"max": 9, "mode": "pause"}, "mode is 'pause'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SweepFileError, match="pruner 'asha'") as caught:
        registry.load("pruner", "asha", options)
    assert said in str(caught.value)


def test_where_nobody_waits_every_rung_that_was_come_to_since_is_judged_at(
    make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    """However many reports come at once, a trial is stopped at the first rung at which it is not among the best."""
    pruner = AshaPruner(rungs=(2, 8, 27), mode="stop", min_trials=2)
    others = [make_trial(i, [0.9] * 4 + [0.5] * 23) for i in range(4)]
    losses = [0.8] * 12
    for size in (1, 2, 5, 12):
        verdicts = {}
        for done in range(0, 12, size):
            trial = make_trial(4, losses[: done + size], state=TrialState.RUNNING)
            verdicts[trial.last_step] = pruner.verdict(trial, make_history([*others, trial]), done or -1)
            if verdicts[trial.last_step].stop:
                break
        assert verdicts[trial.last_step].stop == (trial.last_step >= 8)
        assert "at step 8" in verdicts[trial.last_step].reason or size == 12
