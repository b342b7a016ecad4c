"""What `start` shows while it works: a live table on a terminal, one line per change of state elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sweeprun.cli.columns import varying
from sweeprun.cli.view import is_terminal, safe, say, short, span
from sweeprun.run.events import Event
from sweeprun.run.worker import Worker
from sweeprun.trials import TrialState

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

HEARTBEAT_S = 60.0
BLOCKS = "▁▂▃▄▅▆▇█"


Show = Callable[[Event], None]


@contextmanager
def display(name: str, worker: Worker) -> Iterator[Show]:
    """What shows events to a person, on stderr: the live table where that is a terminal, else lines."""
    if not is_terminal(sys.stderr):
        yield Lines(worker).show
        return
    from rich.console import Console
    from rich.live import Live

    table = LiveTable(name, worker)
    with Live(console=Console(stderr=True), get_renderable=table.rendered, refresh_per_second=4, transient=True):
        yield table.show
    say(table.notice)


class Lines:
    """One line for each change of state, and a sign of life every minute."""

    def __init__(self, worker: Worker):
        self._worker, self._said = worker, time.monotonic()

    def show(self, event: Event) -> None:
        text = _sentence(event)
        if text is None and time.monotonic() - self._said > HEARTBEAT_S:
            text = _totals(self._worker)
        if text is not None:
            say(text)
            self._said = time.monotonic()


class LiveTable:
    """Totals, a row for each running trial, as many as the terminal has room for, and the newest notice."""

    def __init__(self, name: str, worker: Worker):
        self._name, self._worker = name, worker
        self._device: dict[int, str] = {}
        self.notice = ""

    def show(self, event: Event) -> None:
        if event.name == "trial_started" and event.trial is not None:
            self._device[event.trial.number] = ", ".join(event.said["devices"]) or "cpu"
        elif event.name in ("notice", "trial_failed", "sweep_finished"):
            self.notice = _sentence(event) or ""

    def rendered(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        return Group(Text(f"{self._name}: {_totals(self._worker)}"), self._running(), Text(self.notice))

    def _running(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        history = self._worker.history
        metric, parameters = history.objectives[0].name, varying(history.trials)[:8]
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("trial", "device", "step", metric, "curve", *parameters):
            table.add_column(Text(safe(heading)), no_wrap=True)
        room = max(3, os.get_terminal_size(sys.stderr.fileno()).lines - 6)
        running = [trial for trial in history.trials if trial.state is TrialState.RUNNING]
        for trial in running[:room]:
            cells = [
                str(trial.number),
                self._device.get(trial.number, "elsewhere"),
                str(trial.last_step or ""),
                short(trial.values.get(metric)),
                _sparkline(trial.curve.values.get(metric, ())),
                *(short(trial.params.get(name)) for name in parameters),
            ]
            table.add_row(*(Text(safe(cell)) for cell in cells))
        return table


def _sentence(event: Event) -> str | None:
    """What happened, in one line; None where a line would be too much."""
    trial, reason = event.trial, safe(str(event.said.get("reason", "")))
    if event.name == "notice":
        return safe(str(event.said["text"]))
    if event.name == "sweep_finished":
        return f"ended: {safe(str(event.said['why']))}"
    if trial is None or event.name == "metric":
        return None
    values = ", ".join(f"{safe(name)} {short(value)}" for name, value in trial.values.items())
    if event.name == "trial_started":
        params = ", ".join(f"{safe(name)}={safe(short(value))}" for name, value in trial.params.items())
        again = f" (run {trial.run}, {safe(trial.reason)})" if trial.run > 1 else ""
        return f"trial {trial.number} started{again}: {params}"
    if event.name == "best_changed":
        return f"trial {trial.number} is the best so far: {values}"
    what = event.name.removeprefix("trial_")
    if event.name == "trial_failed" and trial.failure is not None:
        what = f"failed ({trial.failure.kind})"
    said = "; ".join(filter(None, (reason, values)))
    return f"trial {trial.number} {what} after {trial.last_step} steps, {span(trial.seconds)}: {said}"


def _totals(worker: Worker) -> str:
    history = worker.history
    counts = Counter(trial.state for trial in history.trials)
    states = ", ".join(f"{counts[state]} {state}" for state in TrialState if counts[state])
    ranked = [trial for trial in history.trials if trial.state is TrialState.COMPLETE]
    best = min(ranked, key=history.loss, default=None)
    if best is None:
        return states or "no trials yet"
    name = history.objectives[0].name
    return f"{states}; best {safe(name)} {short(best.values[name])} (trial {best.number})"


def _sparkline(values: Sequence[float]) -> str:
    finite = [value for value in values if value == value and abs(value) != float("inf")][-16:]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in finite)
