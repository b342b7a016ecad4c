"""Two trials of one sweep side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from sweeprun.cli.columns import limits_kept, metrics_of, params_of, varying
from sweeprun.cli.ranking import named, up_to_date
from sweeprun.cli.trials import entry
from sweeprun.cli.view import columns, counted, short, span
from sweeprun.objective import Objective
from sweeprun.run.progress import Reporting
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Trial

_MOST_STEPS = 6

Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class TrialPair:
    """Two trials as their record and their programs have said so far, and what they are measured by."""

    sweep: Sweep
    objectives: tuple[Objective, ...]
    a: Trial
    b: Trial

    @classmethod
    def of(cls, sweep: Sweep, a: int, b: int) -> Self:
        """Trials `a` and `b`, which are there."""
        reporting = Reporting.of(sweep.resolved)
        trials = up_to_date(sweep, reporting)
        return cls(sweep, reporting.objectives, trials[a], trials[b])

    @property
    def objective(self) -> Objective:
        """The first one, whose curves are compared."""
        return self.objectives[0]

    @property
    def differing(self) -> list[str]:
        """The parameters that are not the same in both."""
        return varying([self.a, self.b])

    @property
    def metrics(self) -> list[str]:
        """What either has a value of, the objectives first."""
        return metrics_of([self.a, self.b], *(each.name for each in self.objectives))

    @property
    def steps(self) -> list[int]:
        """A few steps at which both have reported the objective: the first, the last, and some between."""
        shared = sorted(self._reported(self.a).keys() & self._reported(self.b).keys())
        if len(shared) <= _MOST_STEPS:
            return shared
        return [shared[round(i * (len(shared) - 1) / (_MOST_STEPS - 1))] for i in range(_MOST_STEPS)]

    def at(self, step: int) -> tuple[float, float]:
        """The objective of both at one of `steps`."""
        return self._reported(self.a)[step], self._reported(self.b)[step]

    def _reported(self, trial: Trial) -> dict[int, float]:
        column = trial.curve.values.get(self.objective.name, ())
        return {step: value for step, value in zip(trial.curve.steps, column, strict=False) if value == value}


def shown(pair: TrialPair) -> str:
    """A table: what differs, line by line."""
    return columns(["", f"trial {pair.a.number}", f"trial {pair.b.number}", "difference"], _rows(pair))


def body(pair: TrialPair) -> dict[str, Json]:
    """The document of `compare --json` of two trials."""
    return {
        "sweep": pair.sweep.name,
        "dir": str(pair.sweep.layout.directory),
        **named(pair.objectives),
        "trials": [entry(trial, pair.objectives) for trial in (pair.a, pair.b)],
        "differing": pair.differing,
        "curves": [{"step": step, "values": list(pair.at(step))} for step in pair.steps],
    }


def _rows(pair: TrialPair) -> Iterator[Row]:
    a, b = pair.a, pair.b
    for name in pair.differing:
        yield name, short(a.params.get(name)), short(b.params.get(name)), _difference(a.params, b.params, name)
    n_same = len(params_of([a, b])) - len(pair.differing)
    if n_same:
        yield counted(n_same, "other parameter"), "the same", "the same", ""
    yield "state", _state(a), _state(b), ""
    if a.because or b.because:
        yield "reason", a.because or "-", b.because or "-", ""
    for name in pair.metrics:
        yield name, short(a.values.get(name)), short(b.values.get(name)), _difference(a.values, b.values, name)
    for verdict in limits_kept(pair.objectives):
        yield verdict.name, verdict.shown(verdict.of(a)), verdict.shown(verdict.of(b)), ""
    yield "at step", short(a.step), short(b.step), ""
    for step in pair.steps:
        one, other = pair.at(step)
        yield f"{pair.objective.name} at step {step}", short(one), short(other), _signed(other - one)
    yield "time", span(a.seconds), span(b.seconds), ""


def _state(trial: Trial) -> str:
    return "damaged" if trial.damaged else trial.state.value


def _difference(a: Json, b: Json, name: str) -> str:
    one, other = a.get(name), b.get(name)
    numbers = [value for value in (one, other) if isinstance(value, int | float) and not isinstance(value, bool)]
    return _signed(other - one) if len(numbers) == 2 else ""


def _signed(difference: float) -> str:
    return f"{difference:+.5g}" if difference else "0"
