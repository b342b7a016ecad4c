"""An end for trials that no longer get better."""

from __future__ import annotations

from typing import final

from pydantic import Field

from sweeprun.history import History
from sweeprun.pruners._standing import Direction, MetricName, without_a_number
from sweeprun.pruners.base import Action, Pruner, Verdict
from sweeprun.trials import Trial


@final
class PatiencePruner(Pruner):
    """Ends a trial that has not improved for so many steps: early stopping, for programs that have none of their own.

    A trial is compared with itself alone, so the first one of a sweep is judged like any other, and a good one that has
    come to its best ends as well as a bad one: both are complete. Its best value must be better by `min_delta` than it
    was `patience` steps ago. Steps count, not reports: where every tenth step is reported, a patience of 30 sees three
    reports. A metric that becomes NaN stops the trial at once.

    Paper: Prechelt 1998, Early stopping - but when? (stopping when it has become worse for some time).
    Differs from the paper: the best value so far decides, not whether each strip of steps was worse than the last.

        pruner: {name: patience, patience: 10, min_delta: 0.001}
    """

    metric: MetricName = None
    goal: Direction = None
    patience: int = Field(ge=1, description="the number of steps within which the best value has to improve")
    min_delta: float = Field(
        default=0.0, ge=0, description="the least improvement that counts, in the metric's own units; 0: any"
    )
    warmup: int = Field(default=0, ge=0, description="the step from which on steps without improvement are counted")

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        metric = history.metric(self.metric, self.goal)
        curve = history.curve(trial, metric)
        unjudged = without_a_number(trial, metric, curve)
        if unjudged is not None:
            return unjudged
        step = int(curve.steps[-1])
        start = step - self.patience
        before = curve.at(start, best=True)
        if before is None or start < self.warmup:
            first = max(self.warmup, int(curve.steps[0])) + self.patience
            return Verdict(Action.CONTINUE, f"step {step}, an improvement is due at step {first}")
        own = float(curve.best[-1])
        improved = own < before and before - own >= self.min_delta
        now, then, least = metric.value(own), metric.value(before), f" by {self.min_delta:g}" * (self.min_delta > 0)
        steps = "1 step" if self.patience == 1 else f"{self.patience} steps"
        reason = f"the best {metric.name} is {now:.6g} at step {step} and was {then:.6g} at step {start}"
        if improved:
            return Verdict(Action.CONTINUE, f"{reason}: improved{least}")
        return Verdict(Action.FINISH, f"{reason}: not improved{least} in {steps}")
