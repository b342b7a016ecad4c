"""The ensemble recipe: networks of a sweep, averaged on images that chose nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

RECIPE = Path(__file__).parents[2] / "recipes" / "ensemble"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def best(sweep: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `best -n 3 --json` says of three short trials."""
    short = ["budget=3", "parameters.epochs=4", "parameters.model=mlp", "parameters.batch_size=32"]
    said = sweep(tmp_path_factory.mktemp("ensemble"), RECIPE / "sweep.yaml", *short).call("best", "-n", "3", "--json")
    found: dict[str, Any] = json.loads(said)
    return found


def averaged(best: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RECIPE / "average.py")]
    return subprocess.run(command, input=json.dumps(best), capture_output=True, text=True, timeout=60, check=False)


def test_together_they_are_no_worse_than_one_of_them_on_average(best: dict[str, Any]) -> None:
    heading, *rows = averaged(best).stdout.splitlines()
    assert heading.split() == ["val_loss", "test_loss", "test_acc"]
    *members, mean, together = [[float(number) for number in row[12:].split()] for row in rows]
    assert len(members) == 3
    assert together[0] < mean[0]  # always so for the loss, by its convexity
    for column, value in enumerate(mean):
        assert value == pytest.approx(sum(member[column + 1] for member in members) / 3, abs=1e-4)


def test_the_networks_are_those_that_were_trained(best: dict[str, Any], module: Callable[[str], Any]) -> None:
    average = module("ensemble/average.py")
    for trial in best["trials"]:
        arguments = average.arguments_of(trial)
        _, (x, y), _ = average.digits.load_data(arguments.n_test)
        loss, _ = average.scores(average.log_probabilities(trial, x), y)
        assert loss == pytest.approx(trial["values"]["val_loss"], rel=1e-5)  # the last epoch's, as `reduce: last` says


def test_probabilities_are_averaged_and_not_their_logarithms(module: Callable[[str], Any]) -> None:
    average = module("ensemble/average.py")
    sure, unsure = average.torch.tensor([[0.9, 0.1]]).log(), average.torch.tensor([[0.4, 0.6]]).log()
    assert average.averaged([sure, unsure]).exp().flatten().tolist() == pytest.approx([0.65, 0.35])
    impossible = average.torch.tensor([[-1000.0, 0.0]])
    assert average.averaged([impossible, impossible]).flatten().tolist() == pytest.approx([-1000.0, 0.0])
    assert average.scores(sure, average.torch.tensor([0])) == pytest.approx((0.10536, 1.0), abs=1e-4)


def test_trials_that_left_no_images_out_are_refused(best: dict[str, Any]) -> None:
    trials = [trial | {"params": {**trial["params"], "n_test": 0}} for trial in best["trials"]]
    done = averaged({"trials": trials})
    assert done.returncode == 1
    assert "n_test: 360" in done.stderr


def test_a_trial_without_a_checkpoint_is_named(best: dict[str, Any]) -> None:
    first, *others = best["trials"]
    done = averaged({"trials": [*others, first | {"checkpoint": None}]})
    assert done.returncode == 1
    assert f"trial {first['number']} has no checkpoint" in done.stderr


def test_without_any_trials_it_says_what_to_type() -> None:
    command = [sys.executable, str(RECIPE / "average.py")]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "sweeprun best ensemble -n 5 --json" in done.stderr
