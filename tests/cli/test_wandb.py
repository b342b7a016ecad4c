"""A W&B sweep file, from start to best. Its program leaves a log as wandb does, and checks what it finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

RECORDED = Path(__file__).parents[1] / "store" / "wandb" / "0.31.0.wandb"
FILE = """\
program: train.py
method: grid
metric: {name: val/loss, goal: minimize}
parameters:
  lr: {values: [0.1]}
  amp: {value: true}
  model: {parameters: {depth: {value: 3}}}
"""
PROGRAM = f"""
import json, os, shutil, sys
config = json.load(open(os.environ["WANDB_SWEEP_PARAM_PATH"]))
assert config == {{"lr": {{"value": 0.1}}, "amp": {{"value": True}}, "model": {{"value": {{"depth": 3}}}}}}, config
assert sys.argv[1:] == ["--lr=0.1", "--amp=True", "--model.depth=3"], sys.argv
assert os.environ["WANDB_MODE"] == "offline"
directory = os.path.join(os.environ["WANDB_DIR"], "wandb", "offline-run-20260101_000000-abc")
os.makedirs(directory)
shutil.copy({str(RECORDED)!r}, os.path.join(directory, "run-abc.wandb"))
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    (tmp_path / "train.py").write_text(PROGRAM)
    (tmp_path / "theirs.yaml").write_text(FILE)
    return tmp_path / "theirs.yaml"


def test_a_wandb_sweep_file_runs_as_it_is(sweeprun: Command, file: Path) -> None:
    done = sweeprun("start", file, "--set", "resources.gpus=0")
    assert done.code == 0, done.err
    assert "note: line 2: method grid -> algorithm grid\n" in done.err
    [best] = sweeprun("best", "theirs", "--json").document["trials"]
    assert (best["values"]["val/loss"], best["step"]) == (pytest.approx(1 / 3), 6)
    assert (file.parent / "sweeps" / "theirs" / "sweep.yaml").read_text() == FILE


def test_it_is_written_as_one_of_our_own_that_is_the_same_sweep(sweeprun: Command, file: Path) -> None:
    written = file.with_name("ours.yaml")
    assert sweeprun("import", "wandb", file, "-o", written).code == 0
    theirs, ours = (sweeprun("check", each, "--json") for each in (file, written))
    assert "note: " in theirs.err
    assert "note: " not in ours.err
    assert ours.document["resolved"] | {"name": ""} == theirs.document["resolved"] | {"name": ""}


def test_what_it_cannot_say_is_bad_usage_with_its_line(sweeprun: Command, file: Path) -> None:
    file.write_text(FILE.replace("{name: val/loss, goal: minimize}", ""))
    for command in (("check", file), ("start", file), ("import", "wandb", file)):
        done = sweeprun(*command)
        assert (done.code, done.out) == (2, "")
        assert "theirs.yaml:3:1: there is no metric" in done.err
