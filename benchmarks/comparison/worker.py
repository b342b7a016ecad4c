"""The process that searches, in whatever environment has the optimizer: one job a line in, one result a line out.

    python -m comparison.worker [DATA] < jobs
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from comparison.simulation import search
from optimizers import named, start, version_of
from problems import find


def result(job: dict[str, Any], data: Path | None) -> dict[str, Any]:
    name, seed, workers, n_trials = job["optimizer"], job["seed"], job["workers"], job["n_trials"]
    problem = find(job["problem"], data)
    values, seconds = search(start(name, problem, seed, n_trials), problem, seed, workers, n_trials)
    return {
        "optimizer": named(name)[0],
        "version": version_of(name),
        "problem": problem.name,
        "seed": seed,
        "workers": workers,
        "values": [[float(f"{value:.9g}") for value in each] for each in values],
        "seconds": [round(each, 5) for each in seconds],
    }


def main() -> None:
    results = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # some optimizers print
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for line in sys.stdin:
        print(json.dumps(result(json.loads(line), data)), file=results, flush=True)


if __name__ == "__main__":
    main()
