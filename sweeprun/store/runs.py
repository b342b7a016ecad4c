"""The directory of one run, and the checkpoint directory that outlives it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from sweeprun.errors import Damaged
from sweeprun.store import durable
from sweeprun.store.layout import Layout, RunFiles
from sweeprun.trials import Trial


def files(layout: Layout, trial: Trial) -> RunFiles:
    """The names of the trial's current run."""
    return RunFiles(layout.run(trial.number, trial.run))


def prepare(layout: Layout, trial: Trial) -> tuple[RunFiles, Path]:
    """Make the directory of the trial's current run, with its parameters, and its checkpoint directory."""
    names = files(layout, trial)
    names.directory.mkdir(mode=durable.DIRECTORY_MODE, exist_ok=True)
    for path in (names.params, names.wandb_config, names.command):  # of an earlier try that the disk refused half-way
        path.unlink(missing_ok=True)
    write_json(names.params, trial.params)
    return names, _hand_over(layout, trial)


def write_json(path: Path, document: Any) -> None:
    """Write a small document that is new, for the program and for people."""
    durable.write_new(path, (json.dumps(document, indent=1) + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """A document of the run directory; None where there is none that can be read."""
    with suppress(OSError, Damaged, ValueError):
        document = json.loads(durable.read(path))
        return document if isinstance(document, dict) else None
    return None


def read_start(files: RunFiles, trial: Trial) -> dict[str, Any] | None:
    """What was recorded of the start of a run of `trial`; None where it was not started. The program may write into its
    directory too: what is not of this trial is no such record."""
    said = read_json(files.command)
    return said if said is not None and said.get("uid") == trial.uid else None


def read_how(layout: Layout, number: int, run: int) -> str | None:
    """How the process of a run that is over was started: fork, or exec, with a colon and the reason where a fork was
    wanted. None where it is not over or that cannot be told."""
    how = (read_json(RunFiles(layout.run(number, run)).exit) or {}).get("how")
    return how if isinstance(how, str) else None


def _hand_over(layout: Layout, trial: Trial) -> Path:
    """The trial's checkpoint under this run's name: a stray process of an earlier run cannot write into it."""
    path = layout.checkpoint(trial.number, trial.run)
    if path.is_dir():  # handed over by an earlier try; what has an older name now, a stray process made
        return path
    for run in range(trial.run - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.rename(layout.checkpoint(trial.number, run), path)
            return path
    path.mkdir(mode=durable.DIRECTORY_MODE)
    return path
