"""hyperopt's TPE on a tree of hp.choice, whose options hold the parameters that they activate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import hyperopt
import numpy as np
from hyperopt import hp
from hyperopt.base import JOB_STATE_DONE, JOB_STATE_RUNNING, Domain

from optimizers.translating import configuration, gates
from problems import Params, Problem, Values
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter, Space


class Hyperopt:
    def __init__(self, problem: Problem, seed: int):
        self._problem, self._tree = problem, tree(problem.space)
        self._domain = Domain(lambda values: 0.0, self._tree)
        self._trials, self._rng = hyperopt.Trials(), np.random.default_rng(seed)
        self._documents: dict[int, Any] = {}

    def ask(self, number: int) -> Params:
        [document] = self._suggested(hyperopt.tpe.suggest, 1)
        self._trials.insert_trial_docs([document])
        self._trials.refresh()
        self._documents[number] = document
        return self._params(document)

    def tell(self, number: int, values: Values) -> None:
        end(self._documents.pop(number), values)
        self._trials.refresh()

    def preload(self, n_trials: int) -> None:
        documents = self._suggested(hyperopt.rand.suggest, n_trials)
        for document in documents:
            end(document, self._problem.values(self._params(document)))
        self._trials.insert_trial_docs(documents)
        self._trials.refresh()

    def _suggested(self, suggest: Callable[..., Any], n: int) -> list[Any]:
        ids = self._trials.new_trial_ids(n)
        documents: list[Any] = suggest(ids, self._domain, self._trials, int(self._rng.integers(2**31 - 1)))
        for document in documents:
            document["state"] = JOB_STATE_RUNNING
        return documents

    def _params(self, document: Any) -> Params:
        drawn = {name: value[0] for name, value in document["misc"]["vals"].items() if value}
        values = flat(hyperopt.space_eval(self._tree, drawn))
        return configuration(self._problem.space, lambda parameter: ours(parameter, values[parameter.name]))


def end(document: Any, values: Values) -> None:
    failed = math.isnan(values[0])
    document["state"] = JOB_STATE_DONE
    document["result"] = (
        {"status": hyperopt.STATUS_FAIL} if failed else {"status": hyperopt.STATUS_OK, "loss": values[0]}
    )


def start(problem: Problem, seed: int, n_trials: int) -> Hyperopt:
    return Hyperopt(problem, seed)


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
