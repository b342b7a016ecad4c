"""What a trial has reported over its steps: its curve and its values."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Literal

from sweeprun.objective import Objective
from sweeprun.trials import Curve, Trial

MAX_POINTS = 512  # of a curve in a record
ENDLESS = 1_000_000_000  # the step at which a trial ends that ends when its program does
MAX_STEP = 2**53 - 1  # above it a float no longer tells one step from the next: what is said there is no count
MAX_VALUES = 64  # metrics kept with a trial, those that matter first

Reduce = Literal["best", "last"]


class Reported:
    """The curve and the values of one trial, grown report by report.

    `tracked` are the metrics whose curves are kept; with `derived` ones they are what matters most of the values. Those
    come from the step at which `objective` is best, or from the last one, as `reduce` says. `rungs` are steps that
    thinning must not drop. The last report of a step counts for the curve and the first for rungs.

    `last_step` is the furthest step that counts, before the first report that of the checkpoint it was born with;
    `newest` the step of the newest report, with all that was reported of it; `nonfinite` the first tracked metric that
    was NaN or infinite, and the step.
    """

    def __init__(
        self,
        trial: Trial,
        objective: Objective,
        tracked: Sequence[str],
        derived: Collection[str] = (),
        reduce: Reduce = "best",
        rungs: frozenset[int] = frozenset(),
    ):
        self.nonfinite: tuple[str, int] | None = None
        self._objective, self._tracked, self._matter = objective, tracked, (*tracked, *derived)
        self._reduce, self._rungs = reduce, rungs
        self._points = _points(trial.curve)
        self._firsts = {step: dict(values) for step, values in self._points.items()}
        for name, differing in trial.curve.firsts.items():
            for step, value in differing.items():
                self._firsts[step][name] = value
        self._values, self._step = dict(trial.values), trial.step
        self.newest: tuple[int, dict[str, float]] = (0, {})
        self._from_step = trial.from_step
        self.last_step = max(self._points, default=self._from_step)

    def note(self, step: int, values: Mapping[str, float]) -> None:
        """Take in what was reported of a step; several reports may speak of one."""
        self.newest = step, {**(self.newest[1] if step == self.newest[0] else {}), **values}
        tracked = {name: values[name] for name in self._tracked if name in values}
        if self.nonfinite is None:
            broken = (name for name, value in tracked.items() if not math.isfinite(value))
            self.nonfinite = next(((name, step) for name in broken), None)
        if tracked:  # what else was reported is no point of a curve: there it would read as NaN
            self._points.setdefault(step, {}).update(tracked)
            self._firsts[step] = tracked | self._firsts.get(step, {})
        self.last_step = max(self.last_step, step)
        if step == self._step and self._worsens(values):
            self._choose_again()
        self._consider(step, self.newest[1])
        if len(self._points) > 4 * MAX_POINTS:
            kept = set(self._thinned())
            for points in (self._points, self._firsts):
                for known in [known for known in points if known not in kept]:
                    del points[known]

    def forget_from(self, step: int) -> None:
        """Nothing that was reported of `step` and of those after it counts any more."""
        for points in (self._points, self._firsts):
            for later in [known for known in points if known >= step]:
                del points[later]
        self.last_step = max(min(self.last_step, step - 1), self._from_step)
        if self._step is not None and self._step >= step:
            self._choose_again()

    @property
    def values(self) -> Mapping[str, float]:
        """Those of the trial so far."""
        return self._values

    def trial(self, trial: Trial) -> Trial:
        """`trial` with what was reported so far."""
        furthest = max(self.last_step if self._points or self.newest[1] else 0, trial.last_step)
        return trial._replace(values=self._values, step=self._step, last_step=furthest, curve=self._curve())

    def _choose_again(self) -> None:
        """The step that gave the values is gone, or is not the best any more. Of the others only curves are known."""
        self._values, self._step = {}, None
        for known in sorted(self._points):
            self._consider(known, self._points[known])

    def _consider(self, step: int, values: Mapping[str, float]) -> None:
        """Make `values` those of the trial where they are better, or later, or belong to the same step."""
        if step != self._step and not self._leads(step, values):
            return
        together = {**self._values, **values} if step == self._step else values  # others may have been told between
        self._step = step
        matter = {name: together[name] for name in self._matter if name in together}
        self._values = dict(islice({**matter, **together}.items(), MAX_VALUES))

    def _leads(self, step: int, values: Mapping[str, float]) -> bool:
        if self._objective.name not in values:
            return False
        if self._reduce == "last":
            return self._step is None or step > self._step
        return not self._values or self._better(values, self._values)

    def _worsens(self, values: Mapping[str, float]) -> bool:
        """Whether a later report of the step that gave the values takes back what made it the best."""
        matters = self._reduce == "best" and self._objective.name in values
        return matters and self._better(self._values, values)

    def _better(self, one: Mapping[str, float], other: Mapping[str, float]) -> bool:
        a, b = (self._objective.loss(values[self._objective.name]) for values in (one, other))
        return not math.isnan(a) and (math.isnan(b) or a < b)

    def _thinned(self) -> Sequence[int]:
        steps = sorted(self._points)
        if len(steps) <= MAX_POINTS:
            return steps
        kept = {steps[0], steps[-1], self._step} | (self._rungs & self._points.keys())
        room = max(MAX_POINTS - len(kept), 1)
        # Even over the steps, not over the points that are left: those of long ago would be thinned away for good.
        marks = (steps[0] + i * (steps[-1] - steps[0]) / room for i in range(room))
        kept |= {steps[bisect_left(steps, mark)] for mark in marks}
        return [step for step in steps if step in kept]

    def _curve(self) -> Curve:
        steps = tuple(self._thinned())
        names = [name for name in self._tracked if any(name in self._points[step] for step in steps)]
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
