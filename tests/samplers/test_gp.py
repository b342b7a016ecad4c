"""Gaussian process search: what it promises beyond the conformance suite."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from sweeprun.evidence import Evidence
from sweeprun.expressions import Expression
from sweeprun.history import History
from sweeprun.numerics import gaussian_process
from sweeprun.objective import Objective
from sweeprun.samplers import _surrogate
from sweeprun.samplers._cube import cube
from sweeprun.samplers.gp import GPSampler
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    Condition,
    FloatParameter,
    IntParameter,
    OneOf,
    Parameter,
    Space,
)
from sweeprun.trials import Failure, FailureClass, Params, Run, Trial, TrialState

Losses = Callable[[Params], tuple[float, ...]]


def choice(parameter: Parameter, *gate: object) -> Choice:
    """Active where the first of `gate`, a name, has one of the values behind it."""
    when = Condition((OneOf.of(str(gate[0]), list(gate[1:])),)) if gate else ALWAYS
    return Choice(parameter.name, when, parameter)


def box(*names: str, high: float = 1.0, constraints: tuple[str, ...] = ()) -> Space:
    return Space([choice(FloatParameter(name, 0.0, high)) for name in names], map(Expression.parse, constraints))


def trial(number: int, params: Params, losses: tuple[float, ...] = ()) -> Trial:
    """Complete with these losses, failed where one is NaN, running without any."""
    if not losses:
        return Trial(number, str(number), TrialState.RUNNING, params=params)
    if any(map(math.isnan, losses)):
        failure = Failure(FailureClass.NAN, "")
        return Trial(number, str(number), TrialState.FAILED, params=params, failure=failure)
    values = {f"loss{i}": loss for i, loss in enumerate(losses)}
    return Trial(number, str(number), TrialState.COMPLETE, params=params, values=values)


def history_of(space: Space, trials: list[Trial], limits: tuple[float | None, ...] = (None,)) -> History:
    objectives = [Objective(f"loss{i}", limit=limit) for i, limit in enumerate(limits)]
    return History(space, objectives, trials)


def suggested(history: History, seed: int = 0) -> Params:
    found = GPSampler().suggest(history, np.random.default_rng([seed, history.number]))
    assert found is not None
    return found.params


def run(space: Space, losses: Losses, n: int, limits: tuple[float | None, ...] = (None,), seed: int = 0) -> list[Trial]:
    history = history_of(space, [], limits)
    while history.number < n:
        params = suggested(history, seed)
        history = history.advance([*history.trials, trial(history.number, params, losses(params))])
    return list(history.trials)


def scattered(space: Space, n: int, losses: Losses, limits: tuple[float | None, ...] = (None,)) -> History:
    rng = np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(n)]
    return history_of(space, [trial(i, params, losses(params)) for i, params in enumerate(drawn)], limits)


def lowest(trials: list[Trial]) -> float:
    return min(each.values.get("loss0", math.inf) for each in trials)


def bowl(params: Params) -> tuple[float]:
    return (float((params["x"] - 0.3) ** 2 + (params["y"] - 0.8) ** 2),)


def test_a_smooth_function_is_minimised_in_few_trials() -> None:
    assert np.median([lowest(run(box("x", "y"), bowl, 18, seed=seed)) for seed in range(3)]) < 2e-4


def test_the_scale_of_the_losses_does_not_matter() -> None:
    scaled = scattered(box("x", "y"), 15, lambda params: (1e6 * bowl(params)[0] - 1e4,))
    close = suggested(scattered(box("x", "y"), 15, bowl))
    assert suggested(scaled) == {name: pytest.approx(value, abs=1e-3) for name, value in close.items()}


def test_a_parameter_that_seems_to_matter_one_way_only_is_not_left_at_its_border() -> None:
    def losses(params: Params) -> tuple[float]:
        a, b = 5 * params["x"] - 2.4, 6 * params["y"] - 3.6
        return ((a + b) ** 2 + 0.1 * (a - b) ** 2 + 0.5 * (params["z"] - 0.85) ** 2,)

    best = [min(run(box(*"xyz"), losses, 45, seed=seed), key=lambda each: each.values["loss0"]) for seed in range(3)]
    assert [each.params["z"] for each in best] == [pytest.approx(0.85, abs=0.1)] * 3


def test_a_branch_is_judged_with_what_it_leads_to() -> None:
    space = Space(
        [
            choice(CategoricalParameter("kind", tuple("abcdef"))),
            choice(FloatParameter("x", 0.0, 1.0), "kind", "c"),
            choice(IntParameter("n", 1, 9), "kind", "c", "d"),
        ]
    )

    def losses(params: Params) -> tuple[float]:
        if params["kind"] != "c":
            return (0.5 + 0.01 * "abcdef".index(params["kind"]),)
        return (3 * (params["x"] - 0.2) ** 2 + 0.05 * (params["n"] - 7) ** 2,)

    best = min(run(space, losses, 30), key=lambda each: each.values["loss0"])
    assert best.params["kind"] == "c"
    assert best.params["n"] == 7
    assert best.params["x"] == pytest.approx(0.2, abs=0.05)


def test_it_learns_where_trials_fail_and_finds_a_minimum_near_that_border() -> None:
    def losses(params: Params) -> tuple[float]:
        return (math.nan if params["x"] + params["y"] > 1.0 else (0.6 - params["x"]) ** 2 + (0.35 - params["y"]) ** 2,)

    trials = run(box("x", "y"), losses, 30)
    assert lowest(trials) < 1e-4
    assert sum(each.state is TrialState.FAILED for each in trials[8:]) < 8


def test_eight_asks_without_a_tell_are_spread() -> None:
    history = scattered(box("x", "y"), 12, bowl)
    for number in range(12, 20):
        history = history.advance([*history.trials, trial(number, suggested(history))])
    asked = np.array([[each.params["x"], each.params["y"]] for each in history.trials[12:]])
    distances = np.linalg.norm(asked[:, None] - asked, axis=2)[np.triu_indices(8, 1)]
    assert distances.min() > 1e-3
    assert np.median(distances) > 0.1


def test_two_objectives_become_a_front_from_end_to_end() -> None:
    """The front is x from 0 to 1 where y is 0."""
    trials = run(box("x", "y"), lambda p: (p["x"] + p["y"], (1 - p["x"]) ** 2 + p["y"]), 30, (None, None))
    on_front = sorted(each.params["x"] for each in trials if each.params["y"] < 0.02)
    assert len(on_front) > 12
    assert on_front[0] < 0.1
    assert on_front[-1] > 0.8
    assert np.diff(on_front).max() < 0.25


def test_a_limit_keeps_the_search_where_it_is_kept() -> None:
    def losses(params: Params) -> tuple[float, float]:
        return 1 - params["x"] + 0.1 * params["y"], params["x"]

    trials = run(box("x", "y"), losses, 25, (None, 0.4))
    within = [each for each in trials[8:] if each.values["loss1"] <= 0.4]
    assert len(within) > 12
    assert lowest(within) < 0.64


def test_what_only_just_keeps_the_limit_is_worth_trying() -> None:
    """The lower x, the better and the dearer: up to the limit at 0.1."""
    trials = run(box("x", "y"), lambda p: (p["x"] + p["y"], 10 / (0.1 + p["x"])), 25, (None, 50.0))
    assert lowest([each for each in trials if each.values["loss1"] <= 50]) < 0.12


def test_where_nothing_keeps_the_limit_yet_it_looks_for_what_does() -> None:
    def losses(params: Params) -> tuple[float, float]:
        return params["y"], abs(params["x"] - 0.9) + 0.2

    history = scattered(box("x", "y", constraints=("x < 0.5",)), 12, losses, (None, 0.25))
    widened = history_of(box("x", "y"), list(history.trials), (None, 0.25))
    assert suggested(widened)["x"] > 0.5


def test_trials_of_a_narrower_space_still_inform_a_widened_one() -> None:
    narrow = scattered(box("x", "y"), 30, bowl)
    found = suggested(history_of(box("x", "y", high=2.0), list(narrow.trials)))
    assert found["x"] == pytest.approx(0.3, abs=0.1)
    assert found["y"] == pytest.approx(0.8, abs=0.1)


def test_constraints_are_respected_where_the_best_trials_are_at_their_border() -> None:
    space = box("x", "y", constraints=("x + y < 0.6",))
    trials = run(space, lambda p: (-p["x"] - p["y"],), 25)
    assert all(each.params["x"] + each.params["y"] < 0.6 for each in trials)
    assert lowest(trials) < -0.55


def test_noise_does_not_hold_it_at_a_lucky_trial() -> None:
    rng = np.random.default_rng(4)
    noisy = scattered(box("x", "y"), 40, lambda p: (bowl(p)[0] + 0.05 * rng.standard_normal(),))
    lucky = trial(40, {"x": 0.9, "y": 0.1}, (-0.1,))
    found = suggested(noisy.advance([*noisy.trials, lucky]))
    assert math.dist((found["x"], found["y"]), (0.3, 0.8)) < 0.35


def test_of_a_thousand_trials_the_best_are_kept_and_it_still_goes_where_they_are() -> None:
    history = scattered(box("x", "y"), 1000, bowl)
    found = suggested(history)
    assert math.dist((found["x"], found["y"]), (0.3, 0.8)) < 0.05
    kept = _surrogate._kept(np.arange(1000.0))
    assert len(set(kept)) == 200
    assert set(range(100)) <= set(kept)
    assert kept.max() == 999


def test_between_two_fits_a_trial_more_fits_nothing_in_a_conditional_space_either() -> None:
    rate, branch = FloatParameter("rate", 0.0, 1.0), FloatParameter("x", 0.0, 1.0)
    space = Space([choice(CategoricalParameter("kind", ("a", "b"))), choice(rate), choice(branch, "kind", "a")])
    history = scattered(space, 120, lambda params: (params.get("x", params["rate"]),))
    suggested(history)
    before = gaussian_process._fit.cache_info().misses
    for _ in range(4):
        params = suggested(history)
        history = history.advance([*history.trials, trial(history.number, params, (params.get("x", params["rate"]),))])
    suggested(history.advance([*history.trials, trial(history.number, {"kind": "b", "rate": 0.5})]))
    assert gaussian_process._fit.cache_info().misses == before


def test_the_hyperparameters_are_fitted_again_for_each_so_many_trials() -> None:
    sizes = [_surrogate._n_fitted(n) for n in range(1, 400)]
    assert sizes[:100] == list(range(1, 101))
    assert len(set(sizes[100:])) == 10
    assert all(size <= n for n, size in enumerate(sizes, start=1))


@pytest.mark.parametrize("huge", [1e308, -1e308, math.inf, -math.inf])
@pytest.mark.parametrize("limits", [(None,), (0.1,), (None, None), (None, 0.5), (-1e308, 1e308)], ids=str)
def test_losses_beyond_all_measure_leave_it_at_work(huge: float, limits: tuple[float | None, ...]) -> None:
    history = scattered(box("x", "y"), 12, lambda p: (bowl(p)[0], p["x"])[: len(limits)], limits)
    odd = trial(12, {"x": 0.5, "y": 0.5}, (huge, huge)[: len(limits)])
    assert suggested(history.advance([*history.trials, odd]))


def test_all_that_ask_at_the_linear_algebra_have_one_thread_and_get_back_what_they_had() -> None:
    program = """
