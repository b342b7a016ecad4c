"""How good is what each sampler has found after 25, 50 and 100 trials, and what does a suggestion cost?

    python benchmarks/search.py [--seeds 10] [--problem NAME ...] [--latency]

Regret is (best so far - lowest possible) / (median of random search's best at 100 - lowest possible), floored at 0.01:
1 is what random search reaches. Optuna is its TPESampler, as it is and with `group=True` for conditional spaces;
it is left out where it is not installed. `--problem` takes a part of a name.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from problems import PROBLEMS, Problem, choice
from sweeprun import registry
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers.base import Sampler
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter, Repeated, Space
from sweeprun.trials import Failure, FailureClass, Params, Trial, TrialState

N_TRIALS = 100
MARKS = (25, 50, 100)
FLOOR = 0.01
Found = list[float]  # the value of each trial without its noise, NaN where it failed
Search = Callable[[Problem, int, int], Found]


def observed(problem: Problem, value: float, seed: int, number: int) -> float:
    """What a trial reports: the same noise for the trial of that number, whoever suggested it."""
    return value + problem.noise * float(np.random.default_rng([7, seed, number]).standard_normal())


def told(number: int, params: Params, value: float, notes: Any = None) -> Trial:
    if math.isnan(value):
        failure = Failure(FailureClass.NAN, "")
        return Trial(number, str(number), TrialState.FAILED, params=params, notes=notes or {}, failure=failure)
    values = {"loss": value}
    return Trial(number, str(number), TrialState.COMPLETE, params=params, notes=notes or {}, values=values)


def ours(name: str, **options: Any) -> Search:
    def search(problem: Problem, seed: int, n_trials: int) -> Found:
        sampler: Sampler = registry.load("sampler", name, options, seed=seed)
        history, found = History(problem.space, [Objective("loss")], []), []
        while len(found) < n_trials:
            suggestion = sampler.suggest(history, np.random.default_rng([seed, history.number]))
            assert suggestion is not None, "the space is exhausted"
            value = problem.function(suggestion.params)
            trial = told(
                history.number,
                suggestion.params,
                observed(problem, value, seed, history.number),
                suggestion.notes,
            )
            history = history.advance([*history.trials, trial])
            found.append(value)
        return found

    return search


def optuna_value(trial: Any, parameter: Parameter) -> Any:
    match parameter:
        case CategoricalParameter():
            return trial.suggest_categorical(parameter.name, list(parameter.choices))
        case IntParameter():
            suggest = trial.suggest_int
        case FloatParameter():
            suggest = trial.suggest_float
    return suggest(parameter.name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)


def optuna_params(trial: Any, space: Space) -> Params:
    """Drawn as its users write it: a conditional parameter is asked for where it is active."""
    values: Params = {}
    for declaration in space.declarations:
        if declaration.when.holds(values):
            for parameter, condition in declaration.searched:
                if condition.holds(values):
                    values[parameter.name] = optuna_value(trial, parameter)
            values.update(declaration.deliver(values))
    inner = {e.name for d in space.declarations if isinstance(d, Repeated) for e in d.elements}
    return {name: value for name, value in values.items() if name not in inner}


def optuna_search(**options: Any) -> Search:
    def search(problem: Problem, seed: int, n_trials: int) -> Found:
        import optuna

        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, **options))
        found: Found = []
        for number in range(n_trials):
            trial = study.ask()
            value = problem.function(optuna_params(trial, problem.space))
            reported = observed(problem, value, seed, number)
            study.tell(trial, None if math.isnan(value) else reported, state=_state(value))
            found.append(value)
        return found

    return search


def _state(value: float) -> Any:
    import optuna

    return optuna.trial.TrialState.FAIL if math.isnan(value) else optuna.trial.TrialState.COMPLETE


def searches() -> dict[str, Search]:
    found = {"random": ours("random"), "tpe": ours("tpe")}
    if importlib.util.find_spec("optuna"):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        found["Optuna"] = optuna_search()
        found["Optuna, group"] = optuna_search(multivariate=True, group=True)
    return found


def best_after(found: Found, n_trials: int) -> float:
    return min((value for value in found[:n_trials] if not math.isnan(value)), default=math.inf)


def regrets(problem: Problem, searches: dict[str, Search], seeds: Sequence[int]) -> dict[str, list[list[float]]]:
    """By search, for each mark, one regret for each seed."""
    runs = {name: [search(problem, seed, N_TRIALS) for seed in seeds] for name, search in searches.items()}
    scale = statistics.median(best_after(run, N_TRIALS) for run in runs["random"]) - problem.lowest
    return {
        name: [[max(FLOOR, (best_after(run, mark) - problem.lowest) / scale) for run in found] for mark in MARKS]
        for name, found in runs.items()
    }


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def compare(problems: Sequence[Problem], searches: dict[str, Search], n_seeds: int) -> None:
    """Prints the geometric mean over the seeds for each problem, and over all; and how often tpe beats each other."""
    names = list(searches)
    cells = [f"{name} {mark}" for mark in MARKS for name in names]
    print("| problem | " + " | ".join(cells) + " |\n| --- |" + " ---: |" * len(cells))
    every: dict[str, list[list[float]]] = {name: [[] for _ in MARKS] for name in names}
    for problem in problems:
        found = regrets(problem, searches, range(n_seeds))
        means = [geometric_mean(found[name][k]) for k in range(len(MARKS)) for name in names]
        print(f"| {problem.name} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |", flush=True)
        for name in names:
            for k in range(len(MARKS)):
                every[name][k] += found[name][k]
    means = [geometric_mean(every[name][k]) for k in range(len(MARKS)) for name in names]
    print("| all | " + " | ".join(f"{mean:.3f}" for mean in means) + " |\n")
    for name in names:
        if name != "tpe":
            print(f"tpe against {name}: " + "; ".join(map(str, verdicts(every["tpe"], every[name]))))


def verdicts(mine: list[list[float]], other: list[list[float]]) -> list[str]:
    """For each mark: the share of pairs of problem and seed that are won, and Wilcoxon's p over the log regrets."""
    from scipy.stats import wilcoxon

    said = []
    for mark, a, b in zip(MARKS, mine, other, strict=True):
        difference = np.log(a) - np.log(b)
        p = float(wilcoxon(difference).pvalue) if np.any(difference) else 1.0
        share = (np.sum(difference < 0) + 0.5 * np.sum(difference == 0)) / len(difference)
        said.append(f"at {mark} wins {share:.0%} (p = {p:.1g})")
    return said


