"""Which trial a free slot gets: one that lost its worker, one that waits, or a new one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from sweeprun import seeds
from sweeprun.history import History
from sweeprun.pruners.base import Demotion
from sweeprun.run.foresight import Foresight
from sweeprun.run.ledger import Ledger
from sweeprun.run.outcome import Outcome, arrival, ended, lost, retried
from sweeprun.run.plan import Plan
from sweeprun.run.takeover import Remains, remains
from sweeprun.store import records
from sweeprun.store.checkpoints import NothingSaved
from sweeprun.store.liveness import Observer
from sweeprun.store.sweep import NumberTaken, Superseded, Sweep
from sweeprun.trials import Reason, Run, Suggestion, Trial, TrialState


@dataclass(frozen=True, slots=True)
class Nothing:
    """No trial for the slot now. `exhausted`: the sampler has nothing more to suggest, ever."""

    exhausted: bool = False


class Claims:
    """Takes trials for one worker, by what the record holds at that moment: how far running trials have come since
    does not count, so that all workers go by the same."""

    def __init__(self, sweep: Sweep, plan: Plan, ledger: Ledger, observer: Observer, worker: str):
        self._sweep, self._plan, self._ledger = sweep, plan, ledger
        self._observer, self._worker = observer, worker
        self._history = plan.history(())
        self._foresight = Foresight(plan)

    def next(self, running: Container[int], may_create: Callable[[History], bool]) -> Trial | Nothing:
        """A trial that is ours and not started yet. `running` are the trials that this worker runs; `may_create` tells
        whether the budget allows one more configuration."""
        with self._sweep.lock():
            self._history = self._history.advance(self._sweep.trials())
            history = self._history
            first = self._plan.reporting.first_step(history.trials)
            for trial in history.trials.open:
                if trial.number in running or self._ledger.owes(trial.number):
                    continue
                if trial.state is TrialState.RUNNING:
                    claimed = self._orphan(trial, first, history)
                else:
                    claimed = self._ledger.claim(trial, Reason.RESUMED if trial.run else Reason.NEW, trial.why)
                if claimed is not None:
                    return claimed
            promoted, history = self._promoted(history, running)
            return promoted or self._new(history, may_create)

    @property
    def foresees(self) -> bool:
        """Whether it is worth it to `foresee`."""
        return self._foresight.worth

    def foresee(self, ended: Trial, may_create: Callable[[History], bool]) -> None:
        """Work out what comes next when a trial has `ended` so, whose program still leaves."""
        self._history = self._history.advance(self._sweep.trials().updated({ended.number: ended}))
        if may_create(self._history):
            self._foresight.look(self._history)

    def orphaned(self, trials: Iterable[Trial], running: Container[int]) -> bool:
        """Whether one of `trials` runs and has nobody who sees to it."""
        return any(self._forsaken(trial, running) for trial in trials)

    def bury(self, history: History, running: Container[int]) -> None:
        """Settle the trials that run and have nobody who sees to them, without running them again."""
        first = self._plan.reporting.first_step(history.trials)
        for trial in history.trials.open:
            if not self._forsaken(trial, running):
                continue
            if trial.worker == self._worker:
                never_ran = trial._replace(runs=(*trial.runs[:-1], Run(trial.runs[-1].started, 0.0)))
                why = "nothing is started any more"
                self._ledger.settle(never_ran, Outcome(TrialState.WAITING, why, reason=Reason.REQUEUED))
            elif (left := self._remains(trial, first)) is not None:
                self._ledger.settle(left.trial, self._verdict(left, history))

    def _forsaken(self, trial: Trial, running: Container[int]) -> bool:
        if trial.state is not TrialState.RUNNING or trial.number in running or self._ledger.owes(trial.number):
            return False
        return trial.worker == self._worker or not self._observer.alive(trial.worker)

    def _remains(self, trial: Trial, first: int | None) -> Remains | None:
        return remains(self._sweep.layout, trial, self._observer, self._plan.reporting, first)

    def _orphan(self, trial: Trial, first: int | None, history: History) -> Trial | None:
        if trial.worker == self._worker:  # created or claimed in vain: the disk refused after the name was taken
            return trial
        left = self._remains(trial, first)
        if left is None:
            return None
        outcome = self._verdict(left, history)
        if outcome.state is not TrialState.WAITING or left.end is not None:
            self._ledger.settle(left.trial, outcome)
            return None
        said = records.left(left.trial) | {"counts": records.DEATH}
        return self._ledger.claim(left.trial, Reason.TAKEN_OVER, "its worker died", **said)

    def _verdict(self, left: Remains, history: History) -> Outcome:
        arrived = arrival(self._plan.pruner, left.trial, history)
        if left.end is None:
            return lost(left.trial, left.traces, arrived)
        outcome = ended(left.end, None, left.trial, left.traces, arrived)
        return retried(outcome, left.trial, self._plan.retry)

    def _promoted(self, history: History, running: Container[int]) -> tuple[Trial | None, History]:
        """A paused trial that is ours now and goes on to its next rung, None where none is to, or where its program
        still runs here, as it was ours before; and what is known then. Those that are to end before are pruned."""
        while (decided := self._plan.promotion(history)) is not None:
            trial = history.trials[decided.trial]
            if trial.number in running:
                break
            claimed = None
            if isinstance(decided, Demotion):
                self._ledger.prune(trial, decided.reason)
            else:
                claimed = self._ledger.claim(trial, Reason.PROMOTED, decided.reason, until=decided.until)
            if claimed is not None or self._ledger.trouble is not None:
                return claimed, history
            history = history.advance(self._sweep.trials())
        return None, history

    def _new(self, history: History, may_create: Callable[[History], bool]) -> Trial | Nothing:
        while may_create(history):
            suggestion = self._foresight.suggest(history)
            if suggestion is None:
                return Nothing(exhausted=True)
            try:
                return self._created(suggestion, history) or Nothing()
            except (NumberTaken, Superseded):
                history = history.advance(self._sweep.trials())
        return Nothing()

    def _created(self, suggestion: Suggestion, history: History, why: str = "") -> Trial | None:
        """The trial of a suggestion; None where the disk refuses. Raises NumberTaken, Superseded."""
        number, parent = history.number, suggestion.parent
        trial = Trial(
            number=number,
            uid=uuid.uuid4().hex,
            state=TrialState.RUNNING,
            why=why,
            params=suggestion.params,
            notes=suggestion.notes,
            origin=suggestion.origin,
            configuration=history.keys.get(history.space.key(suggestion.params), number),
            seed=seeds.of_trials(self._plan.seed, 0),
            until=suggestion.until,
            parent=parent,
            worker=self._worker,
        )
        try:
            return self._ledger.create(trial, None if parent is None else history.trials[parent])
        except NothingSaved:
            return self._created(suggestion.from_nothing, history, f"from nothing, as trial {parent} has saved nothing")
