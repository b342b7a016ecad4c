"""The digits recipe: it trains alone, tells a sweep how it goes, and continues as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

RECIPE = Path(__file__).parents[2] / "recipes" / "digits"
ARGUMENTS = ["--epochs=3", "--width=[16,16]", "--dropout=0.2"]
pytestmark = pytest.mark.slow  # each program imports torch


class Training:
    """One trial's directory and the program started in it, as the sweep would."""

    def __init__(self, root: Path):
        self.root, self.checkpoint, self.n_runs = root, root / "checkpoint.1", 0
        self.checkpoint.mkdir(parents=True)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        self.n_runs += 1
        run = self.root / f"run{self.n_runs}"
        run.mkdir()
        given = {"SWEEPRUN_TRIAL": "0", "SWEEPRUN_SEED": "3", "SWEEPRUN_DIR": str(run)}
        given |= {"SWEEPRUN_CHECKPOINT": str(self.checkpoint), "SWEEPRUN_METRICS": str(run / "metrics.jsonl")}
        command = [sys.executable, str(RECIPE / "train.py"), *ARGUMENTS, *arguments]
        return subprocess.Popen(command, env=os.environ | given | env, start_new_session=True)

    def finish(self, *arguments: str, **env: str) -> None:
        assert self.start(*arguments, **env).wait(120) == 0

    def reports(self, run: int) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / f"run{run}" / "metrics.jsonl").read_text().splitlines()]

    def curve(self) -> dict[int, dict[str, Any]]:
        """The reports by epoch: a later run replaces what it reports again."""
        return {said["epoch"]: said for run in range(1, self.n_runs + 1) for said in self.reports(run)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Training:
    training = Training(tmp_path_factory.mktemp("undisturbed"))
    training.finish()
    return training


def test_alone_it_trains_and_prints_its_metrics() -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SWEEPRUN_")}
    command = [sys.executable, str(RECIPE / "train.py"), "--model=cnn", *ARGUMENTS]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120, check=True)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [said["epoch"] for said in reports] == [1, 2, 3]
    assert reports[-1]["val_loss"] < reports[0]["val_loss"] / 2
    assert reports[-1]["val_acc"] > 0.7


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(undisturbed: Training, tmp_path: Path) -> None:
    same, other = Training(tmp_path / "same"), Training(tmp_path / "other")
    same.finish()
    other.finish(SWEEPRUN_SEED="4")
    assert same.reports(1) == undisturbed.reports(1)
    assert other.reports(1) != undisturbed.reports(1)


def test_it_leaves_at_until_and_continues_to_the_very_same_numbers(undisturbed: Training, tmp_path: Path) -> None:
    training = Training(tmp_path / "trial")
    training.finish(SWEEPRUN_UNTIL="1")
    assert [said["epoch"] for said in training.reports(1)] == [1]
    training.finish()
    assert training.curve() == undisturbed.curve()


def test_killed_between_saving_and_reporting_it_reports_that_epoch_again(
    undisturbed: Training, tmp_path: Path
) -> None:
    training = Training(tmp_path / "trial")
    training.finish()
    (training.root / "run1" / "metrics.jsonl").write_text("")  # as if no report had come through
    training.finish()
    assert training.reports(2) == undisturbed.reports(1)[-1:]


def test_killed_while_it_saves_it_continues_to_the_very_same_numbers(undisturbed: Training, tmp_path: Path) -> None:
    training = Training(tmp_path / "trial")
    training.finish(SWEEPRUN_UNTIL="1")
    os.mkfifo(training.checkpoint / "last.tmp")  # the next save waits here until someone reads
    program = training.start()
    with (training.checkpoint / "last.tmp").open("rb"):
        os.killpg(program.pid, signal.SIGKILL)
        assert program.wait(60) == -signal.SIGKILL
    (training.checkpoint / "last.tmp").unlink()
    training.finish()
    assert training.curve() == undisturbed.curve()


def test_the_other_branch_of_the_space_continues_exactly_too(tmp_path: Path) -> None:
    whole, parts = Training(tmp_path / "whole"), Training(tmp_path / "parts")
    arguments = ["--model=cnn", "--optimizer=sgd", "--nesterov=true", "--weight_decay=1e-3", "--epochs=2"]
    whole.finish(*arguments)
    parts.finish(*arguments, SWEEPRUN_UNTIL="1")
    parts.finish(*arguments)
    assert parts.curve() == whole.curve()


def test_every_parameter_of_the_sweep_is_an_argument_of_the_program() -> None:
    command = [sys.executable, str(RECIPE / "train.py"), "--help"]
    usage = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    for sweep in (RECIPE / "sweep.yaml", *(RECIPE.parents[1] / "configs").glob("*.yaml")):
        for name in yaml.safe_load(sweep.read_text())["parameters"]:
            assert f"--{name}" in usage, f"{sweep.name}: {name}"
