"""`check --metrics`: what would be read of a log that is there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
SOURCE = """
command: python train.py ${args}
metric: val_loss
parameters: {lr: {min: 1e-5, max: 1e-1, log: true}}
"""
LOG = "loading\n" + "".join(
    f"Epoch {epoch}/12\r\n  train loss: {2 / epoch:.3f}\n  val loss: {3 / epoch:.3f} (acc {60 + epoch}.5%)\n"
    for epoch in range(1, 13)
)
PATTERNS = r"metrics_from={regex: ['Epoch (?P<epoch>\d+)', 'val loss: (?P<val_loss>\S+) .acc (?P<acc>[\d.]+)']}"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SOURCE)
    file = tmp_path / "train.log"
    file.write_text(LOG)
    return file


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_it_shows_what_a_trial_would_have_reached(sweeprun: Command, log: Path) -> None:
    done = sweeprun("check", "s.yaml", "--metrics", log, "--set", PATTERNS)
    shown = lines(done.out)
    assert done.code == 0
    assert f"read 12 of 37 lines of {log}" in shown
    assert "metrics val_loss, acc" in shown
    assert "step epoch, whose first is 1" in shown
    assert shown[-12:] == [
        "finished steps val_loss acc",
        *("1 3 61.5", "2 1.5 62.5", "3 1 63.5", "4 0.75 64.5", "5 0.6 65.5", "... ... ..."),
        *("8 0.375 68.5", "9 0.333 69.5", "10 0.3 70.5", "11 0.273 71.5", "12 0.25 72.5"),
    ]


def test_a_pattern_is_tried_as_it_stands(sweeprun: Command, log: Path) -> None:
    for written in (r"val loss: (?P<val_loss>[\d.]+)", r"'val loss: (?P<val_loss>[\d.]+)'"):
        done = sweeprun("check", "s.yaml", "--metrics", log, "--set", f"metrics_from.regex={written}")
        assert done.code == 0
        assert "step no line that was read names epoch: each one with val_loss counts as a step" in lines(done.out)


def test_lines_that_came_near_are_shown(sweeprun: Command, log: Path) -> None:
    log.write_text(LOG + "best val_loss: unknown\n")
    done = sweeprun("check", "s.yaml", "--metrics", log, "--set", PATTERNS)
    at = lines(done.out).index("not read lines that name val_loss, such as")
    assert lines(done.out)[at + 1] == "best val_loss: unknown"


def test_matches_that_hold_no_number_are_shown(sweeprun: Command, log: Path) -> None:
    log.write_text(LOG + "  val loss: nothing (acc 3%)\n")
    done = sweeprun("check", "s.yaml", "--metrics", log, "--set", PATTERNS)
    at = lines(done.out).index("skipped lines that cannot be understood: 1")
    assert lines(done.out)[at + 1] == "val loss: nothing (acc 3%)"


def test_a_log_without_json_comes_with_what_to_write(sweeprun: Command, log: Path) -> None:
    done = sweeprun("check", "s.yaml", "--metrics", log)
    assert done.code == 1
    assert "val_loss is never read: each trial would fail for it" in done.err
    [proposal] = [line for line in done.err.splitlines() if line.startswith("to read ")]
    written = proposal.partition("write metrics_from: ")[2]
    assert sweeprun("check", "s.yaml", "--metrics", log, "--set", f"metrics_from={written}").code == 0


def test_an_objective_of_another_name_is_not_read_and_those_that_are_are_named(sweeprun: Command, log: Path) -> None:
    log.write_text('{"epoch": 1, "loss": 0.5}\n')
    done = sweeprun("check", "s.yaml", "--metrics", log)
    assert done.code == 1
    assert "to use what is read, write metric: loss" in done.err


def test_json_lines_are_read_as_they_are(sweeprun: Command, log: Path) -> None:
    log.write_text('{"epoch": 0, "val_loss": 0.5}\n{"epoch": 1, "val_loss": 0.4}')
    done = sweeprun("check", "s.yaml", "--metrics", log)
    assert done.code == 0
    assert "step epoch, whose first is 0; it counts as 1 finished step" in lines(done.out)
    assert lines(done.out)[-2:] == ["1 0.5", "2 0.4"]


def test_a_csv_file_is_recognised(sweeprun: Command, log: Path) -> None:
    file = log.with_name("metrics.csv")
    file.write_text("epoch,loss,val_loss\n0,1,NA\n1,0.9,0.4\n2,0.8,0.")
    done = sweeprun("check", "s.yaml", "--metrics", file)
    assert (done.code, "write metrics_from: {csv: metrics.csv}" in done.err) == (1, True)
    done = sweeprun("check", "s.yaml", "--metrics", file, "--set", "metrics_from.csv=metrics.csv")
    assert (done.code, lines(done.out)[-2:]) == (0, ["1 - 1", "2 0.4 0.9"])
    assert "not read" not in done.out


def test_a_derived_metric_is_computed(sweeprun: Command, log: Path) -> None:
    metrics = "metrics: [val_loss, {name: gain, expr: 1 - val_loss}]"
    log.with_name("s.yaml").write_text(SOURCE.replace("metric: val_loss", metrics))
    log.write_text('{"epoch": 1, "val_loss": 0.25}\n')
    assert lines(sweeprun("check", "s.yaml", "--metrics", log).out)[-1] == "1 0.25 0.75"


def test_json_says_the_same(sweeprun: Command, log: Path) -> None:
    document = sweeprun("check", "s.yaml", "--metrics", log, "--set", PATTERNS, "--json").document
    assert document["schema"] == "sweeprun.check/1"
    said = document["metrics"]
    assert (said["read"], said["lines"], said["objective_is_read"]) == (12, 37, True)
    assert (said["metrics"], said["first_step"]) == (["val_loss", "acc"], 1)
    assert said["steps"][0] == {"step": 1, "values": {"val_loss": 3.0, "acc": 61.5}}
    silent = sweeprun("check", "s.yaml", "--metrics", log, "--json")
    assert (silent.code, silent.document["metrics"]["objective_is_read"]) == (1, False)
    assert silent.document["metrics"]["proposals"][0].startswith("to read 'val loss: 0.250 (acc 72.5%)', write")


def test_what_is_no_file_is_said(sweeprun: Command, log: Path) -> None:
    done = sweeprun("check", "s.yaml", "--metrics", "nope.log")
    assert (done.code, done.out) == (2, "")
    assert "--metrics nope.log: there is no such file" in done.err


def test_a_link_to_a_log_and_an_empty_one_are_read(sweeprun: Command, log: Path) -> None:
    log.with_name("latest").symlink_to(log)
    assert sweeprun("check", "s.yaml", "--metrics", "latest", "--set", PATTERNS).code == 0
    log.write_text("")
    done = sweeprun("check", "s.yaml", "--metrics", log)
    assert (done.code, lines(done.out)[0]) == (1, f"read 0 of 0 lines of {log}")
    assert "is empty" in done.err
    assert "would fail" not in done.err, "an empty log tells nothing about the file"


def test_what_wandb_writes_is_no_text_to_be_tried(sweeprun: Command, log: Path) -> None:
    done = sweeprun("check", "s.yaml", "--metrics", log, "--set", "metrics_from=wandb")
    assert (done.code, done.out) == (2, "")
    assert "what wandb.log writes needs no pattern to be tried" in done.err
