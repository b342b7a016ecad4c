"""What a trial has reported so far, over all its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweeprun.expressions import Expression, ExpressionError
from sweeprun.objective import Objective
from sweeprun.reported import ENDLESS, MAX_STEP, Reduce, Reported
from sweeprun.run.source import JSON_FILE, Source
from sweeprun.store.layout import RunFiles
from sweeprun.store.metrics import Reader, Row
from sweeprun.trials import Curve, Measurement, Params, Trial


@dataclass(frozen=True, slots=True)
class Reporting:
    """How rows of metrics are understood: the sweep file's part in it.

    `objectives` are one or more; `tracked` are the metrics whose curves are kept; `rungs` are steps that thinning must
    not drop; `first` is what the program calls its first step, 0 or 1, where the file says it; `by_level`: a step of a
    trial is a level of fidelity, and what the program counts are steps within one.
    """

    objectives: tuple[Objective, ...]
    step: str = "epoch"
    first: int | None = None
    reduce: Reduce = "best"
    tracked: tuple[str, ...] = ()
    derived: Mapping[str, Expression] = field(default_factory=dict)
    rungs: frozenset[int] = frozenset()
    source: Source = JSON_FILE
    by_level: bool = False

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
            by_level=resolved["fidelity"] is not None,
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
    """What the rows of a trial's runs say, taken in one by one.

    A later run replaces all steps from its first step on. What is reported of steps that a segment was born with says
    nothing of its own parameters, and does not count. `first` is what the program calls its first step, 0 or 1;
    None until it is known. `continues`: the run found a checkpoint; it tells whether a program that names no steps, or
    has them counted in each of its runs, begins again at 1.
    """

    def __init__(self, reporting: Reporting, trial: Trial, first: int | None, continues: bool):
        self.reporting = reporting
        self.first = trial.first if trial.first is not None else first
        self.names: set[str] = set()
        told = trial._replace(curve=Curve(), values={}, step=None, last_step=0) if reporting.by_level else trial
        self._reported = _reported(reporting, told, reporting.reduce)
        self._had = max(told.last_step, self._reported.last_step)
        self._params: Params = trial.params
        self._from_step = trial.from_step
        self._continues, self._says_steps, self._before = continues, False, 0
        self._fresh = True
        self._newest = trial.curve.steps[-2:]

    @property
    def last_step(self) -> int:
        """The furthest step that counts."""
        return self._reported.last_step

    @property
    def nonfinite(self) -> tuple[str, int] | None:
        """The first tracked metric that was NaN or infinite in this run, and the step."""
        return self._reported.nonfinite

    def add(self, row: Row, seconds: float) -> Measurement | None:
        """Take in what was reported at once; None where it holds no number."""
        values = {key: float(value) for key, value in row.items() if type(value) in (int, float) and _fits(value)}
        reported = _step(values.pop(self.reporting.step, None))
        values |= self.reporting.computed(self._params, values)
        if not values:
            return None
        step = self._finished(reported, values)
        if self._from_step and step <= self._from_step:
            return None
        if self._fresh:
            self._fresh = False
            self._reported.forget_from(step)
            self._newest = tuple(known for known in self._newest if known < step)
        newest, before = self._reported.newest
        if step == newest:  # several rows may speak of one step, and a derived metric need them all
            values |= self.reporting.computed(self._params, {**before, **values})
        self.names |= values.keys()
        self._reported.note(step, values)
        if not self._newest or step > self._newest[-1]:
            self._newest = (*self._newest[-1:], step)
        return Measurement(step, values, seconds)

    def trial(self, trial: Trial) -> Trial:
        """`trial` with what was reported so far; of a level that is not finished nothing counts yet."""
        if self.reporting.by_level:
            return trial._replace(first=self.first)
        preemptions = 0 if self.moved else trial.preemptions
        return self._reported.trial(trial)._replace(preemptions=preemptions, first=self.first)

    def ended(self, trial: Trial) -> Trial:
        """`trial` with what was reported, now that its program has left by itself and well: that finishes a level, or
        brought it to the step to which it was to go, if it would have had no report to make until there."""
        if not self.reporting.by_level:
            reached = self.trial(trial)
            left_at = trial.until if self._left_between_reports(trial) else None
            return reached if left_at is None else reached._replace(last_step=left_at)
        if not all(objective.name in self.values for objective in self.reporting.objectives):
            return self.trial(trial)
        levels = _reported(self.reporting, trial, "last")
        levels.note(trial.until or trial.last_step + 1, self.values)
        return levels.trial(trial)._replace(first=self.first)

    @property
    def values(self) -> Mapping[str, float]:
        """Those of the trial so far; where a step is a level, those of the level that it is at."""
        return self._reported.values

    @property
    def moved(self) -> bool:
        """Whether this run has come further than those before it."""
        return self._reported.last_step > self._had

    def _left_between_reports(self, trial: Trial) -> bool:
        """Whether its next report would have been of a step beyond `until`: as far from the newest as that is from the
        one before. Who reported nothing in this run has shown nothing."""
        if trial.until is None or trial.until >= ENDLESS or self._fresh or self._newest[-1] >= trial.until:
            return False
        if not self._says_steps or self.reporting.counts_each_run:  # each row is a step
            return False
        before, newest = (self._from_step, *self._newest)[-2:]
        return newest + (newest - before) > trial.until

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
        rows = values, self._reported.newest[1]
        told, before = ({name for name in self.reporting.tracked if name in row} for row in rows)
        return bool(told) and (not before or not told.isdisjoint(before))


def _reported(reporting: Reporting, trial: Trial, reduce: Reduce) -> Reported:
    """What `trial` has reported as these settings understand it."""
    return Reported(trial, reporting.objective, reporting.tracked, reporting.derived, reduce, reporting.rungs)


def _step(value: float | None) -> int | None:
    return int(value) if value is not None and 0 <= value <= MAX_STEP else None


def _fits(value: float) -> bool:
    return isinstance(value, float) or -(1 << 1000) < value < 1 << 1000  # float() of a larger int overflows
