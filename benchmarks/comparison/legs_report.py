"""What the kept searches over trainings say, as tables: a function of the file and of the problems."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from comparison.batches import Results
from comparison.report import Pair, Regrets, common, fields, table
from problems.trainings import TrainingProblem
from schedulers import PEERS

MARKS = (2, 5, 10, 20)  # full trainings
STUCK = 0.3
_N = len(MARKS)


def title(optimizer: str) -> str:
    return PEERS[optimizer].title if optimizer in PEERS else optimizer


def regret(loss: float, lowest: float, median: float) -> float:
    """(loss - lowest) / (median - lowest), not below 0; 1 where there is no loss yet."""
    return max(0.0, (loss - lowest) / (median - lowest)) if loss < math.inf else 1.0


def best_at(found: Sequence[Sequence[float]], spent: float) -> float:
    return min((loss for at, loss in found if at <= spent + 1e-6), default=math.inf)


def figures(each: Mapping[str, Any], problem: TrainingProblem) -> list[float]:
    """Of one search: the regret at each mark of any step, that of complete trainings, the first against the best of the
    table; and how many trials there were."""
    anywhere, complete = ([best_at(each[name], mark) for mark in MARKS] for name in ("anywhere", "complete"))
    known, row = (problem.lowest, problem.median), (problem.lowest_row, problem.median)
    return [
        *(regret(loss, *known) for loss in anywhere),
        *(regret(loss, *known) for loss in complete),
        *(regret(loss, *row) for loss in anywhere),
        each["n_trials"],
    ]


def regrets(
    results: Results, problems: Iterable[TrainingProblem], slots: int, seeds: Sequence[int]
) -> dict[str, dict[Pair, list[float]]]:
    found: dict[str, dict[Pair, list[float]]] = {}
    known = {problem.name: problem for problem in problems}
    for (optimizer, name, n, seed), each in results.items():
        if name in known and n == slots and seed in seeds:
            found.setdefault(optimizer, {})[name, seed] = figures(each, known[name])
    return dict(sorted(found.items(), key=lambda item: (item[0] in PEERS, item[0] != "random", item[0])))


def report(results: Results, problems: Sequence[TrainingProblem], slots: Sequence[int], seeds: Sequence[int]) -> str:
    parts = [versions(results)]
    lcbench = [problem for problem in problems if problem.name.startswith("LCBench")]
    for n in slots:
        for group in [lcbench, *([problem] for problem in problems if problem not in lcbench)]:
            found = regrets(results, group, n, seeds)
            parts += [summary(field, n) for field in fields(found) if common(field, field)] if found else []
    return "\n".join(parts)


def versions(results: Results) -> str:
    known: dict[str, set[str]] = {}
    for (optimizer, *_), each in results.items():
        known.setdefault(optimizer, set()).add(each["version"])
    return "; ".join(f"{title(name)} {', '.join(sorted(known[name]))}" for name in sorted(known)) + ".\n"


def summary(found: Regrets, slots: int) -> str:
    """Of optimizers that all ran on the same pairs of problem and seed."""
    pairs = common(found, found)
    names = {problem for problem, _ in pairs}
    what = f"{len(names)} tasks of LCBench" if len(names) > 1 else min(names)
    head = f"{what}, slots: {slots}, seeds: {len({seed for _, seed in pairs})}; at {written(MARKS)} full trainings.\n"
    columns = ["regret", "of complete ones", "stuck", "as the prototype was", "trials"]
    return f"{head}\n" + table("scheduler", columns, [(title(name), cells(found[name], pairs)) for name in found])


def cells(found: Mapping[Pair, Sequence[float]], pairs: Sequence[Pair]) -> list[str]:
    of = [found[pair] for pair in pairs]
    means = [statistics.fmean(column) for column in zip(*of, strict=True)]
    stuck = statistics.fmean(each[_N - 1] > STUCK for each in of)
    parts = [means[i * _N : (i + 1) * _N] for i in range(3)]
    anywhere, complete, prototype = (written([f"{mean:.3f}" for mean in part]) for part in parts)
    return [anywhere, complete, f"{stuck:.0%}", prototype, f"{means[-1]:.0f}"]


def written(values: Iterable[object]) -> str:
    return " / ".join(map(str, values))
