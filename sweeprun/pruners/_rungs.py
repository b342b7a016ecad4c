"""Successive halving: the steps at which trials wait and are compared, and who of those that wait goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from sweeprun.errors import SweepFileError, near
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.pruners.base import Action, Promotion, Verdict
from sweeprun.trials import Params, Trial, TrialState

LEAST_FIRST = 3  # a first rung below says next to nothing about the end
FIRST_SHARE = 1 / 17  # of the whole way: the first rung where nothing else is said
HIGHEST_BUT_ONE = 0.7  # of the whole way: a rung beyond it saves next to nothing

Steps = Annotated[tuple[Annotated[int, Field(strict=True)], ...], Field(strict=False)]  # a list in a sweep file
StepsOf = Callable[[Params], tuple[int, ...]]


def rungs(first: float, last: float, eta: int) -> tuple[float, ...]:
    """`first` and its multiples by powers of `eta`, those near or beyond `last` replaced by it."""
    found = []
    while first <= HIGHEST_BUT_ONE * last:
        found.append(first)
        first *= eta
    return (*found, last)


def length_of(params: Params, name: str) -> float:
    """How many steps a trial with these parameters has. Raises SweepFileError where they do not say it."""
    length = params.get(name)
    if not isinstance(length, int | float) or isinstance(length, bool) or length < 1:
        what = f"is {length!r}" if name in params else "is missing"
        message = f"{name!r} {what} in a configuration, where it has to be a number of steps in every one"
        raise SweepFileError(message, hint=None if name in params else near(name, params))
    return float(length)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where the rungs of a trial lie: at steps, the last one at `max`, at shares of its own length, which is the
    parameter `length`, or where `rungs` say."""

    min: float | None
    max: int | None
    length: str | None
    rungs: tuple[int, ...] | None
    eta: int

    def check(self) -> None:
        """Raises ValueError for one that cannot be climbed."""
        if [self.max, self.length, self.rungs].count(None) != 2:
            raise ValueError(
                "it must have max, the step at which a trial ends, or length, the parameter that says it, or all rungs"
            )
        if self.rungs is not None:
            self._check_rungs(self.rungs)
            return
        if self.min is not None and self.min > (self.max or 1):
            raise ValueError(f"it must have min at most at {self.max or 1}, the end of a trial, not at {self.min:g}")
        if self.min is not None and self.max is not None and self.min != int(self.min):
            raise ValueError(f"it must have a whole step as min, not {self.min:g}; shares go with length")

    def _check_rungs(self, steps: tuple[int, ...]) -> None:
        if not steps or any(a >= b for a, b in pairwise((0, *steps))):
            raise ValueError(f"it must have rungs that ascend from step 1 on, not {list(steps)}")
        if self.min is not None:
            raise ValueError("it must not have min beside rungs: the first of them is the lowest")

    @property
    def n(self) -> int:
        """How many rungs there are."""
        return len(self._rungs)

    def steps(self, params: Params) -> tuple[int, ...]:
        """The rungs of a trial with these parameters, ascending; a trial may be shorter than the last of them."""
        length = 1.0 if self.length is None else length_of(params, self.length)
        steps: list[int] = []
        for each in self._rungs:
            steps.append(max(round(each * length), steps[-1] + 1 if steps else 1))
        return tuple(steps)

    @property
    def _rungs(self) -> tuple[float, ...]:
        if self.rungs is not None:
            return self.rungs
        first = FIRST_SHARE if self.max is None else max(LEAST_FIRST, round(FIRST_SHARE * self.max))
        return rungs(self.min or first, self.max or 1, self.eta)


@dataclass(frozen=True, slots=True)
class Rung:
    """What is known of one rung: how many trials have come to it, or failed on the way (`n`), how many of them were let
    go on, and those that wait there, the best first, with their losses."""

    n: int
    n_promoted: int
    waiting: Sequence[tuple[float, Trial]]


