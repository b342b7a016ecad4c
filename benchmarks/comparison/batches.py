"""Searches in processes, and the file that keeps what they found: a JSON line each, of which the last one counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

from optimizers import PEERS, named

HERE = Path(__file__).resolve().parent.parent
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
Key = tuple[str, str, int, int]
Results = dict[Key, dict[str, Any]]


@dataclass(frozen=True, order=True)
class Job:
    """In order: all optimizers on one problem, then on the next, so that a part of the results can be compared."""

    workers: int
    problem: str
    optimizer: str
    seed: int
    n_trials: int

    @property
    def key(self) -> Key:
        return named(self.optimizer)[0], self.problem, self.workers, self.seed


def kept(file: Path) -> Results:
    """What was found, by optimizer, problem, workers and seed. NaN is a failed trial."""
    if not file.exists():
        return {}
    results = (json.loads(line) for line in file.read_text().splitlines())
    return {(each["optimizer"], each["problem"], each["workers"], each["seed"]): each for each in results}


def hours(jobs: Iterable[Job], known: Results, n_processes: int) -> float:
    """What they will take, by what such searches took before or, where there were none, by a guess."""
    taken: dict[str, list[float]] = {}
    for (optimizer, *_), found in known.items():
        taken.setdefault(optimizer, []).append(sum(found["seconds"]))

    def seconds(job: Job) -> float:
        before = taken.get(job.key[0])
        if before:
            return sum(before) / len(before)
        return PEERS[job.optimizer].seconds if job.optimizer in PEERS else 2.0

    return sum(map(seconds, jobs)) / n_processes / 3600


def output(command: Sequence[str]) -> str:
    """What a process in our environment prints."""
    return subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True).stdout


def run(
    jobs: Sequence[Job],
    file: Path,
    pythons: Mapping[str, str],
    data: Path | None,
    n_processes: int,
    worker: str = "worker",
) -> int:
    """Appends what each job finds to `file`, in processes of that module here. How many of them failed; what they said
    went to standard error."""
    lock, failed = Lock(), []
    batches = [list(batch) for _, batch in groupby(sorted(jobs), lambda job: (job.workers, job.problem, job.optimizer))]

    def search(batch: list[Job]) -> None:
        python = pythons.get(batch[0].optimizer, sys.executable)
        command = [python, "-m", f"comparison.{worker}", *([str(data)] if data else [])]
        asked = "".join(json.dumps(asdict(job)) + "\n" for job in batch)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as it:
            assert it.stdin
            assert it.stdout
            it.stdin.write(asked)
            it.stdin.close()
            for line in it.stdout:
                with lock, file.open("a") as out:
                    out.write(line)
        if it.returncode:
            failed.append(batch[0])
            print(f"{batch[0].optimizer} on {batch[0].problem}: exit code {it.returncode}", file=sys.stderr)

    with ThreadPoolExecutor(n_processes) as pool:
        list(pool.map(search, batches))
    return len(failed)
