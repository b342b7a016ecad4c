"""Pruning by a paired test, where steps are folds or instances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from pydantic import Field

from sweeprun.history import Floats, History, LossCurve
from sweeprun.numerics import signed_rank
from sweeprun.objective import Objective
from sweeprun.pruners._standing import Direction, MetricName, without_a_number
from sweeprun.pruners.base import Action, Pruner, Verdict
from sweeprun.trials import Trial, TrialState


@final
class WilcoxonPruner(Pruner):
    """Stops a trial that is surely worse than the best one on average: where each step is a fold or an instance.

    The trial's values are paired, step by step, with those of the complete trial that has the best mean over the steps
    which both have, among those that have most of them. It is stopped where its own mean is worse and a one-sided
    signed-rank test says so with a chance of error below `p`. So a hard fold is hard for both and proves nothing. The
    metric has to be that of each step by itself: means over the steps so far prove the same thing again and again. A
    metric that becomes NaN stops the trial at once.

    Paper: Wilcoxon 1945, Individual comparisons by ranking methods. That such a test may prune is Optuna's idea
    (WilcoxonPruner).
    Differs from Optuna: the best trial is the one with the best mean of this metric, not of the objective; equal values
    take part as Pratt 1959 has them; ties are computed exactly up to 50 steps; an infinite value is one that is worse
    than any other, not a reason to spare the trial. The same as there: the test is made anew at each step, so of trials
    as good as the best more are stopped than `p` says.

        step: fold
        reduce: last
        pruner: {name: wilcoxon, metric: fold_accuracy, goal: maximize}
    """

    metric: MetricName = None
    goal: Direction = None
    p: float = Field(default=0.1, gt=0, lt=1, description="the chance of error below which a worse trial is stopped")
    startup: int = Field(default=4, ge=2, description="the number of steps in common from which on the test is made")

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        metric = history.metric(self.metric, self.goal)
        curve = history.curve(trial, metric)
        unjudged = without_a_number(trial, metric, curve)
        if unjudged is not None:
            return unjudged
        pairs = min(_candidates(trial, history, metric), key=lambda each: each.order, default=None)
        if pairs is None:
            return Verdict(Action.CONTINUE, "no trial is complete yet")
        if len(pairs.own) < self.startup:
            steps = "1 step" if len(pairs.own) == 1 else f"{len(pairs.own)} steps"
            few = f"{steps} in common with trial {pairs.number}, {self.startup} are needed"
            return Verdict(Action.CONTINUE, few)
        return self._tested(metric, pairs)

    def _tested(self, metric: Objective, pairs: _Pairs) -> Verdict:
        own, best = _mean(pairs.own), _mean(pairs.best)
        said = (
            f"the mean {metric.name} over {len(pairs.own)} steps is {metric.value(own):.6g},"
            f" that of trial {pairs.number} {metric.value(best):.6g}"
        )
        if not own > best:
            return Verdict(Action.CONTINUE, f"{said}: no worse")
        with np.errstate(over="ignore"):  # equal infinities do not come here: their means are no worse
            p = signed_rank.chance(pairs.own - pairs.best)
        if p < self.p:
            return Verdict(Action.STOP, f"{said}: worse, p = {p:.3g} is below {self.p:g}")
        return Verdict(Action.CONTINUE, f"{said}: not surely worse, p = {p:.3g} is not below {self.p:g}")


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """The losses of a trial and of the complete trial `number` at the steps that both have, (k,) each."""

    number: int
    own: Floats
    best: Floats

    @classmethod
    def of(cls, curve: LossCurve, number: int, other: LossCurve) -> Self:
        _, here, there = np.intersect1d(curve.steps, other.steps, assume_unique=True, return_indices=True)
        return cls(number, curve.losses[here], other.losses[there])

    @property
    def order(self) -> tuple[int, float, list[float]]:
        """Lowest for the one to compare with; it does not depend on the numbers of trials."""
        mean = _mean(self.best)
        return -len(self.best), mean if mean == mean else np.inf, self.best.tolist()


def _candidates(trial: Trial, history: History, metric: Objective) -> Iterator[_Pairs]:
    curve = history.curve(trial, metric)
    for other in history.trials:
        if other.state is TrialState.COMPLETE:
            yield _Pairs.of(curve, other.number, history.curve(other, metric))


def _mean(losses: Floats) -> float:
    """NaN where infinities of both signs are among them, or nothing is."""
    values = losses.tolist()
    return sum(values) / len(values) if values else np.nan
