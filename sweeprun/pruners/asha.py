"""Asynchronous successive halving."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self, final

from pydantic import Field, model_validator

from sweeprun.history import History
from sweeprun.objective import Goal, Objective
from sweeprun.pruners._rungs import FIRST_SHARE, LEAST_FIRST, Rung, rung, rungs
from sweeprun.pruners.base import Action, Promoter, Promotion, Start, Verdict
from sweeprun.trials import Params, Trial


@final
class AshaPruner(Promoter):
    """Gives every trial a few steps and more of them only to the best: for trainings whose early steps say something
    about the end, and for any number of workers, as nobody waits for anybody.

    At each rung a trial is paused, and of all that came there one in `eta` is let go on to the next, from its
    checkpoint. With `mode: stop` nobody waits: who is not among the best so far is stopped. The last rung is `max`.

    Paper: Li et al. 2020, A system for massively parallel hyperparameter tuning.
    Differs from the paper: of a rung with n trials no more than n / eta are ever promoted, where the paper promotes
    whoever is among the best n / eta at some time, which with a model, whose trials become better and better, are far
    more; failed trials count in n; without `min` the first rung is at a seventeenth of `max`, and never below step 3.

        pruner: {name: asha, max: 81}
    """

    metric: str | None = Field(default=None, description="the metric that is compared; the first objective by default")
    goal: Goal | None = Field(
        default=None, description="minimize or maximize; by default the sweep's own for this metric, else minimize"
    )
    compare: Literal["best", "value"] = Field(
        default="best", description="best: the best value so far of each trial; value: the value at the rung"
    )
    max: int | None = Field(default=None, ge=1, description="the step at which every trial ends: the last rung")
    length: str | None = Field(
        default=None,
        description="instead of max: the parameter that says how many steps a trial has; rungs are shares of it",
    )
    min: float | None = Field(
        default=None, gt=0, description="the first rung: a step, or with length a share of the trial's own steps"
    )
    eta: int = Field(default=3, ge=2, description="one in so many is promoted, to so many times the steps")
    mode: Literal["promote", "stop"] = Field(
        default="promote", description="promote: trials wait at rungs, and the best go on; stop: nobody waits"
    )
    min_trials: int = Field(
        default=4, ge=1, description="with mode: stop, with fewer others at a rung nobody is stopped there"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.max is None) == (self.length is None):
            raise ValueError("must have max, the step at which a trial ends, or length, the parameter that says it")
        if self.min is not None and self.min > self._end:
            raise ValueError(f"must have min at most at {self._end:g}, the end of a trial, not at {self.min:g}")
        if self.min is not None and self.max is not None and self.min != int(self.min):
            raise ValueError(f"must have a whole step as min, not {self.min:g}; shares go with length")
        return self

    def verdict(self, trial: Trial, history: History) -> Verdict:
        metric = history.metric(self.metric, self.goal)
        if history.curve(trial, metric).diverged:
            return Verdict(Action.STOP, f"{metric.name} is NaN at step {trial.last_step}")
        return self._compared(trial, history, metric) if self.mode == "stop" else self._staged(trial, history, metric)

    def promotion(self, history: History) -> Promotion | None:
        metric = history.metric(self.metric, self.goal)
        for k in reversed(range(len(self._rungs) - 1)):
            here = self._rung(k, history.trials, history, metric)
            found = here.promotable(self.eta)
            if found is not None:
                return self._promoted(k, *found, here, metric)
        return None

    def start(self, params: Params, history: History) -> Start:
        steps = self._steps(params)
        return Start(steps[-1] if self.mode == "stop" else steps[0])

    # ---- rungs

    @property
    def _best(self) -> bool:
        return self.compare == "best"

    @property
    def _end(self) -> float:
        return 1.0 if self.max is None else float(self.max)

    @property
    def _rungs(self) -> tuple[float, ...]:
        """As steps, or as shares of a trial's length."""
        least = 0.0 if self.max is None else LEAST_FIRST
        return rungs(self.min or max(least, FIRST_SHARE * self._end), self._end, self.eta)

    def _steps(self, params: Params) -> tuple[int, ...]:
        """The rungs of a trial with these parameters."""
        length = 1 if self.length is None else params[self.length]
        steps: list[int] = []
        for each in self._rungs:
            steps.append(max(round(each * length), steps[-1] + 1 if steps else 1))
        return tuple(steps)

    def _rung(self, k: int, trials: Iterable[Trial], history: History, metric: Objective) -> Rung:
        steps = ((trial, self._steps(trial.params)[k]) for trial in trials)
        return rung(steps, history, metric, self._best)

    def _promoted(self, k: int, loss: float, trial: Trial, here: Rung, metric: Objective) -> Promotion:
        step, until = self._steps(trial.params)[k : k + 2]
        reason = (
            f"the best of {len(here.waiting)} that wait at step {step}, {metric.name} {metric.value(loss):.6g};"
            f" {here.n_promoted} of {here.n} there were promoted before, {here.n // self.eta} may be"
        )
        return Promotion(trial.number, until, reason)

    # ---- verdicts

    def _staged(self, trial: Trial, history: History, metric: Objective) -> Verdict:
        """It goes to its rung, and waits there."""
        steps = self._steps(trial.params)
        until = trial.until or steps[-1]
        if trial.last_step < until:
            return Verdict(Action.CONTINUE, f"step {trial.last_step}, its rung is at step {until}")
        if until >= steps[-1]:
            return Verdict(Action.FINISH, f"step {until} is the last rung")
        return Verdict(Action.PAUSE, self._standing(trial, until, history, metric))

    def _standing(self, trial: Trial, step: int, history: History, metric: Objective) -> str:
        """Where the trial stands among those that came to its rung."""
        loss = history.arrival(trial, metric, step, self._best)
        if loss is None:
            return f"no {metric.name} was reported at step {step}"
        k = self._steps(trial.params).index(step)
        others = self._losses(k, trial, history, metric)
        place = 1 + sum(other < loss for other in others)
        return f"{metric.name} {metric.value(loss):.6g} at step {step} is number {place} of {len(others) + 1} there"

    def _compared(self, trial: Trial, history: History, metric: Objective) -> Verdict:
        """It is stopped at the rung that it has just come to, unless it is among the best there."""
        steps, curve = self._steps(trial.params), history.curve(trial, metric).steps
        before, now = (int(curve[-2]) if len(curve) > 1 else 0), (int(curve[-1]) if len(curve) else 0)
        if now >= steps[-1]:
            return Verdict(Action.FINISH, f"step {steps[-1]} is the last rung")
        k = max((k for k, step in enumerate(steps) if before < step <= now), default=None)
        if k is None:
            return Verdict(Action.CONTINUE, f"step {now}, no rung was come to")
        others, own = self._losses(k, trial, history, metric), history.arrival(trial, metric, steps[k], self._best)
        if own is None or len(others) < self.min_trials:
            return Verdict(Action.CONTINUE, f"{len(others)} others at step {steps[k]}, {self.min_trials} are needed")
        better, allowed = sum(other < own for other in others), max(1, (len(others) + 1) // self.eta)
        reason = self._standing(trial, steps[k], history, metric)
        verdict = Action.CONTINUE if better < allowed else Action.STOP
        return Verdict(verdict, f"{reason}; the best {allowed} go on")

    def _losses(self, k: int, trial: Trial, history: History, metric: Objective) -> list[float]:
        """Those of the others that came to rung k."""
        others = (each for each in history.trials if each.number != trial.number and not each.damaged)
        arrived = (history.arrival(each, metric, self._steps(each.params)[k], self._best) for each in others)
        return [loss for loss in arrived if loss is not None]
