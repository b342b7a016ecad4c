"""Trials whose worker died: when they may be touched, what is left of them, who gets them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sweeprun import processes
from sweeprun.run.progress import Reporting
from sweeprun.run.takeover import remains
from sweeprun.store import liveness
from sweeprun.trials import FailureClass, Trial, TrialState

DEAD_PID = 2**22 + 1  # above any that Linux hands out


@dataclass
class Orphan:
    """Trial 0 of a worker that died, as it stands in the directory."""

    stage: Any
    trial: Trial
    layout: Any
    member: liveness.Membership

    def write(self, name: str, document: Any) -> None:
        (self.layout.run(0, self.trial.run) / name).write_text(json.dumps(document))

    def metrics(self, *lines: dict[str, Any]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self.layout.run(0, self.trial.run) / "metrics.jsonl").write_text(text)

    def launcher(self, pid: int, start_time: int | None) -> None:
        said = {"uid": self.trial.uid, "launcher": [pid, start_time], "continues": True, "gpus": 0.5}
        self.write("command.json", said)

    def exit(self, **said: Any) -> None:
        ended = {"code": 0, "signal": None, "ended_by": "program", "seconds": 8.0, "memory_bytes": 7}
        more = {"cpu_seconds": 1.0, "oom": None, "leftovers": 0, "unkillable": False, "format": 1}
        self.write("exit.json", {"uid": self.trial.uid} | ended | more | said)


@pytest.fixture
def orphan(stage):
    """Makes trial 0 of a worker that `who` describes; by default one of this machine that is dead."""

    def made(text="budget: 1", script=None, counters=None, **who):
        sweep = stage.sweep(text)
        owner = stage.worker(lambda job: stage.losses(1.0), **({"pid": DEAD_PID} | who))
        member = owner._member
        said = Trial(0, "uid-of-0", TrialState.RUNNING, params={"x": 0.5}, worker=member.worker.uuid)
        trial = sweep.create_trial(said, TrialState.RUNNING, member.log)
        for _ in range(counters or 0):
            more = {"worker": member.worker.uuid, "run": trial.run + 1, "counts": "death", **stage.left(trial)}
            trial = sweep.advance(trial, TrialState.RUNNING, "again", member.log, **more)
        folder = sweep.layout.run(0, trial.run)
        folder.mkdir()
        (folder.parent / f"checkpoint.{trial.run}").mkdir()
        (folder.parent / f"checkpoint.{trial.run}" / "model").write_text("weights")
        orphan = Orphan(stage, trial, sweep.layout, member)
        orphan.launcher(DEAD_PID, 1)
        return orphan

    return made


def test_a_trial_of_a_dead_worker_is_run_again_with_everything_that_it_had(stage, orphan):
    orphan().metrics({"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0})
    list(stage.worker(lambda job: stage.Act([{"epoch": 3, "loss": 1.0}])).work())
    (trial,) = stage.trials
    assert (trial.state, trial.uid, trial.params) == (TrialState.COMPLETE, "uid-of-0", {"x": 0.5})
    assert (trial.run, trial.deaths, trial.retries, trial.preemptions) == (2, 1, 0, 0)
    assert trial.curve.steps == (1, 2, 3)
    (job,) = stage.jobs
    assert job.env["SWEEPRUN_CHECKPOINT"].endswith("checkpoint.2")
    assert Path(job.env["SWEEPRUN_CHECKPOINT"], "model").read_text() == "weights"
    assert not (job.run_dir.parent / "checkpoint.1").exists()


def test_a_program_that_ended_by_itself_is_finished_from_its_exit_file(stage, orphan):
    dead = orphan()
    dead.metrics({"epoch": 1, "loss": 3.0})
    dead.exit()
    events = list(stage.worker(lambda job: stage.losses(9.0)).work())
    (trial,) = stage.trials
    assert (trial.state, trial.values, trial.run, trial.deaths) == (TrialState.COMPLETE, {"loss": 3.0}, 1, 0)
    (run,) = trial.runs
    assert (run.seconds, run.gpu_seconds, run.memory_bytes) == (8.0, 4.0, 7)
    assert stage.jobs == []
    assert stage.names(events).count("trial_completed") == 1
    assert "notice" not in stage.names(events)


def test_what_a_program_printed_is_read_after_the_death_of_its_worker(stage, orphan):
    dead = orphan("metrics_from: {regex: 'epoch (?P<epoch>.+) loss (?P<loss>.+)'}\nbudget: 1")
    (dead.layout.run(0, 1) / "stdout.log").write_text("epoch 1 loss 3.0\nepoch 2 loss 2.0")
    dead.exit()
    list(stage.worker(lambda job: stage.losses(9.0)).work())
    assert (stage.trials[0].state, stage.trials[0].values) == (TrialState.COMPLETE, {"loss": 2.0})
    assert stage.jobs == []


@pytest.mark.parametrize(("ended_by", "steps"), [("program", (1,)), ("worker_lost", ())])
def test_a_level_is_finished_only_where_its_program_left_by_itself(stage, orphan, ended_by, steps):
    dead = orphan("fidelity: {share: [0.5, 1.0]}\npruner: asha\nbudget: 1")
    dead.metrics({"epoch": 1, "loss": 3.0})
    dead.exit(ended_by=ended_by)
    observer = liveness.Observer(dead.layout, stage.lease, stage.clock)
    left = remains(dead.layout, dead.trial, observer, Reporting.of(stage.sweep().resolved), None)
    assert left.trial.curve.steps == steps


def test_its_csv_file_is_read_where_it_was_looked_for_and_tells_how_long_it_lived(stage, orphan):
    dead = orphan("metrics_from: {csv: '${env:NOT_SET_HERE}/metrics.csv'}\nbudget: 1")
    folder = dead.layout.run(0, 1)
    start = {"uid": dead.trial.uid, "launcher": None, "continues": True, "gpus": 0.0, "csv": str(folder / "*.csv")}
    dead.write("command.json", start)
    (folder / "metrics.csv").write_text("epoch,loss\n1,3.0\n2,2.0\n")
    started = dead.trial.runs[0].started
    os.utime(folder / "metrics.csv", (started + 60, started + 60))
    observer = liveness.Observer(dead.layout, stage.lease, stage.clock)
    left = remains(dead.layout, dead.trial, observer, Reporting.of(stage.sweep().resolved), None)
    assert left.trial.values == {"loss": 2.0}
    assert left.trial.runs[0].seconds == pytest.approx(60, abs=1)


def test_a_crash_that_nobody_saw_is_a_crash_with_its_last_words(stage, orphan):
    dead = orphan()
    dead.exit(code=1)
    (dead.layout.run(0, 1) / "stderr.log").write_text("Traceback\nValueError: no\n")
    list(stage.worker(lambda job: stage.losses(9.0)).work())
    (trial,) = stage.trials
    assert trial.failure.kind is FailureClass.CRASH
    assert trial.failure.message == "exit code 1: ValueError: no"


def test_a_crash_that_nobody_saw_is_tried_again_where_the_file_says_so(stage, orphan):
    orphan("budget: 1\nretry: {max: 1, on: [crash]}").exit(code=1)
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    (trial,) = stage.trials
    assert (trial.state, trial.retries, trial.deaths, trial.run) == (TrialState.COMPLETE, 1, 0, 2)


@pytest.mark.parametrize("by", ["worker_lost", "stop"])
def test_a_program_that_was_ended_is_run_again(stage, orphan, by):
    orphan().exit(ended_by=by, code=None, signal="SIGTERM")
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert (stage.trials[0].state, stage.trials[0].deaths) == (TrialState.COMPLETE, 1)
    assert len(stage.jobs) == 1


def test_several_slots_finish_an_orphan_once(stage, orphan):
    dead = orphan("budget: 4")
    dead.metrics({"epoch": 1, "loss": 3.0})
    dead.exit()
    events = list(stage.worker(lambda job: stage.losses(9.0), slots=3).work())
    assert stage.states == ["complete"] * 4
    assert [event for event in events if event.name == "notice"] == []
    assert sorted(event.trial.number for event in events if event.name == "trial_completed") == [0, 1, 2, 3]


def test_a_launcher_that_still_lives_is_waited_for(stage, orphan):
    dead = orphan("budget: 1")
    dead.launcher(os.getpid(), processes.start_time(os.getpid()))
    worker = stage.worker(lambda job: stage.losses(1.0))
    polls = []

    def hook():
        polls.append(len(stage.executors[-1].jobs))
        if len(polls) == 5:
            dead.launcher(DEAD_PID, 1)

    stage.executors[-1].on_poll = hook
    list(worker.work())
    assert polls[:5] == [0] * 5
    assert stage.states == ["complete"]


@pytest.mark.parametrize("launcher", [(DEAD_PID, None), (os.getpid(), 1), (os.getpid(), None)])
def test_a_launcher_that_is_dead_or_another_process_by_now_is_not(stage, orphan, launcher):
    orphan().launcher(*launcher)
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.states == ["complete"]


@pytest.mark.parametrize("said", [{"launcher": 3}, {"launcher": "torchrun"}, {"launcher": ["a", None, 1]}, [], "junk"])
def test_a_record_of_its_start_that_the_program_overwrote_keeps_nobody_from_taking_over(stage, orphan, said):
    orphan().write("command.json", said)
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.states == ["complete"]


def test_a_trial_whose_worker_died_before_it_could_start_anything_is_started(stage, orphan):
    dead = orphan()
    (dead.layout.run(0, 1) / "command.json").unlink()
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert (stage.trials[0].state, stage.trials[0].deaths) == (TrialState.COMPLETE, 1)


def test_the_third_death_is_the_last(stage, orphan):
    orphan(counters=2)
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    (trial,) = stage.trials
    assert (trial.state, trial.failure.kind, trial.deaths) == (TrialState.FAILED, FailureClass.LOST, 3)
    assert stage.jobs == []


def test_a_trial_of_a_living_worker_is_left_alone(stage, orphan):
    orphan("budget: 2", pid=os.getpid())
    worker = stage.worker(lambda job: stage.losses(1.0))
    work = worker.work()
    told = [next(work) for _ in range(5)]
    assert {event.trial.number for event in told if event.trial} == {1}
    assert stage.states == ["running", "complete"]
    work.close()


def test_a_worker_of_another_host_is_dead_when_its_beat_stood_still_for_a_lease(stage, orphan):
    orphan(boot_id="another", pid=os.getpid())
    worker = stage.worker(lambda job: stage.losses(1.0))
    began = stage.clock()
    list(worker.work())
    assert stage.states == ["complete"]
    assert 90.0 <= stage.clock() - began < 100.0


def test_a_worker_of_another_host_that_beats_is_never_robbed(stage, orphan):
    dead = orphan("budget: 2", boot_id="another", pid=os.getpid())
    worker = stage.worker(lambda job: stage.losses(1.0))
    until = stage.clock() + 400.0
    stop = []

    def hook():
        dead.member.beat()
        if stage.clock() > until and not stop:
            stop.append(1)
            stage.sweep().request_stop()

    stage.executors[-1].on_poll = hook
    list(worker.work())
    assert stage.states == ["running", "complete"]


def test_a_worker_that_left_is_not_waited_for(stage, orphan):
    dead = orphan(boot_id="another", pid=os.getpid())
    dead.member.leave()
    began = stage.clock()
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.clock() - began < 10.0


def test_the_night_after_a_worker_died_does_not_use_up_the_wall(stage, orphan):
    dead = orphan("budget: {trials: 1, wall: 1h}")
    dead.metrics({"epoch": 1, "loss": 3.0})
    stage.clock.midnight += 86_400.0
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.states == ["complete"]


def test_a_run_whose_end_nobody_saw_lasted_to_its_last_sign_of_life(stage, orphan):
    dead = orphan()
    dead.metrics({"epoch": 1, "loss": 3.0})
    started = dead.trial.runs[0].started
    os.utime(dead.layout.run(0, 1) / "metrics.jsonl", (started + 33.0, started + 33.0))
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.trials[0].runs[0].seconds == pytest.approx(33.0)


def test_how_the_program_counts_is_known_of_an_orphan_too(stage, orphan):
    orphan("budget: 1\nstep: {name: epoch, first: 0}").metrics({"epoch": 3, "loss": 3.0})
    list(stage.worker(lambda job: stage.Act([{"epoch": 4, "loss": 1.0}])).work())
    assert stage.trials[0].curve.steps == (4, 5)


def test_two_workers_take_an_orphan_over_once(stage, orphan):
    orphan("budget: 3")
    works = [stage.worker(lambda job: stage.losses(2.0, 1.0)).work() for _ in range(2)]
    stage.executors.pop(0)  # of the dead one
    stage.interleave(*works)
    assert stage.states == ["complete"] * 3
    assert stage.trials[0].deaths == 1
    assert sorted(job.trial for job in stage.jobs) == [0, 1, 2]


@pytest.mark.parametrize("written", [{"status": "ok"}, {"uid": "of-another", "code": 0}, {"code": "0"}])
def test_what_a_program_writes_over_its_exit_file_is_no_exit(stage, orphan, written):
    dead = orphan("budget: 1")
    dead.metrics({"epoch": 1, "loss": 3.0})
    dead.write("exit.json", written)
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    (trial,) = stage.trials
    assert (trial.state, trial.run) == (TrialState.COMPLETE, 2)
