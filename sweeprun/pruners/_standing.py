"""Where a trial stands: what pruners have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from sweeprun.history import Floats, History, LossCurve
from sweeprun.objective import Goal, Objective
from sweeprun.pruners.base import Action, Verdict
from sweeprun.trials import Trial

MetricName = Annotated[str | None, Field(description="the metric that is judged; the first objective by default")]
Direction = Annotated[
    Goal | None,
    Field(description="minimize or maximize; by default the sweep's own for this metric, else minimize"),
]
Compare = Annotated[
    Literal["best", "value"],
    Field(description="best: the best value so far of each trial; value: the value at the step"),
]


def without_a_number(trial: Trial, metric: Objective, curve: LossCurve) -> Verdict | None:
    """The verdict on a trial whose `curve` has no number to judge by: one that became NaN is stopped at once, one that
    has reported nothing yet goes on. None where there is a number."""
    if curve.diverged:
        return Verdict(Action.STOP, f"{metric.name} is NaN at step {trial.curve.steps[-1]}")
    return None if len(curve.steps) else Verdict(Action.CONTINUE, "nothing reported yet")


def news(curve: LossCurve, since: int | None) -> tuple[int, int]:
    """The step to which a trial was judged before, -1 where it was not, and the one that it has come to, see
    Pruner.verdict."""
    steps = [-1, -1, *curve.steps[-2:].tolist()]
    return steps[-2] if since is None else since, steps[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """A trial at the newest step of its metric, in losses: its `own`, and those of the `others` there, ascending.

    The others are those that run, are paused, were pruned or are complete; each counts with its last report at or
    before the step, the running ones once they have come that far.
    """

    metric: Objective
    step: int
    own: float
    others: Floats

    @classmethod
    def of(cls, trial: Trial, history: History, metric: Objective, compare: Literal["best", "value"]) -> Standing:
        """Where `trial`, which has reported a number, stands in `history`."""
        curve, best = history.curve(trial, metric), compare == "best"
        step = int(curve.steps[-1])
        own = float((curve.best if best else curve.losses)[-1])
        return cls(metric, step, own, history.others(trial, metric, step, best))

    def __str__(self) -> str:
        """What the trial has, for the beginning of a sentence."""
        return f"{self.metric.name} {self.metric.value(self.own):.6g} at step {self.step}"
