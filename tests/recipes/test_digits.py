"""The digits recipe: it trains alone, tells a sweep how it goes, and continues as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

PROGRAM = "digits/train.py"
ARGUMENTS = ["--epochs=3", "--width=[16,16]", "--dropout=0.2"]
Start = Callable[..., Any]
pytestmark = pytest.mark.slow  # each program imports torch


@pytest.fixture(scope="module")
def begin(training: Start) -> Start:
    return lambda root: training(root, PROGRAM, *ARGUMENTS)


@pytest.fixture(scope="module")
def undisturbed(begin: Start, tmp_path_factory: pytest.TempPathFactory) -> Any:
    trial = begin(tmp_path_factory.mktemp("digits") / "undisturbed")
    trial.finish()
    return trial


def test_alone_it_trains_and_prints_its_metrics(alone: Callable[..., list[str]]) -> None:
    reports = [json.loads(line) for line in alone(PROGRAM, "--model=cnn", *ARGUMENTS)]
    assert [said["epoch"] for said in reports] == [1, 2, 3]
    assert reports[-1]["val_loss"] < reports[0]["val_loss"] / 2
    assert reports[-1]["val_acc"] > 0.7


def test_images_that_are_left_out_are_taken_from_those_to_train_on(module: Callable[[str], Any]) -> None:
    digits = module(PROGRAM)
    (_, all_labels), validation, (_, none) = digits.load_data()
    (_, kept_labels), same_validation, (_, test_labels) = digits.load_data(360)
    assert len(none) == 0
    assert all(a.equal(b) for a, b in zip(validation, same_validation, strict=True))
    assert [*test_labels, *kept_labels] == [*all_labels]


def test_another_seed_gives_other_numbers(undisturbed: Any, begin: Start, tmp_path: Path) -> None:
    other = begin(tmp_path / "other")
    other.finish(SWEEPRUN_SEED="4")
    assert other.reports(1) != undisturbed.reports(1)


def test_it_leaves_at_until_and_killed_while_it_saves_it_continues_to_the_very_same_numbers(
    undisturbed: Any, begin: Start, tmp_path: Path
) -> None:
    trial = begin(tmp_path / "trial")
    trial.finish(SWEEPRUN_UNTIL="1")
    assert [said["epoch"] for said in trial.reports(1)] == [1]
    trial.start_and_kill_while_saving("last.tmp")
    trial.finish()
    assert trial.curve() == undisturbed.curve()


def test_killed_between_saving_and_reporting_it_reports_that_epoch_again(
    undisturbed: Any, begin: Start, tmp_path: Path
) -> None:
    trial = begin(tmp_path / "trial")
    copytree(undisturbed.checkpoint, trial.checkpoint, dirs_exist_ok=True)  # all is saved, and nothing said
    trial.finish()
    assert trial.reports(1) == undisturbed.reports(1)[-1:]


def test_with_another_trials_checkpoint_it_goes_on_after_it_under_its_own_rate_and_decay(
    undisturbed: Any, begin: Start, tmp_path: Path, module: Callable[[str], Any]
) -> None:
    digits = module(PROGRAM)
    donor, alike, faster = begin(tmp_path / "donor"), begin(tmp_path / "alike"), begin(tmp_path / "faster")
    donor.finish_here(digits, SWEEPRUN_UNTIL="1")
    for heir, given in ((alike, []), (faster, ["--lr_adam=0.02", "--weight_decay=0.1"])):
        copytree(donor.checkpoint, heir.checkpoint, dirs_exist_ok=True)
        heir.finish_here(digits, *given, SWEEPRUN_TRIAL="1")
    assert alike.reports(1) == undisturbed.reports(1)[1:], "what the donor reported is not its own"
    assert [said["epoch"] for said in faster.reports(1)] == [2, 3]
    assert faster.reports(1)[0] != alike.reports(1)[0]


def test_the_other_branch_of_the_space_continues_exactly_too(begin: Start, tmp_path: Path) -> None:
    whole, parts = begin(tmp_path / "whole"), begin(tmp_path / "parts")
    arguments = ["--model=cnn", "--optimizer=sgd", "--nesterov=true", "--weight_decay=1e-3", "--epochs=2"]
    arguments += ["--batchnorm=true"]
    whole.finish(*arguments)
    parts.finish(*arguments, SWEEPRUN_UNTIL="1")
    parts.finish(*arguments)
    assert parts.curve() == whole.curve()
