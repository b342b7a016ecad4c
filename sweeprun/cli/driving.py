"""A worker driven from the command line: signals turn its switch, its events are shown and written, its end is an exit
code."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, TextIO

from sweeprun.cli.live import display
from sweeprun.errors import UsageError
from sweeprun.run.events import Event
from sweeprun.run.joining import join
from sweeprun.run.worker import Switch, Worker
from sweeprun.store.sweep import Sweep
from sweeprun.trial import TrialState

FAILURES, STORE, TIMEOUT, NO_VALUE = 5, 75, 124, 4
_LEVELS = (
    "finishing the running trials and starting no more; Ctrl-C again to stop them",
    "stopping the running trials; they wait for a resume. Ctrl-C again to kill them",
    "killing the running trials",
)


class Drive:
    """One `start` or `resume`."""

    def __init__(self, sweep: Sweep, slots: int | None, gpus: str | None, timeout_s: float | None, events: str | None):
        self._sweep, self._timeout_s, self._events_to = sweep, timeout_s, events
        self._slots = slots
        self._gpus = tuple(part.strip() for part in gpus.split(",")) if gpus is not None else None
        self._switch = Switch()
        self._worker: Worker | None = None
        self._signal: int | None = None
        self._timed_out = False

    def run(self) -> int:
        """Work on the sweep until it ends or we are told to leave; the exit code."""
        with ExitStack() as stack:
            stack.enter_context(self._signals())
            worker = self._worker = join(self._sweep, self._switch, self._gpus, self._slots)
            stack.enter_context(self._timer())
            shown = stack.enter_context(display(self._sweep, worker))
            written = stack.enter_context(_written(self._events_to, self._sweep.name))
            for event in worker.work():
                shown.show(event)
                written(event)
        return self._exit_code(worker)

    def _exit_code(self, worker: Worker) -> int:
        key = worker.halt.key if worker.halt else ""
        if key == "switch" and self._timed_out:
            return TIMEOUT
        if key == "switch":
            return 130 if self._signal == signal.SIGINT else 143
        if key == "store":
            return STORE
        if key == "failures":
            return FAILURES
        finished = [trial for trial in worker.history.trials if trial.state is not TrialState.FAILED]
        return 0 if any(trial.values for trial in finished) or key == "stop" else NO_VALUE

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Handlers for as long as we work. What we were started to ignore (nohup) stays ignored."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._told)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, number: int, frame: FrameType | None) -> None:
        level = min(self._switch.level + 1, 3) if number == signal.SIGINT else 2
        self._signal = self._signal or number
        self._switch.turn(level, f"{signal.Signals(number).name}: {_LEVELS[level - 1]}")
        os.write(sys.stderr.fileno(), f"\n{_LEVELS[level - 1]}\n".encode())
        if self._worker is not None:
            self._worker.wake()

    @contextmanager
    def _timer(self) -> Iterator[None]:
        if self._timeout_s is None:
            yield
            return
        timer = threading.Timer(self._timeout_s, self._time_is_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _time_is_up(self) -> None:
        self._timed_out = self._switch.level == 0
        self._switch.turn(2, "--timeout is reached; running trials wait for a resume")
        if self._worker is not None:
            self._worker.wake()


@contextmanager
def _written(target: str | None, sweep: str) -> Iterator[Any]:
    """What writes events as JSON lines to `target`, `-` being stdout; None: nothing."""
    if target is None:
        yield lambda event: None
        return
    try:
        stream: TextIO = sys.stdout if target == "-" else open(target, "a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--events {target}: {error.strerror}", "give a file that can be written, or -") from None
    seq = 0

    def write(event: Event) -> None:
        nonlocal seq
        seq += 1
        stream.write(json.dumps(line(event, seq, sweep), allow_nan=False) + "\n")
        stream.flush()

    try:
        yield write
    finally:
        if stream is not sys.stdout:
            stream.close()


def line(event: Event, seq: int, sweep: str) -> dict[str, Any]:
    """An event as one line of `start --events`. NaN and infinities are null there, named in `nonfinite`."""
    said: dict[str, Any] = {"event": event.name, "ts": time.time(), "seq": seq, "sweep": sweep}
    if event.trial is not None:
        said["trial"] = event.trial.number
    if event.name == "trial_started" and event.trial is not None:
        said["params"] = event.trial.params
    said |= event.said
    if event.trial is not None and "values" not in said and event.trial.values:
        said["values"] = dict(event.trial.values)
    values = said.get("values", {})
    nonfinite = [name for name, value in values.items() if not math.isfinite(value)]
    if nonfinite:
        said["values"] = {name: None if name in nonfinite else value for name, value in values.items()}
        said["nonfinite"] = nonfinite
    return said
