"""hyperopt's TPE on a tree of hp.choice, whose options hold the parameters that they activate."""

from __future__ import annotations

import math
from typing import Any

import hyperopt
import numpy as np
from hyperopt import hp
from hyperopt.base import JOB_STATE_DONE, JOB_STATE_RUNNING, Domain

from optimizers.translating import configuration, gates
from problems import Params, Problem, Values
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter, Space


class Hyperopt:
    def __init__(self, space: Space, seed: int):
        self._space, self._tree = space, tree(space)
        self._domain = Domain(lambda values: 0.0, self._tree)
        self._trials, self._rng = hyperopt.Trials(), np.random.default_rng(seed)
        self._documents: dict[int, Any] = {}

    def ask(self, number: int) -> Params:
        ids = self._trials.new_trial_ids(1)
        [document] = hyperopt.tpe.suggest(ids, self._domain, self._trials, int(self._rng.integers(2**31 - 1)))
        document["state"] = JOB_STATE_RUNNING
        self._trials.insert_trial_docs([document])
        self._trials.refresh()
        self._documents[number] = document
        drawn = {name: value[0] for name, value in document["misc"]["vals"].items() if value}
        values = flat(hyperopt.space_eval(self._tree, drawn))
        return configuration(self._space, lambda parameter: ours(parameter, values[parameter.name]))

    def tell(self, number: int, values: Values) -> None:
        failed = math.isnan(values[0])
        document = self._documents.pop(number)
        document["state"] = JOB_STATE_DONE
        document["result"] = (
            {"status": hyperopt.STATUS_FAIL} if failed else {"status": hyperopt.STATUS_OK, "loss": values[0]}
        )
        self._trials.refresh()


def start(problem: Problem, seed: int, n_trials: int) -> Hyperopt:
    return Hyperopt(problem.space, seed)


def tree(space: Space) -> dict[str, Any]:
    """Children first, so that an option can hold them; a gate's own value stands under its name."""
    above, nodes = gates(space), {}
    for parameter in reversed(space.parameters):
        children = {name: allowed for name, (gate, allowed) in above.items() if gate is parameter}
        if children:
            options = [
                {parameter.name: value, **{name: nodes[name] for name in children if value in children[name]}}
                for value in parameter.values()
            ]
            nodes[parameter.name] = hp.choice(parameter.name, options)
        else:
            nodes[parameter.name] = leaf(parameter)
    return {name: node for name, node in nodes.items() if name not in above}


def leaf(parameter: Parameter) -> Any:
    name = parameter.name
    match parameter:
        case CategoricalParameter():
            return hp.choice(name, list(parameter.choices))
        case IntParameter(log=True):
            return hp.qloguniform(name, math.log(parameter.low - 0.5), math.log(parameter.high + 0.5), 1)
        case IntParameter():
            return hp.uniformint(name, parameter.low, parameter.high)
        case FloatParameter(log=True):
            return hp.loguniform(name, math.log(parameter.low), math.log(parameter.high))
        case FloatParameter():
            return hp.uniform(name, parameter.low, parameter.high)


def flat(drawn: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in drawn.items():
        values.update(flat(value) if isinstance(value, dict) else {name: value})
    return values


def ours(parameter: Parameter, value: Any) -> Any:
    match parameter:
        case IntParameter():
            return int(min(max(value, parameter.low), parameter.high))
        case FloatParameter():
            return float(min(max(value, parameter.low), parameter.high))
        case CategoricalParameter():
            return value
