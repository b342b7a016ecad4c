"""A small network on scikit-learn's handwritten digits: 1797 images of 8 x 8 pixels, ten classes.

Alone: `python train.py --model=cnn --width=[16,32]`. In a sweep: see sweep.yaml. The same arguments and seed give the
same numbers on CPU, whether the training is interrupted and continued or not.
"""

from __future__ import annotations

import argparse
import json

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import sweeprun
from sweeprun.integrations.torch import load_checkpoint, save_checkpoint, seed_everything

N_VALIDATION = 360  # a fifth, the same one in every trial
Images = tuple[torch.Tensor, torch.Tensor]  # (n, 1, 8, 8) from 0 to 1, and their labels (n,)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["mlp", "cnn"], default="mlp")
    parser.add_argument("--n_layers", type=int, help="follows from --width; a sweep hands it over too")
    parser.add_argument("--width", type=json.loads, default=[64, 64], help="a list: units or channels of each layer")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batchnorm", type=json.loads, default=False, help="true or false: after each layer's weights")
    parser.add_argument("--optimizer", choices=["sgd", "adam", "adamw"], default="adamw")
    parser.add_argument("--lr_adam", type=float, default=3e-3, help="of adam and adamw")
    parser.add_argument("--lr_sgd", type=float, default=0.1)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--nesterov", type=json.loads, default=False, help="true or false")
    parser.add_argument("--beta2", type=float, default=0.999)
    parser.add_argument("--weight_decay", type=float, default=0.0)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--n_test", type=int, default=0, help="images that are left out, for a test afterwards")
    return parser


def load_data(n_test: int = 0) -> tuple[Images, Images, Images]:
    """Those to train on, to validate and to test with; the same order and the same validation images always."""
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(images, dtype=torch.float32).div(16)[order].reshape(-1, 1, 8, 8)
    y = torch.tensor(labels)[order]
    sizes = [N_VALIDATION, n_test, len(y) - N_VALIDATION - n_test]
    validation, test, training = zip(x.split(sizes), y.split(sizes), strict=True)
    return training, validation, test


def build_model(arguments: argparse.Namespace) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()] if arguments.model == "mlp" else []
    n_in = 64 if arguments.model == "mlp" else 1
    for width in arguments.width:
        if arguments.model == "mlp":
            weights: nn.Module = nn.Linear(n_in, width)
            norm: nn.Module = nn.BatchNorm1d(width)
        else:  # the first layer makes 4 x 4 of 8 x 8 pixels, so that a trial takes seconds
            weights = nn.Conv2d(n_in, width, kernel_size=3, stride=2 if n_in == 1 else 1, padding=1)
            norm = nn.BatchNorm2d(width)
        layers += [weights, *([norm] if arguments.batchnorm else []), nn.ReLU(), nn.Dropout(arguments.dropout)]
        n_in = width
    n_features = n_in if arguments.model == "mlp" else n_in * 4 * 4
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(n_features, 10))


def build_optimizer(arguments: argparse.Namespace, model: nn.Module) -> torch.optim.Optimizer:
    if arguments.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            arguments.lr_sgd,
            momentum=arguments.momentum,
            nesterov=arguments.nesterov,
            weight_decay=arguments.weight_decay,
        )
    kind = torch.optim.AdamW if arguments.optimizer == "adamw" else torch.optim.Adam
    betas = (0.9, arguments.beta2)
    return kind(model.parameters(), arguments.lr_adam, betas=betas, weight_decay=arguments.weight_decay)


def train_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor, batch_size: int
) -> float:
    model.train()
    total = 0.0
    for batch in torch.randperm(len(y)).split(batch_size):
        loss = functional.cross_entropy(model(x[batch]), y[batch])
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
    arguments = build_parser().parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    seed_everything()

    (x, y), (x_validation, y_validation), _ = load_data(arguments.n_test)
    model = build_model(arguments)
    optimizer = build_optimizer(arguments, model)
    epoch, extra, inherited = load_checkpoint(model, optimizer)  # batches and dropout go on as they would have
    leave = False
    if epoch > 0 and not inherited:  # of another trial's checkpoint this one has nothing to say yet
        leave = sweeprun.report(**extra["metrics"])  # again: the end may have come between saving and reporting

    while epoch < arguments.epochs and not leave:
        epoch += 1
        train_loss = train_epoch(model, optimizer, x, y, arguments.batch_size)
        val_loss, val_acc = evaluate(model, x_validation, y_validation)
        metrics = {"epoch": epoch, "train_loss": train_loss, "val_loss": val_loss, "val_acc": val_acc}
        save_checkpoint(epoch, model, optimizer, metrics=metrics)
        leave = sweeprun.report(**metrics)  # save, then report: the answer to a report may be the end


if __name__ == "__main__":
    main()