import numpy as np, threadpoolctl
from sweeprun import Optimizer
from sweeprun.samplers import gp

def threads():
    return {each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"}

optimizer, seen = Optimizer({"x": {"min": 0.0, "max": 1.0}}, "loss", algorithm="gp"), []
inner = gp.ascended
gp.ascended = lambda *arguments: seen.append(threads()) or inner(*arguments)
for _ in range(10):
    trial = optimizer.ask()
    optimizer.tell(trial, {"loss": trial.params["x"]})
print(seen[0], threads())
"""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "{1} {2}\n"


def test_trials_that_nearly_all_fail_do_not_make_the_models_larger_than_they_may_be() -> None:
    history = scattered(box("x", "y"), 600, lambda p: (math.nan if p["x"] > 0.1 else p["y"],))
    surrogate = _surrogate.Surrogate.of(cube(history.space), Evidence.of(history), [], np.random.default_rng(0))
    assert len(surrogate.objectives[0].Z) <= 200 + 100  # type: ignore[union-attr]


def test_an_outlier_beyond_the_limit_is_beyond_it_for_the_model_too() -> None:
    def losses(params: Params) -> tuple[float, float]:
        return -params["x"], 1000.0 if params["x"] > 0.9 else 10 + params["y"]

    history = scattered(box("x", "y"), 40, losses, (None, 500.0))
    surrogate = _surrogate.Surrogate.of(cube(history.space), Evidence.of(history), [], np.random.default_rng(0))
    assert surrogate.reference[1] < np.inf
    lowest_beyond = min(each.params["x"] for each in history.trials if each.values["loss1"] > 500)
    assert max(suggested(history, seed)["x"] for seed in range(4)) < lowest_beyond


def test_a_limit_is_kept_whatever_an_earlier_sweep_has_seen_of_that_metric() -> None:
    def losses(params: Params) -> tuple[float, float]:
        return 1 - params["x"], params["x"]

    far = scattered(box("x", "y", constraints=("x > 0.6",)), 20, losses, (None, 0.5))
    earlier = history_of(box("x", "y"), list(far.trials), (None, 0.5))
    found = []
    for seed in range(4):
        history = History(earlier.space, earlier.objectives, [], earlier=(earlier,))
        while history.number < 25:
            params = suggested(history, seed)
            history = history.advance([*history.trials, trial(history.number, params, losses(params))])
        found.append(lowest([each for each in history.trials if each.values["loss1"] <= 0.5]))
    assert np.median(found) < 0.6


def test_the_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="startup"):
        GPSampler.model_validate({"startup": 0})


# --- time


def timed(history: History, seconds: Callable[[Params], float]) -> History:
    """The same trials, one after the other."""
    spans = [seconds(each.params) for each in history.trials]
    starts = np.cumsum([0.0, *spans]).tolist()
    runs = [Run(start, span) for start, span in zip(starts[:-1], spans, strict=True)]
    trials = [each._replace(runs=(run,)) for each, run in zip(history.trials, runs, strict=True)]
    return History(history.space, history.objectives, trials)


def asked(history: History, seconds: float | None) -> Params:
    found = GPSampler(seconds=seconds).suggest(history, np.random.default_rng(0))
    assert found is not None
    return found.params


def test_where_time_is_the_budget_it_prefers_what_is_fast_and_not_where_the_budget_is_spent() -> None:
    """x alone decides the loss, y alone the time: from 1 to 1000 seconds."""
    history = timed(scattered(box("x", "y"), 20, lambda p: ((p["x"] - 0.4) ** 2,)), lambda p: 1000 ** p["y"])
    spent = sum(each.seconds for each in history.trials)
    fast, regardless, late = (asked(history, seconds) for seconds in (100 * spent, None, spent))
    assert fast["y"] < 0.05
    assert late == regardless
    assert regardless["y"] > 0.05


def test_times_that_are_all_the_same_or_unknown_change_nothing() -> None:
    history = scattered(box("x", "y"), 20, bowl)
    assert asked(history, 1e9) == asked(history, None) == asked(timed(history, lambda p: 60.0), 1e9)


# --- earlier sweeps


def following(earlier: History, trials: list[Trial] | None = None) -> History:
    return History(earlier.space, earlier.objectives, trials or [], earlier=(earlier,))


def test_the_first_trial_goes_where_an_earlier_sweep_was_best() -> None:
    found = suggested(following(scattered(box("x", "y"), 30, bowl)))
    assert math.dist((found["x"], found["y"]), (0.3, 0.8)) < 0.1


def test_asks_without_a_tell_after_an_earlier_sweep_differ() -> None:
    history = following(scattered(box("x", "y"), 30, bowl))
    for number in range(4):
        history = history.advance([*history.trials, trial(number, suggested(history))])
    asked = np.array([[each.params["x"], each.params["y"]] for each in history.trials])
    assert np.linalg.norm(asked[:, None] - asked, axis=2)[np.triu_indices(4, 1)].min() > 1e-4


def test_an_earlier_sweep_that_misleads_is_forgotten_within_a_few_trials() -> None:
    history = following(scattered(box("x", "y"), 30, lambda params: (-bowl(params)[0],)))
    while history.number < 20:
        params = suggested(history)
        history = history.advance([*history.trials, trial(history.number, params, bowl(params))])
    assert lowest(list(history.trials)) < 1e-3


def test_an_earlier_sweep_of_which_nothing_is_known_changes_nothing() -> None:
    own = scattered(box("x", "y"), 12, bowl)
    unknown = history_of(own.space, [trial(0, {"x": 0.5, "y": 0.5})])
    assert suggested(History(own.space, own.objectives, own.trials, earlier=(unknown,))) == suggested(own)
