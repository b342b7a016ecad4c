"""Hyperband: its brackets are those of the paper, and every one comes to its end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from sweeprun.history import History
from sweeprun.pruners.base import Action, Promotion, Start
from sweeprun.pruners.hyperband import HyperbandPruner
from sweeprun.trials import RETRY, Trial, TrialState

MakeTrial = Callable[..., Trial]
MakeHistory = Callable[..., History]
PAPER = HyperbandPruner(min=1, max=81)
# JMLR 18, table 1: bracket by bracket the trials and the steps of each rung, R = 81, eta = 3.
TABLE = [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],
    [(15, 9), (5, 27), (1, 81)],
    [(8, 27), (2, 81)],
    [(5, 81)],
]


def lost(history: History) -> list[Trial]:
    """Those that failed and were not tried again."""
    again = {trial.parent for trial in history.trials}
    return [t for t in history.trials if t.state is TrialState.FAILED and t.number not in again]


@pytest.fixture
def begun(make_trial: MakeTrial) -> Callable[..., History]:
    """A sweep of which so many trials were begun, and worked on until nothing is promoted any more."""

    def ended(trial: Trial, fails: bool, loss: float) -> Trial:
        if fails:
            return trial._replace(state=TrialState.FAILED)
        last = trial.until == 81
        state = TrialState.COMPLETE if last else TrialState.PAUSED
        rest = {"until": trial.until, "notes": trial.notes, "origin": trial.origin, "parent": trial.parent}
        return make_trial(trial.number, [loss], steps=[trial.until], state=state, **rest)

    def work(history: History, n: int, pruner: HyperbandPruner = PAPER, failing: float = 0.0) -> History:
        rng = random.Random(0)
        losses: dict[int, float] = {}
        while True:
            trials = list(history.trials)
            promotion = pruner.promotion(history)
            if promotion is not None:
                trial = trials[promotion.trial]._replace(until=promotion.until)
            elif len(trials) < n:
                start = pruner.start({}, history)
                trial = make_trial(len(trials), state=TrialState.RUNNING, until=start.until, notes=start.notes)
                trials.append(trial)
            else:
                return history
            loss = losses.setdefault(trial.number, rng.random())
            trials[trial.number] = ended(trial, rng.random() < failing, loss)
            history = history.advance(trials)

    return work


def test_a_round_spends_what_the_table_of_the_paper_says(
    begun: Callable[..., History], make_history: MakeHistory
) -> None:
    history = begun(make_history(), 143)
    for bracket, rungs in enumerate(TABLE):
        untils = [trial.until or 0 for trial in history.trials if trial.notes["bracket"] == bracket]
        assert [(sum(until >= step for until in untils), step) for _, step in rungs] == rungs
    assert {trial.notes["round"] for trial in history.trials} == {0}


def test_one_round_follows_the_other(begun: Callable[..., History], make_history: MakeHistory) -> None:
    history = begun(make_history(), 143 + 100)
    counts = Counter((trial.notes["round"], trial.notes["bracket"]) for trial in history.trials)
    assert counts == {(0, 0): 81, (0, 1): 34, (0, 2): 15, (0, 3): 8, (0, 4): 5, (1, 0): 81, (1, 1): 19}


def test_a_bracket_with_failed_trials_comes_to_its_end(
    begun: Callable[..., History], make_history: MakeHistory
) -> None:
    history = begun(make_history(), 143, failing=0.3)
    for bracket, rungs in enumerate(TABLE[:-1]):
        untils = [trial.until or 0 for trial in history.trials if trial.notes["bracket"] == bracket]
        assert [(sum(until >= step for until in untils), step) for _, step in rungs[:2]] == rungs[:2]


def test_who_is_tried_again_takes_the_place_that_it_had_in_its_bracket(
    begun: Callable[..., History], make_trial: MakeTrial, make_history: MakeHistory
) -> None:
    history = begun(make_history(), 100, failing=0.2)
    while failed := lost(history):
        start = PAPER.again(failed[0], history)
        rest = {"until": start.until, "notes": start.notes, "origin": RETRY, "parent": failed[0].number}
        waiting = make_trial(history.number, state=TrialState.WAITING, **rest)
        history = history.advance([*history.trials, waiting])
        paused = make_trial(waiting.number, [0.5], steps=[start.until], state=TrialState.PAUSED, **rest)
        history = begun(history.advance([*history.trials[:-1], paused]), 0)
    history = begun(history, history.number + 143 - 100)
    standing = [trial for trial in history.trials if trial.state is not TrialState.FAILED]
    for bracket, rungs in enumerate(TABLE):
        untils = [trial.until or 0 for trial in standing if trial.notes["bracket"] == bracket]
        assert [(sum(until >= step for until in untils), step) for _, step in rungs] == rungs


def test_a_place_is_taken_once(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    lowest = {"round": 0, "bracket": 0}
    failed = [make_trial(i, state=TrialState.FAILED, until=1, notes=lowest) for i in range(81)]
    first = make_trial(81, state=TrialState.FAILED, until=1, notes=lowest, origin=RETRY, parent=7)
    assert PAPER.again(failed[7], make_history(failed)) == Start(1, lowest)
    history = make_history([*failed, first])
    assert PAPER.again(first, history) == Start(1, lowest)
    assert PAPER.again(failed[7], history) == PAPER.start({}, history) == Start(3, {"round": 0, "bracket": 1})


def test_trials_of_other_brackets_are_no_competitors(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    def waiting(number: int, loss: float, bracket: int) -> Trial:
        notes = {"round": 0, "bracket": bracket}
        return make_trial(number, [loss], steps=[3], state=TrialState.PAUSED, until=3, notes=notes)

    better = [waiting(i, 0.1, 0) for i in range(2)]
    history = make_history([*better, *(waiting(i, 0.5, 1) for i in range(2, 5))])
    assert PAPER.promotion(history) == Promotion(
        2, 9, "the best of 3 that wait at step 3, loss 0.5; 0 of 3 there were promoted before, 1 may be"
    )


def test_a_trial_that_was_begun_by_hand_runs_to_the_end(make_trial: MakeTrial, make_history: MakeHistory) -> None:
    for step, action in ((27, Action.CONTINUE), (81, Action.FINISH)):
        trial = make_trial(0, [1.0], steps=[step], state=TrialState.RUNNING)
        assert PAPER.verdict(trial, make_history([trial])).action is action


def test_two_who_ask_at_once_are_told_the_same(begun: Callable[..., History], make_history: MakeHistory) -> None:
    history = begun(make_history(), 100)
    again = make_history(list(history.trials))
    assert PAPER.start({}, history) == PAPER.start({}, again)
    assert PAPER.promotion(history) == PAPER.promotion(again)
