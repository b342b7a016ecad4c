"""What does a suggestion of 10 mixed parameters cost where 100, 1 000 or 10 000 trials are known?

    python benchmarks/suggest.py [--ours tpe gp] [--peers optuna optuna-gp hyperopt] [--peer-python NAME=PATH]

Each is measured in processes of its own, in turns with the others. A cell is the median over the rounds of the mean of
20 suggestions in a row, told in between, and in brackets its ratio to the first peer's in the same round. The first
suggestion of a process, which reads every trial, does not count; nor does the start.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from comparison.batches import output
from comparison.report import table, title
from optimizers import PEERS
from search import add_optimizers, pythons_of

SIZES = (100, 1000, 10_000)
LARGEST = {"optuna-gp": 100}  # trials beyond which one suggestion takes seconds


def measured(names: list[str], size: int, rounds: int, pythons: dict[str, str]) -> list[str]:
    """A cell for each of `names`, empty where it would take too long."""
    times: dict[str, list[float]] = {name: [] for name in names if size <= LARGEST.get(name, size)}
    for _ in range(rounds):
        for name in times:
            said = output([pythons.get(name, sys.executable), "-m", "comparison.latency", name, str(size)])
            times[name].append(float(said))
    base = next((times[name] for name in times if name in PEERS), None)
    cells = {name: f"{statistics.median(taken):.1f}" for name, taken in times.items()}
    if base:
        for name, taken in times.items():
            cells[name] += f" ({statistics.median(a / b for a, b in zip(taken, base, strict=True)):.2f})"
    return [cells.get(name, "") for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_optimizers(parser, ("optuna", "hyperopt"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    said = parser.parse_args()
    names = [*said.ours, *said.peers]
    rows = [(str(size), measured(names, size, said.rounds, pythons_of(said))) for size in said.sizes]
    print(table("trials", [f"{title(name)} ms" for name in names], rows))


if __name__ == "__main__":
    main()
