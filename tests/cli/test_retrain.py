"""The line that trains a trial again: pasted into a shell it starts the very same program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.cli import retrain
from sweeprun.store import runs

Command = Callable[..., Any]

ECHO = """
import json, os, sys
names = ("SWEEPRUN_SEED", "SWEEPRUN_PARAMS", "OMP_NUM_THREADS", "DATA", "CUDA_VISIBLE_DEVICES", "SWEEPRUN_TRIAL")
print(json.dumps([os.getcwd(), sys.argv[1:], {name: os.environ.get(name) for name in names}]))
"""
SOURCE = """
command: [python, echo.py, "${env:DATA}/x", "${args}"]
env: {DATA: "${env:HOME}/data dir"}
metric: val_loss
parameters: {text: [a]}
"""
NASTY = [
    *("; touch pwned", "$(touch pwned)", "`touch pwned`", "a\nb", "-1e-3", "", "ü ☃", "it's", '"'),
    *("${env:HOME}", "*", "\x1b[31m", "\\x41"),
]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A directory in which `echo.py` says with what it was started."""
    (tmp_path / "work dir").mkdir()
    (tmp_path / "work dir" / "echo.py").write_text(ECHO)
    return tmp_path / "work dir"


def pasted(line: str, shell: str = "bash", **env: str) -> Any:
    done = subprocess.run(
        [shell, "-c", line], capture_output=True, text=True, check=True, timeout=60, env={**os.environ, **env}
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("text", NASTY)
def test_a_pasted_line_starts_the_same_program(build: Command, sweeprun: Command, program: Path, text: str) -> None:
    sweep = build(source=SOURCE)
    trial = sweep.ended(0.3, text=text)
    argv = ["python", "echo.py", "${env:DATA}/x", "--lr=1.0e-05", "--layers=4", f"--text={text}"]
    params = str(program / "params.json")
    recorded = {"SWEEPRUN_SEED": "7", "SWEEPRUN_PARAMS": params, "OMP_NUM_THREADS": "2", "SWEEPRUN_TRIAL": "0"}
    sweep.command(trial, argv, program, **recorded, DATA="${env:HOME}/data dir", CUDA_VISIBLE_DEVICES="3")
    line = sweeprun("best", "-f", "command").out
    assert "\x1b" not in line
    cwd, words, env = pasted(line, HOME="/home/me", DATA="/outer", CUDA_VISIBLE_DEVICES="7")
    assert cwd == str(program)
    assert words == ["/outer/x", *argv[3:]]
    assert env == {
        "SWEEPRUN_SEED": "7",
        "SWEEPRUN_PARAMS": params,
        "OMP_NUM_THREADS": "2",
        "DATA": "/home/me/data dir",
        "CUDA_VISIBLE_DEVICES": "7",
        "SWEEPRUN_TRIAL": None,
    }


def test_a_trial_that_saw_no_gpu_sees_none_again(build: Command, sweeprun: Command, program: Path) -> None:
    sweep = build(source=SOURCE)
    sweep.command(sweep.ended(0.3), ["python", "echo.py"], program, CUDA_VISIBLE_DEVICES="")
    _, _, env = pasted(sweeprun("best", "-f", "command").out, CUDA_VISIBLE_DEVICES="0")
    assert env["CUDA_VISIBLE_DEVICES"] == ""


GIVEN_SOURCE = """
command: [python, echo.py, --seed, "${env:SWEEPRUN_SEED}", "${env:SWEEPRUN_DIR}/logs", "${args}"]
env: {DATA: "${env:SWEEPRUN_DIR}/data"}
metric: val_loss
parameters: {text: [a]}
"""


def test_what_the_command_names_of_its_run_is_what_it_was_given_but_for_the_places_that_it_wrote_to(
    build: Command, sweeprun: Command, program: Path
) -> None:
    sweep = build(source=GIVEN_SOURCE)
    argv = ["python", "echo.py", "--seed", "${env:SWEEPRUN_SEED}", "${env:SWEEPRUN_DIR}/logs"]
    argv += ["${env:SWEEPRUN_CHECKPOINT}", "${env:SWEEPRUN_METRICS}", "--text=${env:SWEEPRUN_DIR}"]
    run = str(sweep.directory / "run1")
    recorded = {"SWEEPRUN_SEED": "7", "SWEEPRUN_DIR": run, "SWEEPRUN_CHECKPOINT": run, "SWEEPRUN_METRICS": run}
    trial = sweep.ended(0.3, text="${env:SWEEPRUN_DIR}")
    sweep.command(trial, argv, program, **recorded, DATA="${env:SWEEPRUN_DIR}/data")
    line = sweeprun("best", "-f", "command").out
    (_, first, env), (_, second, _) = pasted(line), pasted(line)
    again = Path(first[2]).parent
    assert (again.parent, again.name.startswith("demo-0."), again.is_dir()) == (program, True, True)
    assert first == ["--seed", "7", f"{again}/logs", str(again), f"{again}/metrics.jsonl", "--text=${env:SWEEPRUN_DIR}"]
    assert env["DATA"] == f"{again}/data"
    assert second[2] != first[2], "each time anew"


def test_a_macro_of_the_programs_own_is_no_variable_of_the_shell(
    build: Command, sweeprun: Command, program: Path
) -> None:
    sweep = build(source=SOURCE)
    trial = sweep.ended(0.3, text="a")
    sweep.command(trial, ["python", "echo.py", "dir=$${env:HOME}", "--text=a"], program)
    assert pasted(sweeprun("best", "-f", "command").out)[1] == ["dir=${env:HOME}", "--text=a"]


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("hydra", ["text='it\\'s a'", "on=true"]),
        ("flags", ["--text=it's a", "--on"]),
        ("wandb", ["--text=it's a", "--on=True"]),
    ],
)
def test_every_style_of_arguments_can_be_pasted(
    build: Command, sweeprun: Command, program: Path, style: str, words: list[str]
) -> None:
    sweep = build(source=SOURCE + f"args: {style}\n")
    sweep.params = {}
    trial = sweep.ended(0.3, text="it's a", on=True)
    sweep.command(trial, ["python", "echo.py", *words], program)
    assert pasted(sweeprun("best", "-f", "command").out)[1] == words
    assert pasted(f"{sys.executable} '{program}/echo.py' {sweeprun('best', '-f', 'args').out}")[1] == words


