"""What is known before the first trial: configurations that are run before the search begins, and earlier sweeps.

Nothing is queued. Which configuration is next follows from the trials there are, so each is run once, however many
workers ask, crash or come later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

import numpy as np

from sweeprun.errors import SweepFileError, near
from sweeprun.front import losses
from sweeprun.history import History
from sweeprun.numerics import pareto
from sweeprun.objective import Objective
from sweeprun.space import Space, filled, identity
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.earlier import EarlierSweep
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Params, Suggestion, Trial, TrialState

FIRST = "first"
_TRIES = 100  # draws of what is left open, for a configuration that no trial has


@dataclass(frozen=True, slots=True)
class Given:
    """A configuration, whole or in part, and what the notes of its trial say: where it is from."""

    params: Params
    notes: Mapping[str, Json]


def all_given(file: SweepFile, sweeps: Sequence[EarlierSweep]) -> tuple[Given, ...]:
    """What the file lists, then the best of the earlier sweeps, as many as it says: of each in turn, best first."""
    listed = [Given(params, {"given": params}) for params in file.warm_start.first]
    best = _best(sweeps, file.space, file.objectives)
    return (*listed, *islice(best, file.warm_start.top))


def _best(sweeps: Sequence[EarlierSweep], space: Space, objectives: Sequence[Objective]) -> Iterator[Given]:
    ranked = ([(sweep.name, trial) for trial in _ranked(sweep, space, objectives)] for sweep in sweeps)
    in_turn = (each for each in chain.from_iterable(zip_longest(*ranked)) if each is not None)
    seen: set[str] = set()
    for name, trial in in_turn:
        if (key := space.key(trial.params)) not in seen:
            seen.add(key)
            yield Given(trial.params, {"sweep": name, "trial": trial.number})


def _ranked(sweep: EarlierSweep, space: Space, objectives: Sequence[Objective]) -> list[Trial]:
    """The complete trials that could be tried in the space, best first: those within all limits by their fronts, then
    those that are the least beyond them."""
    complete = [
        trial
        for trial in sweep.trials
        if trial.state is TrialState.COMPLETE
        and all(map(math.isfinite, losses(objectives, trial)))
        and space.encode(trial.params) is not None
        and space.satisfies(trial.params)
    ]
    limits = np.array([objective.loss_limit for objective in objectives])
    Y = np.array([losses(objectives, trial) for trial in complete]).reshape(-1, len(objectives))
    return [complete[i] for i in np.argsort(pareto.merits(Y, limits), kind="stable")]


def next_given(given: Sequence[Given], history: History, rng: np.random.Generator) -> Suggestion | None:
    """The first of `given` that has not been run, with what it leaves open drawn; None: all of them have been.

    One that is whole and that any trial has is not run again, nor is one in part that cannot be filled in anew.
    """
    if not given:
        return None
    run = {identity(trial.notes.get("given")) for trial in history.trials if trial.origin == FIRST}
    for each in given:
        if identity(each.params) in run or history.space.key(each.params) in history.keys:
            continue
        params = _untried(each.params, history, rng)
        if params is not None:
            return Suggestion(params, notes=each.notes, origin=FIRST)
    return None


def _untried(given: Params, history: History, rng: np.random.Generator) -> Params | None:
    for _ in range(_TRIES):
        params = filled(history.space, given, rng)
        if history.space.key(params) not in history.keys:
            return params
    return None


def what_is_known_of(sweep: Sweep, objectives: Sequence[Objective]) -> EarlierSweep:
    """The trials of `sweep` that have ended. Raises SweepFileError where their values are not those of `objectives`."""
    trials = tuple(trial for trial in sweep.trials() if trial.state.final and not trial.damaged)
    if not trials:
        raise SweepFileError(f"no trial of {sweep.name} has ended: there is nothing to learn from")
    metrics = list(dict.fromkeys(name for trial in trials for name in trial.values))
    goals = {each.name: each.goal for each in SweepFile.model_validate(sweep.resolved).objectives}
    for objective in objectives:
        if objective.name not in metrics:
            there = ", ".join(metrics) or "none"
            message = f"the trials of {sweep.name} have no metric {objective.name}; there are: {there}"
            raise SweepFileError(message, hint=near(objective.name, metrics))
        goal = goals.get(objective.name, objective.goal)
        if goal != objective.goal:
            message = f"{sweep.name} has the goal to {goal} {objective.name}, and this sweep to {objective.goal} it"
            raise SweepFileError(message)
    return EarlierSweep(sweep.uid, sweep.name, trials)


def history_of(sweep: EarlierSweep, space: Space, objectives: Sequence[Objective]) -> History:
    """Its trials as a search in `space` sees them, numbered from 0."""
    return History(space, objectives, [trial._replace(number=i) for i, trial in enumerate(sweep.trials)])
