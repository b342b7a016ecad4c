"""HEBO, which knows no conditions: all parameters at once, of which those that are not active change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

from optimizers.translating import Finite, configuration
from problems import Params, Problem, Values
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter


class Hebo:
    def __init__(self, problem: Problem, seed: int):
        self._problem = problem
        design = DesignSpace().parse([theirs(parameter) for parameter in problem.space.parameters])
        self._hebo = HEBO(design, scramble_seed=seed)
        self._asked: dict[int, Any] = {}
        self._finite = Finite()

    def ask(self, number: int) -> Params:
        frame = self._asked[number] = self._hebo.suggest(n_suggestions=1)
        return self._params(frame.iloc[0])

    def tell(self, number: int, values: Values) -> None:
        for each, value, _ in self._finite.told(number, values[0]):
            self._hebo.observe(self._asked.pop(each), np.array([[value]]))

    def preload(self, n_trials: int) -> None:
        frame = self._hebo.space.sample(n_trials)
        values = [self._problem.values(self._params(drawn)) for _, drawn in frame.iterrows()]
        self._hebo.observe(frame, np.array(values))

    def _params(self, drawn: Any) -> Params:
        return configuration(self._problem.space, lambda parameter: ours(parameter, drawn[parameter.name]))


def start(problem: Problem, seed: int, n_trials: int) -> Hebo:
    import torch

    np.random.seed(seed)  # it draws from the global generators
    torch.manual_seed(seed)
    return Hebo(problem, seed)


def theirs(parameter: Parameter) -> dict[str, Any]:
    """A category by its place in the list, so that any value will do."""
    name = parameter.name
    match parameter:
        case CategoricalParameter(ordered=True):
            return {"name": name, "type": "int", "lb": 0, "ub": parameter.size - 1}
        case CategoricalParameter():
            return {"name": name, "type": "cat", "categories": list(range(parameter.size))}
        case IntParameter():
            kind = "pow_int" if parameter.log else "int"
            return {"name": name, "type": kind, "lb": parameter.low, "ub": parameter.high}
        case FloatParameter():
            return {"name": name, "type": "pow" if parameter.log else "num", "lb": parameter.low, "ub": parameter.high}


def ours(parameter: Parameter, value: Any) -> Any:
    match parameter:
        case CategoricalParameter():
            return parameter.choices[int(value)]
        case IntParameter():
            return int(value)
        case FloatParameter():
            return float(np.clip(value, parameter.low, parameter.high))
