"""Asynchronous successive halving."""

from __future__ import annotations

import math
from typing import Literal, Self, final

from pydantic import Field, model_validator

from sweeprun.history import History
from sweeprun.pruners._halving import Bracket, Halving
from sweeprun.pruners._rungs import Eta, Ladder, Length, Max, Min, Steps
from sweeprun.pruners._standing import Compare, Direction, MetricName, news
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
    more; failed trials count in n; without `min` the first rung is at a seventeenth of `max`, and never below step 3;
    at a tenth where a warmup is searched.

        pruner: {name: asha, max: 81}
    """

    metric: MetricName = None
    goal: Direction = None
    compare: Compare = "best"
    max: Max = None
    length: Length = None
    min: Min = None
    rungs: Steps = None
    eta: Eta = 3
    mode: Literal["promote", "stop"] = Field(
        default="promote", description="promote: trials wait at rungs, and the best go on; stop: nobody waits"
    )
    min_trials: int = Field(
        default=4, ge=1, description="with mode: stop, with fewer others at a rung nobody is stopped there"
    )

    @model_validator(mode="after")
    def _climbable(self) -> Self:
        self.ladder.check()
        return self

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        halving = self._halving(history)
        verdict = halving.verdict(trial)
        return self._compared(trial, halving, since) if self.mode == "stop" and not verdict.stop else verdict

    def promotion(self, history: History) -> Promotion | None:
        return self._halving(history).promotion()

    def start(self, params: Params, history: History) -> Start:
        steps = self.ladder.steps(params)
        return Start(steps[-1] if self.mode == "stop" else steps[0])

    @property
    def trials_per_round(self) -> int:
        """So many trials bring one to the last rung."""
        return int(self.eta ** (self.ladder.n - 1))

    @property
    def ladder(self) -> Ladder:
        """Where the rungs are."""
        return Ladder(self.min, self.max, self.length, self.rungs, self.eta)

    def _halving(self, history: History) -> Halving:
        metric = history.metric(self.metric, self.goal)
        return Halving(history, self.ladder, _bracket, metric, self.compare == "best")

    def _compared(self, trial: Trial, halving: Halving, since: int | None) -> Verdict:
        """It is stopped at a rung that it has come to since it was judged before, unless it is among the best there."""
        before, now = news(halving.history.curve(trial, halving.metric), since)
        verdict = Verdict(Action.CONTINUE, f"step {now}, no rung was come to")
        for step in self.ladder.steps(trial.params):
            if before < step <= now and not verdict.stop:
                verdict = self._at_rung(trial, halving, step)
        return verdict

    def _at_rung(self, trial: Trial, halving: Halving, step: int) -> Verdict:
        own = halving.loss(trial, step)
        n_others, n_better = halving.others(trial, step, math.inf if own is None else own)
        if own is None or n_others < self.min_trials:
            return Verdict(Action.CONTINUE, f"{n_others} others at step {step}, {self.min_trials} are needed")
        allowed = max(1, (n_others + 1) // self.eta)
        reason = f"{halving.standing(trial, step)}; the best {allowed} go on"
        return Verdict(Action.CONTINUE if n_better < allowed else Action.STOP, reason)


def _bracket(trial: Trial) -> Bracket:
    """All are in one bracket, whose first rung is the lowest."""
    return Bracket(0, 0)
