"""Every recipe as a sweep of a few short trials: each has a value, and the best one's command gives it again."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

RECIPES = Path(__file__).parents[2] / "recipes"
SHORT = {
    "anylang": ["epochs=10"],
    "chargpt": ["iterations=25", "batch_size=4"],
    "cnn": ["epochs=2"],
    "darts": ["search_epochs=1", "train_epochs=1", "width=4"],
    "digits": ["epochs=2"],
    "ensemble": ["epochs=2"],
    "lr_finder": ["batch_size=[32,64,128]"],
    "nas": ["epochs=1"],
    "sklearn": ["n_trees.max=30"],
}
NAMES = sorted(path.parent.name for path in RECIPES.glob("*/README.md"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=NAMES)
def swept(request: pytest.FixtureRequest, sweep: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    name = request.param
    short = [f"parameters.{override}" for override in SHORT[name]]  # a new recipe says here what makes it so
    modules = {"anylang": "none", "sklearn": "[sklearn.ensemble]"}.get(name, "[torch]")
    said = ["budget=3", "resources.slots=1", f"preload={modules}", *short]
    return sweep(tmp_path_factory.mktemp(name), RECIPES / name / "sweep.yaml", *said), modules != "none"


def test_every_trial_has_a_value_and_its_command_trains_a_forked_one_again_to_the_same(
    swept: Any, tmp_path: Path
) -> None:
    sweep, forks = swept
    trials = sweep.trials()
    assert {trial["state"] for trial in trials} == {"complete"}
    shown = [json.loads(sweep.call("show", str(trial["number"]), "--json"))["trial"] for trial in trials]
    forked = [trial for trial in shown if trial["runs"][0]["how"] == "fork"]
    assert bool(forked) is forks
    chosen = (forked or shown)[-1]
    env = {"PATH": "/usr/bin:/bin", "SWEEPRUN_DIR": str(tmp_path)}  # where lr_finder leaves its table
    line = subprocess.run(
        ["bash", "-c", chosen["command"]], env=env, capture_output=True, text=True, timeout=120, check=True
    ).stdout
    again = line + "".join(path.read_text() for path in tmp_path.iterdir())
    said = {float(number) for number in re.findall(r"[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?", again)}
    assert set(chosen["values"].values()) <= said


@pytest.mark.parametrize("name", NAMES)
def test_its_readme_is_short_and_types_what_is_there(name: str) -> None:
    lines = (RECIPES / name / "README.md").read_text().splitlines()
    assert lines[0] == f"# {name}"
    first = next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines))
    assert 7 <= len([line for line in lines[:first] if line]) <= 12
    typed = [word for line in lines if line.startswith("    ") for word in line.split() if word.startswith("recipes/")]
    assert typed
    assert all((RECIPES.parent / word).is_file() for word in typed)


def test_who_is_best_at_the_first_rung_is_promoted_from_its_checkpoint(
    sweep: Callable[..., Any], tmp_path: Path
) -> None:
    short = ["budget=3", "parameters.epochs=2", "pruner.min=1", "pruner.max=2"]
    swept = sweep(tmp_path, RECIPES / "digits" / "promotion.yaml", *short)
    by_loss = sorted(swept.trials(), key=lambda trial: trial["values"]["val_loss"])
    assert [trial["state"] for trial in by_loss] == ["complete", "paused", "paused"]
    assert re.search(r"^run 2 ", swept.call("show", str(by_loss[0]["number"])), flags=re.MULTILINE)


def test_the_worst_of_a_population_is_replaced_by_a_copy_with_a_schedule(
    sweep: Callable[..., Any], tmp_path: Path
) -> None:
    short = ["budget=3", "parameters.epochs=2", "algorithm.max=2", "algorithm.interval=1", "algorithm.sync=true"]
    swept = sweep(tmp_path, RECIPES / "digits" / "population.yaml", *short)
    *begun, copy = swept.trials()
    assert sorted(trial["state"] for trial in begun) == ["complete", "complete", "pruned"]
    worst, parent = next(trial for trial in begun if trial["state"] == "pruned"), begun[copy["parent"]]
    assert parent["params"] != copy["params"] != worst["params"]
    shown = swept.call("show", str(copy["number"]))
    assert re.search(rf"to step 1 +trial {parent['number']}: .*\n *to step 2 +trial {copy['number']}: ", shown)
