"""The recipe in shell and awk: it learns, refuses what it does not know, and continues exactly."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PROGRAM = "anylang/train.sh"
RECIPE = Path(__file__).parents[2] / "recipes" / "anylang"
METRICS = re.compile(yaml.safe_load((RECIPE / "sweep.yaml").read_text())["metrics_from"]["regex"])
pytestmark = pytest.mark.skipif(shutil.which("awk") is None, reason="needs awk")


def metrics(lines: list[str]) -> list[dict[str, float]]:
    found = [METRICS.fullmatch(line) for line in lines]
    return [{name: float(text) for name, text in match.groupdict().items()} for match in found if match]


@pytest.fixture
def trial(training: Callable[..., Any], tmp_path: Path) -> Any:
    return training(tmp_path / "trial", PROGRAM, "epochs=12", "degree=2")


def test_it_learns_more_than_that_there_are_three_kinds(alone: Callable[..., list[str]]) -> None:
    reports = metrics(alone(PROGRAM, "epochs=30"))
    assert [said["epoch"] for said in reports] == [*range(1, 31)]
    assert reports[0]["loss"] == pytest.approx(1.0986, abs=1e-4)  # of three equal ones, before the first step
    assert reports[-1]["val_loss"] < 0.3
    assert reports[-1]["val_acc"] > 0.9


def test_products_of_measurements_fit_better(alone: Callable[..., list[str]]) -> None:
    plain, products = (metrics(alone(PROGRAM, "epochs=30", "lr=1", f"degree={n}"))[-1] for n in (1, 2))
    assert products["loss"] < plain["loss"]


def test_decay_keeps_weights_small_and_the_loss_up(alone: Callable[..., list[str]]) -> None:
    free, held = (metrics(alone(PROGRAM, "epochs=30", f"decay={decay}"))[-1] for decay in ("0.0", "0.1"))
    assert held["loss"] > free["loss"] + 0.1


def test_killed_while_it_saves_it_continues_to_the_very_same_numbers(
    alone: Callable[..., list[str]], trial: Any
) -> None:
    whole = metrics(alone(PROGRAM, "epochs=12", "degree=2"))
    trial.finish(SWEEPRUN_UNTIL="5")
    assert metrics(trial.printed(1)) == whole[:5]
    (trial.checkpoint / "model.new").write_text("6 0.1")  # what a kill leaves of the next epoch
    trial.finish()
    assert metrics(trial.printed(2)) == whole[4:]  # the fifth again: it may have been killed before saying so
    model = (trial.checkpoint / "model").read_text()
    trial.finish()
    assert metrics(trial.printed(3)) == whole[-1:]
    assert (trial.checkpoint / "model").read_text() == model


def test_a_parameter_that_it_does_not_know_is_an_error() -> None:
    done = subprocess.run(["sh", RECIPE / "train.sh", "rate=1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "rate=1 is none of epochs= lr=" in done.stderr


def test_every_value_is_an_argument_and_never_code(alone: Callable[..., list[str]], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    alone(PROGRAM, "epochs=1", f'lr=0.1");system("touch {mark}")')
    assert not mark.exists()
