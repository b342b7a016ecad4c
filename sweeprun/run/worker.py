"""The loop: it moves data between the directory, the search and the processes, and tells what happens.

A worker keeps nothing that the record does not hold, so it may die at any point; `work` is a generator, so whoever
drives it sees every event and may leave at any of them: its `finally` ends the processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator

from sweeprun.errors import StoreError
from sweeprun.executors.base import Ended, Executor, Job, Lease, NoRoom, SpawnFailed, Started
from sweeprun.executors.base import Event as Happened
from sweeprun.history import History
from sweeprun.pruners.base import Action, Promoter
from sweeprun.run import launching
from sweeprun.run.budget import Halt, Reached
from sweeprun.run.claim import Claims, Nothing
from sweeprun.run.events import Event
from sweeprun.run.fence import Fence
from sweeprun.run.halting import Halting, Switch
from sweeprun.run.keeping import Keeping, unsaved
from sweeprun.run.knowledge import Knowledge
from sweeprun.run.ledger import Ledger
from sweeprun.run.live import Live
from sweeprun.run.news import News, lost_to_another
from sweeprun.run.outcome import ASKS, Request, arrival, ended, retried
from sweeprun.run.overlooked import unheard
from sweeprun.run.plan import Plan
from sweeprun.run.readiness import check_environment
from sweeprun.run.spawning import Spawning
from sweeprun.store.liveness import Membership, Observer
from sweeprun.store.sweep import StopRequest, Sweep
from sweeprun.trials import Measurement, Trial, TrialState

__all__ = ["Switch", "Worker"]

PATIENCE_S = 0.5  # between two looks at what others did, where nothing happens
TIDY_EVERY = 1000  # trials that this worker brought to an end: a snapshot may be due


class Worker:
    """One process's work on a sweep: `list(worker.work())` is the whole of it. It goes by `plan`, in which every change
    that others made to the sweep is."""

    def __init__(
        self,
        sweep: Sweep,
        plan: Plan,
        executor: Executor,
        member: Membership,
        observer: Observer,
        switch: Switch,
        obeyed: StopRequest | None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ):
        self._sweep, self._executor = sweep, executor
        self._switch, self._clock, self._me = switch, clock, member.worker.uuid
        self._member, self._observer = member, observer
        self._inherited = dict(os.environ)  # what libraries that we import later set in ours is not the trials'
        self._fence = Fence(member, observer, executor)
        self._ledger = Ledger(sweep, self._me, member.log, clock)
        self._spawning = Spawning(clock)
        self._halting = Halting(sweep, plan, switch, obeyed, self._ledger, self._spawning, now, observer.alive)
        self._live: dict[int, Live] = {}
        self._fenced = False
        self._n_settled = 0
        self._untidy = True
        self._changed: str | None = None
        self._usual_end: int | None = None
        self.halt: Reached | None = None
        self._adopt(plan)

    def _adopt(self, plan: Plan) -> None:
        """Go by `plan` from now on: ours at first, then what others have changed."""
        self.plan = plan
        self._halting.adopt(plan)
        self._claims = Claims(self._sweep, plan, self._ledger, self._observer, self._me)
        self._known = Knowledge(self._sweep, plan, self._me)
        self._news = News(plan.objectives)
        self._keeping = Keeping(self._sweep.layout, plan.keep, plan.pruner)
        self._exhausted = False
        self._fruitless: History | None = None

    def work(self) -> Iterator[Event]:
        """Work until the sweep is finished or we are asked to leave. `halt` says in the end why."""
        yield Event("sweep_started", said={"dir": str(self._sweep.layout.directory)})
        try:
            self._refresh()
            while not self._over():
                yield from self._fill()
                self._bury()
                yield from self._heed(self._executor.poll(PATIENCE_S))
                yield from self._settle()
                self._stay_seen()
                self._refresh()
                self._tidy()
                yield from self._news.halting(self.halt if self._live else None)
                yield from self._news.noted("lock", self._sweep.lock_trouble)
                yield from self._news.noted("change", self._changed)
                yield from self._news.noted("earlier", self.plan.earlier.damage)
                yield from self._news.once("pruner", unheard(self.plan.pruner, self.history))
                yield from self._watch()
                self._enforce()
        finally:
            last_words = self._leave()
        yield from last_words
        reason, why = (self.halt.key, self.halt.why) if self.halt else ("", self.plan.sampler.exhausted)
        yield Event("sweep_finished", said={"reason": reason, "why": why})

    def wake(self) -> None:
        """Have the loop look at its switch now. Safe in a signal handler."""
        self._executor.wake()

    @property
    def history(self) -> History:
        """The trials as this worker knows them, its own running ones as fresh as their metrics."""
        return self._known.history

    # ---- what has changed

    def _refresh(self) -> None:
        """Take in what others did. A directory that cannot be read now is trouble like one that cannot be written."""
        try:
            self._read()
            self.halt = self._halting.reached(self.history)
        except StoreError as error:
            self._ledger.refused(error)
            self.halt = self._halting.stuck() or self.halt

    def _read(self) -> None:
        plan = self._known.changed_plan()
        if plan is not None:
            check_environment(plan)  # who lacks what is needed now leaves, before it claims a trial in vain
            self._adopt(plan)
            self._changed = f"the sweep was changed, and goes by {self._sweep.layout.edit(plan.n_edits)} from now on"
        for live in self._known.refresh(self._live):
            live.owned = False
            # Whoever owns it now has its checkpoint: nothing that this process may still save would count.
            self._ask(live, "drop", "another worker has taken it over", grace_s=0.0)

    def _over(self) -> bool:
        if self._live:
            return False
        if self._ledger.owed:
            return self._ledger.trouble is not None and self._halting.impatient
        if self.halt is not None and self.halt.key != "trials":
            return not (self.halt.ends_sweep and self._claims.orphaned(self._known.underway, ()))
        # What was exhausted before something changed may not be so any more: a population goes on from what has paused.
        begun = self.halt is not None or (self._exhausted and self.history is self._fruitless)
        return begun and not self._known.underway and self.plan.promotion(self.history) is None

    # ---- starting

    def _fill(self) -> Iterator[Event]:
        while self._may_start():
            lease = self._executor.lease()
            if isinstance(lease, NoRoom):
                yield from self._news.noted("room", None if self._live else f"waiting: {lease.why}")
                return
            yield from self._news.noted("room", None)
            job = None
            try:
                job = self._next_job(lease)
            finally:
                if job is None:
                    lease.release()
            if job is None:
                return
            self._executor.start(job)
            self._stay_seen()  # a claim may have waited for the lock

    def _next_job(self, lease: Lease) -> Job | None:
        """A trial that is ours, ready to start; None where there is none now or the disk refuses."""
        try:
            trial = self._claims.next(self._live.keys(), self._halting.may_create)
            if isinstance(trial, Nothing):
                if self._ledger.trouble is None:
                    self._exhausted, self._fruitless = trial.exhausted, self.history
                return None
            job, self._live[trial.number] = self._prepared(trial, lease)
        except StoreError as error:
            self._ledger.refused(error)
            return None
        self._ledger.accepted()
        return job

    def _prepared(self, trial: Trial, lease: Lease) -> tuple[Job, Live]:
        first, executor = self.plan.reporting.first_step(self.history.trials), self._executor
        return launching.prepare(
            self.plan, self._sweep, trial, lease, executor, self._inherited, first, self._clock()
        )

    def _may_start(self) -> bool:
        if self._fenced or self._switch.level or (self.halt is not None and self.halt.key != "trials"):
            return False
        if self._ledger.trouble is not None or self._spawning.paused:
            return False
        # The lock is not taken for nothing: where there was nothing to claim, something must have changed.
        return self.history is not self._fruitless or self._claims.orphaned(self._known.underway, self._live.keys())

    def _bury(self) -> None:
        """See to what the dead have left though nothing is begun any more: no trial stays running for ever."""
        if self.halt is None or not self.halt.ends_sweep:
            return
        try:
            self._claims.bury(self.history, self._live.keys())
        except StoreError as error:
            self._ledger.refused(error)

    # ---- watching

    def _heed(self, happened: Iterable[Happened]) -> Iterator[Event]:
        for event in happened:
            if isinstance(event, Started):
                live = self._live[event.trial]
                live.forked(self._clock())
                self._spawning.worked()
                how, _, why = event.how.partition(": ")
                said = {"pid": event.pid, "run": live.record.run, "devices": list(live.lease.devices), "how": how}
                yield Event("trial_started", live.trial, said)
                yield from self._news.once("preload", f"trials are not forked: {why}" if why else None)
            elif isinstance(event, SpawnFailed):
                self._not_spawned(self._live.pop(event.trial), event)
            else:
                yield from self._finish(self._live.pop(event.trial), event)

    def _finish(self, live: Live, end: Ended) -> Iterator[Event]:
        now = self._clock()
        for measurement in live.read(now, final=True):
            yield self._measured(live, measurement)
        if not live.owned:
            self._fruitless = None  # its new owner may have let it go meanwhile, and only now could we take it
            yield lost_to_another(live.trial)
            return
        request = live.wanted(self.plan, end)
        trial = live.over(end, now)
        outcome = ended(end, request, trial, live.traces(), arrival(self.plan.pruner, trial, self.history))
        if self.plan.continues and (said := unsaved(self._sweep.layout, trial, outcome)) is not None:
            yield from self._news.noted("resumes", said)
        if outcome.state is TrialState.COMPLETE:
            self._usual_end = trial.last_step
        self._ledger.settle(trial, retried(outcome, trial, self.plan.retry))

    def _not_spawned(self, live: Live, event: SpawnFailed) -> None:
        trial = live.over(None, self._clock())
        self._ledger.settle(trial, retried(self._spawning.failed(event), trial, self.plan.retry))

    def _watch(self) -> Iterator[Event]:
        now = self._clock()
        for live in [live for live in self._live.values() if live.due <= now]:
            measurements = live.read(self._clock())
            for measurement in measurements:
                yield self._measured(live, measurement)
            now = self._clock()
            request = live.request or live.complaint(self.plan) or live.overdue(self.plan, now)
            judged = request is None and any(map(self._is_evidence, measurements))
            if judged:
                request = self._judge(live, now)
            request = request or live.outstayed(now)
            if request is not None and live.request is None:
                self._ask(live, *request)
            elif judged:
                self._look_ahead(live)

    def _is_evidence(self, measurement: Measurement) -> bool:
        """Whether it has a metric that counts: those of a step may come one after the other."""
        return not measurement.values.keys().isdisjoint(self.plan.reporting.tracked)

    def _measured(self, live: Live, measurement: Measurement) -> Event:
        return Event("metric", live.trial, {"step": measurement.step, "values": dict(measurement.values)})

    def _judge(self, live: Live, now: float) -> tuple[Request, str] | None:
        """What the pruner asks of the run now. One that was told how far it goes leaves by itself, or outstays."""
        self._known.note(live.trial)
        verdict = live.judge(self.plan.pruner, self.history)
        if not verdict.stop:
            return None
        request = ASKS[verdict.action]
        if verdict.action is Action.STOP or not isinstance(self.plan.pruner, Promoter):
            return request, verdict.reason
        live.arrive(request, verdict.reason, now)
        return None

    def _look_ahead(self, live: Live) -> None:
        """Where a trial has come to its end, which is where the last one that was complete had it, its slot is free
        soon: what it gets then need not be worked out only then."""
        if not self._claims.foresees:
            return
        end = self._usual_end if live.record.until is None else live.record.until
        if end is not None and live.trial.last_step >= end and self.halt is None and live.request is None:
            self._claims.foresee(live.leaving(self.plan, self.history), self._halting.may_create)

    def _ask(self, live: Live, request: Request, why: str, grace_s: float | None = None) -> None:
        live.ask(request, why, self._clock())
        self._executor.stop(live.record.number, self.plan.grace_s if grace_s is None else grace_s)

    def _stay_seen(self) -> None:
        silent_s = self._fence.beat(self.plan.grace_s)
        self._fenced = silent_s is not None
        if silent_s is not None:
            why, grace_s = f"its worker could not show for {silent_s:.0f} s that it lives", self.plan.grace_s
            for live in self._live.values():
                if live.request is None:
                    self._ask(live, "preempt", why, self._fence.grace_s(grace_s))

    def _enforce(self) -> None:
        if self.halt is None or self.halt.halt is Halt.FINISH:
            return
        for live in self._live.values():
            if self._switch.level >= 3:
                self._ask(live, "preempt", self.halt.why, grace_s=0.0)
            elif live.request is None:
                self._ask(live, "preempt", self.halt.why)

    # ---- saying

    def _settle(self, last: bool = False) -> Iterator[Event]:
        settled = self._ledger.said(last)
        self._n_settled += len(settled)
        self._untidy = self._untidy or bool(settled)
        if self._n_settled >= TIDY_EVERY:
            self._n_settled = 0
            self._ledger.tidy()
        return self._news.told(settled, self.history)

    def _tidy(self) -> None:
        """Let checkpoints go that are not kept, where trials have ended since."""
        if self._untidy:
            self._untidy = False
            self._keeping.tidy(self.history)

    def _leave(self) -> list[Event]:
        """End what runs and say what became of it; returns what there is to tell, if anybody still listens."""
        try:
            happened = self._executor.close(self.plan.grace_s if self._switch.level < 3 else 0.0)
            return [*self._heed(happened), *self._settle(last=True)]
        finally:
            self._member.leave()
