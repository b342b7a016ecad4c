"""SMAC3's random forests with expected improvement, on a ConfigSpace with conditions."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

import ConfigSpace
import numpy as np
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import StatusType, TrialInfo, TrialValue

from optimizers.translating import Finite, configuration, gates
from problems import Params, Problem, Values
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter, Space


class SMAC3:
    def __init__(self, problem: Problem, seed: int, n_trials: int):
        self._folder = TemporaryDirectory()
        # Deterministic: no configuration is repeated, noise or not.
        scenario = Scenario(
            configspace(problem.space, seed),
            deterministic=True,
            n_trials=n_trials,
            seed=seed,
            output_directory=self._folder.name,
        )
        self._smac = HyperparameterOptimizationFacade(scenario, lambda config, seed: 0.0, logging_level=40)
        self._problem = problem
        self._asked: dict[int, TrialInfo] = {}
        self._finite = Finite()  # its own cost of a crash is infinite, on which its forest cannot be fitted

    def ask(self, number: int) -> Params:
        info = self._asked[number] = self._smac.ask()
        return self._params(info.config)

    def tell(self, number: int, values: Values) -> None:
        for each, value, failed in self._finite.told(number, values[0]):
            status = StatusType.CRASHED if failed else StatusType.SUCCESS
            self._smac.tell(self._asked.pop(each), TrialValue(value, status=status))

    def preload(self, n_trials: int) -> None:
        for config in self._smac.scenario.configspace.sample_configuration(n_trials):
            [value] = self._problem.values(self._params(config))
            self._smac.tell(TrialInfo(config, seed=0), TrialValue(value), save=False)

    def _params(self, config: Any) -> Params:
        return configuration(self._problem.space, lambda parameter: ours(parameter, config[parameter.name]))


def start(problem: Problem, seed: int, n_trials: int) -> SMAC3:
    return SMAC3(problem, seed, n_trials)


def configspace(space: Space, seed: int) -> ConfigSpace.ConfigurationSpace:
    made = ConfigSpace.ConfigurationSpace(seed=seed)
    made.add([theirs(parameter) for parameter in space.parameters])
    for name, (gate, allowed) in gates(space).items():
        values = [place(gate, value) for value in allowed]
        made.add(ConfigSpace.InCondition(made[name], made[gate.name], values))
    return made


def theirs(parameter: Parameter) -> Any:
    """A category by its place in the list, so that any value will do."""
    name = parameter.name
    match parameter:
        case CategoricalParameter():
            return ConfigSpace.Categorical(name, list(range(parameter.size)), ordered=parameter.ordered)
        case IntParameter():
            return ConfigSpace.Integer(name, (parameter.low, parameter.high), log=parameter.log)
        case FloatParameter():
            return ConfigSpace.Float(name, (parameter.low, parameter.high), log=parameter.log)


def place(parameter: Parameter, value: Any) -> Any:
    return parameter.choices.index(value) if isinstance(parameter, CategoricalParameter) else value


def ours(parameter: Parameter, value: Any) -> Any:
    match parameter:
        case CategoricalParameter():
            return parameter.choices[int(value)]
        case IntParameter():
            return int(value)
        case FloatParameter():
            return float(np.clip(value, parameter.low, parameter.high))
