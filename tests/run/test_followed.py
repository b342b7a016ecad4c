"""Reading along with the trials of others."""

from __future__ import annotations

import json

import pytest

from sweeprun.objective import Objective
from sweeprun.run.followed import Followed
from sweeprun.run.progress import Reporting
from sweeprun.trials import Trial, TrialState

REPORTING = Reporting((Objective("loss"),), tracked=("loss",))


@pytest.fixture
def other(stage):
    """Trial 0 of another worker, and how its program reports."""
    layout = stage.sweep("budget: 9").layout
    trial = Trial(0, "uid", TrialState.RUNNING, run=1)
    folder = layout.run(0, 1)
    folder.mkdir(parents=True)
    (folder / "command.json").write_text('{"uid": "uid", "continues": false}')

    def report(*lines, run=1):
        with open(layout.run(0, run) / "metrics.jsonl", "a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    return trial, report, Followed(layout, REPORTING), layout


def test_a_trial_that_has_not_reported_is_left_out(other):
    trial, _, followed, _ = other
    assert followed.read([trial], None) == {}


def test_what_it_reported_so_far_is_known(other):
    trial, report, followed, _ = other
    report({"epoch": 0, "loss": 2.0})
    assert followed.read([trial], None)[0].curve.steps == (1,)
    report({"epoch": 1, "loss": 1.0})
    found = followed.read([trial], None)[0]
    assert (found.curve.steps, found.values, found.number) == ((1, 2), {"loss": 1.0}, 0)


def test_the_same_object_comes_again_where_nothing_is_new(other):
    trial, report, followed, _ = other
    report({"epoch": 1, "loss": 2.0})
    assert followed.read([trial], None)[0] is followed.read([trial], None)[0]


def test_a_run_that_is_not_started_yet_is_waited_for(other):
    trial, report, followed, layout = other
    (layout.run(0, 1) / "command.json").unlink()
    report({"epoch": 1, "loss": 2.0})
    assert followed.read([trial], None) == {}
    (layout.run(0, 1) / "command.json").write_text('{"uid": "uid", "continues": false}')
    assert followed.read([trial], None)[0].last_step == 1


def test_a_trial_that_does_not_run_any_more_is_forgotten(other):
    trial, report, followed, _ = other
    report({"epoch": 1, "loss": 2.0})
    followed.read([trial], None)
    assert followed.read([], None) == {}
    assert not followed._open
