"""Our samplers and pruners, through Optimizer."""

from __future__ import annotations

from typing import Any

from optimizers.ours import options
from problems.trainings import TrainingProblem
from schedulers import Leg
from sweeprun import Optimizer
from sweeprun.space import CategoricalParameter, Parameter

_STAGED = {"asha", "hyperband"}  # they want to know where a training ends
_LOSS = "loss"


class Ours:
    def __init__(self, optimizer: Optimizer):
        self._optimizer = optimizer

    def ask(self) -> Leg | None:
        trial = self._optimizer.ask()
        return None if trial is None else Leg(trial.number, trial.params, trial.last_step)

    def report(self, trial: int, step: int, loss: float) -> bool:
        return self._optimizer.report(trial, step, {_LOSS: loss}).stop

    def leave(self, trial: int) -> None:
        self._optimizer.tell(trial)


def start(problem: TrainingProblem, seed: int, written: str) -> Ours:
    """`written`: a sampler and a pruner with their options, such as `tpe:startup=8+asha:mode=stop`."""
    sampler, _, pruner = written.partition("+")
    algorithm, pruning = _settings(sampler), _settings(pruner or "none")
    if pruning["name"] in _STAGED or algorithm["name"] == "bohb":
        staged = algorithm if algorithm["name"] == "bohb" else pruning
        if "length" not in staged:
            staged["max"] = problem.n_steps
    parameters = {parameter.name: _declared(parameter) for parameter in problem.space.parameters}
    return Ours(Optimizer(parameters, _LOSS, algorithm, pruning, seed=seed))


def _settings(written: str) -> dict[str, Any]:
    name, _, settings = written.partition(":")
    return {"name": name, **options(settings)}


def _declared(parameter: Parameter) -> dict[str, Any]:
    """The parameter as a sweep file has it."""
    if isinstance(parameter, CategoricalParameter):
        return {"values": list(parameter.choices)}
    return {"min": parameter.low, "max": parameter.high, "log": parameter.log}
