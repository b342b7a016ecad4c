"""What reading commands ask of a sweep's file. They take it from the resolved text in `sweep.json`: the validated model
would cost each of them the import of everything that a worker needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sweeprun.expressions import Expression
from sweeprun.run.progress import Reporting
from sweeprun.store.sweep import Sweep
from sweeprun.trial import Json, Trial


@dataclass(frozen=True, slots=True)
class Declared:
    """The first objective and how it is reported; `resolved` is the whole file, defaults included."""

    metric: str
    goal: str
    reporting: Reporting
    resolved: dict[str, Json]

    @classmethod
    def of(cls, sweep: Sweep) -> Declared:
        resolved = sweep.resolved
        metrics = [metric for metric in (resolved["metric"], *resolved["metrics"]) if metric is not None]
        first = next(metric for metric in metrics if metric["expr"] is None)
        reporting = Reporting(
            metric=first["name"],
            maximize=first["goal"] == "maximize",
            step=resolved["step"]["name"] if resolved["step"] else "epoch",
            reduce=resolved["reduce"],
            tracked=(first["name"],),
            derived={metric["name"]: Expression.parse(metric["expr"]) for metric in metrics if metric["expr"]},
            from_stdout=resolved["metrics_from"] == "stdout",
        )
        return cls(first["name"], first["goal"], reporting, resolved)

    @property
    def first(self) -> int | None:
        """What the program calls its first step, where the file says it."""
        step = self.resolved["step"]
        return step["first"] if step else None

    def value(self, trial: Trial) -> float:
        """The trial's value of the first objective; NaN where it has none."""
        return trial.values.get(self.metric, math.nan)

    def loss(self, trial: Trial) -> float:
        """The same, to be minimised."""
        value = self.value(trial)
        return -value if self.goal == "maximize" else value
