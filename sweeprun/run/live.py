"""One running trial of this worker: its process, what it has reported, what we asked of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sweeprun.executors.base import Ended, Lease
from sweeprun.history import History
from sweeprun.pruners.base import Pruner, Verdict
from sweeprun.run.outcome import Request, Traces, arrival
from sweeprun.run.overlooked import traces
from sweeprun.run.plan import Plan
from sweeprun.run.progress import Progress
from sweeprun.store.layout import RunFiles
from sweeprun.store.metrics import Reader
from sweeprun.trials import Measurement, Run, Trial, TrialState

_UNASKED: Mapping[str, tuple[Request, str]] = {
    "stop": ("preempt", "its worker left"),
    "fenced": ("preempt", "its worker could not show that it lives"),
}
LEAVING_S = 1.0  # for a program that knows how far it was to go
FINISHING_S = 60.0  # at least, for what one that was trained to its end does after its last step
SOONEST_S, OFTEN_S, LATEST_S = 0.2, 0.5, 1.0  # from one look at a run to the next
PER_LINE = 2  # how often it is looked at from one report to the next, unless that is rarer than OFTEN_S
PATIENCE = 0.1  # the longer nothing was heard of a run, the rarer it is looked at: after such a share of that time


@dataclass(frozen=True, slots=True)
class Arrived:
    """The run has come as far as it was to go, first at `step` and that time; what is to be asked of it if it stays."""

    request: tuple[Request, str]
    step: int
    at: float


@dataclass(slots=True)
class Live:
    """A run of a trial, from the order to start it to its end. Times are on the worker's monotonic clock.
    `stop_request` is the file by which a user has this one trial pruned; at `due` it is looked at next."""

    record: Trial
    progress: Progress
    reader: Reader
    files: RunFiles
    stop_request: Path
    lease: Lease
    started: float
    heard: float
    request: tuple[Request, str] | None = None
    asked: float = math.inf
    arrived: Arrived | None = None
    owned: bool = True
    due: float = -math.inf
    trial: Trial = field(init=False)
    _began: int | None = None  # the first step that it reported
    _judged: int | None = None
    _start_took_s: float = 0.0
    _log_bytes: int = 0
    _soonest_s: float = SOONEST_S

    def __post_init__(self) -> None:
        self.trial = self.record

    def forked(self, now: float) -> None:
        """The program runs since now: its own seconds begin here, those of its run with the order to start it."""
        self._start_took_s = now - self.started

    def read(self, now: float, final: bool = False) -> list[Measurement]:
        """What the program has reported since the last call."""
        rows = self.reader.read(final)
        measured = [self.progress.add(row, now - self.started) for row in rows]
        if rows:
            self._soonest_s = min(max((now - self.heard) / PER_LINE, SOONEST_S), OFTEN_S)
            self.heard = now
            self.trial = self.progress.trial(self.record)
        self.due = now + min(max(PATIENCE * (now - self.heard), self._soonest_s), LATEST_S)
        found = [measurement for measurement in measured if measurement is not None]
        if self._began is None and found:
            self._began = found[0].step
        return found

    def complaint(self, plan: Plan) -> tuple[Request, str] | None:
        """What its numbers have against the trial: the request to make, and why."""
        broken = self.progress.nonfinite
        if broken is None or plan.on_nonfinite == "ignore":
            return None
        request: Request = "nan" if plan.on_nonfinite == "fail" else "prune"
        name, step = broken
        return request, f"{name} became NaN or infinite at step {step}"

    def ask(self, request: Request, why: str, now: float) -> None:
        """Note what is asked of the run, the first time for good, and tell programs that look for the file `stop`."""
        if self.request is None:
            self.request, self.asked = (request, why), now
        with suppress(OSError):  # a full disk: the signal is what counts
            self.files.stop.touch(mode=0o600)

    def wanted(self, plan: Plan, end: Ended) -> tuple[Request, str] | None:
        """Why the run had to end as it did; None: it ended by itself, before anything was asked of it."""
        had_ended = end.finished and self.started + self._start_took_s + end.seconds < self.asked
        return (None if had_ended else self.request) or self.complaint(plan) or _UNASKED.get(end.ended_by)

    def overdue(self, plan: Plan, now: float) -> tuple[Request, str] | None:
        """What its time, its silence or its user has against the trial."""
        wall, silence = plan.trial_wall_s, plan.no_progress_s
        if wall is not None and now - self.started > wall:
            return "timeout", f"it ran longer than budget.trial_wall, {wall:g} s"
        if silence is not None and self._silent_s(now) > silence:
            return "hang", f"no metric and no output for {silence:g} s (budget.no_progress)"
        if self.stop_request.exists():
            return "prune", "sweeprun stop --trial was typed"
        return None

    def judge(self, pruner: Pruner, history: History) -> Verdict:
        """What the pruner says of it, by all that it has reported since it was asked before; what an earlier run had
        reported was judged then."""
        steps = history.curve(self.trial, pruner.judged_by(history)).steps.tolist()
        if self._judged is None:
            self._judged = max((step for step in steps if step < (self._began or 0)), default=-1)
        verdict = pruner.verdict(self.trial, history, self._judged)
        self._judged = max(steps, default=self._judged)
        return verdict

    def arrive(self, request: Request, why: str, now: float) -> None:
        """Note that the run has come as far as it was to go. From its rung it may go on to its end."""
        if self.arrived is None or self.arrived.request[0] != request:
            self.arrived = Arrived((request, why), self.trial.last_step, now)

    def outstayed(self, now: float) -> tuple[Request, str] | None:
        """What to ask of a run that has come as far as it was to go, and does not leave by itself. One that was trained
        to its end may have more to do: it goes on for too long where it reports a further step, or is silent for half
        as long as its training took."""
        arrived = self.arrived
        if arrived is None:
            return None
        if arrived.request[0] == "finish":
            trained = self.record.seconds + arrived.at - self.started
            stays = self._silent_s(now) >= max(FINISHING_S, trained / 2)
        else:
            stays = now >= arrived.at + LEAVING_S
        return arrived.request if stays or self.trial.last_step > arrived.step else None

    def _silent_s(self, now: float) -> float:
        """For how long neither metrics nor logs have grown."""
        size = _total_bytes((self.files.stdout, self.files.stderr))
        if size != self._log_bytes:
            self._log_bytes, self.heard = size, now
        return now - self.heard

    def leaving(self, plan: Plan, history: History) -> Trial:
        """The trial as it will be if its program reports no more and leaves well."""
        trial = self.progress.ended(self.record)
        outcome = arrival(plan.pruner, trial, history)
        return trial._replace(state=TrialState.COMPLETE if outcome is None else outcome.state, reason=None)

    def over(self, end: Ended | None, now: float) -> Trial:
        """The trial with what its run cost; None: it never ran."""
        if end is not None and end.finished:
            self.trial = self.progress.ended(self.record)
        run = Run(self.trial.runs[-1].started, 0.0)
        if end is not None:
            # A dead launcher tells no times.
            seconds = now - self.started if end.launcher_lost else self._start_took_s + end.seconds
            lost = self.reader.n_skipped, self.reader.n_cut
            run = Run(run.started, seconds, seconds * self.lease.gpus, end.memory_bytes, *lost)
        return self.trial._replace(runs=(*self.trial.runs[:-1], run))

    def traces(self) -> Traces:
        """What the run left behind."""
        return traces(self.progress, self.reader, self.files, self.trial, self.progress.moved)


def _total_bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())
