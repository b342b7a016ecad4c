"""The loop: it moves data between the directory, the search and the processes, and tells what happens.

A worker keeps nothing that the record does not hold, so it may die at any point; `work` is a generator, so whoever
drives it sees every event and may leave at any of them: its `finally` ends the processes.
"""

from __future__ import annotations

import errno
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sweeprun.errors import StoreError
from sweeprun.executors.base import Ended, Executor, Job, Lease, NoRoom, SpawnFailed, Started
from sweeprun.history import History
from sweeprun.pruners.base import Action
from sweeprun.run import launching
from sweeprun.run.budget import Halt, Reached
from sweeprun.run.claim import Claims, Nothing
from sweeprun.run.events import Event, EventName
from sweeprun.run.followed import Followed
from sweeprun.run.ledger import Ledger, Settled
from sweeprun.run.live import Live
from sweeprun.run.outcome import Request, ended, not_spawned, retried
from sweeprun.run.plan import Plan
from sweeprun.run.takeover import STDERR_LINES
from sweeprun.store.liveness import Membership, Observer
from sweeprun.store.metrics import last_lines
from sweeprun.store.sweep import Sweep
from sweeprun.trial import Measurement, Trial, TrialState

PATIENCE_S = 0.2
TRANSIENT = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
SPAWN_FAILURES = 5  # of one kind in a row end the sweep
UNDERWAY = (TrialState.WAITING, TrialState.RUNNING)
EVENT_OF: Mapping[TrialState, EventName] = {
    TrialState.COMPLETE: "trial_completed",
    TrialState.PRUNED: "trial_pruned",
    TrialState.FAILED: "trial_failed",
    TrialState.PAUSED: "trial_paused",
    TrialState.WAITING: "trial_waiting",
}


@dataclass(slots=True)
class Switch:
    """How the outside asks a worker to leave. `level` 1: no new trials; 2: running ones are ended and wait; 3: at
    once. Set by signal handlers and timeouts; `why` is for people."""

    level: int = 0
    why: str = ""

    def turn(self, level: int, why: str) -> None:
        if level > self.level:
            self.level, self.why = level, why


