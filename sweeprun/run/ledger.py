"""A worker's hand in the directory: what it says about its trials is kept until the disk takes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeprun.errors import StoreError
from sweeprun.run.outcome import Outcome
from sweeprun.store import records
from sweeprun.store.sweep import Superseded, Sweep
from sweeprun.trials import Reason, Trial, TrialState

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class Settled:
    """The record has it: `trial` as it stands now, `outcome` what was said; `kept` False where another worker owns the
    trial and what was said does not count."""

    trial: Trial
    outcome: Outcome
    kept: bool


class Ledger:
    """Says transitions, waits out a disk that refuses them.

    `trouble` is the newest refusal; None when all is well, and while a new try shows whether it is.
    """

    def __init__(self, sweep: Sweep, worker: str, log: Path, clock: Callable[[], float]):
        self._sweep, self._worker, self._log, self._clock = sweep, worker, log, clock
        self._owed: list[tuple[Trial, Outcome]] = []
        self._untold: list[Settled] = []
        self._wait_s, self._next_try = FIRST_WAIT_S, 0.0
        self._since: float | None = None
        self.trouble: StoreError | None = None

    @property
    def trouble_s(self) -> float:
        """For how long the disk has refused."""
        return 0.0 if self._since is None else self._clock() - self._since

    @property
    def owed(self) -> bool:
        """Whether anything is still to be said."""
        return bool(self._owed)

    def owes(self, number: int) -> bool:
        """Whether something about trial `number` is still to be said."""
        return any(trial.number == number for trial, _ in self._owed)

    def create(self, trial: Trial, donor: Trial | None) -> Trial | None:
        """Create and claim `trial`, with a copy of the checkpoint of its `donor`; None where the disk refuses. Raises
        NumberTaken, Superseded where the donor has moved, and NothingSaved."""
        try:
            created = self._sweep.create_trial(trial, TrialState.RUNNING, self._log, donor)
        except StoreError as error:
            self.refused(error)
            return None
        self.accepted()
        return created

    def claim(self, trial: Trial, reason: Reason, why: str, **said: Any) -> Trial | None:
        """Make a waiting or orphaned trial ours, as its next run; None where another worker was first or the disk
        refuses."""
        run = trial.run + 1
        said |= {"worker": self._worker, "run": run, "reason": reason}
        try:
            claimed = self._sweep.advance(trial, TrialState.RUNNING, why, self._log, **said)
        except Superseded:
            return None
        except StoreError as error:
            self.refused(error)
            return None
        self.accepted()
        return claimed

    def prune(self, trial: Trial, why: str) -> None:
        """End a paused trial, unless another worker was first or the disk refuses."""
        try:
            now = self._sweep.advance(trial, TrialState.PRUNED, why, self._log, worker=self._worker)
        except Superseded:
            return
        except StoreError as error:
            self.refused(error)
            return
        self.accepted()
        self._untold.append(Settled(now, Outcome(TrialState.PRUNED, why), kept=True))

    def settle(self, trial: Trial, outcome: Outcome) -> None:
        """Say what became of `trial`, which holds what it reached. A failure that a refusing disk may have caused does
        not count: the trial is run again."""
        if self.trouble is not None and outcome.state is TrialState.FAILED:
            outcome = outcome.requeued()
        self._owed.append((trial._replace(failure=outcome.failure), outcome))

    def said(self, last: bool = False) -> list[Settled]:
        """Write what is owed, as far as the disk takes it; `last`: there will be no other chance. What was pruned since
        is among it."""
        settled, self._untold = self._untold, []
        if self.trouble is not None and self._clock() < self._next_try and not last:
            return settled
        while self._owed:
            trial, outcome = self._owed[0]
            try:
                settled.append(self._say(trial, outcome))
            except StoreError as error:
                self.refused(error)
                break
            self._owed.pop(0)
        if not self._owed and self.trouble is not None and not last:
            self.tidy()
        return settled

    def _say(self, trial: Trial, outcome: Outcome) -> Settled:
        said = records.left(trial) | {"worker": self._worker, "reason": outcome.reason}
        if outcome.counts:
            said["counts"] = outcome.counts
        try:
            now = self._sweep.advance(trial, outcome.state, outcome.why, self._log, **said)
        except Superseded as other:
            return Settled(other.trial, outcome, kept=False)
        self._since, self._wait_s = None, FIRST_WAIT_S  # the trouble stays until the reserve is filled again
        return Settled(now, outcome, kept=True)

    def tidy(self) -> None:
        """Save a snapshot if one is due, collect debris; after a refusal this shows whether the disk answers again."""
        try:
            self._sweep.tidy()
        except StoreError as error:
            self.refused(error)
        else:
            # Try again what was refused; that another place takes a file does not show that this one will.
            self.trouble = None

    def accepted(self) -> None:
        """Note that the disk took a record or a run's directory: what refusal there was is over."""
        self.trouble, self._since, self._wait_s = None, None, FIRST_WAIT_S

    def refused(self, error: StoreError) -> None:
        """Note that the disk did not take something; nothing new is begun until it takes it."""
        if self._since is None or self._clock() > self._next_try + LONGEST_WAIT_S:  # else it is still the same trouble
            self._since = self._clock()
            with suppress(OSError):  # room for the records of trials that end now
                os.unlink(self._sweep.layout.reserve)
        self.trouble = error
        self._next_try = self._clock() + self._wait_s
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
