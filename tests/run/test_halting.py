"""What ends a worker's work, and what it sees to before."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import pytest

from sweeprun import processes
from sweeprun.run.worker import Switch
from sweeprun.trials import Run, Trial, TrialState

DEAD_PID = 2**22 + 1  # above any that Linux hands out


def late_fork(stage, **rest):
    """A program whose own seconds begin 5 s after the claim of its trial."""

    def forked(job):
        running = stage.executors[-1].running[job.trial]
        running.began = stage.clock()

    return stage.Act([*[{}] * 20, forked, {"epoch": 1, "loss": 1.0}], code=None, **rest)


def test_a_wall_that_was_reached_stays_reached_though_the_ends_tell_of_less(stage):
    events = stage.run(lambda job: late_fork(stage), "budget: {trials: 9, wall: 60s}")
    assert stage.trials[0].seconds < 60.0
    assert events[-1].said["reason"] == "wall"
    assert stage.states == ["waiting"]
    assert len(stage.jobs) == 1


def test_a_wall_that_is_raised_while_it_ends_the_trials_lets_them_go_on(stage):
    sweep = stage.sweep("budget: {trials: 1, wall: 60s}")
    acts = {0: [stage.losses(2.0, code=None), stage.losses(1.0)]}
    work = stage.worker(stage.by_trial(acts)).work()
    for event in work:
        if event.name == "notice" and "budget.wall" in event.said["text"]:
            sweep.edit(set=[(["budget", "wall"], 600.0)])
    assert stage.states == ["complete"]


def test_the_seconds_of_a_run_begin_with_the_order_to_start_it(stage):
    stage.sweep("budget: 1")
    worker = stage.worker(lambda job: stage.losses(2.0, 1.0))
    executor, delay = stage.executors[0], iter([7.0])
    poll = executor.poll

    def slow_to_fork(timeout_s):
        stage.clock.time += next(delay, 0.0)
        for running in executor.running.values():
            running.began = max(running.began, 1007.0)
        return poll(timeout_s)

    executor.poll = slow_to_fork
    list(worker.work())
    (run,) = stage.trials[0].runs
    assert run == Run(run.started, 7.75, 7.75 / 2, 1 << 20)


# ---- what a dead worker has left when the sweep is over


@dataclass
class Orphan:
    """A running trial of a worker that is dead."""

    stage: Any
    number: int

    def write(self, name: str, document: Any) -> None:
        (self.stage.sweep().layout.run(self.number, 1) / name).write_text(json.dumps(document) + "\n")

    def launcher(self, pid: int) -> None:
        said = {"launcher": [pid, processes.start_time(pid)], "continues": False, "gpus": 0.5}
        self.write("command.json", {"uid": self.stage.trials[self.number].uid, **said})

    def ended(self) -> None:
        """Its program has ended by itself."""
        self.write("metrics.jsonl", {"epoch": 1, "loss": 3.0})
        said = {"code": 0, "signal": None, "ended_by": "program", "seconds": 8.0, "memory_bytes": 7}
        more = {"cpu_seconds": 1.0, "oom": None, "leftovers": 0, "unkillable": False, "format": 1}
        self.write("exit.json", said | more | {"uid": "its uid"})


@pytest.fixture
def orphan(stage):
    """Makes one of the sweep in which `fulfil` has run."""

    def made(text, fulfil=lambda: None):
        sweep = stage.sweep(text)
        fulfil()
        member = stage.worker(lambda job: stage.losses(1.0), pid=DEAD_PID)._member
        number = len(sweep.trials())
        said = Trial(number, "its uid", TrialState.RUNNING, params={"x": 0.5}, worker=member.worker.uuid)
        sweep.create_trial(said, TrialState.RUNNING, member.log)
        sweep.layout.run(number, 1).mkdir()
        orphan = Orphan(stage, number)
        orphan.launcher(DEAD_PID)
        return orphan

    return made


LIMITS = {
    "target": "budget: {trials: 9, target: {loss: 5.0}}",
    "plateau": "budget: {trials: 9, plateau: {trials: 1}}",
    "failures": "budget: {trials: 9, failures: {consecutive: 1}}",
}


def fulfil(stage, limit):
    """Trials before the orphan's by which the limit is reached."""
    act = stage.Act(code=1) if limit == "failures" else stage.losses(1.0)
    events = list(stage.worker(lambda job: act).work())
    assert events[-1].said["reason"] == limit


@pytest.mark.parametrize("limit", LIMITS)
def test_a_trial_of_a_dead_worker_waits_though_nothing_more_is_begun(stage, orphan, limit):
    dead = orphan(LIMITS[limit], lambda: fulfil(stage, limit))
    events = list(stage.worker(lambda job: stage.losses(9.0)).work())
    assert events[-1].said["reason"] == limit
    trial = stage.trials[dead.number]
    assert (trial.because, trial.run, trial.deaths) == ("requeued: its worker died", 1, 1)


def test_a_program_that_ended_by_itself_is_finished_though_nothing_more_is_begun(stage, orphan):
    dead = orphan(LIMITS["target"], lambda: fulfil(stage, "target"))
    dead.ended()
    events = list(stage.worker(lambda job: stage.losses(9.0)).work())
    assert stage.states == ["complete"] * (dead.number + 1)
    assert events[-1].said["reason"] == "target"
    assert "trial_completed" in stage.names(events)


def test_a_trial_whose_launcher_still_ends_it_is_waited_for(stage, orphan):
    dead = orphan(LIMITS["target"], lambda: fulfil(stage, "target"))
    dead.launcher(os.getpid())
    worker = stage.worker(lambda job: stage.losses(9.0))
    until = stage.clock() + 3.0
    stage.executors[-1].on_poll = lambda: stage.clock() > until and dead.launcher(DEAD_PID)
    list(worker.work())
    assert stage.trials[dead.number].because == "requeued: its worker died"
    assert stage.clock() > until


@pytest.mark.parametrize("told", ["switch", "stop"])
def test_who_was_told_to_leave_leaves_at_once(stage, orphan, told):
    dead = orphan("budget: 9")
    switch = Switch()
    worker = stage.worker(lambda job: stage.losses(9.0), switch=switch)
    if told == "switch":
        switch.turn(1, "Ctrl-C")
    else:
        stage.sweep().request_stop()
    list(worker.work())
    assert stage.trials[dead.number].state is TrialState.RUNNING


def test_a_trial_of_ours_that_was_never_started_does_not_stay_running(stage):
    sweep = stage.sweep(LIMITS["target"])
    fulfil(stage, "target")
    worker = stage.worker(lambda job: stage.losses(9.0))
    member, number = worker._member, len(stage.trials)
    said = Trial(number, "mine", TrialState.RUNNING, params={"x": 0.5}, worker=member.worker.uuid)
    sweep.create_trial(said, TrialState.RUNNING, member.log)
    list(worker.work())
    trial = stage.trials[number]
    assert (trial.state, trial.deaths) == (TrialState.WAITING, 0)
