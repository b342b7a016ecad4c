"""A population through the loop: who is given up, what the copies are born with, and that nothing of it can be lost."""

from __future__ import annotations

import errno
import json
import math
import os
from itertools import islice
from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.ledger import Ledger
from sweeprun.run.plan import Plan
from sweeprun.run.worker import Switch
from sweeprun.store import copying, durable, runs
from sweeprun.trials import SEGMENT, Reason, TrialState

SILENCE = {}  # a turn of the loop in which a program says nothing
SYNC = "algorithm: {name: pbt, members: 4, interval: 2, max: 6, sync: true}\n"
ASYNC = SYNC.replace("true", "false")


def trains(stage, saves=True, leaves=True):
    """A program whose loss falls by its x at every step, and which goes on after what it has saved. One that does not
    `leave` where it is told to has to be stopped."""

    def script(job):
        x = json.loads(Path(job.env["SWEEPRUN_PARAMS"]).read_text())["x"]
        memory = Path(job.env["SWEEPRUN_CHECKPOINT"], "deep", "memory")
        done, loss = json.loads(memory.read_text()) if memory.exists() else (0, 100.0)

        def step(number):
            def save_and_report(job):
                said = number, loss - x * (number - done)
                if saves:
                    memory.parent.mkdir(exist_ok=True)
                    memory.write_text(json.dumps(said))
                with open(job.env["SWEEPRUN_METRICS"], "a") as file:
                    file.write(json.dumps({"epoch": number, "loss": said[1]}) + "\n")

            return save_and_report

        end = int(job.env["SWEEPRUN_UNTIL"]) if leaves else 6
        return stage.Act([step(number) for number in range(done + 1, end + 1)])

    return script


def population(stage, text, slots=1, **program):
    stage.sweep("", *[f"{key}={value}" for key, value in [line.split(": ", 1) for line in text.splitlines()]])
    return list(stage.worker(trains(stage, **program), slots=slots).work())


def chains(stage):
    """The numbers of each member's trials."""
    found = {}
    for trial in stage.trials:
        found.setdefault(trial.notes["member"], []).append(trial.number)
    return found


def test_the_worst_of_a_generation_is_replaced_by_a_copy_of_the_best(stage):
    events = population(stage, SYNC, slots=4)
    assert events[-1].said["why"] == "every member has come to its end"
    by_x = sorted(stage.trials[:4], key=lambda trial: trial.params["x"])
    worst, best, child = by_x[0], by_x[-1], stage.trials[4]
    assert (worst.state, worst.last_step) == (TrialState.PRUNED, 2)
    assert "at step 2 is number 4 of 4; the worst one begins again" in worst.why
    assert (child.parent, child.origin, child.until) == (best.number, SEGMENT, 6)
    assert dict(child.notes) == {"member": worst.notes["member"], "generation": 1, "from_step": 2}


def test_a_copy_goes_on_from_the_step_and_the_state_of_its_parent(stage):
    population(stage, SYNC, slots=4)
    child = stage.trials[4]
    parent = stage.trials[child.parent]
    inherited = parent.curve.values["loss"][1]
    assert child.curve.steps[0] == 3
    assert child.curve.values["loss"][0] == pytest.approx(inherited - child.params["x"])
    first = next(job for job in stage.jobs if job.trial == child.number)
    assert (first.env["SWEEPRUN_FROM_STEP"], first.env["SWEEPRUN_UNTIL"]) == ("2", "4")


