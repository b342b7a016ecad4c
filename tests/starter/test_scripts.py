"""Plain scripts, as tutorials have them: what is proposed for them reads what they print, and sweeps them untouched."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store.matches import Matches

Read = Callable[..., Any]
SCRIPTS = Path(__file__).with_name("scripts")
ARGUMENTS = {"textcls/main.py": ["keywords", "--learning_rate=0.1"]}
NEEDS_SCIKIT_LEARN = ["mnist.py", "cifar.py", "forest.py"]
EXPECTED = {
    "mnist.py": ("test_loss", "minimize", ["lr", "batch-size", "gamma"]),
    "cifar.py": ("val_acc", "maximize", ["lr", "optimizer", "wd", "batch-size", "dropout", "momentum"]),
    "wordlm.py": ("val_loss", "minimize", ["lr", "batch_size", "dropout", "emsize", "clip"]),
    "minigpt.py": ("val_loss", "minimize", ["learning-rate", "warmup-iters", "n-embd"]),
    "textcls/main.py": ("dev_accuracy", "maximize", ["learning_rate", "l2", "lr_gamma"]),
    "forest.py": ("val_acc", "maximize", ["max_depth", "n_estimators", "min_samples_leaf"]),
}


LAST_STEPS = {"wordlm.py": 3, "minigpt.py": 100, "textcls/main.py": 4, "forest.py": 1, "mnist.py": 3, "cifar.py": 3}


def skip_without_packages(name: str) -> None:
    if name in NEEDS_SCIKIT_LEARN:
        pytest.importorskip("sklearn", reason="the script needs scikit-learn")
    if name in ("mnist.py", "cifar.py"):
        pytest.importorskip("torch", reason="the script needs torch")


@pytest.mark.parametrize("name", EXPECTED)
def test_the_objective_and_what_is_searched(script: Read, name: str) -> None:
    proposed = script(name)
    searched = [line.name for line in proposed.placed.searched]
    assert (proposed.metrics.name, proposed.metrics.goal, searched) == EXPECTED[name]


@pytest.mark.parametrize(
    ("name", "n_reports", "step"),
    [("wordlm.py", 3, "epoch"), ("minigpt.py", 5, "step"), ("textcls/main.py", 4, "epoch")],
)
def test_the_pattern_reads_what_the_script_prints(
    script: Read, name: str, n_reports: int, step: str, tmp_path: Path
) -> None:
    command = [sys.executable, SCRIPTS / name, *ARGUMENTS.get(name, [])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=100, check=True)
    metrics = script(name).metrics
    given = metrics.read["regex"]
    matches = Matches([re.compile(text) for text in ([given] if isinstance(given, str) else given)], metrics.step)
    rows = [row for line in done.stdout.split(b"\n") if (row := matches.row(line)) is not None]
    reports = [row for row in rows if metrics.name in row]
    assert len(reports) == n_reports
    assert matches.n_skipped == 0
    steps = [row[step] for row in reports]
    assert len(set(steps)) == n_reports
    assert steps == sorted(steps)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "last_step"), LAST_STEPS.items())
def test_the_script_is_swept_untouched(name: str, last_step: int, tmp_path: Path) -> None:
    skip_without_packages(name)
    before = (SCRIPTS / name).read_bytes()
    for file in (SCRIPTS / name).parent.glob("*.py"):
        shutil.copy(file, tmp_path)
    script = Path(name).name
    sweeprun = [sys.executable, "-c", "from sweeprun.cli import main; main()"]

    def typed(*words: str) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SWEEPRUN_")}
        done = subprocess.run(
            [*sweeprun, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=170, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    typed("init", "--from-argparse", script)
    typed("start", "sweep.yaml", "--set", "budget=2", "--set", "resources.slots=2", "--set", "reduce=last")
    trials = json.loads(typed("trials", "--json"))["trials"]
    assert [trial["state"] for trial in trials] == ["complete", "complete"]
    assert [trial["step"] for trial in trials] == [last_step, last_step]
    assert all(EXPECTED[name][0] in trial["values"] for trial in trials)
    assert (tmp_path / script).read_bytes() == before
