"""Workers that cannot see each other's processes: all they have of each other is the beat."""

from __future__ import annotations

import json
import signal

import pytest

from sweeprun.trials import TrialState

pytestmark = pytest.mark.slow
LEASE_S = 3.0


def before_steps(sweep):
    """What the record of the takeover says that run 1 had reached."""
    return json.loads(sweep.layout.state(0, 2).read_text())["last_step"]


def test_a_worker_that_was_stopped_for_longer_than_its_lease_finds_its_trial_gone_and_goes_on(site):
    sweep = site.sweep(3, STEPS=200, PAUSE=0.05)
    first = site.start(host="one")
    site.wait_until(lambda: site.said.count("metric 0") >= 5)
    site.start(slots=3, host="two")
    site.wait_until(lambda: "trial_started 1" in site.said and "trial_started 2" in site.said)
    first.send_signal(signal.SIGSTOP)
    took = site.wait_until(lambda: site.trials[0].run == 2)
    assert took > LEASE_S - 1.0
    first.send_signal(signal.SIGCONT)
    for worker in site.workers:
        assert worker.wait(30) == 0, site.said
    assert site.states == {"complete": 3}
    (trial, *_) = site.trials
    assert (trial.run, trial.deaths) == (2, 1)
    # The program of the stopped worker goes on: a step that it saved and told after the takeover had read is missing.
    assert set(range(1, 201)) - set(trial.curve.steps) <= {before_steps(sweep) + 1}
    assert "notice 0" in site.said
    assert not sweep.layout.checkpoint(0, 1).exists()
    assert site.processes() == []


def test_a_worker_that_beats_is_never_robbed(site):
    site.sweep(2, STEPS=int(2.5 * LEASE_S / 0.05), PAUSE=0.05)
    site.start(host="one")
    site.wait_until(lambda: "trial_started" in site.said)
    site.start(host="two")
    for worker in site.workers:
        assert worker.wait(40) == 0, site.said
    assert [(trial.state, trial.run) for trial in site.trials] == [(TrialState.COMPLETE, 1)] * 2