@dataclass(frozen=True, slots=True)
class Halving:
    """Of the `trials` that came to a rung one in `eta` is let go on to the next, the best first.

    `steps_of` tells by the parameters of a trial at which steps its rungs are; `best`: a loss is the lowest until then,
    not that of the step.
    """

    trials: Sequence[Trial]
    history: History
    metric: Objective
    best: bool
    eta: int
    steps_of: StepsOf

    def promotion(self, n_rungs: int) -> Promotion | None:
        """Who goes on, the highest of the rungs first."""
        for k in reversed(range(n_rungs - 1)):
            rung = self._rung(k)
            if rung.n_promoted < rung.n // self.eta and rung.waiting and math.isfinite(rung.waiting[0][0]):
                return self._promoted(k, rung)
        return None

    def verdict(self, trial: Trial) -> Verdict:
        """It goes to its rung, and waits there."""
        steps = self.steps_of(trial.params)
        until = trial.until or steps[-1]
        if self.history.curve(trial, self.metric).diverged:
            return Verdict(Action.STOP, f"{self.metric.name} is NaN at step {trial.last_step}")
        if trial.last_step < until:
            return Verdict(Action.CONTINUE, f"step {trial.last_step}, its rung is at step {until}")
        if until >= steps[-1]:
            return Verdict(Action.FINISH, f"step {until} is the last rung")
        return Verdict(Action.PAUSE, self.standing(trial, until))

    def standing(self, trial: Trial, step: int) -> str:
        """Where the trial stands among those that came to its rung, which is at `step`."""
        loss = self.loss(trial, step)
        if loss is None:
            return f"no {self.metric.name} was reported at step {step}"
        steps = self.steps_of(trial.params)
        others = self.others(trial, steps.index(step)) if step in steps else []
        place = f"number {1 + sum(other < loss for other in others)} of {len(others) + 1}"
        return f"{self.metric.name} {self.metric.value(loss):.6g} at step {step} is {place} there"

    def loss(self, trial: Trial, step: int) -> float | None:
        """That with which it first came to a step; None where it has not."""
        return self.history.arrival(trial, self.metric, step, self.best)

    def others(self, trial: Trial, k: int) -> list[float]:
        """The losses with which the others came to rung k."""
        others = (each for each in self.trials if each.number != trial.number and not each.damaged)
        arrived = (self.loss(each, self.steps_of(each.params)[k]) for each in others)
        return [loss for loss in arrived if loss is not None]

    def _rung(self, k: int) -> Rung:
        n = n_promoted = 0
        waiting = []
        for trial, until, step in self._headed_for(k):
            if until > step:
                n, n_promoted = n + 1, n_promoted + 1
            elif trial.state is TrialState.PAUSED:
                loss = self.loss(trial, step)
                waiting.append((math.inf if loss is None else loss, trial))
                n += 1
            elif trial.state.final:
                n += 1
        waiting.sort(key=lambda each: (each[0], each[1].number))
        return Rung(n, n_promoted, waiting)

    def _headed_for(self, k: int) -> Iterable[tuple[Trial, int, int]]:
        """The trials that are to come to rung k or further, how far they are to come, and their step there."""
        for trial in self.trials:
            if trial.until is None or trial.damaged:
                continue
            step = self.steps_of(trial.params)[k]
            if trial.until >= step:
                yield trial, trial.until, step

    def _promoted(self, k: int, rung: Rung) -> Promotion:
        loss, trial = rung.waiting[0]
        step, until = self.steps_of(trial.params)[k : k + 2]
        value = f"{self.metric.name} {self.metric.value(loss):.6g}"
        reason = (
            f"the best of {len(rung.waiting)} that wait at step {step}, {value};"
            f" {rung.n_promoted} of {rung.n} there were promoted before, {rung.n // self.eta} may be"
        )
        return Promotion(trial.number, until, reason)
