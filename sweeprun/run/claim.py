"""Which trial a free slot gets: one that lost its worker, one that waits, or a new one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

import numpy as np

from sweeprun.history import History
from sweeprun.run import command
from sweeprun.run.ledger import Ledger
from sweeprun.run.outcome import Outcome, ended, lost, retried
from sweeprun.run.plan import Plan
from sweeprun.run.takeover import Remains, remains
from sweeprun.store import records
from sweeprun.store.liveness import Observer
from sweeprun.store.sweep import NumberTaken, Sweep
from sweeprun.trials import Trial, TrialState


@dataclass(frozen=True, slots=True)
class Nothing:
    """No trial for the slot now. `exhausted`: the sampler has nothing more to suggest, ever."""

    exhausted: bool = False


class Claims:
    """Takes trials for one worker, with the freshest history."""

    def __init__(self, sweep: Sweep, plan: Plan, ledger: Ledger, observer: Observer, worker: str):
        self._sweep, self._plan, self._ledger = sweep, plan, ledger
        self._observer, self._worker = observer, worker

    def next(self, history: History, running: Container[int], may_create: Callable[[History], bool]) -> Trial | Nothing:
        """A trial that is ours and not started yet. `running` are the trials that this worker runs; `may_create` tells
        whether the budget allows one more configuration."""
        with self._sweep.lock():
            history = history.advance(self._sweep.trials())
            first = self._plan.reporting.first_step(history.trials)
            for trial in history.trials:
                if trial.state is TrialState.RUNNING and trial.number not in running:
                    claimed = self._orphan(trial, first)
                elif trial.state is TrialState.WAITING and not self._ledger.owes(trial.number):
                    claimed = self._ledger.claim(trial, f"resumed after {trial.reason}" if trial.run else "new")
                else:
                    continue
                if claimed is not None:
                    return claimed
            return self._new(history, may_create)

    def orphaned(self, trials: Iterable[Trial], running: Container[int]) -> bool:
        """Whether one of `trials` runs and has nobody who sees to it."""
        return any(
            trial.state is TrialState.RUNNING
            and trial.number not in running
            and not self._ledger.owes(trial.number)
            and (trial.worker == self._worker or not self._observer.alive(trial.worker))
            for trial in trials
        )

    def _orphan(self, trial: Trial, first: int | None) -> Trial | None:
        if self._ledger.owes(trial.number):
            return None
        if trial.worker == self._worker:  # created or claimed in vain: the disk refused after the name was taken
            return trial
        left = remains(self._sweep.layout, trial, self._observer, self._plan.reporting, first)
        if left is None:
            return None
        outcome = self._verdict(left)
        if outcome.state is not TrialState.WAITING or left.end is not None:
            self._ledger.settle(left.trial, outcome)
            return None
        said = records.left(left.trial) | {"counts": records.DEATH}
        return self._ledger.claim(left.trial, "taken over from a worker that died", **said)

    def _verdict(self, left: Remains) -> Outcome:
        if left.end is None:
            return lost(left.trial)
        outcome = ended(left.end, None, left.trial, self._plan.reporting.objective.name, left.traces)
        return retried(outcome, left.trial, self._plan.retry)

    def _new(self, history: History, may_create: Callable[[History], bool]) -> Trial | Nothing:
        while may_create(history):
            number = history.number
            rng = np.random.default_rng([self._plan.seed, number])
            suggestion = self._plan.sampler.suggest(history, rng)
            if suggestion is None:
                return Nothing(exhausted=True)
            trial = Trial(
                number=number,
                uid=uuid.uuid4().hex,
                state=TrialState.RUNNING,
                params=suggestion.params,
                notes=suggestion.notes,
                origin=suggestion.origin,
                configuration=number,
                seed=command.seed(self._plan.seed, 0),
                until=suggestion.until,
                parent=suggestion.parent,
                worker=self._worker,
            )
            try:
                return self._ledger.create(trial) or Nothing()
            except NumberTaken:
                history = history.advance(self._sweep.trials())
        return Nothing()
