"""Rungs: the steps at which trials wait and are compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from sweeprun.errors import SweepFileError, near
from sweeprun.reported import ENDLESS
from sweeprun.trials import Json, Params

LEAST_FIRST = 3  # a first rung below says next to nothing about the end
FIRST_SHARE = 1 / 17  # of the whole way: the first rung where nothing else is said
AFTER_WARMUP = 1 / 10  # the same where a warmup is searched: before, who has a short one looks better than it is
HIGHEST_BUT_ONE = 0.7  # of the whole way: a rung beyond it saves next to nothing

_HALVE = ("asha", "hyperband", "bohb")
_WARMUP = re.compile(r"warm_?up|peak_epoch|lr_peak|pct_start", re.IGNORECASE)

# The settings of those that halve.
Max = Annotated[int | None, Field(ge=1, description="the step at which every trial ends: the last rung")]
Length = Annotated[
    str | None,
    Field(description="instead of max: the parameter that says how many steps a trial has; rungs are shares of it"),
]
Min = Annotated[
    float | None, Field(gt=0, description="the lowest rung: a step, or with length a share of the trial's own steps")
]
Steps = Annotated[  # a list in a sweep file
    tuple[Annotated[int, Field(strict=True)], ...] | None,
    Field(strict=False, description="instead of min and max: the steps of all rungs, ascending"),
]
Eta = Annotated[int, Field(ge=2, description="one in so many is promoted, to so many times the steps")]


def rungs(first: float, last: float, eta: int) -> tuple[float, ...]:
    """`first` and its multiples by powers of `eta`, those near or beyond `last` replaced by it."""
    found = []
    while first <= HIGHEST_BUT_ONE * last:
        found.append(first)
        first *= eta
    return (*found, last)


def with_first(name: str, options: Mapping[str, Json], parameters: Iterable[str]) -> Mapping[str, Json]:
    """The options of the algorithm or pruner `name`. Where it halves, says nothing of its first rung, and one of the
    searched `parameters` is a warmup, as far as their names tell, that rung is a tenth of the way."""
    silent = name in _HALVE and "min" not in options and "rungs" not in options
    if not silent or not any(map(_WARMUP.search, parameters)):
        return options
    if "length" in options:
        return {**options, "min": AFTER_WARMUP}
    end = options.get("max")
    if not isinstance(end, int) or end < LEAST_FIRST:
        return options
    return {**options, "min": max(LEAST_FIRST, round(AFTER_WARMUP * end))}


def length_of(params: Params, name: str) -> float:
    """How many steps a trial with these parameters has. Raises SweepFileError where they do not say it."""
    length = params.get(name)
    if not isinstance(length, int | float) or isinstance(length, bool) or length < 1:
        what = f"is {length!r}" if name in params else "is missing"
        message = f"{name!r} {what} in a configuration, where it has to be a number of steps in every one"
        raise SweepFileError(message, hint=None if name in params else near(name, params))
    return float(length)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Where the rungs of a trial lie: at steps, the last one at `max`, at shares of its own length, which is the
    parameter `length`, or where `rungs` say."""

    min: float | None
    max: int | None
    length: str | None
    rungs: tuple[int, ...] | None
    eta: int

    def check(self) -> None:
        """Raises ValueError for one that cannot be climbed."""
        if [self.max, self.length, self.rungs].count(None) != 2:
            raise ValueError(
                "it must have max, the step at which a trial ends, or length, the parameter that says it, or all rungs"
            )
        if self.rungs is not None:
            self._check_rungs(self.rungs)
            return
        if self.min is not None and self.min > (self.max or 1):
            raise ValueError(f"it must have min at most at {self.max or 1}, the end of a trial, not at {self.min:g}")
        if self.min is not None and self.max is not None and self.min != int(self.min):
            raise ValueError(f"it must have a whole step as min, not {self.min:g}; shares go with length")

    def _check_rungs(self, steps: tuple[int, ...]) -> None:
        if not steps or any(a >= b for a, b in pairwise((0, *steps))):
            raise ValueError(f"it must have rungs that ascend from step 1 on, not {list(steps)}")
        if self.min is not None:
            raise ValueError("it must not have min beside rungs: the first of them is the lowest")

    @property
    def n(self) -> int:
        """How many rungs there are."""
        return len(self.heights)

    @property
    def endless(self) -> bool:
        """Whether it does not say where a trial ends."""
        return self.heights[-1] >= ENDLESS

    def steps(self, params: Params) -> tuple[int, ...]:
        """The rungs of a trial with these parameters, ascending; a trial may be shorter than the last of them."""
        length = 1.0 if self.length is None else length_of(params, self.length)
        first = LEAST_FIRST if self.length is not None and self.min is None else 1
        steps: list[int] = []
        for each in self.heights:
            steps.append(max(round(each * length), steps[-1] + 1 if steps else first))
        return tuple(steps)

    def end(self, params: Params) -> int:
        """The step at which such a trial ends: that of the last rung, or before where it is too short for all rungs."""
        last = self.steps(params)[-1]
        return last if self.length is None else min(last, round(length_of(params, self.length)))

    @property
    def heights(self) -> tuple[float, ...]:
        """The rungs as steps, or with `length` as shares of it."""
        if self.rungs is not None:
            return self.rungs
        first = FIRST_SHARE if self.max is None else max(LEAST_FIRST, round(FIRST_SHARE * self.max))
        return rungs(self.min or first, self.max or 1, self.eta)
