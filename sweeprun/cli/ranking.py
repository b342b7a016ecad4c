"""Which trials are the best, and which are compared at all: the rules of every command that names a best one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sweeprun.cli.view import short
from sweeprun.front import Front, excess, feasible
from sweeprun.objective import Objective
from sweeprun.run.followed import Followed
from sweeprun.run.progress import Reporting
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Trial, TrialState

READING_S = 3.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Trials with all values, best first, by the first objective. `is_front`: they are a Pareto front, each the best in
    its own way. `notes` say where they are not complete ones, or beyond a limit."""

    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...]
    is_front: bool
    notes: tuple[str, ...] = ()

    @property
    def in_short(self) -> str:
        """The best values with their trials; empty where there is none."""
        if not self.trials:
            return ""
        first = self.trials[0]
        if not self.is_front:
            values = ", ".join(f"{each.name} {short(first.values[each.name])}" for each in self.objectives)
            return f"{'' if self.feasible else 'none within the limits, nearest '}{values} (trial {first.number})"
        leading = [(each, min(self.trials, key=each.loss_of)) for each in self.objectives]
        best = [f"{each.name} {short(trial.values[each.name])} (trial {trial.number})" for each, trial in leading]
        return f"front of {len(self.trials)}: {', '.join(best)}"

    @property
    def feasible(self) -> bool:
        """Whether its first trial is within all limits."""
        return not 0 < excess(self.objectives, self.trials[0]) < math.inf


def ranked(objectives: Sequence[Objective], trials: Sequence[Trial]) -> Ranking:
    """Complete trials; where there is none with all values, those that came furthest of the others, failed ones aside.

    Of several objectives only the Pareto front. Trials beyond a limit come last, the nearest first, and are on no
    front; behind them those with infinite values, whatever their sign: they are no result.
    """
    whole = [trial for trial in trials if not trial.damaged]
    complete = _best_first(objectives, (trial for trial in whole if trial.state is TrialState.COMPLETE))
    if complete:
        return _ranking(objectives, complete)
    others = _best_first(objectives, (trial for trial in whole if trial.state is not TrialState.FAILED))
    furthest = max((trial.last_step for trial in others), default=0)
    note = f"no trial is complete; these are the trials at step {furthest}, the furthest that any came"
    return _ranking(objectives, [trial for trial in others if trial.last_step == furthest], note)


def _ranking(objectives: Sequence[Objective], trials: Sequence[Trial], *notes: str) -> Ranking:
    front = Front(objectives, trials if len(objectives) > 1 else ())
    order = tuple(trial for trial in trials if trial in front) if front else tuple(trials)
    ranking = Ranking(tuple(objectives), order, bool(front), notes)
    if not order or ranking.feasible:
        return ranking
    limits = " and ".join(within(each) for each in objectives if each.limit is not None)
    return replace(ranking, notes=(*notes, f"no trial has {limits}; the nearest come first"))


def named(objectives: Sequence[Objective]) -> dict[str, Json]:
    """The objectives in a document: the first one, and all of them with their limits."""
    metrics = [{"name": each.name, "goal": each.goal, "limit": each.limit} for each in objectives]
    return {"metric": objectives[0].name, "goal": objectives[0].goal, "metrics": metrics}


def within(objective: Objective) -> str:
    """Its limit, as a condition."""
    return f"{objective.name} {'>=' if objective.goal == 'maximize' else '<='} {short(objective.limit)}"


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


def _best_first(objectives: Sequence[Objective], trials: Iterable[Trial]) -> list[Trial]:
    """Those that have all values."""
    worth = [
        (beyond, objectives[0].loss_of(trial), trial.number, trial)
        for trial in trials
        if (beyond := excess(objectives, trial)) < math.inf or feasible(objectives, trial) is not None
    ]
    return [trial for *_, trial in sorted(worth)]
