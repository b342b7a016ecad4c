"""Optuna, define by run: a conditional parameter is asked for where it is active."""

from __future__ import annotations

import math
import warnings
from typing import Any

import optuna

from optimizers.translating import configuration
from problems import Params, Problem, Values
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter


class Optuna:
    def __init__(self, study: optuna.Study, problem: Problem):
        self._study, self._space = study, problem.space
        self._trials: dict[int, optuna.Trial] = {}

    def ask(self, number: int) -> Params:
        trial = self._trials[number] = self._study.ask()
        return configuration(self._space, lambda parameter: suggested(trial, parameter))

    def tell(self, number: int, values: Values) -> None:
        trial = self._trials.pop(number)
        if any(map(math.isnan, values)):
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, values)


def start(problem: Problem, seed: int, n_trials: int, sampler: str, **options: Any) -> Optuna:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    made = getattr(optuna.samplers, sampler)(seed=seed, **options)
    return Optuna(optuna.create_study(sampler=made, directions=["minimize"] * problem.n_objectives), problem)


def suggested(trial: optuna.Trial, parameter: Parameter) -> Any:
    match parameter:
        case CategoricalParameter():
            return trial.suggest_categorical(parameter.name, list(parameter.choices))
        case IntParameter():
            return trial.suggest_int(
                parameter.name, parameter.low, parameter.high, step=parameter.step, log=parameter.log
            )
        case FloatParameter():
            return trial.suggest_float(
                parameter.name, parameter.low, parameter.high, step=parameter.step, log=parameter.log
            )
