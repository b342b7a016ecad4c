"""How good is what is found in the time of 2, 5, 10 and 20 full trainings, by who stops or pauses most of them?

    python benchmarks/pruning.py --data DIR --keep FILE.jsonl --ours random+none tpe+asha --peers optuna-hyperband

Everybody trains the same problems (problems/trainings.py) with the same seeds in 1, 8 or 64 simulated slots. Regret is
(best so far - best known) / (median of the table - best known), of the best at any step and, beside it, of trainings
that went to their end, 1 before there is one; means over tasks and seeds, and the share of searches that are stuck with
more than 0.3. `as the prototype was`: the same against the best of the table, which free configurations may beat.

`--ours` takes a sampler and a pruner with their options, `tpe:startup=8+asha:mode=stop`, and variants under names of
their own, `mine=tpe+asha`. `--peers` takes the names in schedulers/__init__.py; one that lives in an environment of its
own is reached by `--peer-python optuna-median=PATH/bin/python`. Slow ones, the peers, get 3 seeds. What is in the
file `--keep` already is not searched again, but for those named after `--again`; with `--report` nothing is searched.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from comparison.batches import Job, hours, kept, run
from comparison.legs_report import MARKS, report
from optimizers import named
from problems.trainings import TrainingProblem, trainings
from schedulers import PEERS
from search import pythons_of, seeds_of

OURS = [
    *(f"{sampler}+{pruner}" for sampler in ("random", "tpe", "gp") for pruner in ("none", "median", "asha")),
    *(f"{sampler}+asha:mode=stop" for sampler in ("random", "tpe", "gp")),
]
SLOTS = (1, 8, 64)
N_PEER_SEEDS = 3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", nargs="*", default=OURS)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[])
    parser.add_argument("--peer-python", nargs="*", default=[], metavar="NAME=PATH")
    parser.add_argument("--seeds", type=seeds_of, default=range(20), help="how many, or from-to")
    parser.add_argument("--slots", type=int, nargs="*", choices=SLOTS, default=SLOTS)
    parser.add_argument("--problem", nargs="*", default=[""], help="parts of names")
    parser.add_argument("--every", type=int, default=1, help="of the problems only the first of each so many")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--keep", type=Path, help="a file, for raw results")
    parser.add_argument("--again", nargs="*", default=[])
    parser.add_argument("--report", action="store_true", help="of what is kept")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    return parser.parse_args()


def jobs(
    optimizers: Sequence[str], chosen: Sequence[TrainingProblem], seeds: Sequence[int], slots: Sequence[int]
) -> list[Job]:
    """As many steps as so many full trials have."""
    return sorted(
        Job(n, problem.name, name, seed, MARKS[-1])
        for n in slots
        for problem in chosen
        for name in optimizers
        for seed in (seeds[:N_PEER_SEEDS] if name in PEERS else seeds)
    )


def main() -> None:
    said = arguments()
    if said.data is None:
        print("Without --data there are no recorded trainings to prune.")
        return
    chosen = [each for each in trainings(said.data) if any(part in each.name for part in said.problem)][:: said.every]
    optimizers = [*said.ours, *said.peers]
    with tempfile.TemporaryDirectory() as folder:
        file = said.keep or Path(folder, "results.jsonl")
        n_failed = 0
        if not said.report:
            known = kept(file)
            wanted = jobs(optimizers, chosen, said.seeds, said.slots)
            todo = [job for job in wanted if job.key not in known or job.key[0] in said.again]
            about = hours(todo, known, said.jobs)
            print(f"{len(todo)} searches, about {about:.1f} hours in {said.jobs} processes\n", file=sys.stderr)
            n_failed = run(todo, file, pythons_of(said), said.data, said.jobs, "legs_worker")
        labels = {named(name)[0] for name in optimizers}
        results = {key: each for key, each in kept(file).items() if key[0] in labels}
        print(report(results, chosen, said.slots, said.seeds))
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
