"""Workers that cannot see each other's processes: all they have of each other is the beat."""

from __future__ import annotations

import json
import signal

import pytest

from sweeprun.trials import TrialState


def read_exit(sweep):
    """The end of trial 0's first run, once it is there."""
    path = sweep.layout.run(0, 1) / "exit.json"
    return json.loads(path.read_text()) if path.exists() else None


def beat_twice(site):
    """Wait until the worker of trial 0 must have seen who else works here: it looks when it beats, every 0.2 s."""
    seen = site.said.count("metric 0")
    site.wait_until(lambda: site.said.count("metric 0") >= seen + 9)


pytestmark = pytest.mark.slow
FENCE_S, LEASE_S = 1.5, 3.0


def test_a_worker_that_was_stopped_for_longer_than_its_lease_finds_its_trial_gone_and_goes_on(site):
    sweep = site.sweep(3, STEPS=200, PAUSE=0.05)
    first = site.start(host="one")
    site.wait_until(lambda: site.said.count("metric 0") >= 5)
    site.start(slots=3, host="two")
    site.wait_until(lambda: "trial_started 1" in site.said and "trial_started 2" in site.said)
    beat_twice(site)
    first.send_signal(signal.SIGSTOP)
    took = site.wait_until(lambda: read_exit(sweep))
    assert took < FENCE_S + 1.0
    took += site.wait_until(lambda: site.trials[0].run == 2)
    assert took > LEASE_S - 1.0
    assert read_exit(sweep)["ended_by"] == "fenced"
    first.send_signal(signal.SIGCONT)
    for worker in site.workers:
        assert worker.wait(30) == 0, site.said
    assert site.states == {"complete": 3}
    (trial, *_) = site.trials
    assert (trial.run, trial.deaths) == (2, 1)
    assert trial.curve.steps == tuple(range(1, 201))  # no process of the stopped worker was left to save a step
    assert "notice 0" in site.said
    assert not sweep.layout.checkpoint(0, 1).exists()
    assert site.processes() == []


def test_a_worker_that_wakes_before_it_is_given_up_runs_the_trials_again_that_its_launcher_ended(site):
    sweep = site.sweep(2, STEPS=120, PAUSE=0.05)
    first = site.start(host="one")
    site.wait_until(lambda: site.said.count("metric 0") >= 5)
    site.start(host="two")
    site.wait_until(lambda: "trial_started 1" in site.said)
    beat_twice(site)
    first.send_signal(signal.SIGSTOP)
    site.wait_until(lambda: read_exit(sweep))
    first.send_signal(signal.SIGCONT)
    for worker in site.workers:
        assert worker.wait(30) == 0, site.said
    assert site.states == {"complete": 2}
    trial = site.trials[0]
    assert (trial.run, trial.deaths, trial.preemptions) == (2, 0, 0)
    assert trial.curve.steps == tuple(range(1, 121))


def test_a_worker_that_beats_is_never_robbed(site):
    site.sweep(2, STEPS=int(2.5 * LEASE_S / 0.05), PAUSE=0.05)
    site.start(host="one")
    site.wait_until(lambda: "trial_started" in site.said)
    site.start(host="two")
    for worker in site.workers:
        assert worker.wait(40) == 0, site.said
    assert [(trial.state, trial.run) for trial in site.trials] == [(TrialState.COMPLETE, 1)] * 2
