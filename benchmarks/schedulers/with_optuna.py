"""Optuna's TPE with one of its pruners, which stop trials and never let one go on later."""

from __future__ import annotations

import math
import warnings

import optuna

from optimizers.with_optuna import suggested
from problems.trainings import TrainingProblem
from schedulers import ETA, FIRST_RUNG, Leg

_PRUNERS = {
    "HyperbandPruner": lambda n: optuna.pruners.HyperbandPruner(FIRST_RUNG, n, ETA),
    "MedianPruner": lambda n: optuna.pruners.MedianPruner(n_warmup_steps=FIRST_RUNG),
}


class Optuna:
    def __init__(self, study: optuna.Study, problem: TrainingProblem):
        self._study, self._problem = study, problem
        self._trials: dict[int, optuna.Trial] = {}
        self._losses: dict[int, float] = {}
        self._pruned: set[int] = set()

    def ask(self) -> Leg:
        trial = self._study.ask()
        self._trials[trial.number] = trial
        return Leg(trial.number, {p.name: suggested(trial, p) for p in self._problem.space.parameters})

    def report(self, trial: int, step: int, loss: float) -> bool:
        self._losses[trial] = min(loss, self._losses.get(trial, math.inf)) if loss == loss else loss
        self._trials[trial].report(loss, step)
        if step < self._problem.n_steps and self._trials[trial].should_prune():
            self._pruned.add(trial)
        return trial in self._pruned or math.isnan(loss)

    def leave(self, trial: int) -> None:
        told, loss = self._trials.pop(trial), self._losses.pop(trial)
        states = optuna.trial.TrialState
        if math.isnan(loss):
            self._study.tell(told, state=states.FAIL)
        elif trial in self._pruned:
            self._study.tell(told, state=states.PRUNED)
        else:
            self._study.tell(told, loss)


def start(problem: TrainingProblem, seed: int, pruner: str) -> Optuna:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    sampler = optuna.samplers.TPESampler(seed=seed)
    name = f"{problem.name} {seed}"  # Hyperband draws brackets from it
    return Optuna(
        optuna.create_study(sampler=sampler, pruner=_PRUNERS[pruner](problem.n_steps), study_name=name), problem
    )
