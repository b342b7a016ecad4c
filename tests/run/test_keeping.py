"""Checkpoints: whose are kept, and who begins again where the disk is full of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.run.keeping import Keep, by_worth, dispensable
from sweeprun.store import checkpoints
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Curve, TrialState

ASHA = "pruner: {name: asha, min: 2, max: 4, eta: 2}\n"
LOSSES = {0: 3.0, 1: 1.0, 2: 2.0, 3: 4.0}


@pytest.fixture
def saves(stage):
    """A program that saves a kilobyte, reports its loss at each step, and leaves at its rung."""

    def script(job):
        def save(job):
            Path(job.env["SWEEPRUN_CHECKPOINT"], "model").write_bytes(bytes(1024))

        memory = Path(job.env["SWEEPRUN_CHECKPOINT"], "model")
        first = 3 if memory.exists() else 1
        last = int(job.env.get("SWEEPRUN_UNTIL", 2))
        reports = [{"epoch": step, "loss": LOSSES[job.trial]} for step in range(first, last + 1)]
        return stage.Act([save, *reports])

    return script


def kept(stage):
    """The trials whose checkpoints are there."""
    sweep = Sweep(stage.directory)
    return [trial.number for trial in sweep.trials() if not checkpoints.is_empty(sweep.layout, trial)]


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("", [0, 1, 2, 3]),
        ("checkpoints: {keep: all}\n", [0, 1, 2, 3]),
        ("checkpoints: {keep: best}\n", [1]),
        ("checkpoints: {keep: best, top: 2}\n", [1, 2]),
        ("checkpoints: {keep: none}\n", []),
    ],
)
def test_of_ended_trials_those_are_kept_that_the_file_says(stage, saves, said, numbers):
    stage.run(saves, said + "budget: 4")
    assert kept(stage) == numbers


def test_paused_trials_keep_their_checkpoints_as_long_as_they_may_be_promoted(stage, saves):
    stage.run(saves, ASHA + "checkpoints: {keep: none}\nbudget: 4")
    assert stage.states == ["paused", "complete", "complete", "paused"]
    assert kept(stage) == [0, 3]


def test_with_several_metrics_the_front_is_what_is_best(stage):
    def script(job):
        def save(job):
            Path(job.env["SWEEPRUN_CHECKPOINT"], "model").write_bytes(b"1")

        return stage.Act([save, {"epoch": 1, "loss": LOSSES[job.trial], "size": [1.0, 4.0, 5.0, 6.0][job.trial]}])

    stage.sweep("checkpoints: {keep: best}\nbudget: 4", "metric=null", "metrics=[loss, size]")
    list(stage.worker(script).work())
    assert kept(stage) == [0, 1]


def test_what_is_worth_least_goes_where_all_take_more_than_they_may(stage, saves):
    stage.run(saves, "checkpoints: {max_disk: 2KiB}\nbudget: 4")
    assert kept(stage) == [1, 2]


def test_ended_trials_go_before_paused_ones_and_of_each_kind_the_least_promising(make_trial, make_history):
    trials = [
        make_trial(0, [1.0], state=TrialState.PAUSED, until=3),
        make_trial(1, [2.0], state=TrialState.PAUSED, until=3),
        make_trial(2, [3.0], state=TrialState.PAUSED, until=9),
        make_trial(3, [1.0], state=TrialState.COMPLETE),
        make_trial(4, [0.0], state=TrialState.COMPLETE),
        make_trial(5, [0.5], state=TrialState.PRUNED),
        make_trial(6, state=TrialState.FAILED),
        make_trial(7, [0.5], state=TrialState.RUNNING),
    ]
    history = make_history(trials)
    assert [trial.number for trial in by_worth(history, history.metric())] == [6, 5, 3, 4, 1, 0, 2]


def test_paused_trials_are_worth_what_decides_who_is_promoted(make_trial, make_history):
    def paused(number, loss, acc):
        curve = Curve((3,), {"loss": (loss,), "acc": (acc,)})
        return make_trial(number, [loss], state=TrialState.PAUSED, until=3, steps=[3])._replace(curve=curve)

    history = make_history([paused(0, 1.0, 0.5), paused(1, 2.0, 0.9), paused(2, 3.0, 0.7)])
    worths = by_worth(history, history.metric("acc", "maximize"))
    assert [trial.number for trial in worths] == [0, 2, 1]


def test_a_trial_that_another_one_went_on_from_is_like_any_other_since_each_has_its_own_copy(make_trial, make_history):
    parent = make_trial(0, [1.0], state=TrialState.PRUNED)
    history = make_history([parent, make_trial(1, state=TrialState.RUNNING, parent=0)])
    assert dispensable(Keep("none"), history) == by_worth(history, history.metric()) == [parent]


def test_a_population_keeps_what_its_members_go_on_from_whatever_it_takes(stage, saves):
    pbt = "algorithm={name: pbt, members: 4, interval: 2, max: 4}"
    stage.sweep("checkpoints: {max_disk: 0.5KiB}\n", pbt)
    list(stage.worker(saves).work())
    ended = [trial for trial in stage.trials if trial.state is TrialState.COMPLETE]
    assert len(ended) == 4
    assert all(trial.curve.steps[0] == trial.from_step + 1 for trial in stage.trials)
    assert kept(stage) == []


def test_a_paused_trial_whose_checkpoint_went_begins_again_when_it_is_promoted(stage, saves):
    stage.run(saves, ASHA + "checkpoints: {max_disk: 0.5KiB}\nbudget: 2")
    assert stage.states == ["paused", "complete"]
    assert stage.trials[1].curve.steps == (1, 2, 3, 4)
    assert stage.trials[1].run == 2


def test_a_program_that_is_said_not_to_go_on_is_not_told_that_it_leaves_nothing(stage):
    act = stage.losses(2.0, 1.0)
    hyperband = "pruner: {name: hyperband, min: 2, max: 4, eta: 2}\nresumes: false\nbudget: 3"
    events = stage.run(lambda job: act, hyperband)
    assert "paused" in stage.states
    assert [event.said["text"] for event in events if event.name == "notice"] == []


def test_where_trials_leave_nothing_to_go_on_from_it_is_said_once(stage):
    act = stage.losses(2.0, 1.0)
    events = stage.run(lambda job: act, ASHA + "budget: 3")
    told = [event.said["text"] for event in events if event.name == "notice"]
    assert [text for text in told if "leave nothing in SWEEPRUN_CHECKPOINT" in text] == told[:1]
    assert told


def test_asha_stops_trials_instead_of_pausing_them_where_the_program_does_not_resume(stage):
    stage.run(lambda job: stage.losses(*[float(job.trial)] * 4), "resumes: false\n" + ASHA + "budget: 7")
    assert set(stage.states) == {"complete", "pruned"}
