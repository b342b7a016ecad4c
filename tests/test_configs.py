"""The ready sweep files are examples that people copy, so each of them must be right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sweeprun.registry import load
from sweeprun.run.command import arguments
from sweeprun.run.settling import settled
from sweeprun.spec.sweepfile import SweepFile, unsupported

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
FILES = [*CONFIGS, *sorted((ROOT / "recipes").glob("*/*.yaml"))]
NAMES = [str(path.relative_to(ROOT)) for path in FILES]


@pytest.fixture(params=FILES, ids=NAMES)
def sweep(request: pytest.FixtureRequest) -> SweepFile:
    return SweepFile.load(request.param)


def test_it_is_valid_and_uses_only_what_is_built(sweep: SweepFile) -> None:
    assert unsupported(sweep) == ()
    assert sweep.notes == ()


def test_its_algorithm_and_pruner_take_their_settings(sweep: SweepFile) -> None:
    algorithm = settled(sweep).algorithm
    load("sampler", algorithm.name, algorithm.options)
    load("pruner", sweep.pruner.name, sweep.pruner.options)


def test_its_space_can_be_drawn_from(sweep: SweepFile) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert sweep.space.satisfies(sweep.space.sample(rng))


def test_its_arguments_are_read_back_as_the_values(sweep: SweepFile) -> None:
    if sweep.args != "equals":
        pytest.skip(f"arguments are written as {sweep.args}")
    rng = np.random.default_rng(1)
    for _ in range(100):
        params = sweep.space.sample(rng)
        for word, (name, value) in zip(arguments(params, "equals"), params.items(), strict=True):
            flag, _, text = word.partition("=")
            assert flag == f"--{name}"
            assert text == value or json.loads(text) == value


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_editors_find_its_schema(file: Path) -> None:
    first, _, _ = file.read_text().partition("\n")
    prefix, _, schema = first.partition("=")
    assert prefix == "# yaml-language-server: $schema"
    assert (file.parent / schema).resolve() == ROOT / "sweeprun" / "spec" / "sweep.schema.json"
    assert (file.parent / schema).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("file", CONFIGS, ids=NAMES[: len(CONFIGS)])
def test_two_of_its_trials_run_to_a_value(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
    pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")
    short = ["--set", "budget=2", "--set", "resources.slots=2", "--set", "resources.cpus=1"]  # both at once
    if "epochs" in SweepFile.load(file).parameters:
        short += ["--set", "parameters.epochs=2"]
    run = [sys.executable, "-c", "from sweeprun.cli import main; main()"]
    env = os.environ | {"SWEEPRUN_ROOT": str(tmp_path)}
    subprocess.run([*run, "start", str(file), *short], env=env, capture_output=True, timeout=120, check=True)
    said = subprocess.run([*run, "trials", "--json"], env=env, capture_output=True, timeout=60, check=True).stdout
    trials = json.loads(said)["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 2
    assert all(trial["values"] for trial in trials)


def test_the_grid_has_the_size_that_its_comment_says() -> None:
    assert SweepFile.load(ROOT / "configs" / "grid.yaml").space.size == 9