def ten_mixed() -> Space:
    floats = [choice(FloatParameter(f"f{i}", 1e-4, 1.0, log=i % 2 == 0)) for i in range(4)]
    integers = [choice(IntParameter(f"i{i}", 1, 16 * (i + 1))) for i in range(3)]
    return Space([*floats, *integers, *(choice(CategoricalParameter(f"c{i}", tuple("abcd"))) for i in range(3))])


def latency(sizes: Sequence[int], asks: int = 5) -> None:
    """Prints the median milliseconds of a suggestion where so many trials are known, each time with one more told."""
    space, rng = ten_mixed(), np.random.default_rng(0)
    names = ["tpe", "Optuna"] if importlib.util.find_spec("optuna") else ["tpe"]
    print("| trials | " + " | ".join(f"{name} ms" for name in names) + " |\n| ---: |" + " ---: |" * len(names))
    for size in sizes:
        trials = [told(i, space.sample(rng), float(rng.random())) for i in range(size)]
        cells = [f"{1000 * statistics.median(times):.1f}" for times in _seconds(space, trials, asks)]
        print(f"| {size} | " + " | ".join(cells) + " |", flush=True)


def _seconds(space: Space, trials: list[Trial], asks: int) -> list[list[float]]:
    taken = [_our_seconds(space, trials, asks)]
    if importlib.util.find_spec("optuna"):
        taken.append(_optuna_seconds(space, trials, asks))
    return taken


def _our_seconds(space: Space, trials: list[Trial], asks: int) -> list[float]:
    sampler: Sampler = registry.load("sampler", "tpe", {})
    history, times = History(space, [Objective("loss")], trials), []
    for _ in range(asks + 1):
        start = time.perf_counter()
        history = history.advance(history.trials)
        found = sampler.suggest(history, np.random.default_rng([0, history.number]))
        times.append(time.perf_counter() - start)
        assert found is not None
        history = history.advance([*history.trials, told(history.number, found.params, 0.5)])
    return times[1:]  # the first reads every trial, once for a process


def _optuna_seconds(space: Space, trials: list[Trial], asks: int) -> list[float]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = {parameter.name: _distribution(parameter) for parameter in space.parameters}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.add_trials(
        [
            optuna.trial.create_trial(params=trial.params, distributions=kinds, value=trial.values["loss"])
            for trial in trials
        ]
    )
    times = []
    for _ in range(asks + 1):
        start = time.perf_counter()
        trial = study.ask()
        optuna_params(trial, space)
        times.append(time.perf_counter() - start)
        study.tell(trial, 0.5)
    return times[1:]


def _distribution(parameter: Parameter) -> Any:
    from optuna import distributions

    match parameter:
        case CategoricalParameter():
            return distributions.CategoricalDistribution(list(parameter.choices))
        case IntParameter():
            return distributions.IntDistribution(parameter.low, parameter.high, parameter.log, parameter.step)
        case FloatParameter():
            return distributions.FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--problem", nargs="*", default=[""], help="a part of the name of each")
    parser.add_argument("--latency", action="store_true", help="only what a suggestion costs")
    said = parser.parse_args()
    if not said.latency:
        problems = [problem for make in PROBLEMS if any(part in (problem := make()).name for part in said.problem)]
        compare(problems, searches(), said.seeds)
    latency((100, 1000, 10_000))


if __name__ == "__main__":
    main()
