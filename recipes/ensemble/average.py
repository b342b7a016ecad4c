"""Averages what the best networks of a sweep predict: `sweeprun best ensemble -n 5 --json | python average.py`.

Each trial's network comes from its checkpoint. All are judged on images that chose nothing: neither weights nor epochs
nor trials. The validation loss of the best of many trials is too good to be true, because it was picked for being low.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1] / "digits"))
import train as digits


def arguments_of(trial: dict[str, Any]) -> argparse.Namespace:
    """The program's arguments; what the sweep has no parameter for has the program's default."""
    return digits.build_parser().parse_args([], argparse.Namespace(**trial["params"]))


@torch.no_grad()
def log_probabilities(trial: dict[str, Any], x: torch.Tensor) -> torch.Tensor:
    """What the network of a trial makes of the images `x` (n, 1, 8, 8): logarithms of probabilities (n, 10)."""
    if trial["checkpoint"] is None:
        raise SystemExit(f"trial {trial['number']} has no checkpoint any more")
    model = digits.build_model(arguments_of(trial))
    model.load_state_dict(torch.load(Path(trial["checkpoint"]) / "last.pt", weights_only=True)["model"])
    return functional.log_softmax(model.eval()(x), dim=1)


def averaged(predicted: list[torch.Tensor]) -> torch.Tensor:
    """The logarithm of the mean of the probabilities, of which some may be too small for a number."""
    return torch.stack(predicted).logsumexp(0) - math.log(len(predicted))


def scores(predicted: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """The mean negative log-likelihood, and the accuracy."""
    right = predicted.argmax(1) == labels
    return functional.nll_loss(predicted, labels).item(), right.float().mean().item()


def line(name: str, val_loss: float | None, test_loss: float, test_acc: float) -> str:
    shown = " " * 8 if val_loss is None else f"{val_loss:8.4f}"
    return f"{name:<12} {shown} {test_loss:9.4f} {test_acc:8.4f}"


def main() -> None:
    said = sys.stdin.read()
    if not said:
        raise SystemExit("no trials on stdin; type: sweeprun best ensemble -n 5 --json | python average.py")
    trials = json.loads(said)["trials"]
    n_test = min(arguments_of(trial).n_test for trial in trials)
    if n_test == 0:
        raise SystemExit("these trials left no images out to test with; add n_test: 360 to the sweep's parameters")
    _, _, (x, y) = digits.load_data(n_test)  # the first images that are left out, however many they are
    predicted = [log_probabilities(trial, x) for trial in trials]
    scored = [scores(each, y) for each in predicted]
    print("             val_loss test_loss test_acc")
    for trial, seen in zip(trials, scored, strict=True):
        print(line(f"trial {trial['number']}", trial["values"]["val_loss"], *seen))
    print(line("their mean", None, *map(fmean, zip(*scored, strict=True))))
    print(line("ensemble", None, *scores(averaged(predicted), y)))


if __name__ == "__main__":
    main()
