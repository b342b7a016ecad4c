"""Syne Tune's asynchronous successive halving, up to 0.13 with promotion too, its schedulers driven as its tuner does.

It takes no NaN: a training that diverged has the worst loss, an accuracy of 0.
"""

from __future__ import annotations

import datetime
import logging
import math
from typing import Any

from syne_tune import config_space
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer import baselines

from problems.trainings import TrainingProblem
from schedulers import ETA, FIRST_RUNG, Leg
from sweeprun.space import CategoricalParameter, IntParameter, Parameter

_LOSS, _STEP, _LAST = "loss", "step", "last"


class SyneTune:
    def __init__(self, scheduler: Any):
        self._scheduler = scheduler
        self._trials: dict[int, Trial] = {}
        self._done: dict[int, int] = {}
        self._results: dict[int, dict[str, Any]] = {}
        self._to_leave: set[int] = set()

    def ask(self) -> Leg | None:
        number = len(self._trials)
        suggestion = self._scheduler.suggest(number)
        if suggestion is None:
            return None
        if suggestion.spawn_new_trial_id:
            trial = Trial(number, suggestion.config, datetime.datetime.now())
            self._scheduler.on_trial_add(trial)
        else:
            old = self._trials[suggestion.checkpoint_trial_id]
            trial = Trial(old.trial_id, suggestion.config or old.config, old.creation_time)
        self._trials[trial.trial_id] = trial
        self._to_leave.discard(trial.trial_id)
        params = {name: value for name, value in trial.config.items() if name != _LAST}
        return Leg(trial.trial_id, params, self._results.get(trial.trial_id, {_STEP: 0})[_STEP])

    def report(self, trial: int, step: int, loss: float) -> bool:
        result = self._results[trial] = {_LOSS: 0.0 if math.isnan(loss) else loss, _STEP: step}
        leaves: bool = self._scheduler.on_trial_result(self._trials[trial], result) != "CONTINUE"
        if leaves:
            self._to_leave.add(trial)
        return leaves

    def leave(self, trial: int) -> None:
        if trial not in self._to_leave:
            self._scheduler.on_trial_complete(self._trials[trial], self._results[trial])


def start(problem: TrainingProblem, seed: int, scheduler: str, type: str = "promotion") -> SyneTune:
    logging.disable(logging.CRITICAL)
    space = {parameter.name: _theirs(parameter) for parameter in problem.space.parameters}
    made = getattr(baselines, scheduler)(
        {**space, _LAST: problem.n_steps},
        metric=_LOSS,
        mode="min",
        resource_attr=_STEP,
        max_resource_attr=_LAST,
        type=type,
        grace_period=FIRST_RUNG,
        reduction_factor=ETA,
        random_seed=seed >> 1,  # below 2^31
    )
    return SyneTune(made)


def _theirs(parameter: Parameter) -> Any:
    if isinstance(parameter, CategoricalParameter):
        return config_space.choice(list(parameter.choices))
    whole = isinstance(parameter, IntParameter)
    kind = ("lograndint" if whole else "loguniform") if parameter.log else ("randint" if whole else "uniform")
    return getattr(config_space, kind)(parameter.low, parameter.high)
