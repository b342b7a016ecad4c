"""`logs`: what a trial printed, now or as it comes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.cli import logs as logs_command
from sweeprun.store import records
from sweeprun.trials import TrialState

Command = Callable[..., Any]


def log_of(sweep: Any, number: int, name: str, run: int = 1) -> Path:
    path: Path = sweep.sweep.layout.run(number, run) / f"{name}.log"
    return path


def test_stdout_or_stderr_is_printed_as_it_is(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    log_of(sweep, 0, "stdout").write_bytes(b"epoch 1\n\x1b[1mbold\x1b[0m \xff no newline")
    log_of(sweep, 0, "stderr").write_text("warning\n")
    assert sweeprun("logs", 0).out == "epoch 1\n\x1b[1mbold\x1b[0m \ufffd no newline"
    assert sweeprun("logs", "demo", 0, "--stderr").out == "warning\n"


def test_a_log_of_many_megabytes_is_printed_whole(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    log_of(sweep, 0, "stdout").write_bytes(b"0123456789\n" * 300_000)
    assert len(sweeprun("logs", 0).out) == 3_300_000


def test_a_trial_that_printed_nothing_has_an_empty_log(build: Command, sweeprun: Command) -> None:
    build().ended(0.5)
    done = sweeprun("logs", 0)
    assert (done.code, done.out, done.err) == (0, "", "trial 0 has printed nothing to stdout\n")


def test_who_looks_at_the_empty_one_of_two_logs_is_told_of_the_other(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.failed()
    log_of(sweep, 0, "stderr").write_text("Traceback\n")
    assert sweeprun("logs", 0).err.endswith("; what it printed to stderr is shown with --stderr\n")
    assert sweeprun("logs", 0, "--stderr").err == ""
    log_of(sweep, 0, "stderr").rename(log_of(sweep, 0, "stdout"))
    assert sweeprun("logs", 0, "--stderr").err.endswith("; what it printed to stdout is shown without --stderr\n")


def test_an_imported_trial_says_why_it_has_no_log(build: Command, sweeprun: Command, tmp_path: Path) -> None:
    build()
    (tmp_path / "old.csv").write_text("lr,layers,val_loss\n0.01,4,0.5\n")
    assert sweeprun("import", "csv", "old.csv", "demo.yaml").code == 0
    assert sweeprun("logs", 0).err == "trial 0 has no log: imported from old.csv, line 2\n"


def test_the_newest_run_is_meant_unless_another_is_named(build: Command, sweeprun: Command) -> None:
    sweep = build()
    waiting = sweep.ended(0.5, TrialState.WAITING)
    sweep.sweep.advance(waiting, TrialState.RUNNING, "resumed", run=2)
    log_of(sweep, 0, "stdout", run=2).parent.mkdir()
    log_of(sweep, 0, "stdout", run=1).write_text("first\n")
    log_of(sweep, 0, "stdout", run=2).write_text("second\n")
    assert sweeprun("logs", 0).out == "second\n"
    assert sweeprun("logs", 0, "--run", 1).out == "first\n"
    done = sweeprun("logs", 0, "--run", 3)
    assert done.code == 2
    assert "its runs are 1 to 2" in done.err


def test_a_trial_that_was_never_started_has_no_log(build: Command, sweeprun: Command) -> None:
    build().waiting()
    done = sweeprun("logs", 0)
    assert done.code == 2
    assert "not been started" in done.err


def test_following_goes_on_until_the_run_is_over_and_loses_nothing(
    build: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = build()
    trial = sweep.running()
    log = log_of(sweep, 0, "stdout")
    log.write_text("one\n")
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        with log.open("a") as file:
            file.write(f"nap {len(naps)}\n")
        if len(naps) == 3:
            sweep.sweep.advance(trial, TrialState.PRUNED, "enough", **records.left(trial))

    monkeypatch.setattr(logs_command.time, "sleep", nap)
    assert sweeprun("logs", 0, "-f").out == "one\nnap 1\nnap 2\nnap 3\n"


def test_following_waits_for_a_log_that_is_not_there_yet(
    build: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = build()
    trial = sweep.running()

    def nap(seconds: float) -> None:
        log_of(sweep, 0, "stdout").write_text("late\n")
        sweep.sweep.advance(trial, TrialState.PRUNED, "enough", **records.left(trial))

    monkeypatch.setattr(logs_command.time, "sleep", nap)
    assert sweeprun("logs", 0, "-f").out == "late\n"


@pytest.mark.parametrize("plant", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
def test_what_is_no_regular_file_is_not_read(
    build: Command, sweeprun: Command, plant: Callable[[Path], None]
) -> None:
    sweep = build()
    sweep.ended(0.5)
    plant(log_of(sweep, 0, "stdout"))
    assert "root" not in sweeprun("logs", 0).out
