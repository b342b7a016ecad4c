"""What a dead worker left of a trial, and when it is safe to touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeprun import processes
from sweeprun.executors.base import Ended
from sweeprun.run.outcome import Traces
from sweeprun.run.overlooked import traces
from sweeprun.run.progress import Progress, Reporting
from sweeprun.store import runs
from sweeprun.store.layout import Layout, RunFiles
from sweeprun.store.liveness import Observer
from sweeprun.trials import Json, Run, Trial


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
    command = runs.read_start(files, trial) or {}
    worker = observer.worker(trial.worker)
    if worker is None or worker.here:
        if read_exit(files, trial) is None and _lives(command.get("launcher")):
            return None
        if processes.end_leftovers([trial.uid], within_s=5.0):
            return None  # something hangs in the kernel and may still write
    return _read(trial, files, command, reporting, first)


def _read(
    trial: Trial, files: RunFiles, command: Mapping[str, Any], reporting: Reporting, first: int | None
) -> Remains:
    progress = Progress(reporting, trial, first, command.get("continues", False))
    reader = reporting.reader(files, command)
    for row in reader.read(final=True):
        progress.add(row, 0.0)
    exit_ = read_exit(files, trial)
    reached = progress.ended(trial) if exit_ is not None and exit_.finished else progress.trial(trial)
    started = trial.runs[-1].started
    written = (files.metrics, files.stdout, files.stderr, *reader.paths)
    seconds = _age(written, started) if exit_ is None else exit_.seconds
    memory_bytes = 0 if exit_ is None else exit_.memory_bytes
    run = Run(started, seconds, seconds * command.get("gpus", 0.0), memory_bytes, reader.n_skipped, reader.n_cut)
    end = exit_ if exit_ is not None and exit_.ended_by == "program" else None
    left = traces(progress, reader, files, reached, progress.moved)
    return Remains(reached._replace(runs=(*trial.runs[:-1], run)), end, left)


def _lives(launcher: Json) -> bool:
    """Whether the process that command.json names, by its pid and its start time, is alive."""
    match launcher:
        case [int(pid), int(start_time)]:
            return processes.start_time(pid) == start_time
    return False


def _age(paths: Iterable[Path], started: float) -> float:
    """How long a run lasted whose end nobody saw: to its last sign of life."""
    signs = [path.stat().st_mtime for path in paths if path.exists()]
    return max(0.0, max(signs, default=started) - started)


def read_exit(files: RunFiles, trial: Trial) -> Ended | None:
    """What the launcher wrote when the run was over. The program may write into its directory too: what is not of the
    launcher's form, or of another trial, is no exit."""
    said = runs.read_json(files.exit)
    if said is None or said.get("uid") != trial.uid:
        return None
    kinds = {"code": int | None, "signal": str | None, "ended_by": str, "seconds": float, "memory_bytes": int}
    kinds |= {"cpu_seconds": float, "oom": bool | None, "leftovers": int, "unkillable": bool}
    if not all(key in said and isinstance(said[key], kind) for key, kind in kinds.items()):
        return None
    return Ended(trial=trial.number, **{key: said[key] for key in kinds})