def test_a_file_of_parameters_is_named_by_its_path(build: Command, sweeprun: Command, program: Path) -> None:
    sweep = build(source=SOURCE + "args: file\n")
    trial = sweep.ended(0.3)
    params = sweep.sweep.layout.run(trial.number, 1) / "params.json"
    sweep.command(trial, ["python", "echo.py", "${env:SWEEPRUN_PARAMS}"], program, SWEEPRUN_PARAMS=str(params))
    assert sweeprun("best", "-f", "args").out == f"{params}\n"
    assert pasted(sweeprun("best", "-f", "command").out)[1] == [str(params)]
    assert json.loads(params.read_text()) == trial.params


def test_a_trial_that_was_to_leave_early_counts_its_steps_as_it_did(
    build: Command, sweeprun: Command, program: Path
) -> None:
    sweep = build(source=SOURCE)
    counted = {"SWEEPRUN_STEP": "iteration", "SWEEPRUN_STEP_FIRST": "0"}
    sweep.command(sweep.ended(0.3), ["python", "echo.py"], program, **counted)
    assert "SWEEPRUN_STEP" not in sweeprun("best", "-f", "command").out
    sweep.command(sweep.ended(0.2), ["python", "echo.py"], program, SWEEPRUN_UNTIL="9", **counted)
    line = sweeprun("best", "-f", "command").out
    assert "SWEEPRUN_UNTIL=9 SWEEPRUN_STEP=iteration SWEEPRUN_STEP_FIRST=0 " in line


def test_the_interpreter_of_the_trial_is_named_where_the_shell_has_another(
    build: Command, sweeprun: Command, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = build(source=SOURCE)
    sweep.command(sweep.ended(0.3), ["python", "echo.py"], program)
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    ours = str(Path(sys.executable).parent / "python")
    assert f" && {ours} echo.py" in sweeprun("best", "-f", "command").out
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    assert " && python echo.py" in sweeprun("best", "-f", "command").out


def test_the_newest_run_that_left_its_command_is_used(build: Command, sweeprun: Command, program: Path) -> None:
    sweep = build(source=SOURCE)
    trial = sweep.ended(0.3)
    sweep.command(trial, ["python", "echo.py"], program)
    done = sweeprun("show", 0)
    assert f"cd '{program}'" in done.out


def test_a_trial_without_its_command_is_an_error_that_says_so(build: Command, sweeprun: Command) -> None:
    build().ended(0.3)
    done = sweeprun("best", "-f", "command")
    assert (done.code, done.out) == (2, "")
    assert "trial 0: no run of it left a command" in done.err


@pytest.mark.parametrize("word", [*NASTY, "--lr=1.0e-05", "plain"])
def test_a_quoted_word_is_read_back_by_a_shell_and_harmless_on_a_terminal(word: str) -> None:
    quoted = retrain.quoted(word)
    echoed = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, check=True).stdout.decode()
    assert echoed == word
    assert quoted.isprintable()


def test_words_with_blanks_or_wildcards_do_not_survive_splitting() -> None:
    assert retrain.survives_splitting(["--lr=1.0e-05", "--width=[64,32]", "--name=$HOME;x"])
    for word in ("a b", "", "*.py", "a\tb", "what?"):
        assert not retrain.survives_splitting([word])


@pytest.mark.parametrize("written", ['{"lr": 0.1, "env": "CartPole-v1"}', "{}", "[]", "junk", '{"uid": "another"}'])
def test_a_command_that_the_program_wrote_over_is_none(
    build: Command, sweeprun: Command, program: Path, written: str
) -> None:
    sweep = build(source=SOURCE)
    trial = sweep.ended(0.3)
    sweep.command(trial, ["python", "echo.py"], program)
    runs.files(sweep.sweep.layout, trial).command.write_text(written)
    assert sweeprun("best", "--json").document["trials"][0]["command"] is None
    assert sweeprun("show", 0).code == 0
    assert "no run of it left a command that can be read" in sweeprun("best", "-f", "command").err
