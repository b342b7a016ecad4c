"""Whether trials of a plan can be suggested and started here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sweeprun.errors import SpaceError, SweepFileError
from sweeprun.run.plan import Plan
from sweeprun.run.readiness import check_environment, rehearse
from sweeprun.samplers.random import RandomSampler
from sweeprun.spec.sweepfile import SweepFile

FILE = f"""
command: [{sys.executable}, "${{args}}"]
metric: loss
parameters: {{x: {{min: 0.0, max: 1.0}}}}
algorithm: random
"""


@pytest.fixture
def plan(tmp_path):
    """The plan of the smallest file with overrides."""
    return lambda *overrides: Plan.of(SweepFile.parse(FILE, tmp_path / "demo.yaml", overrides))


def test_what_can_be_started_is_let_pass(plan):
    rehearse(plan())


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("command=[no-such-program]", "command: there is no program 'no-such-program' on the PATH of the trials"),
        ("command=[./run]", "command: there is no program './run' in "),
        ("command=[/no/such/program]", "command: there is no program '/no/such/program'"),
        ("workdir=nowhere", "nowhere is no directory"),
        ("command=['${env:NO_SUCH_VARIABLE}']", "NO_SUCH_VARIABLE is not set"),
        ("env.X=${env:NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_what_cannot_be_started_is_refused(plan, monkeypatch, override, said):
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    with pytest.raises(SweepFileError) as refused:
        rehearse(plan(override))
    assert said in str(refused.value)


def test_a_file_that_nobody_may_execute_is_no_program(plan, tmp_path):
    (tmp_path / "run").write_text("#!/bin/sh\n")
    with pytest.raises(SweepFileError, match="there is no program"):
        rehearse(plan("command=[./run]"))
    (tmp_path / "run").chmod(0o755)
    rehearse(plan("command=[./run]"))


def test_the_path_that_the_file_gives_the_trials_is_the_one_that_counts(plan, tmp_path):
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    rehearse(plan("command=[tool]", f"env.PATH={tmp_path}"))
    with pytest.raises(SweepFileError, match=r"no program .*on the PATH of the trials, /nowhere"):
        rehearse(plan(f"command=[{Path(sys.executable).name}]", "env.PATH=/nowhere"))


def test_the_suggestion_that_is_tried_is_the_one_after_the_trials_there_are(plan, make_trial, monkeypatch):
    def suggest(self, history, rng):
        raise SpaceError(f"asked for trial {history.number}")

    monkeypatch.setattr(RandomSampler, "suggest", suggest)
    with pytest.raises(SpaceError, match="asked for trial 2"):
        rehearse(plan(), [make_trial(0), make_trial(1)])


def test_a_worker_asks_for_its_environment_alone(plan):
    check_environment(plan("command=[no-such-program]", "workdir=nowhere"))
