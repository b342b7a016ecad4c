"""Which trial a free slot gets: one that lost its worker, one that waits, or a new one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
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
from sweeprun.trial import Trial, TrialState


@dataclass(frozen=True, slots=True)
class Nothing:
    """No trial for the slot now. `exhausted`: the sampler has nothing more to suggest, ever."""

    exhausted: bool = False


class Claims:
    """Takes trials for one worker, with the freshest history."""

    def __init__(self, sweep: Sweep, plan: Plan, ledger: Ledger, observer: Observer, worker: str):
        self._sweep, self._plan, self._ledger = sweep, plan, ledger
        self._observer, self._worker = observer, worker

    def next(
        self, history: History, running: Callable[[int], bool], may_create: Callable[[History], bool]
    ) -> Trial | Nothing:
        """A trial that is ours and not started yet. `running` tells the trials that this worker runs; `may_create`
        whether the budget allows one more configuration."""
        with self._sweep.lock():
            history = history.advance(self._sweep.trials())
            for trial in history.trials:
                if trial.state is TrialState.RUNNING and not running(trial.number):
                    claimed = self._orphan(trial)
                elif trial.state is TrialState.WAITING:
                    claimed = self._ledger.claim(trial, f"resumed after {trial.reason}" if trial.run else "new")
                else:
                    continue
                if claimed is not None:
                    return claimed
            return self._new(history, may_create)

    def _orphan(self, trial: Trial) -> Trial | None:
        if trial.worker == self._worker:  # created or claimed in vain: the disk refused after the name was taken
            return None if self._ledger.owes(trial.number) else trial
        left = remains(self._sweep.layout, trial, self._observer, self._plan.reporting)
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
        metric = self._plan.reporting.metric
        outcome = ended(left.end, None, left.trial, metric, set(left.names), left.stderr)
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


