"""A convolutional network of any depth on scikit-learn's handwritten digits: 1797 images of 8 x 8 pixels, ten classes.

Alone: `python train.py --channels=[16,32] --kernel=[3,3] --pool=[1,2]`. In a sweep: see sweep.yaml. The same arguments
and seed give the same numbers on CPU, whether the training is interrupted and continued or not.
"""

from __future__ import annotations

import argparse
import json
import math

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import sweeprun
from sweeprun.integrations.torch import load_checkpoint, save_checkpoint, seed_everything

N_VALIDATION = 360  # a fifth, the same one in every trial
SIDE = 8  # pixels


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n_layers", type=int, help="follows from --channels; a sweep hands it over too")
    parser.add_argument("--channels", type=json.loads, default=[16, 32], help="a list: of each convolution")
    parser.add_argument("--kernel", type=json.loads, default=[3, 3], help="a list: its width in pixels")
    parser.add_argument("--pool", type=json.loads, default=[1, 2], help="a list: the greatest of so many x so many")
    parser.add_argument("--shift", type=float, default=0.5, help="images are moved by up to so many pixels")
    parser.add_argument("--rotate", type=float, default=10.0, help="and turned by up to so many degrees")
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--weight_decay", type=float, default=0.0)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=15)
    arguments = parser.parse_args()
    if not len(arguments.channels) == len(arguments.kernel) == len(arguments.pool):
        parser.error("--channels, --kernel and --pool want a value for each layer")
    return arguments


def load_data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(images, dtype=torch.float32).div(16)[order].reshape(-1, 1, SIDE, SIDE)
    y = torch.tensor(labels)[order]
    return x[N_VALIDATION:], y[N_VALIDATION:], x[:N_VALIDATION], y[:N_VALIDATION]


def build_model(arguments: argparse.Namespace) -> nn.Module:
    """Convolutions without padding: each makes the image smaller, and one that finds it too small is refused."""
    layers: list[nn.Module] = []
    n_in, side = 1, SIDE
    for n_out, kernel, pool in zip(arguments.channels, arguments.kernel, arguments.pool, strict=True):
        shrunk = (side - kernel + 1) // pool
        if shrunk < 1:
            raise SystemExit(f"kernel {kernel} and pool {pool} leave nothing of {side} x {side} pixels")
        layers += [nn.Conv2d(n_in, n_out, kernel, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
        layers += [nn.MaxPool2d(pool)] if pool > 1 else []
        n_in, side = n_out, shrunk
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(n_in * side * side, 10))


def augmented(x: torch.Tensor, shift: float, degrees: float) -> torch.Tensor:
    """Each image of `x` (n, 1, side, side) turned and moved by amounts of its own."""
    turned = (torch.rand(len(x)) * 2 - 1) * math.radians(degrees)
    moved = (torch.rand(len(x), 2, 1) * 2 - 1) * shift * 2 / SIDE  # the grid is 2 wide
    cos, sin = turned.cos(), turned.sin()
    turning = torch.stack([cos, -sin, sin, cos], dim=1).reshape(-1, 2, 2)
    grid = functional.affine_grid(torch.cat([turning, moved], dim=2), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def train_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, arguments: argparse.Namespace
) -> float:
    model.train()
    total = 0.0
    for batch in torch.randperm(len(y)).split(arguments.batch_size):
        seen = augmented(x[batch], arguments.shift, arguments.rotate)
        loss = functional.cross_entropy(model(seen), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(y)


@torch.no_grad()
def evaluate(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    model.eval()
    logits = model(x)
    return functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    seed_everything()

    x, y, x_validation, y_validation = load_data()
    model = build_model(arguments)
    optimizer = torch.optim.AdamW(model.parameters(), arguments.lr, weight_decay=arguments.weight_decay)
    epoch, extra, inherited = load_checkpoint(model, optimizer)  # batches, distortions go on as they would have
    leave = False
    if epoch > 0 and not inherited:  # of another trial's checkpoint this one has nothing to say yet
        leave = sweeprun.report(**extra["metrics"])  # again: the end may have come between saving and reporting

    while epoch < arguments.epochs and not leave:
        epoch += 1
        train_loss = train_epoch(model, optimizer, x, y, arguments)
        val_loss, val_acc = evaluate(model, x_validation, y_validation)
        metrics = {"epoch": epoch, "train_loss": train_loss, "val_loss": val_loss, "val_acc": val_acc}
        save_checkpoint(epoch, model, optimizer, metrics=metrics)
        leave = sweeprun.report(**metrics)  # save, then report: the answer to a report may be the end


if __name__ == "__main__":
    main()
