"""Which trials are the best, and which are compared at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sweeprun.cli.declared import Declared
from sweeprun.run.followed import Followed
from sweeprun.store.sweep import Sweep
from sweeprun.trial import Trial, TrialState


@dataclass(frozen=True, slots=True)
class Ranking:
    """Trials with a value, best first; `note` says so where they are not complete ones."""

    trials: tuple[Trial, ...]
    note: str = ""


def ranked(declared: Declared, trials: Sequence[Trial]) -> Ranking:
    """Complete trials; where there is none with a value, those that came furthest of the others, failed ones aside.

    Infinite values come last, whatever their sign: they are no result.
    """
    valued = [trial for trial in trials if not math.isnan(declared.value(trial)) and not trial.damaged]
    complete = [trial for trial in valued if trial.state is TrialState.COMPLETE]
    if complete:
        return Ranking(_sorted(declared, complete))
    others = [trial for trial in valued if trial.state is not TrialState.FAILED]
    furthest = max((trial.last_step for trial in others), default=0)
    note = f"no trial is complete; these are the trials at step {furthest}, the furthest that any came"
    return Ranking(_sorted(declared, [trial for trial in others if trial.last_step == furthest]), note)


def up_to_date(sweep: Sweep, declared: Declared) -> list[Trial]:
    """Every trial; running ones with what they have reported so far, which is in no record yet."""
    trials = sweep.trials()
    running = [trial for trial in trials if trial.state is TrialState.RUNNING and not trial.damaged]
    first = next((trial.first for trial in trials if trial.first is not None), declared.first)
    followed = Followed(sweep.layout, declared.reporting)
    before, found = None, followed.read(running, first)
    while found != before:  # one reading takes a bounded part of each file
        before, found = found, followed.read(running, first)
    return [found.get(trial.number, trial) for trial in trials]


def _sorted(declared: Declared, trials: list[Trial]) -> tuple[Trial, ...]:
    def key(trial: Trial) -> tuple[bool, float, int]:
        return not math.isfinite(declared.loss(trial)), declared.loss(trial), trial.number

    return tuple(sorted(trials, key=key))
