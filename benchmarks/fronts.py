"""How much of the best known front have samplers found after 25, 50 and 100 trials of two objectives?

    python benchmarks/fronts.py --data DIR --keep fronts.jsonl --ours random tpe nsga2 --peers optuna optuna-nsga2

What is missing of the hypervolume below the reference point (problems/fronts.py), as a share of what the best known
front has, floored at 0.001: 1 is nothing found. Options as in search.py.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from comparison.batches import Job, Results, kept
from comparison.report import MARKS, Pair, fields, ordered, tables, versions
from optimizers import named
from problems import FrontProblem, fronts
from problems.fronts import hypervolume
from search import arguments, search

FLOOR = 0.001


def missing(
    results: Results, problems: Sequence[FrontProblem], seeds: Sequence[int]
) -> dict[str, dict[Pair, list[float]]]:
    found: dict[str, dict[Pair, list[float]]] = {}
    for problem in problems:
        for (optimizer, name, workers, seed), each in results.items():
            if name == problem.name and workers == 1 and seed in seeds:
                shares = [hypervolume(each["values"][:mark], problem.reference) / problem.best for mark in MARKS]
                found.setdefault(optimizer, {})[name, seed] = [max(FLOOR, 1 - share) for share in shares]
    return ordered(found)


def main() -> None:
    said = arguments(__doc__, peers=("optuna", "optuna-nsga2"))
    problems = [problem for problem in fronts(said.data) if any(part in problem.name for part in said.problem)]
    optimizers = [*said.ours, *said.peers]
    wanted = [Job(1, p.name, name, seed, MARKS[-1]) for name in optimizers for p in problems for seed in said.seeds]
    with tempfile.TemporaryDirectory() as folder:
        file = said.keep or Path(folder, "results.jsonl")
        n_failed = 0 if said.report else search(said, wanted, file)
        labels = {named(name)[0] for name in optimizers}
        results = {key: each for key, each in kept(file).items() if key[0] in labels}
    found = missing(results, problems, said.seeds)
    print(f"{versions(results, found)}.\n")
    for field in fields(found):
        print("\n".join(tables(field, problems)))
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
