"""Trials that a person asks for: put into the record as waiting, for whichever worker comes next.

They come in addition to `budget.trials`: their origins do not count against it. What is refused is decided for each
new number anew, when all below it have been read, so that two who ask at the same time do not get it twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence

from sweeprun import seeds
from sweeprun.errors import UsageError
from sweeprun.history import History
from sweeprun.pruners.base import Promoter, Start, staged
from sweeprun.run.plan import Plan
from sweeprun.space import filled
from sweeprun.store.sweep import NumberTaken, Sweep
from sweeprun.trials import MEMBER, RETRY, FailureClass, Json, Params, Suggestion, Trial, TrialState

ADD = "add"
_TRIES = 100  # draws of what is left out, for a configuration that no trial has


def retry(sweep: Sweep, plan: Plan, number: int) -> Trial:
    """Queue trial `number` again, as a trial of its own. Raises UsageError where it cannot be."""

    def again(trials: Sequence[Trial]) -> Trial:
        check_retry(trials, number)
        before, start = trials[number], Start(None)
        if isinstance(plan.pruner, Promoter) and before.state is not TrialState.COMPLETE:  # that one went to its end
            start = plan.pruner.again(before, plan.history(trials))
        return Trial(
            number=len(trials),
            uid=uuid.uuid4().hex,
            state=TrialState.WAITING,
            params=before.params,
            notes=start.notes,
            origin=RETRY,
            configuration=before.configuration,
            repeat=before.repeat,
            seed=before.seed,
            until=start.until,
            parent=number,
        )

    return _create(sweep, again)


def check_retry(trials: Sequence[Trial], number: int) -> None:
    """Raises UsageError for a trial that has not ended, that cannot be read, or that is queued again already."""
    trial = trials[number]
    if trial.damaged and not trial.uid:
        raise UsageError(f"trial {number} cannot be tried again, as its parameters cannot be read: {trial.why}")
    if not trial.state.final:
        raise UsageError(f"trial {number} is {trial.state}; only what has ended is tried again")
    for other in trials:
        if other.parent == number and other.origin == RETRY and not other.state.final:
            raise UsageError(f"trial {number} is tried again already: as trial {other.number}, which is {other.state}")
    successor = _successor(trials, trial)
    if successor is not None:
        message = f"trial {number} has a successor in the population already: trial {successor.number}"
        raise UsageError(f"{message}, which is {successor.state}")


def failed(trials: Sequence[Trial], kinds: Collection[FailureClass]) -> list[int]:
    """The trials that failed in one of these ways and were not tried again since."""
    again = {trial.parent for trial in trials if trial.origin == RETRY}
    ended = [trial for trial in trials if trial.state is TrialState.FAILED and trial.number not in again]
    left = [trial for trial in ended if _successor(trials, trial) is None]
    return [trial.number for trial in left if trial.failure is not None and trial.failure.kind in kinds]


def _successor(trials: Sequence[Trial], trial: Trial) -> Trial | None:
    """The newest trial of the same member of a population, where it is another one."""
    member = trial.notes.get(MEMBER)
    if member is None:
        return None
    newest = next(other for other in reversed(trials) if other.notes.get(MEMBER) == member)
    return None if newest.number == trial.number else newest


def add(sweep: Sweep, plan: Plan, given: Mapping[str, Json]) -> Trial:
    """Queue a new configuration with the values `given`; what is left out is drawn. Raises SpaceError where there is
    none in the space, UsageError where it was tried already."""

    def new(trials: Sequence[Trial]) -> Trial:
        number, history = len(trials), plan.history(trials)
        suggestion = Suggestion(_untried(sweep, plan, given, history))
        if not plan.is_population:  # whose members are those that it has begun itself
            suggestion = staged(suggestion, plan.pruner, history)
        return Trial(
            number=number,
            uid=uuid.uuid4().hex,
            state=TrialState.WAITING,
            params=suggestion.params,
            notes=suggestion.notes,
            origin=ADD,
            configuration=number,
            seed=seeds.of_trials(plan.seed, 0),
            until=suggestion.until,
        )

    return _create(sweep, new)


def _untried(sweep: Sweep, plan: Plan, given: Mapping[str, Json], history: History) -> Params:
    rng = seeds.generator(plan.seed, history.number)
    there: set[int] = set()
    for _ in range(_TRIES):
        params = filled(plan.space, given, rng)
        number = history.keys.get(plan.space.key(params))
        if number is None:
            return params
        there.add(number)
    raise UsageError(
        _tried([history.trials[number] for number in sorted(there)]), f"sweeprun retry {sweep.name} {min(there)}"
    )


def _tried(there: Sequence[Trial]) -> str:
    if len(there) == 1:
        return f"this configuration is there already: trial {there[0].number}, which is {there[0].state}"
    others = f"{len(there) - 1} {'other' if len(there) == 2 else 'others'}"
    return f"what was drawn with these values is there already: trial {there[0].number} and {others}"


def _create(sweep: Sweep, made: Callable[[Sequence[Trial]], Trial]) -> Trial:
    with sweep.lock():
        while True:
            try:
                return sweep.create_trial(made(sweep.trials()), TrialState.WAITING)
            except NumberTaken:
                continue