class Worker:
    """One process's work on a sweep: `list(worker.work())` is the whole of it."""

    def __init__(
        self,
        sweep: Sweep,
        plan: Plan,
        executor: Executor,
        member: Membership,
        observer: Observer,
        switch: Switch,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ):
        self._sweep, self._plan, self._executor, self._member = sweep, plan, executor, member
        self._observer, self._switch, self._clock, self._now = observer, switch, clock, now
        uuid = member.worker.uuid
        self._ledger = Ledger(sweep, uuid, member.log, clock)
        self._claims = Claims(sweep, plan, self._ledger, observer, uuid)
        self._followed = Followed(sweep.layout, plan.reporting)
        self._live: dict[int, Live] = {}
        self._history = History(plan.space, plan.objectives, sweep.trials())
        self._obeyed = sweep.stop_request()
        self._exhausted = False
        self._not_before = 0.0
        self._spawn_failures: Counter[str] = Counter()
        self._best: int | None = None
        self._waits_for = ""
        self.halt: Reached | None = None

    def work(self) -> Iterator[Event]:
        """Work until the sweep is finished or we are asked to leave. `halt` says in the end why."""
        yield Event("sweep_started", said={"dir": str(self._sweep.layout.directory)})
        try:
            self._refresh()
            while not self._over():
                yield from self._fill()
                yield from self._heed(self._executor.poll(PATIENCE_S))
                self._member.beat()
                self._refresh()
                yield from self._watch()
                self._enforce()
                yield from self._settle()
        finally:
            self._leave()
        yield from self._settle()
        yield Event("sweep_finished", said={"reason": self.halt.key if self.halt else "", "why": self._why()})

    def wake(self) -> None:
        """Have the loop look at its switch now. Safe in a signal handler."""
        self._executor.wake()

    @property
    def history(self) -> History:
        """The trials as this worker knows them, its own running ones as fresh as their metrics."""
        return self._history

    # ---- what has changed

    def _refresh(self) -> None:
        trials = self._sweep.trials()
        for live in self._live.values():
            current = trials[live.record.number]
            if live.owned and (current.worker != self._member.worker.uuid or current.n != live.record.n):
                live.owned = False
                self._ask(live, "drop", f"worker {current.worker[:8]} has taken it over")
            elif live.owned:
                trials[live.record.number] = live.trial
        if self._plan.needs_curves:
            others = [t for t in trials if t.state is TrialState.RUNNING and t.number not in self._live]
            for number, trial in self._followed.read(others, self._first_step()).items():
                trials[number] = trial
        self._history = self._history.advance(trials)
        self.halt = self._halted()

    def _halted(self) -> Reached | None:
        if self._switch.level:
            return Reached("switch", Halt.FINISH if self._switch.level == 1 else Halt.STOP, self._switch.why)
        request = self._sweep.stop_request()
        if request is not None and request != self._obeyed:
            return Reached("stop", Halt.STOP if request.now else Halt.FINISH, "sweeprun stop was typed")
        if self._ledger.trouble is not None and self._ledger.trouble_s > self._plan.store_patience_s:
            return Reached("store", Halt.STOP, str(self._ledger.trouble))
        kind, n = next(iter(self._spawn_failures.most_common(1)), ("", 0))
        if n >= SPAWN_FAILURES:
            return Reached("failures", Halt.FINISH, f"{n} trials in a row could not be started: {kind}")
        return self._plan.budget.reached(self._history, self._now(), self._plan.forgiven)

    def _over(self) -> bool:
        if self._live or (self._ledger.trouble is None and self._ledger.owed):
            return False
        if self.halt is not None and self.halt.key != "trials":
            return self.halt.key == "store" or not self._ledger.owed
        done = self.halt is not None or self._exhausted
        return done and not any(trial.state in UNDERWAY for trial in self._history.trials)

    def _why(self) -> str:
        if self.halt is not None:
            return self.halt.why
        return "every configuration of the space has been tried"

    # ---- starting

    def _fill(self) -> Iterator[Event]:
        while self._may_start():
            lease = self._executor.lease()
            if isinstance(lease, NoRoom):
                if len(self._live) == 0 and lease.why != self._waits_for:
                    yield Event("notice", said={"text": f"waiting: {lease.why}"})
                self._waits_for = lease.why
                return
            trial = self._claims.next(self._history, self._live.__contains__, self._may_create)
            if isinstance(trial, Nothing):
                self._exhausted = trial.exhausted
                lease.release()
                return
            self._waits_for = ""
            try:
                job, live = self._prepared(trial, lease)
            except StoreError as error:
                lease.release()
                self._ledger.refused(error)
                return
            self._live[trial.number] = live
            self._executor.start(job)

    def _prepared(self, trial: Trial, lease: Lease) -> tuple[Job, Live]:
        first = self._first_step()
        return launching.prepare(self._plan, self._sweep, trial, lease, self._executor, first, self._clock())

    def _may_start(self) -> bool:
        if self.halt is not None and self.halt.key != "trials":
            return False
        return self._ledger.trouble is None and self._clock() >= self._not_before

    def _may_create(self, history: History) -> bool:
        return self._plan.budget.reached(history, self._now(), self._plan.forgiven) is None

    # ---- watching

    def _heed(self, events: list[Started | SpawnFailed | Ended]) -> Iterator[Event]:
        for event in events:
            live = self._live[event.trial]
            if isinstance(event, Started):
                self._spawn_failures.clear()
                said = {"pid": event.pid, "run": live.record.run, "devices": list(live.lease.devices)}
                yield Event("trial_started", live.trial, said)
            elif isinstance(event, SpawnFailed):
                self._not_spawned(self._live.pop(event.trial), event)
            else:
                yield from self._finish(self._live.pop(event.trial), event)

    def _finish(self, live: Live, end: Ended) -> Iterator[Event]:
        for measurement in live.read(self._clock(), final=True):
            yield self._measured(live, measurement)
        if not live.owned:
            return
        self._check_values(live)
        stderr = last_lines(live.files.stderr, STDERR_LINES)
        trial = live.over(end)
        outcome = ended(end, live.request, trial, self._plan.reporting.metric, live.progress.names, stderr)
        self._ledger.settle(trial, retried(outcome, trial, self._plan.retry))

    def _not_spawned(self, live: Live, event: SpawnFailed) -> None:
        outcome = not_spawned(event)
        if event.errno in TRANSIENT:
            self._not_before = self._clock() + 1.0
            outcome = outcome.requeued()
        else:
            self._spawn_failures[outcome.reason] += 1
        self._ledger.settle(live.over(None), outcome)

    def _watch(self) -> Iterator[Event]:
        for live in list(self._live.values()):
            measurements = live.read(self._clock())
            for measurement in measurements:
                yield self._measured(live, measurement)
            if live.request is None:
                self._check_values(live)
                self._check_limits(live)
            if live.request is None and measurements:
                self._judge(live)

    def _measured(self, live: Live, measurement: Measurement) -> Event:
        return Event("metric", live.trial, {"step": measurement.step, "values": dict(measurement.values)})

    def _check_values(self, live: Live) -> None:
        name = live.progress.nonfinite
        if name is None or self._plan.on_nonfinite == "ignore" or live.request is not None:
            return
        request: Request = "nan" if self._plan.on_nonfinite == "fail" else "prune"
        self._ask(live, request, f"{name} became NaN or infinite at step {live.progress.last_step}")

    def _check_limits(self, live: Live) -> None:
        now = self._clock()
        wall, silence = self._plan.trial_wall_s, self._plan.no_progress_s
        if wall is not None and live.spent_s(now) > wall:
            self._ask(live, "timeout", f"it ran longer than budget.trial_wall, {wall:g} s")
        elif silence is not None and live.silent_s(now) > silence:
            self._ask(live, "hang", f"no metric and no output for {silence:g} s (budget.no_progress)")
        elif self._sweep.layout.trial_stop(live.record.number).exists():
            self._ask(live, "prune", "sweeprun stop --trial was typed")

    def _judge(self, live: Live) -> None:
        trials = list(self._history.trials)
        trials[live.record.number] = live.trial
        self._history = self._history.advance(trials)
        verdict = self._plan.pruner.verdict(live.trial, self._history)
        if verdict.action is Action.STOP:
            self._ask(live, "prune", verdict.reason)

    def _ask(self, live: Live, request: Request, why: str, grace_s: float | None = None) -> None:
        """Ask a run to end. Programs that use the helper see the file `stop`, all others the signal."""
        live.request = live.request or (request, why)
        live.files.stop.touch(mode=0o600)
        self._executor.stop(live.record.number, self._plan.grace_s if grace_s is None else grace_s)

    def _enforce(self) -> None:
        if self.halt is None or self.halt.halt is Halt.FINISH:
            return
        for live in self._live.values():
            if self._switch.level >= 3:
                self._ask(live, "preempt", self.halt.why, grace_s=0.0)
            elif live.request is None:
                self._ask(live, "preempt", self.halt.why)

    # ---- saying

    def _settle(self) -> Iterator[Event]:
        for settled in self._ledger.said():
            yield from self._told(settled)

    def _told(self, settled: Settled) -> Iterator[Event]:
        trial = settled.trial
        if not settled.kept:
            yield Event("notice", trial, {"text": f"trial {trial.number} belongs to another worker now"})
            return
        yield Event(EVENT_OF[trial.state], trial, {"reason": settled.outcome.reason})
        if trial.state is not TrialState.COMPLETE:
            return
        best = None if self._best is None else self._history.loss(self._history.trials[self._best])
        if best is None or self._history.loss(trial) < best:
            self._best = trial.number
            yield Event("best_changed", trial, {"values": dict(trial.values)})

    def _leave(self) -> None:
        for live in self._live.values():
            live.request = live.request or ("preempt", "the worker left")
        for event in self._executor.close(self._plan.grace_s if self._switch.level < 3 else 0.0):
            if isinstance(event, Ended) and event.trial in self._live:
                for _ in self._finish(self._live.pop(event.trial), event):
                    continue
        self._member.leave()

    def _first_step(self) -> int | None:
        return next((trial.first for trial in self._history.trials if trial.first is not None), self._plan.first)