@pytest.mark.parametrize("text", [SYNC, ASYNC])
@pytest.mark.parametrize("slots", [1, 3, 4])
def test_every_member_comes_to_its_end_on_any_number_of_slots(stage, text, slots):
    population(stage, text, slots)
    ends = [stage.trials[numbers[-1]] for numbers in chains(stage).values()]
    assert [(trial.state, trial.last_step) for trial in ends] == [(TrialState.COMPLETE, 6)] * 4
    assert {trial.state for trial in stage.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(stage.trials) > 4


def test_a_generation_is_the_same_on_any_number_of_slots(stage, tmp_path):
    population(stage, SYNC, slots=1)
    other = type(stage)(tmp_path / "others" / "s")
    population(other, SYNC, slots=3)
    told = [[(t.params, dict(t.notes), t.parent, t.values) for t in each.trials] for each in (stage, other)]
    assert told[0] == told[1]


def test_a_sweep_that_waits_for_somebody_to_be_ready_is_not_over(stage):
    """Member 0 is given up while member 1 runs on; when that one is ready, nobody runs."""
    stage.sweep("", "algorithm={name: pbt, members: 2, interval: 2, max: 6, quantile: 0.5}")
    program = trains(stage)
    turns = {(0, 1): 3, (1, 2): 9}  # of silence, by trial and run

    def script(job):
        run, x = int(job.run_dir.name.removeprefix("run")), 0.1 if job.trial == 0 else 0.9
        Path(job.env["SWEEPRUN_PARAMS"]).write_text(json.dumps({"x": x}))
        return stage.Act([*[SILENCE] * turns.get((job.trial, run), 0), *program(job).lines])

    list(stage.worker(script, slots=2).work())
    given_up, best, child = stage.trials
    assert (given_up.state, child.parent, child.from_step) == (TrialState.PRUNED, best.number, 4)
    assert [trial.last_step for trial in (best, child)] == [6, 6]


# ---- what goes wrong


def ends(act_of, otherwise):
    """A script in which the trials that `act_of` knows end so."""
    return lambda job: act_of[job.trial] if job.trial in act_of else otherwise(job)


def test_a_member_that_fails_before_anybody_is_ready_begins_anew_at_random(stage):
    stage.sweep("", "algorithm={name: pbt, members: 4, interval: 2, max: 4}")
    list(stage.worker(ends({0: stage.Act(code=1)}, trains(stage)), slots=4).work())
    again = next(trial for trial in stage.trials[1:] if trial.notes["member"] == 0)
    assert (again.parent, again.notes["generation"], again.origin) == (None, 1, "search")
    assert again.params != stage.trials[0].params


def test_a_member_that_fails_later_is_replaced_by_a_copy_of_a_good_one(stage):
    stage.sweep("", "algorithm={name: pbt, members: 4, interval: 2, max: 6, sync: true}")
    dies = stage.Act([{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": float("nan")}])
    list(stage.worker(ends({3: dies}, trains(stage)), slots=2).work())
    assert stage.states[3] == "failed"
    child = stage.trials[chains(stage)[3][1]]
    parent = stage.trials[child.parent]
    assert parent.params["x"] == max(trial.params["x"] for trial in stage.trials[:3])
    assert child.from_step == 2
    assert stage.trials[chains(stage)[3][-1]].last_step == 6


@pytest.mark.parametrize("text", [SYNC, ASYNC, SYNC.replace("pbt", "pb2"), ASYNC.replace("pbt", "pb2")])
@pytest.mark.parametrize("leaves", [True, False])
@pytest.mark.parametrize("slots", [1, 3])
def test_a_population_whose_program_saves_nothing_comes_to_its_end_without_copies(stage, text, leaves, slots):
    events = population(stage, text, slots, saves=False, leaves=leaves)
    assert events[-1].said["why"] == "every member has come to its end"
    ends = [stage.trials[numbers[-1]] for numbers in chains(stage).values()]
    assert [(trial.state, trial.last_step) for trial in ends] == [(TrialState.COMPLETE, 6)] * 4
    assert {trial.state for trial in stage.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(stage.trials) > 4
    assert all(trial.curve.steps == tuple(range(1, trial.last_step + 1)) for trial in stage.trials)
    (said,) = [event.said["text"] for event in events if event.name == "notice"]
    assert "a population needs a program that saves there before it reports" in said


def test_who_would_be_a_copy_of_one_that_saved_nothing_begins_from_nothing_as_its_record_says(stage, tmp_path):
    population(stage, SYNC, slots=4, saves=False)
    copied = type(stage)(tmp_path / "others" / "s")
    population(copied, SYNC, slots=4)
    child, copy = stage.trials[4], copied.trials[4]
    assert (child.params, child.until) == (copy.params, copy.until)
    assert (child.parent, child.from_step, child.origin) == (None, 0, "search")
    assert dict(child.notes) == {key: value for key, value in copy.notes.items() if key != "from_step"}
    created = durable.read_record(stage.sweep().layout.state(child.number, 1))
    assert created["why"] == f"from nothing, as trial {copy.parent} has saved nothing"
    first = next(job for job in stage.jobs if job.trial == child.number)
    assert ("SWEEPRUN_FROM_STEP" in first.env, first.env["SWEEPRUN_UNTIL"]) == (False, "4")


@pytest.mark.parametrize("text", [SYNC, ASYNC])
def test_a_population_goes_on_with_copies_as_soon_as_its_program_saves(stage, text):
    switch = Switch()
    program = trains(stage, saves=False)

    def script(job):
        if job.trial == 4:
            switch.turn(2, "SIGTERM")
        return program(job)

    stage.sweep("", f"algorithm={text.strip().removeprefix('algorithm: ')}")
    list(stage.worker(script, slots=4, switch=switch).work())
    assert len(stage.trials) == 5
    events = list(stage.worker(trains(stage), slots=4).work())
    assert events[-1].said["why"] == "every member has come to its end"
    ends = [stage.trials[numbers[-1]] for numbers in chains(stage).values()]
    assert [(trial.state, trial.last_step) for trial in ends] == [(TrialState.COMPLETE, 6)] * 4
    assert [trial.from_step > 0 for trial in stage.trials[5:]] == [True] * len(stage.trials[5:])
    assert len(stage.trials) > 5


def debris(stage):
    return [path for path in stage.sweep().layout.scratch.iterdir() if path.name != "reserve"]


def copying_while(monkeypatch, happens):
    """Has `happens` happen in the middle of the next copy of a checkpoint."""
    whole = copying._copy_file

    def copy_file(source, target):
        monkeypatch.setattr(copying, "_copy_file", whole)
        target.write_text("torn")
        happens(source)
        target.unlink()
        whole(source, target)

    monkeypatch.setattr(copying, "_copy_file", copy_file)


def test_a_copy_during_which_its_parent_went_on_is_thrown_away_and_another_one_is_made(stage, monkeypatch):
    def goes_on(source):
        parent = stage.trials[int(source.parents[2].name)]
        moved.append(stage.sweep().advance(parent, TrialState.PRUNED, "somebody else", worker="b" * 32).number)

    moved = []
    copying_while(monkeypatch, goes_on)
    population(stage, SYNC, slots=4)
    first = next(trial for trial in stage.trials if trial.parent is not None)
    assert moved
    assert first.parent not in moved
    assert debris(stage) == []


def test_a_copy_whose_parent_is_promoted_by_another_worker_meanwhile_is_no_fault_of_the_disk(stage, monkeypatch):
    def is_promoted(source):
        parent = stage.trials[int(source.parents[2].name)]
        who = {"worker": "b" * 32, "run": parent.run + 1, "until": 4, "reason": Reason.PROMOTED}
        promoted = stage.sweep().advance(parent, TrialState.RUNNING, "somebody else", **who)
        runs.prepare(stage.sweep().layout, promoted)
        moved.append(parent.number)

    moved, refused = [], []
    monkeypatch.setattr(Ledger, "refused", lambda ledger, error: refused.append(error))
    copying_while(monkeypatch, is_promoted)
    population(stage, SYNC, slots=4)
    assert (len(moved), refused) == (1, [])
    assert stage.states.count("complete") == 4
    assert debris(stage) == []


def test_a_worker_that_dies_while_it_copies_leaves_no_trial_and_no_copy_behind(stage, monkeypatch):
    def dies(source):
        raise KeyboardInterrupt

    copying_while(monkeypatch, dies)
    with pytest.raises(KeyboardInterrupt):
        population(stage, SYNC, slots=4)
    assert len(stage.trials) == 4
    list(stage.worker(trains(stage), slots=4).work())
    assert {trial.last_step for trial in stage.trials if trial.state is TrialState.COMPLETE} == {6}


def test_a_full_disk_is_waited_for_and_the_copy_made_again(stage, monkeypatch):
    def is_full(source):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    copying_while(monkeypatch, is_full)
    population(stage, SYNC, slots=4)
    assert stage.states.count("complete") == 4
    assert debris(stage) == []


def test_a_copy_that_was_born_and_never_started_has_what_it_needs_though_its_parent_went_on(stage):
    switch = Switch()
    stage.sweep("", "algorithm={name: pbt, members: 4, interval: 2, max: 6, sync: true}")
    program = trains(stage)

    def script(job):
        if stage.trials[job.trial].parent is not None and not switch.level:
            switch.turn(2, "SIGTERM")
            return stage.Act(code=None)
        return program(job)

    list(stage.worker(script, switch=switch).work())
    (child,) = [trial for trial in stage.trials if trial.parent is not None]
    assert child.state is TrialState.WAITING
    list(stage.worker(program).work())
    child = stage.trials[child.number]
    assert child.run > 1
    assert child.curve.steps[0] == 3


# ---- what the file says


def plan(stage, *overrides):
    return Plan.load(stage.sweep("", *overrides))


def test_the_budget_of_trials_is_the_number_of_members_and_ends_nothing(stage):
    found = plan(stage, "algorithm={name: pbt, max: 6, interval: 2}", "budget=4")
    assert found.sampler.members == 4
    assert found.budget.trials is None
    assert found.pruner is found.sampler


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["algorithm={name: pbt, max: 6, members: 4}", "budget=40"], "budget.trials is the number of members"),
        (["algorithm={name: pbt, max: 6}", "pruner=median"], "pbt decides itself how far each trial goes"),
        (["algorithm={name: pbt, max: 6}", "resumes=false"], "has trials go on from checkpoints"),
        (
            ["algorithm={name: pbt, max: 6, members: 2}", "warm_start={first: [{x: 0.1}, {x: 0.2}, {x: 0.3}]}"],
            "3 configurations to run first, and only 2 members",
        ),
    ],
)
def test_what_does_not_go_with_a_population_is_refused(stage, overrides, message):
    with pytest.raises(SweepFileError, match=message):
        plan(stage, *overrides)


def test_what_is_given_is_what_the_first_members_begin_with(stage):
    more = ["algorithm={name: pbt, members: 4, interval: 2, max: 4}", "warm_start={first: [{x: 0.25}, {x: 0.75}]}"]
    stage.sweep("", *more)
    list(stage.worker(trains(stage), slots=2).work())
    begun = stage.trials[:4]
    assert [trial.params["x"] for trial in begun[:2]] == [0.25, 0.75]
    assert [(trial.notes["member"], trial.notes["generation"]) for trial in begun] == [(n, 0) for n in range(4)]
    assert [job.env["SWEEPRUN_UNTIL"] for job in stage.jobs[:4]] == ["2"] * 4


@pytest.mark.parametrize("on_nonfinite", ["fail", "prune", "ignore"])
@pytest.mark.parametrize("good", [0, 1, 3])
def test_a_population_whose_program_always_diverges_comes_to_an_end(stage, good, on_nonfinite):
    """After `good` steps from nothing, and in each copy at once."""

    def script(job):
        done = int(job.env.get("SWEEPRUN_FROM_STEP", 0)) or stage.trials[job.trial].last_step
        steps = range(done + 1, int(job.env["SWEEPRUN_UNTIL"]) + 1)
        diverges = 0 if job.env.get("SWEEPRUN_FROM_STEP") else good
        save = lambda job: Path(job.env["SWEEPRUN_CHECKPOINT"], "memory").touch()  # noqa: E731
        return stage.Act([save, *({"epoch": n, "loss": 1.0 if n <= diverges else math.nan} for n in steps)])

    stage.sweep("", f"on_nonfinite={on_nonfinite}", f"algorithm={ASYNC.strip().removeprefix('algorithm: ')}")
    events = list(islice(stage.worker(script).work(), 1000))
    assert events[-1].name == "sweep_finished"
    assert all(trial.state.final for trial in stage.trials)
    assert {len(numbers) for numbers in chains(stage).values()} == {3}
