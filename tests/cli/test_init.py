"""`init`: what is written, what is left alone, what to type next."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.spec.json_schema import schema
from sweeprun.spec.sweepfile import SweepFile, unsupported

Command = Callable[..., Any]
SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
for epoch in range(3):
    print(f"epoch {epoch} val loss {epoch:.3f}")
raise SystemExit("this script must not be run to be read")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_without_a_script_there_is_an_example_with_one(here: Path, sweeprun: Command) -> None:
    done = sweeprun("init")
    assert (done.code, done.out) == (0, "")
    assert listed(here) == ["sweep.yaml", "sweeprun.schema.json", "train.py"]
    assert done.err.splitlines()[-4:] == [
        "wrote sweep.yaml, train.py, sweeprun.schema.json (for editors); next:",
        "  sweeprun check sweep.yaml --draw 3",
        "  sweeprun start sweep.yaml",
        "  sweeprun best",
    ]


def test_the_example_says_everything_in_a_form_that_works_now(here: Path, sweeprun: Command) -> None:
    sweeprun("init")
    spec = SweepFile.load(here / "sweep.yaml")
    assert not unsupported(spec)
    assert not spec.notes


def test_the_example_runs_as_it_is(here: Path, sweeprun: Command) -> None:
    sweeprun("init")
    assert sweeprun("start", "sweep.yaml", "--set", "budget=2", "--set", "parameters.epochs=3").code == 0
    trials = sweeprun("trials", "--json").document["trials"]
    assert [trial["state"] for trial in trials] == ["complete", "complete"]
    assert all(trial["values"]["val_loss"] > 0 for trial in trials)


def test_the_first_line_names_the_schema_that_lies_beside_the_file(here: Path, sweeprun: Command) -> None:
    sweeprun("init")
    assert (here / "sweep.yaml").read_text().startswith("# yaml-language-server: $schema=./sweeprun.schema.json\n")
    assert json.loads((here / "sweeprun.schema.json").read_text()) == schema()


def test_a_schema_of_another_version_stays(here: Path, sweeprun: Command) -> None:
    (here / "sweeprun.schema.json").write_text("{}")
    done = sweeprun("init")
    assert done.code == 0
    assert "another version" in done.err
    assert (here / "sweeprun.schema.json").read_text() == "{}"


def test_who_has_a_sweep_file_is_told_how_to_write_the_proposal_elsewhere(here: Path, sweeprun: Command) -> None:
    (here / "sweep.yaml").write_text("mine")
    done = sweeprun("init", "--from-argparse", "train.py")
    assert "sweeprun init other.yaml --from-argparse train.py\n" in done.err


@pytest.mark.parametrize("there", ["sweep.yaml", "train.py"])
def test_nothing_is_overwritten_and_then_nothing_is_written(here: Path, sweeprun: Command, there: str) -> None:
    (here / there).write_text("mine")
    done = sweeprun("init")
    assert done.code == 2
    assert f"{there} is there already" in done.err
    assert "sweeprun init" in done.err
    assert listed(here) == [there]
    assert (here / there).read_text() == "mine"


def test_a_link_that_leads_nowhere_is_there_too(here: Path, sweeprun: Command) -> None:
    os.symlink("elsewhere", here / "sweep.yaml")
    assert sweeprun("init").code == 2
    assert listed(here) == ["sweep.yaml"]


def test_a_directory_gets_the_usual_names(here: Path, sweeprun: Command) -> None:
    (here / "mine").mkdir()
    done = sweeprun("init", "mine")
    assert listed(here / "mine") == ["sweep.yaml", "sweeprun.schema.json", "train.py"]
    assert "sweeprun start mine/sweep.yaml" in done.err


def test_a_directory_that_is_not_there_is_not_made(here: Path, sweeprun: Command) -> None:
    done = sweeprun("init", "no/such.yaml")
    assert done.code == 2
    assert "mkdir -p no" in done.err


def test_a_name_that_start_would_refuse_is_refused(here: Path, sweeprun: Command) -> None:
    done = sweeprun("init", "?.yaml")
    assert done.code == 2
    assert listed(here) == []


def test_a_script_is_read_and_not_run(here: Path, sweeprun: Command) -> None:
    (here / "mine.py").write_text(SCRIPT)
    done = sweeprun("init", "mine.yaml", "--from-argparse", "mine.py")
    assert done.code == 0
    assert "must not be run" not in done.err
    assert listed(here) == ["mine.py", "mine.yaml", "sweeprun.schema.json"]
    spec = SweepFile.load(here / "mine.yaml")
    assert spec.command == ("python", "mine.py", "${args}")
    assert list(spec.parameters) == ["lr"]
    assert done.err.splitlines()[-4:] == [
        "wrote mine.yaml, sweeprun.schema.json (for editors); next:",
        "  sweeprun check mine.yaml --draw 3",
        "  sweeprun start mine.yaml --smoke",
        "  sweeprun start mine.yaml",
    ]


def test_the_command_goes_from_the_sweep_file_to_the_script(here: Path, sweeprun: Command) -> None:
    (here / "src").mkdir()
    (here / "sweeps").mkdir()
    (here / "src" / "train.py").write_text(SCRIPT.replace("import argparse", "import argparse, options"))
    (here / "src" / "options.py").write_text("def add(p):\n    p.add_argument('--width', type=int, default=8)\n")
    done = sweeprun("init", "sweeps/a.yaml", "--from-argparse", "src/train.py")
    assert "trials run in sweeps" in done.err
    spec = SweepFile.load(here / "sweeps" / "a.yaml")
    assert spec.command[1] == "../src/train.py"
    assert list(spec.parameters) == ["lr", "width"]


def test_what_needs_attention_is_said(here: Path, sweeprun: Command) -> None:
    (here / "mine.py").write_text("p = ArgumentParser()\np.add_argument('data')\np.add_argument('--lr', type=float)\n")
    err = sweeprun("init", "--from-argparse", "mine.py").err
    assert "${env:DATA} is the script's data" in err
    assert "three ways" in err
    done = sweeprun("start", "sweep.yaml")
    assert done.code == 2
    assert "DATA is not set" in done.err


@pytest.mark.parametrize(
    ("text", "said", "todo"),
    [
        ("import hydra\n@hydra.main()\ndef main(c): ...\n", "hydra", "args: hydra"),
        ("import typer\ndef main(lr: float = 1e-3): ...\ntyper.run(main)\n", "typer", "args: flags"),
        ("from absl import flags\nflags.DEFINE_float('lr', 0.1, '')\n", "absl", "args: flags"),
        ("import fire\nfire.Fire(train)\n", "fire", "example"),
        ("import sys\nlr = float(sys.argv[1])\n", "sys.argv", "SWEEPRUN_PARAMS"),
        ("LR = 1e-3\nEPOCHS = 3\n", "LR = 0.001", "add_argument"),
        ("def f(:\n", "mine.py:1: ", ""),
    ],
)
def test_a_script_that_cannot_be_read_is_told_what_was_seen_and_what_to_do(
    here: Path, sweeprun: Command, text: str, said: str, todo: str
) -> None:
    (here / "mine.py").write_text(text)
    done = sweeprun("init", "--from-argparse", "mine.py")
    assert done.code == 2
    assert said in done.err
    assert todo in done.err
    assert listed(here) == ["mine.py"]


def test_a_script_that_is_not_there_or_no_text_is_named(here: Path, sweeprun: Command) -> None:
    (here / "mine.py").write_bytes(b"x = '\xff'\n")
    assert "mine.py is not UTF-8" in sweeprun("init", "--from-argparse", "mine.py").err
    assert "nope.py cannot be read" in sweeprun("init", "--from-argparse", "nope.py").err
