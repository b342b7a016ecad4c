"""Averages what the best networks of a sweep predict: `sweeprun best ensemble -n 5 --json | python average.py`.

Each trial's network comes from its checkpoint. All are judged on images that chose nothing: neither weights nor epochs
nor trials. The validation loss of the best of many trials is too good to be true, because it was picked for being low.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean

import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1] / "digits"))
import train as digits


@torch.no_grad()
def predictions(trial: dict[str, object]) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network of a trial makes of its test images: probabilities (n, 10); and their labels (n,)."""
    arguments = digits.build_parser().parse_args([], argparse.Namespace(**trial["params"]))
    if not arguments.n_test:
        raise SystemExit("these trials left no images out to test with: add n_test: 360 to the sweep's parameters")
    if trial["checkpoint"] is None:
        raise SystemExit(f"trial {trial['number']} has no checkpoint any more")
    model = digits.build_model(arguments)
    model.load_state_dict(torch.load(Path(trial["checkpoint"]) / "last.pt", weights_only=True)["model"])
    _, _, (x, y) = digits.load_data(arguments.n_test)
    return functional.softmax(model.eval()(x), dim=1), y


def scores(probabilities: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """The mean negative log-likelihood, and the accuracy."""
    right = probabilities.argmax(1) == labels
    return functional.nll_loss(probabilities.log(), labels).item(), right.float().mean().item()


def line(name: str, val_loss: float | None, test_loss: float, test_acc: float) -> str:
    shown = " " * 8 if val_loss is None else f"{val_loss:8.4f}"
    return f"{name:<12} {shown} {test_loss:9.4f} {test_acc:8.4f}"


def main() -> None:
    said = sys.stdin.read()
    if not said:
        raise SystemExit("no trials on stdin; type: sweeprun best ensemble -n 5 --json | python average.py")
    predicted, scored = [], []
    print("             val_loss test_loss test_acc")
    for trial in json.loads(said)["trials"]:
        probabilities, labels = predictions(trial)
        predicted.append(probabilities)
        scored.append(scores(probabilities, labels))
        print(line(f"trial {trial['number']}", trial["values"]["val_loss"], *scored[-1]))
    print(line("their mean", None, *map(fmean, zip(*scored, strict=True))))
    print(line("ensemble", None, *scores(torch.stack(predicted).mean(0), labels)))


if __name__ == "__main__":
    main()
