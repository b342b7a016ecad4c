"""The nas recipe: every architecture of its space can be built and is what its name says, and it continues exactly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeprun.client import Params
from sweeprun.spec.sweepfile import SweepFile

torch = pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

RECIPE = Path(__file__).parents[2] / "recipes" / "nas"
PROGRAM = "nas/train.py"
SHORT: dict[str, Any] = {"epochs": 2, "kind": ["conv", "pool"], "width": [16, 16], "skip": [False, True]}
pytestmark = pytest.mark.slow  # each program imports torch


@pytest.fixture(scope="module")
def nas(module: Callable[[str], Any]) -> Any:
    return module(PROGRAM)


def test_it_continues_to_the_very_same_numbers_and_learns(
    nas: Any, training: Callable[..., Any], tmp_path: Path
) -> None:
    whole, parts = (training(tmp_path / name, PROGRAM, **SHORT) for name in ("whole", "parts"))
    whole.finish_here(nas)
    parts.finish_here(nas, SWEEPRUN_UNTIL="1")
    parts.finish_here(nas)
    assert [said["epoch"] for said in parts.reports(1)] == [1]
    assert parts.curve() == whole.curve()
    assert whole.reports(1)[-1]["train_loss"] < 2.2  # knowing nothing is 2.3


def test_every_architecture_of_the_space_classifies_images(nas: Any) -> None:
    space, rng = SweepFile.load(RECIPE / "sweep.yaml").space, np.random.default_rng(0)
    images, *_ = nas.load_data()
    for _ in range(60):
        params = space.sample(rng)
        assert {f"kernel.{i}" in params for i, kind in enumerate(params["kind"]) if kind == "pool"} <= {False}
        model = nas.build_model(Params(nas.DEFAULTS | params))
        assert model(images[:2]).shape == (2, 10)
        assert len([each for each in model if isinstance(each, nas.Block)]) == params["n_blocks"]


@pytest.mark.parametrize(("kind", "side"), [("conv", 8), ("depthwise", 8), ("pool", 4)])
def test_a_block_has_the_width_and_the_side_of_its_kind(kind: str, side: int, nas: Any) -> None:
    for kernel, n_in, skip in product([3, 5], [4, 6], [False, True]):
        made = nas.Block(kind, n_in, 6, kernel, skip)(torch.rand(2, n_in, 8, 8))
        assert made.shape == (2, 6, side, side)


def test_a_skip_adds_the_input_to_what_the_block_makes_of_it(nas: Any) -> None:
    block, x = nas.Block("conv", 3, 3, kernel=3, skip=True).eval(), torch.rand(2, 3, 8, 8)
    for weight in block.weights.parameters():
        torch.nn.init.zeros_(weight)
    assert block(x).allclose(x)


def test_a_depthwise_block_is_smaller_and_a_larger_kernel_larger(nas: Any) -> None:
    def n_weights(kind: str, kernel: int) -> int:
        return sum(weight.numel() for weight in nas.Block(kind, 8, 8, kernel, skip=False).parameters())

    assert n_weights("depthwise", 5) < n_weights("conv", 3) < n_weights("conv", 5)
    assert n_weights("pool", 3) == n_weights("pool", 5)


def test_a_kind_that_there_is_not_is_refused_with_those_there_are(nas: Any) -> None:
    with pytest.raises(SystemExit, match="'attention': conv, depthwise or pool"):
        nas.Block("attention", 1, 1, 3, skip=False)
