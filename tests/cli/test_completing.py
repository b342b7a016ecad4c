"""What completes the last word of a command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.cli import candidates, grammar
from tests.cli.test_main import imported_by

Command = Callable[..., Any]
SOURCE = """
command: python train.py ${args}
metric: {name: acc, goal: maximize}
parameters:
  epochs: 3
  lr: {min: 1e-5, max: 1e-1, log: true}
  optimizer: [sgd, adam]
  model: {parameters: {depth: [2, 4]}}
  warmup: {expr: 2 * epochs}
linked:
  augment: [{aug: none, mixup: 0.0}, {aug: rand, mixup: 0.2}]
algorithm: random
"""


@pytest.fixture
def found(sweeprun: Command, build: Command, tmp_path: Path) -> Command:
    """The candidates for the last word, in a directory with the sweeps `digits` (two trials) and then `cifar`."""
    digits = build("digits", SOURCE)
    digits.ended(values={"acc": 0.5})
    digits.ended(values={"acc": 0.25})
    build("cifar", SOURCE)

    def complete(*words: str, shell: str = "bash") -> list[str]:
        done = sweeprun("completion", shell, "--", *words)
        assert (done.code, done.err) == (0, "")
        return done.out.splitlines()

    return complete


def test_commands_are_completed(found: Command) -> None:
    assert found("st") == ["start", "stop", "status"]
    assert found("import", "") == ["csv", "optuna", "wandb"]
    assert {"best", "completion", "import"} <= set(found(""))


def test_options_are_completed_and_not_offered_twice(found: Command) -> None:
    assert found("best", "--f") == ["--format"]
    assert "--version" in found("--")
    assert "--state" in found("trials", "--state", "failed", "--")  # it may be repeated
    assert "--sort" not in found("trials", "--sort", "lr", "--")
    assert "--help" in found("stop", "--now", "--")


def test_sweeps_are_completed_under_the_root_that_is_meant(
    found: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found("status", "") == ["cifar", "digits"]
    assert found("best", "--json", "d") == ["digits"]
    assert found("status", "digits", "") == []
    (tmp_path / "sweeps").rename(tmp_path / "elsewhere")
    assert found("status", "") == []
    assert found("status", "--root", "elsewhere", "") == ["cifar", "digits"]
    assert found("status", "--root=elsewhere", "") == ["cifar", "digits"]
    monkeypatch.setenv("SWEEPRUN_ROOT", "elsewhere")
    assert found("status", "") == ["cifar", "digits"]


def test_numbers_are_those_of_the_sweep_newest_first(found: Command) -> None:
    assert found("show", "digits", "") == ["1", "0"]
    assert found("logs", "digits", "--stderr", "0") == ["0"]
    assert found("retry", "digits", "0", "") == ["1", "0"]
    assert found("stop", "digits", "--trial", "") == ["1", "0"]
    assert found("show", "") == ["cifar", "digits"]  # the newest one, cifar, has no trial


def test_numbers_of_the_newest_sweep_need_no_name(found: Command, build: Command) -> None:
    build("newest").ended(0.5)
    assert found("show", "") == ["cifar", "digits", "newest", "0"]


def test_only_the_newest_of_very_many_trials_are_offered(
    found: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_MOST", 3)
    for number in range(2, 130):
        (tmp_path / f"sweeps/digits/trials/00000/{number:08d}").mkdir()
    assert found("show", "digits", "") == ["129", "128", "127"]
    assert found("show", "digits", "5") == ["59", "58", "57"]


def test_searched_parameters_and_their_choices_are_completed(found: Command) -> None:
    assert found("add", "digits", "") == ["lr=", "optimizer=", "model.depth="]
    assert found("add", "o") == ["optimizer="]
    assert found("add", "digits", "optimizer=") == ["optimizer=sgd", "optimizer=adam"]
    assert found("add", "digits", "model.depth=4") == ["model.depth=4"]
    assert found("add", "lr=0.1", "") == ["optimizer=", "model.depth="]


def test_columns_are_completed_one_after_the_other(found: Command) -> None:
    assert found("trials", "--sort", "s") == ["state", "step", "seconds", "seed", "started"]
    assert found("trials", "--sort", "-ac") == ["-acc"]
    assert found("trials", "digits", "--columns", "number,mod") == ["number,model.depth"]
    assert found("trials", "--columns=number,mix") == ["--columns=number,mixup"]


def test_keys_of_the_sweep_file_are_completed(found: Command) -> None:
    assert found("start", "x.yaml", "--set", "budget.tr") == ["budget.trials=", "budget.trial_wall="]
    assert found("check", "x.yaml", "--set=budget.pl") == [
        "--set=budget.plateau=", "--set=budget.plateau.trials=", "--set=budget.plateau.min_delta="
    ]  # fmt: skip
    assert "metric.goal=" in found("start", "--set", "metric.")
    options = found("start", "--set", "pruner.")
    assert options.count("pruner.name=") == 1
    assert "pruner.quantile=" in options


def test_files_of_the_right_kind_and_directories_are_completed(found: Command, tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yml", "c.csv", ".hidden.yaml", "sub/d.yaml", "sub/e.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert found("check", "") == ["a.yaml", "b.yml", "cifar.yaml", "digits.yaml", "sub/", "sweeps/"]
    assert found("start", "sub/") == ["sub/d.yaml"]
    assert found("start", f"{tmp_path}/a") == [f"{tmp_path}/a.yaml"]
    assert found("check", ".h") == [".hidden.yaml"]
    assert found("import", "csv", "c") == ["c.csv"]
    assert found("import", "csv", "c.csv", "a") == ["a.yaml"]
    assert found("init", "--from-argparse", "sub/") == ["sub/e.py"]
    assert found("ls", "s") == ["sub/", "sweeps/"]


def test_words_from_a_closed_list_are_completed(found: Command) -> None:
    assert found("best", "-f", "c") == ["command", "csv"]
    assert found("best", "--format=js") == ["--format=json"]
    assert found("trials", "--state", "p") == ["paused", "pruned"]
    assert found("export", "digits", "") == ["csv", "jsonl", "optuna"]
    assert found("resume", "--retry", "f") == ["failed"]
    assert found("completion", "z") == ["zsh"]


def test_after_two_dashes_nothing_is_an_option(found: Command) -> None:
    assert found("status", "--", "dig") == ["digits"]
    assert found("status", "--", "--") == []


def test_what_cannot_be_known_has_no_candidates(found: Command) -> None:
    assert found("nope", "") == []
    assert found("import", "nope", "") == []
    assert found("start", "--timeout", "") == []
    assert found("schema", "") == []
    assert found("best", "--nope=", "") == ["cifar", "digits"]


def test_a_shell_that_shows_them_is_given_descriptions(found: Command) -> None:
    assert found("chec", shell="zsh") == [
        "check\tValidate a sweep file and say what was understood; nothing runs."
    ]
    assert found("best", "--req", shell="fish")[0].startswith("--require\t")
    assert found("status", "d", shell="zsh") == ["digits"]


def test_names_of_files_are_made_harmless(found: Command, tmp_path: Path) -> None:
    for name in ("my file.yaml", "x$(id).yaml", "x;y.yaml", "x\ny.yaml", "x\x1b[31m.yaml"):
        (tmp_path / name).write_text("")
    assert found("check", "my") == [r"my\ file.yaml"]
    assert found("check", "x") == [r"x\$\(id\).yaml", r"x\;y.yaml"]
    assert found("check", "x", shell="zsh") == ["x$(id).yaml", "x;y.yaml"]


def test_a_sweep_that_cannot_be_read_gives_nothing(sweeprun: Command, build: Command) -> None:
    sweep = build("torn")
    sweep.sweep.layout.manifest.write_bytes(b"junk")
    assert sweeprun("completion", "bash", "--", "show", "torn", "").out == ""


def test_the_shipped_grammar_is_the_generated_one() -> None:
    again = "regenerate it: python -m sweeprun.cli.grammar > sweeprun/cli/grammar.json"
    assert json.loads(json.dumps(grammar.generated())) == grammar.shipped(), again


FREE = {"draw", "events", "gpus", "metrics", "n", "output", "require", "run", "slots", "study", "timeout", "trials"}
FREE |= {"where"}


def test_every_parameter_is_completed_or_free_text() -> None:
    def named(command: Any) -> set[str]:
        options = {option["name"] for option in command["options"] if option["takes_value"]}
        inner = (named(each) for each in command.get("commands", {}).values())
        return options.union({argument["name"] for argument in command["arguments"]}, *inner)

    names = named(grammar.shipped()) - {"words"}
    assert names - candidates.OF.keys() == FREE
    assert candidates.OF.keys() <= names


@pytest.mark.parametrize("words", [["start", "--"], ["st"], ["check", "x.yaml", "--set", "bud"]])
def test_completing_does_not_wait_for_the_modules_of_commands(words: list[str]) -> None:
    assert not imported_by("completion", "bash", "--", *words) & {"numpy", "yaml", "rich"}
