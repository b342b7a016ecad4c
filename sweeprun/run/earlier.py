"""Earlier results as a table has them: which column is what, and what a line of it says.

A column is a parameter or a metric by its name; `params.x` and `metrics.x` settle one that is both, and `metrics.x` may
be one that the sweep file does not name. What else `sweeprun export csv` writes is known and not needed; other columns
are ignored, and named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from sweeprun.errors import UsageError, near
from sweeprun.run.plan import Plan
from sweeprun.space import from_cells
from sweeprun.trials import Curve, Params, TrialState

_STEP = re.compile(r"[0-9]{1,18}")
_FACTS = frozenset(
    {"number", "state", "feasible", "step", "seconds", "origin", "seed", "failure", "started", "finished"}
)


class NoResultError(Exception):
    """An entry that is no result: it says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was once tried and came out. `step` is the one that gave the values; None where nothing says it. `entry` is
    its line in a table or its number in a study, `outside` says why the space does not hold it; empty where it does."""

    params: Params
    values: Mapping[str, float]
    step: int | None
    entry: int
    outside: str
    state: TrialState = TrialState.COMPLETE
    curve: Curve = field(default_factory=Curve)


@dataclass(frozen=True, slots=True)
class Headings:
    """Which heading each parameter, metric and fact stands under; `ignored` headings are none of these."""

    params: Mapping[str, int]
    metrics: Mapping[str, int]
    facts: Mapping[str, int]
    ignored: tuple[str, ...]

    @classmethod
    def of(cls, headings: Sequence[str], plan: Plan) -> Self:
        """Raises UsageError for a table that cannot hold a result of this sweep."""
        places = {heading: place for place, heading in enumerate(headings)}
        known = {*plan.reporting.tracked, *plan.reporting.derived}
        params = _under(places, "params.", plan.space.names)
        metrics = _under(places, "metrics.", {*known, *_said_to_be_metrics(places, plan.space.names)})
        taken = {*params.values(), *metrics.values()}
        facts = {heading: place for heading, place in places.items() if heading in _FACTS and place not in taken}
        ignored = tuple(name for name, place in places.items() if name and place not in {*taken, *facts.values()})
        for name in [each.name for each in plan.objectives]:
            if name not in metrics and name not in plan.reporting.derived:
                message = f"there is no column {name}, which is what counts; there are: {', '.join(headings)}"
                raise UsageError(message, near(name, headings) or f"call the column {name}")
        if not params:
            message = f"there is no column of a parameter; parameters are: {', '.join(plan.space.names)}"
            raise UsageError(message, "call the columns what the parameters are called")
        return cls(params, metrics, facts, ignored)

    def result(self, cells: Sequence[str], line: int, plan: Plan) -> Result:
        """What a line says. Raises NoResultError."""
        state = self._fact("state", cells).lower()
        if state not in ("", "complete"):
            raise NoResultError(f"its state is {state}")
        try:
            values = {name: _number(name, cells[place]) for name, place in self.metrics.items() if cells[place]}
            params, outside = from_cells(plan.space, {n: cells[at] for n, at in self.params.items() if cells[at]})
        except ValueError as error:
            raise NoResultError(str(error)) from None
        values = plan.reporting.computed(params, values) | values
        for name in [each.name for each in plan.objectives]:
            if name not in values:
                raise NoResultError(f"it has no {name}")
            if not math.isfinite(values[name]):
                raise NoResultError(f"{name} is {values[name]}")
        step = _step(self._fact("step", cells))
        curve = Curve() if step is None else Curve((step,), {name: (value,) for name, value in values.items()})
        return Result(params, values, step, line, outside, curve=curve)

    def _fact(self, name: str, cells: Sequence[str]) -> str:
        return cells[self.facts[name]] if name in self.facts else ""


def _said_to_be_metrics(headings: Collection[str], parameters: Collection[str]) -> set[str]:
    """Those that the sweep file does not know and the table calls metrics."""
    said = {heading for heading in headings if heading.startswith("metrics.")}
    return {heading.removeprefix("metrics.") for heading in said.difference(parameters)}


def _under(places: Mapping[str, int], prefix: str, names: Collection[str]) -> dict[str, int]:
    """Where each of the names stands, with its prefix or, where that is not there, without."""
    said = {name: places.get(f"{prefix}{name}", places.get(name)) for name in names}
    return {name: place for name, place in said.items() if place is not None}


def _step(text: str) -> int | None:
    return int(text) if _STEP.fullmatch(text) else None


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, which is no number") from None
