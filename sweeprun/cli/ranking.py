"""Which trials are the best, and which are compared at all."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sweeprun.objective import Objective
from sweeprun.run.followed import Followed
from sweeprun.run.progress import Reporting
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

READING_S = 3.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Trials with a value, best first; `note` says so where they are not complete ones."""

    trials: tuple[Trial, ...]
    note: str = ""


def ranked(objective: Objective, trials: Sequence[Trial]) -> Ranking:
    """Complete trials; where there is none with a value, those that came furthest of the others, failed ones aside.

    Infinite values come last, whatever their sign: they are no result.
    """
    valued = [trial for trial in trials if not math.isnan(objective.loss_of(trial)) and not trial.damaged]
    complete = [trial for trial in valued if trial.state is TrialState.COMPLETE]
    if complete:
        return Ranking(_sorted(objective, complete))
    others = [trial for trial in valued if trial.state is not TrialState.FAILED]
    furthest = max((trial.last_step for trial in others), default=0)
    note = f"no trial is complete; these are the trials at step {furthest}, the furthest that any came"
    return Ranking(_sorted(objective, [trial for trial in others if trial.last_step == furthest]), note)


def up_to_date(sweep: Sweep, reporting: Reporting) -> list[Trial]:
    """Every trial; running ones with what they have reported so far, which is in no record yet. Of programs that report
    faster than they can be read it is what a few seconds of reading tell."""
    trials = sweep.trials()
    running = [trial for trial in trials if trial.state is TrialState.RUNNING and not trial.damaged]
    first = reporting.first_step(trials)
    followed = Followed(sweep.layout, reporting)
    enough = time.monotonic() + READING_S
    before, found = None, followed.read(running, first)
    while found != before and time.monotonic() < enough:  # one reading takes a bounded part of each file
        before, found = found, followed.read(running, first)
    return [found.get(trial.number, trial) for trial in trials]


def _sorted(objective: Objective, trials: list[Trial]) -> tuple[Trial, ...]:
    def key(trial: Trial) -> tuple[bool, float, int]:
        return not math.isfinite(objective.loss_of(trial)), objective.loss_of(trial), trial.number

    return tuple(sorted(trials, key=key))
