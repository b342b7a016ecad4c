"""What becomes of each argument: searched, fixed, part of the command, or only mentioned."""

from __future__ import annotations

from typing import Any

import pytest

from sweeprun.starter.arguments import Argument
from sweeprun.starter.placement import MOST_SEARCHED, Placement, place
from sweeprun.starter.setting import Setting
from sweeprun.starter.source import Unknown

FLOAT = {"type": "float"}
INT = {"type": "int"}


def placed(*arguments: Argument, **setting: Any) -> Placement:
    return place(arguments, Setting(**setting))


def names(lines: Any) -> list[str]:
    return [line.name for line in lines]


def test_the_most_important_are_searched_and_not_too_many() -> None:
    found = placed(
        Argument("--beta2", type="float", default=0.999),
        Argument("--width", type="int", default=64),
        Argument("--clip", type="float", default=1.0),
        Argument("--n_layers", type="int", default=2),
        Argument("--dropout", type="float", default=0.1),
        Argument("--momentum", type="float", default=0.9),
        Argument("--batch-size", type="int", default=32),
        Argument("--wd", type="float", default=0.0),
        Argument("--lr", type="float", default=0.1),
    )
    assert names(found.searched) == ["lr", "wd", "batch-size", "dropout", "momentum", "width"]
    assert len(found.searched) == MOST_SEARCHED
    assert names(found.suggested) == ["n_layers", "clip", "beta2"]


def test_how_long_a_trial_is_is_fixed() -> None:
    [line] = placed(Argument("--epochs", type="int", default=14)).fixed
    assert (line.name, line.entry) == ("epochs", 14)
    assert placed(Argument("--max_steps", type="int", default=None)).fixed == ()  # it would take over from the epochs


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("seed", INT), ("device", {}), ("num-workers", INT), ("log-interval", INT), ("data-dir", {}), ("resume", {}),
        ("test-batch-size", INT), ("no-cuda", {"switch": "on"}), ("save-model", {"switch": "on"}), ("eps", FLOAT),
        ("wandb-project", {}), ("local_rank", INT), ("image_size", INT), ("patience", INT),
    ],
)  # fmt: skip
def test_what_does_not_change_how_it_learns_is_only_mentioned(name: str, more: dict[str, Any]) -> None:
    found = placed(Argument(f"--{name}", default=1e-3 if more is FLOAT else 3, **more))
    assert names(found.alone) == [name]
    assert found.alone[0].why


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        (Argument("--nesterov", type="bool", default=True), "takes every text for true"),
        (Argument("--betas", type="float", several=True, default=[0.9, 0.99]), "takes several words"),
        (Argument("-lr", type="float", default=0.1), "--lr"),
        (Argument("--lr", default=0.1), "has no type="),
        (Argument("extra"), "positional"),
    ],
)
def test_what_cannot_be_handed_over_as_it_is_meant_says_why(argument: Argument, why: str) -> None:
    found = placed(argument)
    assert found.searched == found.suggested == ()
    assert why in found.alone[0].why


def test_a_positional_argument_stands_in_the_command() -> None:
    found = placed(Argument("data", required=True), Argument("kind", required=True, choices=("a", "b")))
    assert found.words == ("${env:DATA}", "a")
    assert "DATA" in found.notes[0]
    assert "one of a b" in found.notes[1]


def test_a_required_argument_is_searched_or_stands_in_the_command() -> None:
    found = placed(
        Argument("--lr", type="float", required=True),
        Argument("--train-file", required=True),
        Argument("--task", required=True, choices=("x", "y")),
        Argument("-d", required=True),
        Argument("--epochs", type="int", required=True),
    )
    assert names(found.searched) == ["lr", "task"]
    assert found.words == ("--train-file=${env:TRAIN_FILE}", "-d", "${env:D}")
    assert [line.entry for line in found.fixed] == [10]


def test_every_trial_writes_to_a_place_of_its_own() -> None:
    found = placed(
        Argument("--output-dir", default="runs/first"),
        Argument("--save", default="out/model.pt"),
        Argument("--log_dir", default=None),
        Argument("--ckpt-dir", default="$HOME/x"),
    )
    assert found.words == ("--output-dir=${env:SWEEPRUN_DIR}", "--save=${env:SWEEPRUN_DIR}/model.pt")
    assert names(found.alone) == ["log_dir", "ckpt-dir"]


def test_what_one_optimizer_alone_has_is_conditional() -> None:
    found = placed(
        Argument("--opt", choices=("sgd", "adam", "adamw")),
        Argument("--momentum", type="float", default=0.9),
        Argument("--beta2", type="float", default=0.999),
        Argument("--nesterov", switch="on"),
    )
    lines = {line.name: line.entry for line in (*found.searched, *found.suggested)}
    assert lines["momentum"]["when"] == {"opt": "sgd"}
    assert lines["beta2"]["when"] == {"opt": ["adam", "adamw"]}
    assert lines["nesterov"] == {"values": [False, True], "when": {"opt": "sgd"}}


def test_without_a_choice_of_optimizers_there_is_no_condition() -> None:
    [line] = placed(Argument("--momentum", type="float", default=0.9), optimizers=("sgd",)).searched
    assert "when" not in line.entry


def test_choices_of_the_script_are_kept_to() -> None:
    [line] = placed(Argument("--batch_size", type="int", default=16, choices=(8, 16))).suggested
    assert line.entry == [8, 16]


def test_a_whole_number_gets_whole_numbers() -> None:
    assert placed(Argument("--dropout", type="int", default=2)).suggested[0].entry == [1, 2, 4]


def test_what_is_not_known_by_name_is_suggested_around_its_default() -> None:
    found = placed(
        Argument("--zeta", type="float", default=0.5),
        Argument("--n_things", type="int", default=8),
        Argument("--mode", choices=("a", "b")),
        Argument("--fancy", switch="on", default=False),
        Argument("--text", default="x"),
    )
    assert found.searched == ()
    assert [line.entry for line in found.suggested] == [
        {"min": 0.05, "max": 5.0, "log": True}, [4, 8, 16], ["a", "b"], [False, True]
    ]  # fmt: skip
    assert names(found.alone) == ["text"]
    assert found.switches


def test_secrets_are_not_copied() -> None:
    found = placed(Argument("--api-key", default="sk-123"), Argument("--hf_token", default=Unknown("SECRET")))
    assert [line.entry for line in found.alone] == [None, None]
