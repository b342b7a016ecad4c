"""Optuna, define by run: a conditional parameter is asked for where it is active."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import optuna

from optimizers.translating import configuration
from problems import Params, Problem, Values
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter


class Optuna:
    def __init__(self, study: optuna.Study, problem: Problem):
        self._study, self._problem = study, problem
        self._trials: dict[int, optuna.Trial] = {}

    def ask(self, number: int) -> Params:
        trial = self._trials[number] = self._study.ask()
        return configuration(self._problem.space, lambda parameter: suggested(trial, parameter))

    def tell(self, number: int, values: Values) -> None:
        trial = self._trials.pop(number)
        if any(map(math.isnan, values)):
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, values)

    def preload(self, n_trials: int) -> None:
        problem, rng = self._problem, np.random.default_rng(0)
        kinds = {parameter.name: distribution(parameter) for parameter in problem.space.parameters}
        for params in (problem.space.sample(rng) for _ in range(n_trials)):
            values = problem.values(params)
            self._study.add_trial(optuna.trial.create_trial(params=params, distributions=kinds, values=values))


def start(problem: Problem, seed: int, n_trials: int, sampler: str, **options: Any) -> Optuna:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    made = getattr(optuna.samplers, sampler)(seed=seed, **options)
    return Optuna(optuna.create_study(sampler=made, directions=["minimize"] * problem.n_objectives), problem)


def distribution(parameter: Parameter) -> Any:
    match parameter:
        case CategoricalParameter():
            return optuna.distributions.CategoricalDistribution(parameter.choices)
        case IntParameter():
            return optuna.distributions.IntDistribution(parameter.low, parameter.high, parameter.log, parameter.step)
        case FloatParameter():
            return optuna.distributions.FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)


def suggested(trial: optuna.Trial, parameter: Parameter) -> Any:
    name = parameter.name
    match parameter:
        case CategoricalParameter():
            return trial.suggest_categorical(name, list(parameter.choices))
        case IntParameter():
            return trial.suggest_int(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        case FloatParameter():
            return trial.suggest_float(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
