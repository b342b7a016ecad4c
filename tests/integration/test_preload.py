"""Real trainings that are forked from a process which has torch: what comes of them is what comes of programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store.sweep import Sweep
from sweeprun.trials import TrialState

DIGITS = Path(__file__).parents[2] / "recipes" / "digits"
FILE = f"""
command: [{sys.executable}, train.py, "${{args}}"]
workdir: {DIGITS}
metric: val_loss
parameters: {{epochs: 2, width: [[16], [32]], dropout: 0.2, lr_adam: {{min: 1e-3, max: 3e-2, log: true}}}}
algorithm: random
resources: {{slots: 1, gpus: 0}}
budget: 4
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("preload", ["[torch]", "auto"])
def test_a_training_that_is_forked_comes_to_the_numbers_of_a_program(tmp_path: Path, preload: str) -> None:
    by: dict[str, list[Any]] = {}
    for how in (preload, "none"):
        events = started(tmp_path / how, f"{FILE}preload: {how}\n")
        forked = [event["trial"] for event in events if event["event"] == "trial_started" and event["how"] == "fork"]
        assert (3 in forked) is (how != "none")
        trials = Sweep(tmp_path / how / "sweeps" / "s").trials()
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
        by[how] = [(trial.params, trial.curve, trial.values) for trial in trials]
    assert by[preload] == by["none"]


def test_a_module_that_is_not_there_is_said_once_and_the_sweep_goes_on(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sweeprun; sweeprun.report(epoch=1, loss=sweeprun.params(x=1.0).x)")
    text = f"""
command: [{sys.executable}, train.py]
metric: loss
parameters: {{x: {{min: 0.0, max: 1.0}}}}
resources: {{slots: 1, gpus: 0}}
budget: 20
preload: [no_such_module]
"""
    events = started(tmp_path, text)
    notices = [event["text"] for event in events if event["event"] == "notice"]
    why = "importing no_such_module failed: ModuleNotFoundError: No module named 'no_such_module'"
    assert notices == [f"trials are not forked: {why}"]
    assert {trial.state for trial in Sweep(tmp_path / "sweeps" / "s").trials()} == {TrialState.COMPLETE}
    assert document(tmp_path, "show", "s", "19")["trial"]["runs"][0]["how"] == f"exec: {why}"
    said = document(tmp_path, "doctor", "s")["started"]
    assert said[f"exec: {why}"] + said.get("exec", 0) == 20


def started(directory: Path, text: str) -> list[dict[str, Any]]:
    """The events of a sweep that a file says."""
    directory.mkdir(exist_ok=True)
    (directory / "s.yaml").write_text(text)
    typed(directory, "start", "s.yaml", "--events", "e.jsonl")
    return [json.loads(line) for line in (directory / "e.jsonl").read_text().splitlines()]


def document(directory: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(typed(directory, *words, "--json"))
    return found


def typed(directory: Path, *words: str) -> str:
    command = [sys.executable, "-c", "from sweeprun.cli import main; main()", *words]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
