"""The cnn recipe: it learns, its constraints exclude what cannot be built and no more, and it continues exactly."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sweeprun.spec.sweepfile import SweepFile

pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

RECIPE = Path(__file__).parents[2] / "recipes" / "cnn"
PROGRAM = "cnn/train.py"
ARGUMENTS = ["--epochs=2", "--channels=[8,8]", "--kernel=[3,3]", "--pool=[2,1]", "--shift=0.5", "--rotate=10"]
pytestmark = pytest.mark.slow  # each program imports torch


@pytest.fixture(scope="module")
def undisturbed(training: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    trial = training(tmp_path_factory.mktemp("cnn") / "undisturbed", PROGRAM, *ARGUMENTS)
    trial.finish()
    return trial


def test_it_learns_more_than_how_frequent_each_digit_is(undisturbed: Any) -> None:
    assert undisturbed.reports(1)[-1]["val_loss"] < 1.6  # knowing nothing is 2.3
    assert undisturbed.reports(1)[-1]["val_acc"] > 0.5


def test_it_leaves_at_until_and_killed_while_it_saves_it_continues_to_the_very_same_numbers(
    undisturbed: Any, training: Callable[..., Any], tmp_path: Path
) -> None:
    trial = training(tmp_path / "trial", PROGRAM, *ARGUMENTS)
    trial.finish(SWEEPRUN_UNTIL="1")
    assert [said["epoch"] for said in trial.reports(1)] == [1]
    trial.start_and_kill_while_saving("last.tmp")
    trial.finish()
    assert trial.curve() == undisturbed.curve()


def test_the_constraints_exclude_every_shape_that_cannot_be_built_and_no_other(module: Callable[[str], Any]) -> None:
    cnn, space = module(PROGRAM), SweepFile.load(RECIPE / "sweep.yaml").space
    n_built = 0
    for n in (1, 2, 3):
        for kernel, pool in product(product([2, 3, 5], repeat=n), product([1, 2], repeat=n)):
            shape = {"channels": [8] * n, "kernel": [*kernel], "pool": [*pool]}
            allowed = space.satisfies({"n_layers": n, **shape})
            with nullcontext() if allowed else pytest.raises(SystemExit, match="leave nothing of"):
                cnn.build_model(Namespace(**shape))
            n_built += allowed
    assert n_built == 65


def test_no_distortion_leaves_images_as_they_are_and_else_each_has_its_own(module: Callable[[str], Any]) -> None:
    cnn = module(PROGRAM)
    (images, *_) = cnn.load_data()
    twice = images[[0, 0]]
    assert cnn.augmented(twice, 0.0, 0.0).allclose(twice, atol=1e-5)
    first, second = cnn.augmented(twice, 0.0, 20.0)
    assert not first.allclose(second, atol=0.01)
    assert not cnn.augmented(twice, 1.0, 0.0).allclose(twice, atol=0.01)


def test_a_shift_of_one_pixel_moves_by_no_more(module: Callable[[str], Any]) -> None:
    cnn = module(PROGRAM)
    (images, *_) = cnn.load_data()
    dot = images[:200] * 0
    dot[:, 0, 3, 3] = 1.0
    rows, columns = cnn.augmented(dot, 1.0, 0.0)[:, 0].sum(2), cnn.augmented(dot, 1.0, 0.0)[:, 0].sum(1)
    for seen in (rows, columns):
        assert seen[:, [0, 1, 5, 6, 7]].abs().max() < 1e-5
        assert seen[:, [2, 4]].max() > 0.8


def test_lists_of_different_lengths_are_refused() -> None:
    command = [sys.executable, str(RECIPE / "train.py"), "--channels=[8]"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "a value for each layer" in done.stderr
