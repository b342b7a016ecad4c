"""The process that searches over trainings, in whatever environment has the scheduler: as worker.py.

    python -m comparison.legs_worker DATA < jobs
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

from comparison.legs import search
from optimizers import named
from problems.trainings import trainings
from schedulers import start, version_of


def result(job: dict[str, Any], data: Path) -> dict[str, Any]:
    name, seed, slots = job["optimizer"], job["seed"], job["workers"]
    problem = next(each for each in trainings(data) if each.name == job["problem"])
    scheduler = start(name, problem, seed_for(problem.name, seed))
    found, n_trials, seconds = search(scheduler, problem, slots, job["n_trials"])
    return {
        "optimizer": named(name)[0],
        "version": version_of(name),
        "problem": problem.name,
        "seed": seed,
        "workers": slots,
        "trainings": job["n_trials"],
        "anywhere": rounded(found.anywhere),
        "complete": rounded(found.complete),
        "n_trials": n_trials,
        "seconds": [round(sum(seconds), 4)],
    }


def seed_for(problem: str, seed: int) -> int:
    """The same for all schedulers. Tasks of one space that began with the same configurations would be lucky, or not,
    all at once."""
    return crc32(f"{problem} {seed}".encode())


def rounded(found: list[tuple[float, float]]) -> list[list[float]]:
    return [[round(spent, 4), float(f"{loss:.7g}")] for spent, loss in found]


def main() -> None:
    results = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # some schedulers print
    for line in sys.stdin:
        print(json.dumps(result(json.loads(line), Path(sys.argv[1]))), file=results, flush=True)


if __name__ == "__main__":
    main()
