"""Workers and launchers that are killed with -9: nothing survives them, nothing is lost."""

from __future__ import annotations

import json
import os
import signal

import pytest

from sweeprun.trials import TrialState

pytestmark = pytest.mark.slow
LOST_GRACE_S = 3.0  # what a launcher gives when its worker is dead


@pytest.mark.parametrize("knobs", ["ignore-term", "escape", "ignore-term escape"])
def test_nothing_of_a_trial_survives_the_end_of_its_worker(site, knobs):
    site.sweep(1, KNOBS=knobs, STEPS=10_000, PAUSE=0.05)
    worker = site.start()
    site.wait_until(lambda: "metric 0" in site.said and site.processes())
    worker.terminate()
    worker.wait(1.0 + 5.0)
    assert site.processes() == []
    assert site.states == {"waiting": 1}
    assert site.trials[0].deaths == 0


@pytest.mark.parametrize("knobs", ["", "ignore-term escape"])
def test_nothing_of_a_trial_survives_a_worker_that_is_killed(site, knobs):
    site.sweep(1, KNOBS=knobs, STEPS=10_000, PAUSE=0.05)
    worker = site.start()
    site.wait_until(lambda: "metric 0" in site.said and site.processes())
    worker.kill()
    site.wait_until(lambda: not site.processes(), LOST_GRACE_S + 5.0)
    assert site.states == {"running": 1}


def test_a_second_worker_goes_on_at_once_with_the_trial_of_a_killed_one(site):
    site.sweep(1, STEPS=60, PAUSE=0.05)
    first = site.start()
    site.wait_until(lambda: site.said.count("metric 0") >= 5)
    (before,) = site.trials
    second = site.start()
    site.wait_until(lambda: "sweep_started" in site.said.partition("metric 0")[2])
    first.kill()
    took = site.wait_until(lambda: site.trials[0].run == 2)
    assert took < LOST_GRACE_S + 3.0
    assert second.wait(30) == 0
    (trial,) = site.trials
    assert (trial.number, trial.uid, trial.params) == (before.number, before.uid, before.params)
    assert (trial.state, trial.deaths, trial.run) == (TrialState.COMPLETE, 1, 2)


def test_a_trial_that_is_continued_has_each_step_once(site):
    sweep = site.sweep(1, STEPS=40, PAUSE=0.05)
    worker = site.start()
    site.wait_until(lambda: site.said.count("metric 0") >= 5)
    worker.kill()
    worker.wait()
    assert site.start().wait(30) == 0
    (trial,) = site.trials
    assert trial.curve.steps == tuple(range(1, 41))
    assert trial.curve.values["loss"] == tuple(1 / step for step in range(1, 41))
    lines = [
        [json.loads(line) for line in (sweep.layout.run(0, run) / "metrics.jsonl").read_text().splitlines()]
        for run in (1, 2)
    ]
    assert sorted({line["epoch"] for run in lines for line in run}) == list(range(1, 41))
    assert sum(map(len, lines)) <= 41  # the step that was saved may be reported again
    assert len({line["pid"] for run in lines for line in run}) == 2
    assert not sweep.layout.checkpoint(0, 1).exists()
    assert (sweep.layout.checkpoint(0, 2) / "step").read_text() == "40"
    assert [run.seconds > 0 for run in trial.runs] == [True, True]


def test_a_program_that_ended_by_itself_while_its_worker_was_dying_is_not_run_again(site):
    sweep = site.sweep(1, STEPS=1, PAUSE=1.0)
    worker = site.start()
    site.wait_until(lambda: "trial_started" in site.said and site.processes())
    worker.send_signal(signal.SIGSTOP)
    site.wait_until((sweep.layout.run(0, 1) / "exit.json").exists)
    worker.kill()
    worker.wait()
    assert site.start().wait(20) == 0
    (trial,) = site.trials
    assert (trial.state, trial.run, trial.deaths) == (TrialState.COMPLETE, 1, 0)


def test_a_launcher_that_is_killed_is_replaced_and_its_trials_are_run_again(site):
    site.sweep(3, KNOBS="escape", STEPS=20, PAUSE=0.05)
    worker = site.start(slots=2)
    site.wait_until(lambda: site.said.count("trial_started") == 2 and len(site.processes()) >= 4)
    before = set(site.processes())
    os.kill(site.launcher_of(worker), signal.SIGKILL)
    site.wait_until(lambda: not before & set(site.processes()), 5.0)
    assert worker.wait(40) == 0
    assert site.states == {"complete": 3}
    assert [trial.deaths for trial in site.trials] == [1, 1, 0]
    assert site.processes() == []


def test_worker_and_launcher_killed_at_once_leave_nothing_that_the_next_worker_does_not_end(site):
    site.sweep(1, KNOBS="ignore-term escape", STEPS=40, PAUSE=0.05)
    worker = site.start()
    site.wait_until(lambda: site.said.count("metric 0") >= 3)
    before = set(site.processes())
    launcher = site.launcher_of(worker)
    for pid in (worker.pid, launcher):
        os.kill(pid, signal.SIGSTOP)
    for pid in (launcher, worker.pid):
        os.kill(pid, signal.SIGKILL)
    worker.wait()
    assert site.start().wait(30) == 0
    assert site.states == {"complete": 1}
    assert not before & set(site.processes())


def test_a_program_that_kills_its_worker_fails_as_lost_and_the_sweep_goes_on(site):
    site.sweep(1, STEPS=10_000, PAUSE=0.05)
    for run in (1, 2, 3):
        worker = site.start()
        site.wait_until(lambda run=run: site.trials and site.trials[0].run == run and site.processes())
        worker.kill()
        worker.wait()
        site.wait_until(lambda: not site.processes())
    assert site.start().wait(20) == 0
    (trial,) = site.trials
    assert (trial.state, trial.failure.kind, trial.run) == (TrialState.FAILED, "lost", 3)
