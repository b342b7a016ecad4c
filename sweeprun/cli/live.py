"""What `start` shows while it works: a live table on a terminal, one line per change of state elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sweeprun import registry
from sweeprun.cli.columns import varying
from sweeprun.cli.outlook import gpu_s, left_s, saved_s, spent_s
from sweeprun.cli.ranking import ranked
from sweeprun.cli.view import counted, is_terminal, safe, say, short, span, with_room
from sweeprun.history import History
from sweeprun.run.budget import configurations
from sweeprun.run.events import Event
from sweeprun.run.plan import Plan
from sweeprun.run.worker import Worker
from sweeprun.space import Fixed, Space
from sweeprun.trials import SEGMENT, Trial, TrialState

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

HEARTBEAT_S = 60.0
BLOCKS = "▁▂▃▄▅▆▇█"
_WIDEST = 24  # of a cell
_AROUND = 7  # lines of the terminal that are no row of the table
_SHARE = 0.05  # of the time, for drawing

Show = Callable[[Event], None]


@contextmanager
def display(name: str, worker: Worker, kept_as: str | None) -> Iterator[Show]:
    """What shows events to a person, on stderr: the live table where that is a terminal, else lines. `kept_as` is the
    sweep as one types it; None where nothing of it is kept."""
    if not is_terminal(sys.stderr):
        lines = Lines(lambda: worker.plan, lambda: worker.history, kept_as)
        with lines.heartbeat():
            yield lines.show
        return
    from rich.console import Console
    from rich.live import Live

    table = LiveTable(name, lambda: worker.plan, lambda: worker.history, kept_as)
    with Live(console=Console(stderr=True), get_renderable=table.rendered, refresh_per_second=4, transient=True):
        yield table.show
    if table.notice:
        say(table.notice)


class Failures:
    """What a failed trial has to say: its last lines on stderr too, unless another one has ended in the same words."""

    def __init__(self, kept_as: str | None) -> None:
        self._kept_as = kept_as
        self._messages: set[str] = set()

    def said(self, event: Event) -> str:
        trial, lines = event.trial, [_sentence(event) or ""]
        if trial is not None and trial.failure is not None and trial.failure.message not in self._messages:
            self._messages.add(trial.failure.message)
            lines += [f"  | {line}" for line in trial.failure.stderr]
            if self._kept_as is not None:
                named = f"{self._kept_as} {trial.number}"
                lines.append(f"  sweeprun show {named} says more; sweeprun logs {named} what it printed")
        return "\n".join(lines)


class Lines:
    """One line for each change of state, and a sign of life every minute."""

    def __init__(self, plan: Callable[[], Plan], history: Callable[[], History], kept_as: str | None):
        self._plan, self._history, self._said = plan, history, time.monotonic()
        self._failures = Failures(kept_as)

    def show(self, event: Event) -> None:
        if event.name == "trial_failed":
            text: str | None = self._failures.said(event)
        elif event.name == "trial_started" and event.trial is not None:
            text = _started(event.trial, self._plan().space)
        else:
            text = _sentence(event)
        if text is not None:
            self._say(text)

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        """Say how things stand whenever nothing was said for a minute; trials that report nothing are no events."""
        ended = threading.Event()
        beating = threading.Thread(target=self._beat, args=(ended,), daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(max(0.0, self._said + HEARTBEAT_S - time.monotonic())):
            if time.monotonic() - self._said >= HEARTBEAT_S:
                history = self._history()
                self._say(f"{_progress(self._plan(), history.trials)}; {_totals(history, _best(history))}")

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        say(text)


class LiveTable:
    """What is searched and how far it is, a row for each running trial and a column for each varying parameter, as
    many as the terminal has room for, and the newest notice."""

    def __init__(self, name: str, plan: Callable[[], Plan], history: Callable[[], History], kept_as: str | None):
        self._name, self._plan, self._history = name, plan, history
        self._device: dict[int, str] = {}
        self._failures = Failures(kept_as)
        self._best: tuple[int, str] = (0, "")  # of so many complete trials
        self._drawn: Group | None = None
        self._due = 0.0
        self.notice = ""

    def show(self, event: Event) -> None:
        if event.name == "trial_started" and event.trial is not None:
            self._device[event.trial.number] = ", ".join(event.said["devices"]) or "cpu"
        elif event.name == "trial_failed":
            say(self._failures.said(event))  # above the table, to stay
        elif event.name in ("notice", "sweep_finished"):
            self.notice = _sentence(event) or ""

    def rendered(self) -> Group:
        """As it was drawn last, and drawn anew as often as that takes a twentieth of the time: all trials are looked
        at, and there may be many."""
        began = time.monotonic()
        if self._drawn is None or began >= self._due:
            self._drawn = self.drawn()
            self._due = began + (time.monotonic() - began) / _SHARE
        return self._drawn

    def drawn(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        history, size = self._history(), os.get_terminal_size(sys.stderr.fileno())
        running = [trial for trial in history.trials if trial.state is TrialState.RUNNING]
        room = max(3, size.lines - _AROUND)
        more = [Text(f"and {len(running) - room} more")] if len(running) > room else []
        table = self._table(history, running[:room], size.columns)
        heading = Text(f"{self._name}: {_progress(self._plan(), history.trials)}\n{self._totals(history)}")
        return Group(heading, table, *more, Text(self.notice))

    def _totals(self, history: History) -> str:
        """As elsewhere; the best are looked for when a trial has completed, and not each time that this is drawn."""
        n_complete = sum(trial.state is TrialState.COMPLETE for trial in history.trials)
        if n_complete != self._best[0]:
            self._best = n_complete, _best(history)
        return _totals(history, self._best[1])

    def _table(self, history: History, running: Sequence[Trial], width: int) -> Table:
        from rich.table import Table
        from rich.text import Text

        metric, *others = [each.name for each in history.objectives]
        columns = [
            ["trial", *(str(trial.number) for trial in running)],
            ["device", *(self._device.get(trial.number, "elsewhere") for trial in running)],
            ["step", *(str(trial.last_step or "") for trial in running)],
            [metric, *(short(trial.values.get(metric)) for trial in running)],
            ["rank", *(_rank(trial, history) for trial in running)],
            ["curve", *(_sparkline(trial.curve.values.get(metric, ())) for trial in running)],
            *([name, *(short(trial.values.get(name)) for trial in running)] for name in others),
            *([name, *(short(trial.params.get(name)) for trial in running)] for name in varying(history.trials)),
        ]
        table = Table(box=None, pad_edge=False, header_style="bold")
        shown = with_room(([_cut(safe(cell)) for cell in column] for column in columns), width, _WIDEST)
        for column in shown:
            table.add_column(Text(column[0]), no_wrap=True)
        for row in zip(*(column[1:] for column in shown), strict=True):
            table.add_row(*map(Text, row))
        return table


def _cut(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else f"{cell[: _WIDEST - 1]}…"


def _sentence(event: Event) -> str | None:
    """What happened, in one line; None where a line would be too much."""
    trial, why = event.trial, safe(str(event.said.get("why", "")))
    if event.name == "notice":
        return safe(str(event.said["text"]))
    if event.name == "sweep_finished":
        return f"ended: {safe(str(event.said['why']))}"
    if trial is None or event.name == "metric":
        return None
    if event.name == "best_changed":
        n_front = event.said.get("front")
        return f"trial {trial.number} " + (f"joins the front, now of {n_front}" if n_front else "is the best so far")
    what = event.name.removeprefix("trial_")
    if event.name == "trial_failed" and trial.failure is not None:
        what = f"failed ({trial.failure.kind})"
    values = ", ".join(f"{safe(name)} {short(value)}" for name, value in trial.values.items())
    said = "; ".join(filter(None, (why, values)))
    steps = counted(trial.last_step, "step")
    return f"trial {trial.number} {what} after {steps}, {span(trial.seconds)}: {said}"


def _started(trial: Trial, space: Space) -> str:
    """That it begins, with its parameters but for those that the file fixes."""
    fixed = {name for each in space.declarations if isinstance(each, Fixed) for name in each.names}
    searched = {name: value for name, value in trial.params.items() if name not in fixed}
    params = ", ".join(f"{safe(name)}={safe(short(value))}" for name, value in searched.items())
    begun = f" {safe(trial.why)}" if trial.why else ""
    again = f" (run {trial.run}, {safe(trial.because)})" if trial.run > 1 else begun
    copy = f" from a copy of trial {trial.parent} at step {trial.from_step}" if trial.origin == SEGMENT else ""
    return f"trial {trial.number} started{copy}{again}: {params}"


def _totals(history: History, best: str) -> str:
    counts = Counter(trial.state for trial in history.trials if not trial.damaged)
    states = ", ".join(f"{counts[state]} {state}" for state in TrialState if counts[state])
    return "; ".join(filter(None, (states or "no trials yet", best)))


def _best(history: History) -> str:
    """The best of the complete trials, or their front; empty where there is none."""
    complete = [trial for trial in history.trials if trial.state is TrialState.COMPLETE]
    found = safe(ranked(history.objectives, complete).in_short)
    return f"best {found}" if found and len(history.objectives) == 1 else found


def _progress(plan: Plan, trials: Sequence[Trial]) -> str:
    """What is searched by what, how much of the budget is used, what it has cost and how long it will take."""
    now, limit, n = time.time(), plan.budget.trials, configurations(trials)
    algorithm, pruner = registry.name_of(plan.sampler), registry.name_of(plan.pruner)
    alone = plan.brings_pruner or pruner == "none"
    saved, gpus = saved_s(trials), gpu_s(trials)
    left = None if limit is None else left_s(trials, limit - n, now)
    return ", ".join(
        filter(
            None,
            (
                algorithm if alone else f"{algorithm} with {pruner}",
                f"{n} of {counted(limit, 'configuration')}" if limit else f"{counted(n, 'configuration')}, no limit",
                f"{span(spent_s(trials, now))} of training" + (f" ({gpus / 3600:.3g} GPU-hours)" if gpus else ""),
                f"{span(saved)} saved by pruning" if saved else "",
                f"about {span(left)} left" if left is not None else "",
            ),
        )
    )


def _rank(trial: Trial, history: History) -> str:
    """Its place among all that were seen at the step where it is."""
    metric = history.objectives[0]
    own = history.curve(trial, metric).at(trial.last_step, best=False)
    if own is None:
        return ""
    others = history.others(trial, metric, trial.last_step, best=False)
    return f"{1 + int((others < own).sum())}/{1 + len(others)}"


def _sparkline(values: Sequence[float]) -> str:
    finite = [value for value in values if value == value and abs(value) != float("inf")][-16:]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in finite)
