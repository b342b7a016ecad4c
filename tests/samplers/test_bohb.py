"""BOHB: hyperband with a model, of one piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sweeprun import Optimizer, registry
from sweeprun.errors import SweepFileError
from sweeprun.history import History
from sweeprun.pruners.hyperband import HyperbandPruner
from sweeprun.samplers.bohb import BOHBSampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.samplers.tpe import TPESampler
from sweeprun.trials import Trial

SPACE = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}


def test_it_spends_a_budget_as_hyperband_does() -> None:
    optimizer = Optimizer(SPACE, "loss", algorithm={"name": "bohb", "min": 1, "max": 9}, budget=17)
    while trial := optimizer.ask():
        for step in range(trial.last_step + 1, 10):
            if optimizer.report(trial, step, {"loss": trial.params["x"] + 1 / step}).stop:
                break
        optimizer.tell(trial)
    untils = {b: sorted(t.until or 0 for t in optimizer.trials if t.notes["bracket"] == b) for b in (0, 1, 2)}
    assert untils == {0: [1] * 6 + [3] * 2 + [9], 1: [3] * 4 + [9], 2: [9] * 3}


def test_a_third_of_the_configurations_is_random_and_the_rest_from_the_model(
    make_trial: Callable[..., Trial], make_history: Callable[..., History]
) -> None:
    trials = [make_trial(i, [abs(i / 20 - 0.3)], params={"x": i / 20}) for i in range(20)]
    history, counts = make_history(trials), {"random": 0, "model": 0}
    for seed in range(60):
        found = BOHBSampler(max=9).suggest(history, np.random.default_rng(seed))
        for name, sampler in (("random", RandomSampler()), ("model", TPESampler())):
            rng = np.random.default_rng(seed)
            rng.random()
            counts[name] += sampler.suggest(history, rng) == found
    assert counts["random"] + counts["model"] == 60
    assert 10 <= counts["random"] <= 30


def test_it_judges_as_hyperband_of_the_same_settings(
    make_trial: Callable[..., Trial], make_history: Callable[..., History]
) -> None:
    history = make_history([])
    assert BOHBSampler(max=81, eta=4).start({}, history) == HyperbandPruner(max=81, eta=4).start({}, history)


@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "it must have max"), ({"max": 9, "min": 10}, "min at most at 9"), ({"max": 9, "random": 2}, "random is 2")],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SweepFileError) as caught:
        registry.load("sampler", "bohb", options)
    assert said in str(caught.value)
