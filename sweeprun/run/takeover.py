"""What a dead worker left of a trial, and when it is safe to touch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from sweeprun import processes
from sweeprun.executors.base import Ended
from sweeprun.run.progress import Progress, Reporting
from sweeprun.store import runs
from sweeprun.store.layout import Layout, RunFiles
from sweeprun.store.liveness import Observer
from sweeprun.store.metrics import Tail, last_lines
from sweeprun.trial import Run, Trial

STDERR_LINES = 20


@dataclass(frozen=True, slots=True)
class Remains:
    """A trial whose worker is dead and whose processes are gone. `trial` holds what its last run reached; `end` how
    the program ended by itself, None where it was ended or its end was not seen."""

    trial: Trial
    end: Ended | None
    names: frozenset[str]
    stderr: tuple[str, ...]


def remains(layout: Layout, trial: Trial, observer: Observer, reporting: Reporting) -> Remains | None:
    """What is left of a running trial; None while its worker, or the launcher that ends its tree, is alive."""
    if observer.alive(trial.worker):
        return None
    files = runs.files(layout, trial)
    worker = observer.worker(trial.worker)
    if worker is None or worker.here:
        if runs.read_json(files.exit) is None and _launcher_lives(files):
            return None
        processes.end_leftovers([trial.uid], within_s=5.0)
    exit_ = runs.read_json(files.exit)
    progress = Progress(reporting, trial, None)
    for line in Tail(reporting.source(files)).read(final=True):
        progress.add(line, 0.0)
    trial = progress.trial(trial)
    run = trial.runs[-1]
    if exit_ is not None:
        run = Run(run.started, float(exit_["seconds"]), memory_bytes=int(exit_["memory_bytes"]))
    else:
        run = replace(run, seconds=_age(files, run.started))
    end = _end(trial.number, exit_) if exit_ is not None and exit_["ended_by"] == "program" else None
    stderr = last_lines(files.stderr, STDERR_LINES)
    return Remains(replace(trial, runs=(*trial.runs[:-1], run)), end, frozenset(progress.names), stderr)


def _launcher_lives(files: RunFiles) -> bool:
    command = runs.read_json(files.command)
    if command is None:
        return False
    pid, start_time = command["launcher"]
    return processes.start_time(pid) == start_time


def _age(files: RunFiles, started: float) -> float:
    """How long a run lasted whose end nobody saw: to its last sign of life."""
    signs = [path.stat().st_mtime for path in (files.metrics, files.stdout, files.stderr) if path.exists()]
    return max(0.0, max(signs, default=started) - started)


def _end(number: int, record: dict[str, Any]) -> Ended:
    known = {field.name for field in fields(Ended)} - {"trial"}
    return Ended(trial=number, **{key: value for key, value in record.items() if key in known})
