"""What a trial printed: stdout, or stderr with --stderr, of its newest run. -f goes on until that run is over.

Into a file or a pipe it goes as it is; a terminal is spared what would control it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepAndNumber, opened_at
from sweeprun.cli.view import say, write_bytes
from sweeprun.errors import UsageError
from sweeprun.store.layout import RunFiles
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

POLL_S = 0.2
_CHUNK_BYTES = 1 << 20


def logs(
    sweep_and_number: SweepAndNumber,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the run is over.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="What it wrote to stderr.")] = False,
    run: Annotated[int | None, typer.Option(min=1, help="Of this run; left out: the newest.")] = None,
    root: Root = DEFAULT_ROOT,
) -> None:
    """Print the log."""
    sweep, trial = opened_at(sweep_and_number, root)
    number = trial.run if run is None else run
    if number > trial.run or trial.run == 0:
        there = f"its runs are 1 to {trial.run}" if trial.run else "it has not been started yet"
        raise UsageError(f"trial {trial.number} has no run {number or 1}; {there}")
    files = RunFiles(sweep.layout.run(trial.number, number))
    log = _Log(files.stderr if stderr else files.stdout)
    while True:
        over = not follow or _over(sweep, trial, number)  # asked before reading: after its end it prints no more
        if not all(write_bytes(chunk) for chunk in log.new()):
            return
        if over:
            break
        time.sleep(POLL_S)
    if log.empty:
        say(_silence(trial, files, stderr))


class _Log:
    """A growing file, read from where the last reading ended."""

    def __init__(self, path: Path):
        self._path = path
        self._offset = 0

    @property
    def empty(self) -> bool:
        """Whether nothing was in it so far."""
        return self._offset == 0

    def new(self) -> Iterator[bytes]:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            while stat.S_ISREG(os.fstat(fd).st_mode) and (chunk := os.pread(fd, _CHUNK_BYTES, self._offset)):
                self._offset += len(chunk)
                yield chunk
        finally:
            os.close(fd)


def _silence(trial: Trial, files: RunFiles, stderr: bool) -> str:
    """What there is to say where nothing was printed."""
    if trial.origin == "import":
        return f"trial {trial.number} has no log: {trial.because}"
    stream, other = ("stderr", files.stdout) if stderr else ("stdout", files.stderr)
    said = f"trial {trial.number} has printed nothing to {stream}"
    if not other.is_file() or not other.stat().st_size:
        return said
    return f"{said}; what it printed to {other.stem} is shown with{'out' if stderr else ''} --stderr"


def _over(sweep: Sweep, trial: Trial, run: int) -> bool:
    """Whether that run has ended: it is not the one under way, or the record that ends it is there."""
    under_way = trial.state is TrialState.RUNNING and trial.run == run
    return not under_way or sweep.layout.state(trial.number, trial.n + 1).exists()
