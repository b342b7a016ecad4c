"""`start`: how a whole sweep ends, and the exit code that says so."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

FILE = """
command: [python, train.py]
args: none
metric: loss
parameters: {x: {min: 0.0, max: 1.0}}
algorithm: random
budget: 1
resources: {gpus: 0, slots: 1}
"""
REPORTS = "import sweeprun\nsweeprun.report(epoch=1, loss=0.5)\n"
REPORTS_NOTHING = "raise SystemExit(0)\n"
STOPS_ITS_SWEEP = """
import os, time
from pathlib import Path
from sweeprun.store.sweep import Sweep
Sweep(Path(os.environ["SWEEPRUN_DIR"]).parents[3]).request_stop(now=True)
time.sleep(60)
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A sweep file beside its program, in a current directory of their own."""
    monkeypatch.chdir(tmp_path)

    def written(program: str, more: str = "") -> Path:
        (tmp_path / "train.py").write_text(program)
        (tmp_path / "demo.yaml").write_text(FILE + more)
        return tmp_path / "demo.yaml"

    return written


def test_a_sweep_that_ends_well_is_exit_code_0_and_its_best_trials_are_on_stdout(
    write: Command, sweeprun: Command
) -> None:
    done = sweeprun("start", write(REPORTS))
    assert done.code == 0
    assert done.out.split()[:2] == ["trial", "loss"]
    assert "sweeprun resume sweeps/demo --trials N" in done.err


def test_a_configuration_that_cannot_be_computed_is_passed_over(write: Command, sweeprun: Command) -> None:
    space = "parameters: {n: {min: 1, max: 3}, y: {expr: 1 / (n - 2)}, z: {values: [1], when: 1 / (n - 2) > 0}}"
    file = write(REPORTS)
    file.write_text(file.read_text().replace("parameters: {x: {min: 0.0, max: 1.0}}", space).replace("budget: 1\n", ""))
    done = sweeprun("start", file)
    assert done.code == 0
    assert "2 complete" in sweeprun("status").out
    assert "ended: every configuration of the space has been tried" in done.err


def test_a_sweep_without_any_value_is_exit_code_4(write: Command, sweeprun: Command) -> None:
    done = sweeprun("start", write(REPORTS_NOTHING))
    assert (done.code, done.out) == (4, "")
    assert "no trial has a value of loss yet" in done.err


def test_a_sweep_that_is_stopped_before_any_value_did_what_was_asked(write: Command, sweeprun: Command) -> None:
    done = sweeprun("start", write(STOPS_ITS_SWEEP))
    assert (done.code, done.out) == (0, "")
    assert "sweeprun stop was typed" in done.err


def test_what_the_next_ctrl_c_would_do_is_said_while_it_can_be_typed(write: Command, sweeprun: Command) -> None:
    interrupts = f"import os, signal\nos.kill({os.getpid()}, signal.SIGINT)\n"
    done = sweeprun("start", write(interrupts + REPORTS), "--set", "budget.trials=9")
    assert done.code == 130
    asked = "SIGINT: finishing the running trials, starting no more"
    assert f"{asked} (Ctrl-C again to stop them)\n" in done.err
    assert f"ended: {asked}\n" in done.err


def test_a_requirement_is_not_met_by_a_sweep_that_was_stopped_without_a_value(
    write: Command, sweeprun: Command
) -> None:
    assert sweeprun("start", write(STOPS_ITS_SWEEP), "--require", "loss < 1").code == 4


@pytest.mark.parametrize(("requirement", "code"), [("loss < 0.6", 0), ("loss < 0.4", 1)])
def test_a_requirement_decides_the_exit_code_also_where_stdout_is_for_events(
    write: Command, sweeprun: Command, requirement: str, code: int
) -> None:
    done = sweeprun("start", write(REPORTS), "--require", requirement, "--events", "-")
    assert done.code == code
    assert json.loads(done.out.splitlines()[-1])["event"] == "sweep_finished"
