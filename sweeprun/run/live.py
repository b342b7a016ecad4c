"""One running trial of this worker: its process, what it has reported, what we asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sweeprun.executors.base import Ended, Lease
from sweeprun.run.outcome import Request
from sweeprun.run.progress import Progress
from sweeprun.store.layout import RunFiles
from sweeprun.store.metrics import Tail
from sweeprun.trial import Measurement, Run, Trial


@dataclass(slots=True)
class Live:
    """A run of a trial, from the order to start it to its end. Times are on the worker's monotonic clock."""

    record: Trial
    progress: Progress
    tail: Tail
    files: RunFiles
    lease: Lease
    started: float
    heard: float
    request: tuple[Request, str] | None = None
    owned: bool = True
    trial: Trial = field(init=False)
    _log_bytes: int = 0

    def __post_init__(self) -> None:
        self.trial = self.record

    def read(self, now: float, final: bool = False) -> list[Measurement]:
        """What the program has reported since the last call."""
        lines = self.tail.read(final)
        measured = [self.progress.add(line, now - self.started) for line in lines]
        if lines:
            self.heard = now
            self.trial = self.progress.trial(self.record)
        return [measurement for measurement in measured if measurement is not None]

    def silent_s(self, now: float) -> float:
        """For how long neither metrics nor logs have grown."""
        size = _total_bytes((self.files.stdout, self.files.stderr))
        if size != self._log_bytes:
            self._log_bytes, self.heard = size, now
        return now - self.heard

    def spent_s(self, now: float) -> float:
        """Time this trial has run, over all its runs."""
        return self.record.seconds + now - self.started

    def over(self, end: Ended | None) -> Trial:
        """The trial with what its run cost; None: it never ran."""
        run = self.trial.runs[-1]
        if end is None:
            run = replace(run, seconds=0.0)
        else:
            run = Run(run.started, end.seconds, end.seconds * self.lease.gpus, end.memory_bytes)
        return replace(self.trial, runs=(*self.trial.runs[:-1], run))


def _total_bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())
