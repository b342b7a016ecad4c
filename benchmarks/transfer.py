"""What is an earlier sweep on another task worth, and what does a misleading one cost?

    python benchmarks/transfer.py --data DIR [--ours tpe gp] [--seeds 3] [--jobs 2]

A sweep of 50 trials on one task of LCBench is known to a sweep on the next. `warm`: the median number of trials after
which it has reached what the same sampler reaches in 50 without it (51: never), and its regret after 10 and 50 trials
over that of the cold sweep, geometric means over pairs and seeds. `misled`: the same where the losses of the earlier
sweep have the opposite sign. Regret is to the best known, floored at a hundredth of what random search has after 50
trials, the median of 10 seeds: below it two searches of one task differ by chance alone.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import accumulate, pairwise, product
from pathlib import Path

from comparison.report import geometric_mean, table
from comparison.simulation import search
from optimizers.ours import ended, start
from problems import Problem, find
from problems.tables import LCBENCH
from sweeprun.history import History

N_TRIALS = 50
MARKS = (10, 50)
TASKS = (*LCBENCH, next(iter(LCBENCH)))
Bests = list[float]  # the lowest loss so far, above the lowest known
Case = tuple[tuple[str, str], int]


def swept(problem: Problem, sampler: str, seed: int, earlier: Sequence[History] = ()) -> tuple[Bests, History]:
    optimizer = start(problem, seed, N_TRIALS, sampler, earlier)
    found, _ = search(optimizer, problem, seed, 1, N_TRIALS)
    return [best - problem.lowest for best in accumulate((value for value, in found), min)], optimizer.history


def negated(history: History) -> History:
    """The same trials with losses of the opposite sign."""
    trials = [ended(trial, tuple(-value for value in trial.values.values())) for trial in history.trials]
    return History(history.space, history.objectives, trials)


def compared(case: Case, sampler: str, data: Path) -> tuple[Bests, Bests, Bests]:
    """Cold, warm and misled."""
    (source, target), seed = case
    problem = find(f"LCBench {target}", data)
    _, earlier = swept(find(f"LCBench {source}", data), sampler, seed + 1000)
    known: list[Sequence[History]] = [(), (earlier,), (negated(earlier),)]
    cold, warm, misled = (swept(problem, sampler, seed, each)[0] for each in known)
    return cold, warm, misled


def trials_to(bests: Bests, goal: float) -> int:
    return next((number for number, best in enumerate(bests, 1) if best <= goal), N_TRIALS + 1)


@cache
def floor(target: str, data: Path) -> float:
    """The least regret on a task that counts."""
    problem = find(f"LCBench {target}", data)
    return statistics.median(swept(problem, "random", seed)[0][-1] for seed in range(10)) / 100


def row(runs: Sequence[tuple[Bests, Bests]], floors: Sequence[float]) -> list[str]:
    """Of pairs of a cold and another sweep, and the least regrets that count in them."""
    ratios = [
        geometric_mean(
            max(other[mark - 1], least) / max(cold[mark - 1], least)
            for (cold, other), least in zip(runs, floors, strict=True)
        )
        for mark in MARKS
    ]
    reached = statistics.median(trials_to(other, cold[-1]) for cold, other in runs)
    return [f"{reached:g}", *(f"{ratio:.2f}" for ratio in ratios)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--ours", nargs="*", default=["tpe"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    said = parser.parse_args()
    if said.data is None:
        print("Without --data there are no tasks to go from one to the next.")
        return
    cases = list(product(pairwise(TASKS), range(said.seeds)))
    rows, floors = [], [floor(target, said.data) for (_, target), _ in cases]
    with ProcessPoolExecutor(said.jobs) as pool:
        for sampler in said.ours:
            found = list(pool.map(partial(compared, sampler=sampler, data=said.data), cases))
            rows.append((f"{sampler}, warm", row([(cold, warm) for cold, warm, _ in found], floors)))
            rows.append((f"{sampler}, misled", row([(cold, misled) for cold, _, misled in found], floors)))
    print(table(f"{len(cases)} sweeps", ["trials to cold's 50", *(f"regret at {mark}" for mark in MARKS)], rows))


if __name__ == "__main__":
    main()
