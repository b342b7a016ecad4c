"""`show`: everything about one trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.store import records
from sweeprun.trials import Reason, Run, TrialState

Command = Callable[..., Any]
SOURCE = "command: python train.py ${args}\nmetric: val_loss\nparameters: {lr: [0.1, 0.2]}\n"


def test_every_state_is_shown_with_its_time_and_reason(build: Command, sweeprun: Command) -> None:
    sweep = build()
    waiting = sweep.waiting()
    running = sweep.sweep.advance(waiting, TrialState.RUNNING, "", run=1, reason=Reason.NEW)
    trial = sweeprun("show", 0, "--json").document["trial"]
    assert [(each["n"], each["state"], each["reason"]) for each in trial["transitions"]] == [
        (1, "waiting", "queued"),
        (2, "running", "new"),
    ]
    assert trial["transitions"][1]["at"] == running.changed
    lines = sweeprun("show", 0).out.splitlines()
    assert any(line.endswith("  waiting: queued") for line in lines)
    assert any(line.endswith("  running: new") for line in lines)


@pytest.mark.parametrize(
    ("metrics_from", "said"),
    [("file", ", lines not understood: 3, lines too long: 1"), ("stdout", ", lines too long: 1")],
)
def test_lines_that_could_not_be_read_are_counted(
    build: Command, sweeprun: Command, metrics_from: str, said: str
) -> None:
    sweep = build(source=SOURCE + f"metrics_from: {metrics_from}\n")
    trial = sweep.running()
    done = trial._replace(runs=(Run(trial.runs[0].started, 1.0, skipped=3, cut=1),))
    sweep.sweep.advance(done, TrialState.COMPLETE, "", **records.left(done))
    [line] = [line for line in sweeprun("show", 0).out.splitlines() if line.startswith("run 1")]
    assert line.endswith(f"1.0s{said}")


def test_a_failure_is_shown_with_what_the_program_said(build: Command, sweeprun: Command) -> None:
    build().failed("exit code 1: boom", ["Traceback (most recent call last):", "boom"])
    trial = sweeprun("show", "demo", 0, "--json").document["trial"]
    assert trial["failure"] == {
        "class": "crash",
        "message": "exit code 1: boom",
        "exit_code": 1,
        "signal": None,
        "stderr": ["Traceback (most recent call last):", "boom"],
    }
    out = sweeprun("show", 0).out
    assert "failure  crash: exit code 1: boom" in " ".join(out.split(" ")) or "crash: exit code 1: boom" in out
    assert "stderr  boom" in out


def test_values_runs_curve_and_files_are_shown(build: Command, sweeprun: Command) -> None:
    sweep = build()
    made = sweep.ended(0.25, step=7, seconds=90.0)
    trial = sweeprun("show", 0, "--json").document["trial"]
    assert trial["curve"] == {"steps": [7], "val_loss": [0.25]}
    assert [run["seconds"] for run in trial["runs"]] == [90.0]
    assert trial["files"]["directory"] == str(sweep.sweep.layout.trial(made.number))
    assert trial["files"]["parameters"].endswith("run1/params.json")
    assert "checkpoint" not in trial["files"], "it saved none"
    out = sweeprun("show", 0).out
    assert "0.25 at step 7" in out
    assert "1m 30s" in out


def test_a_running_trial_shows_what_it_has_reported(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.report(sweep.running(), {"epoch": 1, "val_loss": 0.5}, {"epoch": 2, "val_loss": 0.4})
    trial = sweeprun("show", 0, "--json").document["trial"]
    assert (trial["values"], trial["curve"]["val_loss"]) == ({"val_loss": 0.4}, [0.5, 0.4])
    assert "not over" in sweeprun("show", 0).out


def test_a_damaged_trial_shows_what_can_be_believed_and_why_the_rest_cannot(
    build: Command, sweeprun: Command
) -> None:
    sweep = build()
    trial = sweep.ended(0.5)
    sweep.sweep.layout.state(trial.number, 2).write_bytes(b"junk")
    shown = sweeprun("show", 0, "--json").document["trial"]
    assert shown["damaged"] is True
    assert [each["state"] for each in shown["transitions"]] == ["running"]
    assert "state.0002.json" in sweeprun("show", 0).out


def test_foreign_text_is_harmless(build: Command, sweeprun: Command) -> None:
    build().failed("exit code 1: \x1b]52;c;cHduZWQ=\x07[/x]", ["\x1b[2J[bold]\u202e"])
    out = sweeprun("show", 0).out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "[/x]" in out
    assert "[bold]" in out
