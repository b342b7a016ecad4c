"""Successive halving: who of those that wait at a rung goes on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sweeprun.history import History
from sweeprun.kept import Order, Part
from sweeprun.objective import Objective
from sweeprun.pruners._rungs import Ladder
from sweeprun.pruners.base import Action, Promotion, Verdict
from sweeprun.trials import RETRY, Trial, TrialState


class Bracket(NamedTuple):
    """Bracket `rung` of a round begins at that rung: 0 with many trials of few steps, the last with few whole ones."""

    round: int
    rung: int


BracketOf = Callable[[Trial], Bracket | None]
LossAt = Callable[[Trial, int], float | None]


class Rung(Part):
    """What is known of one rung of a bracket.

    The numbers of the trials that `came` to it or failed on the way, those of them that were let go on, `promoted`, and
    by their losses those that are `waiting` there and all that have `arrived`. A trial without a loss waits with
    infinity.
    """

    def __init__(self, step_of: Callable[[Trial], int], loss_at: LossAt):
        self._step_of = step_of
        self._loss_at = loss_at
        self.came: set[int] = set()
        self.promoted: set[int] = set()
        self.waiting = Order(self._loss_of_waiting)
        self.arrived = Order(self._loss)

    def note(self, trial: Trial) -> None:
        self.arrived.note(trial)
        self.waiting.note(trial)
        self.came.discard(trial.number)
        self.promoted.discard(trial.number)
        if trial.until is None or trial.damaged:
            return
        step = self._step_of(trial)
        if trial.until > step:
            self.promoted.add(trial.number)
        if trial.until > step or (trial.until == step and (trial.state.final or trial.state is TrialState.PAUSED)):
            self.came.add(trial.number)

    def forget(self, number: int) -> None:
        for numbers in (self.came, self.promoted):
            numbers.discard(number)
        for order in (self.waiting, self.arrived):
            order.forget(number)

    def opens(self, eta: int) -> bool:
        """Whether the first of those that wait may go on."""
        worth = bool(self.waiting) and self.waiting.values[0] < math.inf
        return worth and len(self.promoted) < len(self.came) // eta

    def others(self, number: int, loss: float) -> tuple[int, int]:
        """How many others have arrived, and how many of them with a lower loss."""
        own = self.arrived.value(number)
        n, n_better = len(self.arrived), self.arrived.n_below(loss)
        return n - (own is not None), n_better - (own is not None and own < loss)

    def _loss(self, trial: Trial) -> float | None:
        loss = None if trial.damaged else self._loss_at(trial, self._step_of(trial))
        return math.inf if loss is not None and math.isnan(loss) else loss

    def _loss_of_waiting(self, trial: Trial) -> float | None:
        if trial.state is not TrialState.PAUSED or trial.damaged or trial.until != self._step_of(trial):
            return None
        loss = self._loss(trial)
        return math.inf if loss is None else loss


class Rungs(Part):
    """The rungs of all brackets that have begun, each from its lowest on, and with how many trials each began.

    A trial that failed gives its place to a try more of it: they are one trial to a bracket.
    """

    def __init__(self, ladder: Ladder, bracket_of: BracketOf, loss_at: LossAt):
        self._ladder = ladder
        self._bracket_of = bracket_of
        self._loss_at = loss_at
        self._brackets: dict[int, Bracket] = {}
        self._rungs: dict[Bracket, tuple[Rung, ...]] = {}
        self._failed: dict[int, Trial] = {}
        self._tried_again: dict[int, int] = {}  # by a retry: the trial that it tries again
        self._n_retries: Counter[int] = Counter()  # of each trial
        self.sizes: dict[Bracket, int] = {}

    def of(self, bracket: Bracket) -> Sequence[Rung]:
        """Those of one bracket; none where it has not begun."""
        return self._rungs.get(bracket, ())

    def given_up(self, number: int) -> Bracket | None:
        """The bracket in which a try more of the trial takes its place; None where there is none to take."""
        return self._brackets.get(number) if number in self._failed else None

    def note(self, trial: Trial) -> None:
        self._failed.pop(trial.number, None)
        if trial.state is TrialState.FAILED:
            self._failed[trial.number] = trial
        self._place(trial)
        self._try_again(trial.number, trial.parent if trial.origin == RETRY else None)

    def forget(self, number: int) -> None:
        self._failed.pop(number, None)
        self._displace(number)
        self._try_again(number, None)

    def _try_again(self, number: int, tried: int | None) -> None:
        """Trial `number` is a try more of `tried`, None: of no other."""
        before = self._tried_again.pop(number, None)
        if tried is not None:
            self._tried_again[number] = tried
        if tried == before:
            return
        for other, change in ((before, -1), (tried, 1)):
            if other is not None:
                self._n_retries[other] += change
            if other in self._failed:
                self._place(self._failed[other])

    def _place(self, trial: Trial) -> None:
        replaced = trial.number in self._failed and self._n_retries[trial.number] > 0
        bracket = None if replaced else self._bracket_of(trial)
        if bracket != self._brackets.get(trial.number):
            self._displace(trial.number)
        if bracket is None:
            return
        if trial.number not in self._brackets:
            self._brackets[trial.number] = bracket
            self.sizes[bracket] = self.sizes.get(bracket, 0) + 1
        if bracket not in self._rungs:
            self._rungs[bracket] = tuple(map(self._rung, range(bracket.rung, self._ladder.n)))
        for rung in self._rungs[bracket]:
            rung.note(trial)

    def _displace(self, number: int) -> None:
        bracket = self._brackets.pop(number, None)
        if bracket is None:
            return
        for rung in self._rungs[bracket]:
            rung.forget(number)
        self.sizes[bracket] -= 1
        if not self.sizes[bracket]:
            del self.sizes[bracket], self._rungs[bracket]

    def _rung(self, k: int) -> Rung:
        return Rung(lambda trial: self._ladder.steps(trial.params)[k], self._loss_at)


@dataclass(frozen=True, slots=True)
class Halving:
    """Of the trials that came to a rung one in eta is let go on to the next, the best first.

    `best`: a loss is the lowest until then, not that of the step.
    """

    history: History
    ladder: Ladder
    bracket_of: BracketOf
    metric: Objective
    best: bool

    @property
    def rungs(self) -> Rungs:
        """Those of the moment."""
        key = "rungs", self.ladder, self.bracket_of, self.metric, self.best
        return self.history.part(key, lambda: Rungs(self.ladder, self.bracket_of, self.loss))

    def promotion(self) -> Promotion | None:
        """Who goes on: in the oldest bracket in which somebody may, from the highest of its rungs."""
        rungs = self.rungs
        for bracket in sorted(rungs.sizes):
            *lower, _ = rungs.of(bracket)
            for rung in reversed(lower):
                if rung.opens(self.ladder.eta):
                    return self._promoted(rung)
        return None

    def verdict(self, trial: Trial) -> Verdict:
        """It goes to its rung, and waits there."""
        end = self.ladder.end(trial.params)
        until = trial.until or end
        if self.history.curve(trial, self.metric).diverged:
            return Verdict(Action.STOP, f"{self.metric.name} is NaN at step {trial.last_step}")
        if trial.last_step >= end:  # it may have gone on when it was to wait at a rung below
            return Verdict(Action.FINISH, f"step {end} is the end")
        if trial.last_step < until:
            return Verdict(Action.CONTINUE, f"step {trial.last_step}, its rung is at step {until}")
        return Verdict(Action.PAUSE, self.standing(trial, until))

    def standing(self, trial: Trial, step: int) -> str:
        """Where the trial stands among those that came to its rung, which is at `step`."""
        loss = self.loss(trial, step)
        if loss is None:  # the run is over, and had no report to make at this step
            loss = self.history.curve(trial, self.metric).at(step, self.best)
        if loss is None:
            return f"no {self.metric.name} was reported until step {step}"
        n_others, n_better = self.others(trial, step, loss)
        place = f"number {1 + n_better} of {n_others + 1}"
        return f"{self.metric.name} {self.metric.value(loss):.6g} at step {step} is {place} there"

    def loss(self, trial: Trial, step: int) -> float | None:
        """That with which it first came to a step; None where it has not."""
        return self.history.arrival(trial, self.metric, step, self.best)

    def others(self, trial: Trial, step: int, loss: float) -> tuple[int, int]:
        """How many others of its bracket came to its rung at `step`, and how many with a loss below this one."""
        bracket, steps = self.bracket_of(trial), self.ladder.steps(trial.params)
        rungs = self.rungs.of(bracket) if bracket is not None else ()
        k = steps.index(step) - bracket.rung if bracket is not None and step in steps else len(rungs)
        return rungs[k].others(trial.number, loss) if 0 <= k < len(rungs) else (0, 0)

    def _promoted(self, rung: Rung) -> Promotion:
        loss, trial = rung.waiting.values[0], self.history.trials[rung.waiting.numbers[0]]
        steps = self.ladder.steps(trial.params)
        step = trial.until or steps[0]
        n_came, n_promoted, n_waiting = len(rung.came), len(rung.promoted), len(rung.waiting)
        waiting = "the one that waits" if n_waiting == 1 else f"the best of {n_waiting} that wait"
        reason = (
            f"{waiting} at step {step},"
            f" {self.metric.name} {self.metric.value(loss):.6g};"
            f" {n_promoted} of {n_came} there were promoted before, {n_came // self.ladder.eta} may be"
        )
        return Promotion(trial.number, steps[steps.index(step) + 1], reason)
