"""How good is what each sampler has found after 25, 50 and 100 trials, beside Optuna and others?

    python benchmarks/search.py --data DIR --keep results.jsonl --ours tpe gp auto --peers optuna optuna-group

Everybody searches the same problems with the same seeds, one worker and 8 asynchronous ones whose trials take a
simulated while. Regret is (best so far - best known) / (median of random search's best at 100 - best known), floored at
0.01: 1 is what random search reaches.

`--ours` takes samplers with their options, `gp:startup=8`, and variants under names of their own, `mine=gp:startup=8`.
`--peers` takes the names in optimizers/__init__.py; one that lives in an environment of its own, with numpy beside it,
is reached by `--peer-python hebo=PATH/bin/python`. Slow peers get 8 problems, 5 seeds, one worker. What is in the file
`--keep` already is not searched again, but for those named after `--again`; with `--report` nothing is searched.
`--problem` takes parts of names. Where the recorded trainings come from that `--data` needs: problems/tables.py.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from comparison.batches import Job, hours, kept, run
from comparison.report import PARALLEL_MARK, SCALE_SEEDS, report
from optimizers import PEERS, named
from problems import SLOW, Problem, problems

N_TRIALS = {1: 100, 8: PARALLEL_MARK}
N_SLOW_SEEDS = 5


def installed(names: Sequence[str]) -> list[str]:
    return [name for name in names if importlib.util.find_spec(PEERS[name].distribution)]


def jobs(
    optimizers: Sequence[str], chosen: Sequence[Problem], seeds: Sequence[int], workers: Sequence[int]
) -> list[Job]:
    """Each once; random search, which sets the scale, always with the seeds of that."""
    listed = {Job(1, problem.name, "random", seed, N_TRIALS[1]) for problem in chosen for seed in SCALE_SEEDS}
    for name in optimizers:
        slow = name in PEERS and PEERS[name].slow
        listed |= {
            Job(n, problem.name, name, seed, N_TRIALS[n])
            for problem in chosen
            for n in workers
            for seed in seeds
            if not slow or (problem.name in SLOW and n == 1 and seed in seeds[:N_SLOW_SEEDS])
        }
    return sorted(listed)


def seeds_of(text: str) -> range:
    first, _, last = text.rpartition("-")
    return range(int(first), int(last) + 1) if first else range(int(last))


def add_optimizers(parser: argparse.ArgumentParser, peers: Sequence[str]) -> None:
    parser.add_argument("--ours", nargs="*", default=["random", "tpe"])
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=installed(peers))
    parser.add_argument("--peer-python", nargs="*", default=[], metavar="NAME=PATH")


def pythons_of(said: argparse.Namespace) -> dict[str, str]:
    return dict(each.split("=", 1) for each in said.peer_python)


def arguments(description: str | None, peers: Sequence[str]) -> argparse.Namespace:
    """`peers` are those compared with where none are named, as far as they are installed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_optimizers(parser, peers)
    parser.add_argument("--seeds", type=seeds_of, default=range(10), help="how many, or from-to")
    parser.add_argument("--workers", type=int, nargs="*", choices=N_TRIALS, default=[1, 8])
    parser.add_argument("--problem", nargs="*", default=[""])
    parser.add_argument("--group", nargs="*", default=[])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--keep", type=Path, help="a file, for raw results")
    parser.add_argument("--again", nargs="*", default=[])
    parser.add_argument("--report", action="store_true", help="of what is kept")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    said = parser.parse_args()
    if said.data is None:
        print("Without --data the problems made of recorded trainings are left out.\n")
    return said


def main() -> None:
    said = arguments(__doc__, ("optuna", "optuna-group", "hyperopt"))
    chosen = [
        problem
        for problem in problems(said.data)
        if any(part in problem.name for part in said.problem) and (not said.group or problem.group in said.group)
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = said.keep or Path(folder, "results.jsonl")
        optimizers = [*said.ours, *said.peers]
        n_failed = 0
        if not said.report:
            n_failed = search(said, jobs(optimizers, chosen, said.seeds, said.workers), file)
        labels = {named(name)[0] for name in optimizers}
        known = {key: each for key, each in kept(file).items() if key[0] in labels | {"random"}}
        print(report(known, chosen, said.seeds))
    sys.exit(1 if n_failed else 0)


def search(said: argparse.Namespace, wanted: Sequence[Job], file: Path) -> int:
    known = kept(file)
    todo = [
        job
        for job in wanted
        if job.key not in known or len(known[job.key]["values"]) < job.n_trials or job.key[0] in said.again
    ]
    about = hours(todo, known, said.jobs)
    print(f"{len(todo)} searches, about {about:.1f} hours in {said.jobs} processes\n", file=sys.stderr)
    return run(todo, file, pythons_of(said), said.data, said.jobs)


if __name__ == "__main__":
    main()
