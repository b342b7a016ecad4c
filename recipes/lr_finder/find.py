"""A learning-rate range test: which rates are worth searching? (Smith, Cyclical Learning Rates, 2017)

One training in which the rate grows with every batch, until the loss explodes. Too low a rate changes nothing; at a
good one the loss falls fastest; beyond some rate it diverges. The suggestion goes from a decade below the steepest
descent, because long trainings like lower rates than 300 batches do, to a third of the rate of divergence. It is
printed as a line of a sweep file, and the curve is in curve.csv. Alone: `python find.py --optimizer=sgd`.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1] / "digits"))
import train as digits

LOWEST, HIGHEST = 1e-6, 10.0
SMOOTHING = 0.9  # the weight of what was before
DIVERGED = 2.0  # times the lowest smoothed loss
REACH = 5  # batches to both sides, over which a slope is taken


@dataclass(frozen=True, slots=True)
class Point:
    """What one batch showed."""

    lr: float
    loss: float
    smoothed: float


def curve(arguments: argparse.Namespace) -> Iterator[Point]:
    """The points up to and with the first one that has diverged, if any has."""
    (x, y), _, _ = digits.load_data()
    model = digits.build_model(arguments)
    optimizer = digits.build_optimizer(arguments, model)
    average, lowest = 0.0, math.inf
    for i, batch in zip(range(arguments.n_batches), batches(len(y), arguments.batch_size), strict=False):
        lr = LOWEST * (HIGHEST / LOWEST) ** (i / (arguments.n_batches - 1))
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = functional.cross_entropy(model(x[batch]), y[batch])
        average = SMOOTHING * average + (1 - SMOOTHING) * loss.item()
        point = Point(lr, loss.item(), average / (1 - SMOOTHING ** (i + 1)))  # as if it had not begun at 0
        yield point
        lowest = min(lowest, point.smoothed)
        if has_diverged(point, lowest):
            return
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def batches(n: int, size: int) -> Iterator[torch.Tensor]:
    while True:
        yield from torch.randperm(n).split(size)


def has_diverged(point: Point, lowest: float) -> bool:
    return not point.smoothed <= DIVERGED * lowest  # nor is NaN


def suggestion(name: str, points: list[Point]) -> str:
    """The line for a sweep file under a comment that says why. Raises SystemExit where nothing was learnt."""
    lowest = min(range(len(points)), key=lambda i: points[i].smoothed)
    falls = {i: points[i - REACH].smoothed - points[i + REACH].smoothed for i in range(REACH, lowest - REACH)}
    steepest = max(falls, key=falls.__getitem__, default=None)
    if steepest is None or falls[steepest] <= 0:
        raise SystemExit(f"the loss falls at no rate from {LOWEST:g} to {points[-1].lr:g}: nothing to suggest")
    best, last = points[steepest].lr, points[-1]
    if has_diverged(last, points[lowest].smoothed):
        end, high = f"diverges at {last.lr:.1e}", last.lr / 3
    else:
        end, high = f"does not diverge up to {last.lr:.1e}", last.lr
    line = f"{name}: {{min: {best / 10:.1e}, max: {high:.1e}, log: true}}"
    return f"# the loss falls fastest at {best:.1e} and {end}\n{line}"


def main() -> None:
    parser = digits.build_parser()
    parser.add_argument("--n_batches", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(int(os.environ.get("SWEEPRUN_SEED", "0")))

    points = []
    with open(Path(os.environ.get("SWEEPRUN_DIR", ".")) / "curve.csv", "w", buffering=1) as file:
        table = csv.writer(file)
        table.writerow(["batch", "lr", "loss", "smoothed"])
        for point in curve(arguments):
            points.append(point)
            table.writerow([len(points), point.lr, point.loss, point.smoothed])
    print(suggestion("lr_sgd" if arguments.optimizer == "sgd" else "lr_adam", points))


if __name__ == "__main__":
    main()
