"""What a problem is, the words to write one down with, and what turns one into another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from sweeprun.space import ALWAYS, Choice, Condition, FloatParameter, OneOf, Parameter, Space

Params = Mapping[str, Any]
Values = tuple[float, ...]
Group = Literal["continuous", "mixed", "conditional", "failing", "noisy", "real", "fronts"]


@dataclass(frozen=True)
class Problem:
    """A function to minimise over a space. How good a configuration is goes by `function`; NaN: the trial fails.

    Of several objectives it gives as many values. `lowest` is the best value there is, or that is known. `observe` is
    what a trial of these parameters reports, with a generator for its luck; None: the value itself.
    """

    name: str
    group: Group
    space: Space
    function: Callable[[Params], Any]
    lowest: float = 0.0
    observe: Callable[[Params, np.random.Generator], Any] | None = None
    n_objectives: int = 1

    def values(self, params: Params) -> Values:
        return self._listed(self.function(params))

    def reported(self, params: Params, seed: int, number: int) -> Values:
        """Of a problem with luck: the same for the trial of that number in a search of that seed, whoever asked."""
        assert self.observe
        return self._listed(self.observe(params, np.random.default_rng([7, seed, number])))

    def _listed(self, value: Any) -> Values:
        return tuple(map(float, value)) if self.n_objectives > 1 else (float(value),)


def choice(parameter: Parameter, when: Condition = ALWAYS) -> Choice:
    return Choice(parameter.name, when, parameter)


def is_(name: str, *values: object) -> Condition:
    return Condition((OneOf.of(name, list(values)),))


def box(d: int, low: float = 0.0, high: float = 1.0) -> Space:
    return Space([choice(FloatParameter(f"x{i}", low, high)) for i in range(d)])


def vector(params: Params) -> np.ndarray:
    """The values of x0, x1, ... (fewer than ten) in this order."""
    return np.array([value for name, value in sorted(params.items()) if name.startswith("x")])


def noisy(problem: Problem, sd: float) -> Problem:
    """Observed with normal noise of this standard deviation."""

    def observe(params: Params, rng: np.random.Generator) -> float:
        return problem.function(params) + sd * float(rng.standard_normal())

    return replace(problem, name=f"noisy {problem.name}", group="noisy", observe=observe)


def failing_where(problem: Problem, name: str, fails: Callable[[Params], bool]) -> Problem:
    """Fails where `fails` says so, which must spare the minimum."""

    def function(params: Params) -> float:
        return math.nan if fails(params) else problem.function(params)

    return replace(problem, name=name, group="failing", function=function)


def shifted(problem: Problem, by: np.ndarray) -> Problem:
    """A problem of x0, x1, ... whose minimum lies elsewhere."""

    def function(params: Params) -> float:
        return problem.function({f"x{i}": x for i, x in enumerate(vector(params) - by)})

    return replace(problem, name=f"shifted {problem.name}", function=function)
