"""Pruning by limits that are known beforehand."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self, final

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.pruners._standing import Compare, Direction, MetricName, Standing, without_a_number
from sweeprun.pruners.base import Action, Pruner, Verdict
from sweeprun.trials import Json, Trial

_STEP = "[1-9][0-9]*"
_PERCENTAGE = r"([0-9]+(?:\.[0-9]+)?)\s*%"


@dataclass(frozen=True, slots=True)
class _Distance:
    """So much in the metric's own units or, as a percentage, of the size of the best value."""

    amount: float
    percentage: bool

    @classmethod
    def read(cls, written: Json) -> Self:
        match = re.fullmatch(_PERCENTAGE, written) if isinstance(written, str) else None
        is_number = isinstance(written, int | float) and not isinstance(written, bool)
        amount = float(match[1]) if match else float(written) if is_number else math.nan
        if not 0 < amount < math.inf:
            allowed = "a percentage such as 15%, or a number in the metric's own units, above 0"
            raise ValueError(f"holds the distance {written!r}; allowed is {allowed}")
        return cls(amount, match is not None)

    def beyond(self, best: float) -> float:
        """How much higher than `best` a loss may be."""
        return abs(best) * self.amount / 100 if self.percentage else self.amount

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.percentage else ''}"


def _schedule(written: Json) -> dict[int, str | float]:
    """As written, by whole steps: the keys of a file are text. Raises ValueError in words that follow the key."""
    if not isinstance(written, Mapping) or not written:
        raise ValueError(f"must say distances by steps, as in {{5: 15%, 10: 0.02}}, not {written!r}")
    schedule: dict[int, str | float] = {}
    for key, distance in written.items():
        if not re.fullmatch(_STEP, str(key)):
            raise ValueError(f"holds the step {key!r}; allowed is a whole number of at least 1")
        step, before = int(key), max(schedule, default=0)
        if step <= before:
            raise ValueError(f"has step {step} after step {before}; steps must ascend")
        _Distance.read(distance)
        schedule[step] = distance
    return schedule


_SCHEMA: dict[str, Json] = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": f"^{_STEP}$"},
    "additionalProperties": {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": f"^{_PERCENTAGE}$"}]
    },
}


@final
class ThresholdPruner(Pruner):
    """Stops a trial outside of bounds, or too far behind the best one: where you know beforehand what is hopeless.

    `lower` and `upper` bound the metric, in its own units and whatever its goal; its value at the newest step counts.
    `behind` says how far a trial may be behind the best other one at its step, and from which step on: below, 15 % from
    step 5 on and 10 % from step 10 on. The best one is sought among those that have come that far, were pruned or are
    complete. One of them is enough: the best of few is a lower bar than the best of many.

    A number is a distance in the metric's own units. A percentage is one of the size of the best value, whatever its
    sign: 15 % behind is below 0.68 where the best accuracy is 0.8, above 2.3 where the best loss is 2, below -46 where
    the best log-likelihood is -40. Of 0 there is no percentage, and nobody is stopped. A metric that crosses 0 or comes
    close to it needs a number.

    At step `until` and later nobody is stopped, but for a metric that becomes NaN, which stops the trial at once.

        pruner: {name: threshold, behind: {5: 15%, 10: 10%, 30: 5%}, until: 80}
    """

    metric: MetricName = None
    goal: Direction = None
    lower: float | None = Field(default=None, description="a trial whose value is below is stopped")
    upper: float | None = Field(default=None, description="a trial whose value is above is stopped")
    behind: Annotated[Mapping[int, str | float], PlainValidator(_schedule), WithJsonSchema(_SCHEMA)] | None = Field(
        default=None,
        description="how far a trial may be behind the best other one, by the step from which on that holds: "
        "a percentage of the best value, or a number in the metric's own units",
    )
    compare: Compare = "best"
    warmup: int = Field(default=1, ge=0, description="the first step at which a trial is judged")
    until: int | None = Field(default=None, ge=1, description="the first step at which none is stopped any more")

    @model_validator(mode="after")
    def _decides_something(self) -> Self:
        if self.lower is None and self.upper is None and self.behind is None:
            raise ValueError("needs lower, upper or behind: without any of them it stops nobody")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"lower is {self.lower:g} and upper is {self.upper:g}; lower must be below upper")
        last = max([self.warmup, *(self.behind or ())])
        if self.until is not None and self.until <= last:
            raise ValueError(f"until is {self.until}, so that what begins at step {last} never decides")
        return self

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        metric = history.metric(self.metric, self.goal)
        curve = history.curve(trial, metric)
        unjudged = without_a_number(trial, metric, curve)
        if unjudged is not None:
            return unjudged
        step, newest = int(curve.steps[-1]), trial.curve.steps[-1]
        if self.until is not None and newest >= self.until:
            return Verdict(Action.CONTINUE, f"step {newest}, nobody is stopped from step {self.until} on")
        if step < self.warmup:
            return Verdict(Action.CONTINUE, f"step {step}, trials are judged from step {self.warmup} on")
        outside = self._outside(metric, metric.value(float(curve.losses[-1])), step)
        if outside:
            return Verdict(Action.STOP, outside)
        distance = self._distance(step)
        if distance is None:
            return Verdict(Action.CONTINUE, f"step {step}, {self._why_no_comparison()}")
        return _compared(Standing.of(trial, history, metric, self.compare), distance)

    def _outside(self, metric: Objective, value: float, step: int) -> str:
        """Which bound `value` is beyond; empty where it is beyond none."""
        said = f"{metric.name} {value:.6g} at step {step} is"
        if self.lower is not None and value < self.lower:
            return f"{said} below {self.lower:g}, the lowest allowed"
        if self.upper is not None and value > self.upper:
            return f"{said} above {self.upper:g}, the highest allowed"
        return ""

    def _distance(self, step: int) -> _Distance | None:
        """How far behind a trial may be at `step`; None: as far as it likes."""
        begun = [distance for first, distance in (self.behind or {}).items() if first <= step]
        return _Distance.read(begun[-1]) if begun else None

    def _why_no_comparison(self) -> str:
        return f"comparisons begin at step {min(self.behind)}" if self.behind else "within the bounds"


def _compared(standing: Standing, distance: _Distance) -> Verdict:
    if not len(standing.others):
        return Verdict(Action.CONTINUE, f"no other trial has come to step {standing.step}")
    best, n = float(standing.others[0]), len(standing.others)
    shown = f"{standing.metric.value(best):.6g}, the best of {n} other{'' if n == 1 else 's'}"
    if distance.percentage and not best:
        return Verdict(Action.CONTINUE, f"{standing}, beside {shown}: there is no percentage of 0")
    worse = standing.own - best > distance.beyond(best)  # equal infinities: NaN, which is not more
    reason = f"{standing} is {'more' if worse else 'not more'} than {distance} behind {shown}"
    return Verdict(Action.STOP if worse else Action.CONTINUE, reason)
