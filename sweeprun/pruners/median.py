"""Pruning by comparison with the others at the same step."""

from __future__ import annotations

import math
from typing import final

from pydantic import Field

from sweeprun.history import Floats, History
from sweeprun.pruners._standing import Compare, Direction, MetricName, Standing, news, without_a_number
from sweeprun.pruners.base import Action, Pruner, Verdict
from sweeprun.trials import Trial


@final
class MedianPruner(Pruner):
    """Stops a trial that is worse than the median of the others at its step: safe, and for any kind of curve.

    The others are those that run, are paused, were pruned or are complete; each counts with its last report at or
    before the step, the running ones once they have come that far. A metric that becomes NaN stops the trial at once.

    Paper: Golovin et al. 2017, Google Vizier, section 3.2 (the median stopping rule).
    Differs from the paper: best-so-far against best-so-far instead of against running averages, and pruned and running
    trials count too (the paper takes completed ones), so that the first survivors do not set the bar alone.

        pruner: {name: median, warmup: 5}
    """

    metric: MetricName = None
    goal: Direction = None
    compare: Compare = "best"
    quantile: float = Field(
        default=0.5, gt=0, lt=1, description="the share of the others that a trial may be worse than"
    )
    min_trials: int = Field(default=4, ge=1, description="with fewer others at a step nobody is stopped there")
    startup: int = Field(default=4, ge=0, description="the first so many trials of the sweep are never compared")
    warmup: int = Field(default=3, ge=0, description="the step of the first comparison: earlier ones are mostly noise")
    interval: int = Field(default=1, ge=1, description="steps from one comparison to the next")

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        metric = history.metric(self.metric, self.goal)
        curve = history.curve(trial, metric)
        unjudged = without_a_number(trial, metric, curve)
        if unjudged is not None:
            return unjudged
        spared = self._spared(trial, *news(curve, since))
        if spared:
            return Verdict(Action.CONTINUE, spared)
        standing = Standing.of(trial, history, metric, self.compare)
        if len(standing.others) < self.min_trials:
            few = f"{len(standing.others)} others at step {standing.step}, {self.min_trials} are needed"
            return Verdict(Action.CONTINUE, few)
        return self._compared(standing)

    def _spared(self, trial: Trial, before: int, step: int) -> str:
        """Why no comparison is due at `step`, whatever the others did; empty where one is. `before` is the step to
        which it was judged before."""
        if trial.number < self.startup:
            return f"one of the first {self.startup} trials"
        if step < self.warmup:
            return f"step {step}, comparisons begin at step {self.warmup}"
        if before >= self.warmup and self._period(before) == self._period(step):
            return f"step {step}, compared at step {before} or earlier and every {self.interval} steps"
        return ""

    def _period(self, step: int) -> int:
        return (step - self.warmup) // self.interval

    def _compared(self, standing: Standing) -> Verdict:
        bar = _quantile(standing.others, self.quantile)
        worse = standing.own > bar
        what = "median" if self.quantile == 0.5 else f"{self.quantile:g} quantile"
        reason = (
            f"{standing} is {'worse' if worse else 'no worse'} than the {what} {standing.metric.value(bar):.6g}"
            f" of {len(standing.others)} others"
        )
        return Verdict(Action.STOP if worse else Action.CONTINUE, reason)


def _quantile(ascending: Floats, share: float) -> float:
    """Linear between neighbours, as numpy.quantile, but right for infinite ones too."""
    position = share * (len(ascending) - 1)
    below = math.floor(position)
    low, high = float(ascending[below]), float(ascending[min(below + 1, len(ascending) - 1)])
    return low if low == high or position == below else low * (below + 1 - position) + high * (position - below)
