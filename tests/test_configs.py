"""The ready sweep files are examples that people copy, so each of them must be right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sweeprun.registry import load
from sweeprun.run.command import arguments
from sweeprun.spec.sweepfile import SweepFile, unsupported

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "configs").glob("*.yaml")), *sorted((ROOT / "recipes").glob("*/sweep.yaml"))]


@pytest.fixture(params=FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def sweep(request: pytest.FixtureRequest) -> SweepFile:
    return SweepFile.load(request.param)


def test_it_is_valid_and_uses_only_what_is_built(sweep: SweepFile) -> None:
    assert unsupported(sweep) == ()
    assert sweep.notes == ()


def test_its_algorithm_and_pruner_take_their_settings(sweep: SweepFile) -> None:
    load("sampler", sweep.algorithm.name, sweep.algorithm.options)
    load("pruner", sweep.pruner.name, sweep.pruner.options)


def test_its_space_can_be_drawn_from(sweep: SweepFile) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert sweep.space.satisfies(sweep.space.sample(rng))


def test_its_arguments_are_read_back_as_the_values(sweep: SweepFile) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        params = sweep.space.sample(rng)
        for word, (name, value) in zip(arguments(params, "equals"), params.items(), strict=True):
            flag, _, text = word.partition("=")
            assert flag == f"--{name}"
            assert text == value or json.loads(text) == value


def test_the_grid_has_the_size_that_its_comment_says() -> None:
    assert SweepFile.load(ROOT / "configs" / "grid.yaml").space.size == 9
