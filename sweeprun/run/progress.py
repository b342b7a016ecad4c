"""What a trial has reported so far, over all its runs."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sweeprun.expressions import Expression, ExpressionError
from sweeprun.objective import Objective
from sweeprun.run.source import JSON_FILE, Source
from sweeprun.store.layout import RunFiles
from sweeprun.store.metrics import Reader, Row
from sweeprun.trials import Curve, Measurement, Params, Trial

MAX_POINTS = 512  # of a curve in a record
MAX_STEP = 2**53 - 1  # above it a float no longer tells one step from the next: what is said there is no count
MAX_VALUES = 64  # metrics kept with a trial, those of the sweep file first; the rest is in its metrics file


@dataclass(frozen=True, slots=True)
class Reporting:
    """How rows of metrics are understood: the sweep file's part in it.

    `objectives` are one or more; `tracked` are the metrics whose curves are kept; `rungs` are steps that thinning must
    not drop; `first` is what the program calls its first step, 0 or 1, where the file says it.
    """

    objectives: tuple[Objective, ...]
    step: str = "epoch"
    first: int | None = None
    reduce: str = "best"
    tracked: tuple[str, ...] = ()
    derived: Mapping[str, Expression] = field(default_factory=dict)
    rungs: frozenset[int] = frozenset()
    source: Source = JSON_FILE

    @classmethod
    def of(cls, resolved: Mapping[str, Any], also: Sequence[str] = ()) -> Reporting:
        """What a resolved sweep file says; `also` are metrics to track beside the objectives."""
        metrics = [metric for metric in (resolved["metric"], *resolved["metrics"]) if metric is not None]
        counting = [each for each in metrics if each["goal"] is not None]
        objectives = tuple(Objective(each["name"], each["goal"], each["limit"]) for each in counting)
        source = Source.of(resolved["metrics_from"])
        step, first = (resolved["step"]["name"], resolved["step"]["first"]) if resolved["step"] else source.step
        return cls(
            objectives=objectives,
            step=step,
            first=first,
            reduce=resolved["reduce"],
            tracked=tuple(dict.fromkeys([*(objective.name for objective in objectives), *also])),
            derived={each["name"]: Expression.parse(each["expr"]) for each in metrics if each["expr"] is not None},
            source=source,
        )

    @property
    def objective(self) -> Objective:
        """The first one, which chooses the step that gives a trial its values."""
        return self.objectives[0]

    def computed(self, params: Params, values: Mapping[str, float]) -> dict[str, float]:
        """The derived metrics, as far as `values` suffice."""
        derived: dict[str, float] = {}
        for name, expression in self.derived.items():
            try:
                derived[name] = float(expression.evaluate(params, {**values, **derived}))
            except ExpressionError:
                continue  # a metric that it needs is not reported yet
        return derived

    @property
    def counts_each_run(self) -> bool:
        """Whether steps are counted for the program, anew in each of its runs: the calls of wandb.log."""
        return self.source.kind == "wandb" and self.step == self.source.step[0]

    def first_step(self, trials: Iterable[Trial]) -> int | None:
        """What programs call their first step: as the file says, else as the first report of the sweep decided."""
        if self.first is not None:
            return self.first
        return next((trial.first for trial in trials if trial.first is not None), None)

    def reader(self, files: RunFiles, command: Mapping[str, Any]) -> Reader:
        """The reader of one run. `command` is what was recorded of its start, where it was: it reports as it was told
        to then, though the sweep may go by another file now."""
        source = Source.of(command["metrics_from"]) if "metrics_from" in command else self.source
        return source.reader(files, self.step, command)


class Progress:
    """The curve and the values of one trial, grown row by row.

    A later run replaces all steps from its first step on. Within a run the last report of a step counts for the
    curve and the first for rungs. `first` is what the program calls its first step, 0 or 1; None until it is known.
    `continues`: the run found a checkpoint; it tells whether a program that names no steps, or has them counted in each
    of its runs, begins again at 1.
    """

    def __init__(self, reporting: Reporting, trial: Trial, first: int | None, continues: bool):
        self.reporting = reporting
        self.first = trial.first if trial.first is not None else first
        self.names: set[str] = set()
        self.nonfinite: str | None = None
        self._params: Params = trial.params
        self._continues, self._says_steps, self._before = continues, False, 0
        self._fresh = True
        self._points = _points(trial.curve)
        self._firsts = {step: dict(values) for step, values in self._points.items()}
        for name, differing in trial.curve.firsts.items():
            for step, value in differing.items():
                self._firsts[step][name] = value
        self._values, self._step = dict(trial.values), trial.step
        self._newest: tuple[int, dict[str, float]] = (0, {})
        self.last_step = max(self._points, default=0)

    def add(self, row: Row, seconds: float) -> Measurement | None:
        """Take in what was reported at once; None where it holds no number."""
        values = {key: float(value) for key, value in row.items() if type(value) in (int, float) and _fits(value)}
        reported = _step(values.pop(self.reporting.step, None))
        values |= self.reporting.computed(self._params, values)
        if not values:
            return None
        step = self._finished(reported, values)
        if self._fresh:
            self._forget_from(step)
        if step == self._newest[0]:  # several rows may speak of one step, and a derived metric need them all
            together = {**self._newest[1], **values}
            values |= self.reporting.computed(self._params, together)
            self._newest = (step, together | values)
        else:
            self._newest = (step, values)
        self.names |= values.keys()
        self._note(step, values)
        return Measurement(step, values, seconds)

    def trial(self, trial: Trial) -> Trial:
        """`trial` with what was reported so far."""
        return replace(
            trial,
            values=self._values,
            step=self._step,
            last_step=max(self.last_step, trial.last_step),
            preemptions=0 if self.last_step > trial.last_step else trial.preemptions,
            first=self.first,
            curve=self._curve(),
        )

    def _finished(self, reported: int | None, values: Mapping[str, float]) -> int:
        """The number of finished steps that a row speaks of. A program that never names a step makes one with every
        row that holds a tracked metric, but for one that completes the newest; where steps are named, a row without one
        speaks of the newest."""
        if reported is not None:
            if self.first is None:
                self.first = 0 if reported == 0 else 1
            if not self._says_steps and self._continues and self.reporting.counts_each_run and reported == self.first:
                self._before = self.last_step
            self._says_steps = True
            return self._before + reported + 1 - self.first
        if not self._says_steps and self._begins_step(values):
            return 1 if self._fresh and not self._continues else self.last_step + 1
        return max(self.last_step, 1)

    def _begins_step(self, values: Mapping[str, float]) -> bool:
        """Whether it holds a tracked metric, and not merely one that the newest step still lacks."""
        told, before = ({n for n in self.reporting.tracked if n in row} for row in (values, self._newest[1]))
        return bool(told) and (not before or not told.isdisjoint(before))

    def _forget_from(self, step: int) -> None:
        self._fresh = False
        for points in (self._points, self._firsts):
            for later in [known for known in points if known >= step]:
                del points[later]
        self.last_step = max(self._points, default=0)
        if self._step is not None and self._step >= step:
            self._choose_again()

    def _choose_again(self) -> None:
        """The step that gave the values is gone, or is not the best any more. Of the others only curves are known."""
        self._values, self._step = {}, None
        for known in sorted(self._points):
            self._consider(known, self._points[known])

    def _note(self, step: int, values: dict[str, float]) -> None:
        tracked = {name: values[name] for name in self.reporting.tracked if name in values}
        if self.nonfinite is None:
            self.nonfinite = next((name for name, value in tracked.items() if not math.isfinite(value)), None)
        self._points.setdefault(step, {}).update(tracked)
        self._firsts.setdefault(step, {})
        self._firsts[step] = tracked | self._firsts[step]
        self.last_step = max(self.last_step, step)
        if step == self._step and self._worsens(values):
            self._choose_again()
        self._consider(step, self._newest[1])
        if len(self._points) > 4 * MAX_POINTS:
            kept = set(self._thinned())
            for points in (self._points, self._firsts):
                for known in [known for known in points if known not in kept]:
                    del points[known]

    def _consider(self, step: int, values: Mapping[str, float]) -> None:
        """Make `values` those of the trial where they are better, or later, or belong to the same step."""
        if step != self._step and not self._leads(step, values):
            return
        together = {**self._values, **values} if step == self._step else values  # others may have been told between
        self._step = step
        names = (*self.reporting.tracked, *self.reporting.derived)
        matter = {name: together[name] for name in names if name in together}
        self._values = dict(islice({**matter, **together}.items(), MAX_VALUES))

    def _leads(self, step: int, values: Mapping[str, float]) -> bool:
        if self.reporting.objective.name not in values:
            return False
        if self.reporting.reduce == "last":
            return self._step is None or step > self._step
        return not self._values or self._better(values, self._values)

    def _worsens(self, values: Mapping[str, float]) -> bool:
        """Whether a later report of the step that gave the values takes back what made it the best."""
        matters = self.reporting.reduce == "best" and self.reporting.objective.name in values
        return matters and self._better(self._values, values)

    def _better(self, one: Mapping[str, float], other: Mapping[str, float]) -> bool:
        objective = self.reporting.objective
        a, b = objective.loss(one[objective.name]), objective.loss(other[objective.name])
        return not math.isnan(a) and (math.isnan(b) or a < b)

    def _thinned(self) -> Sequence[int]:
        steps = sorted(self._points)
        if len(steps) <= MAX_POINTS:
            return steps
        kept = {steps[0], steps[-1], self._step} | (self.reporting.rungs & self._points.keys())
        room = max(MAX_POINTS - len(kept), 1)
        # Even over the steps, not over the points that are left: those of long ago would be thinned away for good.
        marks = (steps[0] + i * (steps[-1] - steps[0]) / room for i in range(room))
        kept |= {steps[bisect_left(steps, mark)] for mark in marks}
        return [step for step in steps if step in kept]

    def _curve(self) -> Curve:
        steps = tuple(self._thinned())
        names = [name for name in self.reporting.tracked if any(name in self._points[step] for step in steps)]
        values = {name: tuple(self._points[step].get(name, math.nan) for step in steps) for name in names}
        firsts: dict[str, dict[int, float]] = {}
        for step in steps:
            for name, value in self._firsts[step].items():
                last = self._points[step][name]
                if value != last and not (math.isnan(value) and math.isnan(last)):
                    firsts.setdefault(name, {})[step] = value
        return Curve(steps, values, firsts)


def _points(curve: Curve) -> dict[int, dict[str, float]]:
    return {step: {name: column[i] for name, column in curve.values.items()} for i, step in enumerate(curve.steps)}


def _step(value: float | None) -> int | None:
    return int(value) if value is not None and 0 <= value <= MAX_STEP else None


def _fits(value: float) -> bool:
    return isinstance(value, float) or -(1 << 1000) < value < 1 << 1000  # float() of a larger int overflows
