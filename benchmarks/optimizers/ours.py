"""Our samplers, asked as a sweep asks them: unfinished trials are in the history, running."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from problems import Params, Problem, Values
from sweeprun import registry
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers.auto import choose
from sweeprun.samplers.base import Sampler
from sweeprun.trials import Failure, FailureClass, Suggestion, Trial, TrialState


class Ours:
    def __init__(self, sampler: Sampler, problem: Problem, seed: int, earlier: Sequence[History] = ()):
        self._sampler, self._problem, self._seed = sampler, problem, seed
        objectives = [Objective(f"loss{i}") for i in range(problem.n_objectives)]
        self.history = History(problem.space, objectives, [], earlier=earlier)

    def ask(self, number: int) -> Params | None:
        suggestion = self._sampler.suggest(self.history, np.random.default_rng([self._seed, number]))
        if suggestion is None:
            return None
        self.history = self.history.advance([*self.history.trials, running(number, suggestion)])
        return suggestion.params

    def tell(self, number: int, values: Values) -> None:
        trials = list(self.history.trials)
        trials[number] = ended(trials[number], values)
        self.history = self.history.advance(trials)

    def preload(self, n_trials: int) -> None:
        rng, space = np.random.default_rng(self._seed), self._problem.space
        trials = []
        for number in range(n_trials):
            params = space.sample(rng)
            trials.append(ended(running(number, Suggestion(params)), self._problem.values(params)))
        self.history = self.history.advance(trials)


def start(problem: Problem, seed: int, n_trials: int, written: str, earlier: Sequence[History] = ()) -> Ours:
    """`written`: a sampler and its options, such as `gp:startup=8,exact=true`. `earlier` sweeps are known to it."""
    sampler, _, settings = written.partition(":")
    if sampler == "auto":
        sampler = choose(problem.space, n_trials, problem.n_objectives).name
    return Ours(registry.load("sampler", sampler, options(settings), seed=seed), problem, seed, earlier)


def options(written: str) -> dict[str, Any]:
    """Of `a=1,b=true,c=word`."""
    pairs = (each.partition("=") for each in written.split(",") if each)
    return {key: json.loads(value) if value[:1] in "-0123456789tf" else value for key, _, value in pairs}


def running(number: int, suggestion: Suggestion) -> Trial:
    return Trial(number, str(number), TrialState.RUNNING, params=suggestion.params, notes=suggestion.notes)


def ended(trial: Trial, values: Values) -> Trial:
    if any(map(math.isnan, values)):
        return trial._replace(state=TrialState.FAILED, failure=Failure(FailureClass.NAN, ""))
    losses = {f"loss{i}": value for i, value in enumerate(values)}
    return trial._replace(state=TrialState.COMPLETE, values=losses)
