"""What a dead worker left of a trial, and when it is safe to touch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sweeprun import processes
from sweeprun.executors.base import Ended
from sweeprun.run.outcome import STDERR_LINES, Traces
from sweeprun.run.progress import Progress, Reporting
from sweeprun.store import runs
from sweeprun.store.layout import Layout, RunFiles
from sweeprun.store.liveness import Observer
from sweeprun.store.metrics import Tail, last_lines
from sweeprun.trials import Run, Trial


@dataclass(frozen=True, slots=True)
class Remains:
    """A trial whose worker is dead and whose processes are gone. `trial` holds what its last run reached; `end` how
    the program ended by itself, None where it was ended or its end was not seen."""

    trial: Trial
    end: Ended | None
    traces: Traces


def remains(
    layout: Layout, trial: Trial, observer: Observer, reporting: Reporting, first: int | None
) -> Remains | None:
    """What is left of a running trial; None while its worker, or the launcher that ends its tree, is alive.

    `first` is what programs of this sweep call their first step; None: not known yet.
    """
    if observer.alive(trial.worker):
        return None
    files = runs.files(layout, trial)
    command = runs.read_json(files.command) or {}
    worker = observer.worker(trial.worker)
    if worker is None or worker.here:
        if runs.read_json(files.exit) is None and _lives(command.get("launcher")):
            return None
        if processes.end_leftovers([trial.uid], within_s=5.0):
            return None  # something hangs in the kernel and may still write
    return _read(trial, files, command, reporting, first)


def _read(
    trial: Trial, files: RunFiles, command: Mapping[str, Any], reporting: Reporting, first: int | None
) -> Remains:
    progress = Progress(reporting, trial, first, command.get("continues", False))
    for line in Tail(reporting.source(files)).read(final=True):
        progress.add(line, 0.0)
    reached = progress.trial(trial)
    exit_ = runs.read_json(files.exit)
    started = trial.runs[-1].started
    seconds = _age(files, started) if exit_ is None else float(exit_["seconds"])
    memory_bytes = 0 if exit_ is None else int(exit_["memory_bytes"])
    run = Run(started, seconds, seconds * command.get("gpus", 0.0), memory_bytes)
    end = _end(trial.number, exit_) if exit_ is not None and exit_["ended_by"] == "program" else None
    progressed = reached.last_step > trial.last_step
    traces = Traces(frozenset(progress.names), progressed, last_lines(files.stderr, STDERR_LINES))
    return Remains(replace(reached, runs=(*trial.runs[:-1], run)), end, traces)


def _lives(launcher: list[int | None] | None) -> bool:
    """Whether the process that command.json names is alive: its pid, and its start time where it had one."""
    if launcher is None:
        return False
    pid, start_time = launcher
    return pid is not None and start_time is not None and processes.start_time(pid) == start_time


def _age(files: RunFiles, started: float) -> float:
    """How long a run lasted whose end nobody saw: to its last sign of life."""
    signs = [path.stat().st_mtime for path in (files.metrics, files.stdout, files.stderr) if path.exists()]
    return max(0.0, max(signs, default=started) - started)


def _end(number: int, record: dict[str, Any]) -> Ended:
    known = {field.name for field in fields(Ended)} - {"trial"}
    return Ended(trial=number, **{key: value for key, value in record.items() if key in known})
