"""Convolutional networks of many architectures on scikit-learn's handwritten digits: 1797 images of 8 x 8 pixels.

A network is a chain of one to three blocks, each of a kind, a width and a kernel of its own. Alone: `python train.py`,
with the architecture below. In a sweep: see sweep.yaml; parameters come from the file that sweeprun names. The same
parameters and seed give the same numbers on CPU, whether the training is interrupted and continued or not.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import sweeprun
from sweeprun.integrations.torch import load_checkpoint, save_checkpoint, seed_everything

N_VALIDATION = 360  # a fifth, the same one in every trial
DEFAULTS = {
    "epochs": 8,
    "batch_size": 64,
    "lr": 1e-2,
    "kind": ["conv", "pool"],
    "width": [16, 32],  # channels that a block puts out
    "skip": [False, False],  # whether its input is added to that
    "kernel.0": 3,  # pixels; a pooling block has none
    "kernel.1": 3,
    "kernel.2": 3,
}


def load_data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(images, dtype=torch.float32).div(16)[order].reshape(-1, 1, 8, 8)
    y = torch.tensor(labels)[order]
    return x[N_VALIDATION:], y[N_VALIDATION:], x[:N_VALIDATION], y[:N_VALIDATION]


class Block(nn.Module):
    """(n, n_in, side, side) to (n, n_out, side, side); a pooling block halves the side."""

    def __init__(self, kind: str, n_in: int, n_out: int, kernel: int, skip: bool):
        super().__init__()
        self.weights = nn.Sequential(*layers(kind, n_in, n_out, kernel), nn.BatchNorm2d(n_out))
        self.shortcut: nn.Module | None = None
        if skip:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(2) if kind == "pool" else nn.Identity(),
                nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1, bias=False),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.weights(x)
        return functional.relu(y if self.shortcut is None else y + self.shortcut(x))


def layers(kind: str, n_in: int, n_out: int, kernel: int) -> list[nn.Module]:
    match kind:
        case "conv":
            return [nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False)]
        case "depthwise":  # each channel by itself, then all channels of each pixel
            alone = nn.Conv2d(n_in, n_in, kernel, padding=kernel // 2, groups=n_in, bias=False)
            return [alone, nn.Conv2d(n_in, n_out, 1, bias=False)]
        case "pool":
            return [nn.MaxPool2d(2), nn.Conv2d(n_in, n_out, 1, bias=False)]
    raise SystemExit(f"kind {kind!r}: conv, depthwise or pool")


def build_model(params: sweeprun.Params) -> nn.Module:
    """The blocks, then what each channel is on average over the image, then the classes."""
    blocks, n_in = [], 1
    for i, (kind, width, skip) in enumerate(zip(params.kind, params.width, params.skip, strict=True)):
        blocks.append(Block(kind, n_in, width, params[f"kernel.{i}"], skip))
        n_in = width
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, 10))


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
    params = sweeprun.params(**DEFAULTS)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    seed_everything()

    x, y, x_validation, y_validation = load_data()
    model = build_model(params)
    n_weights = sum(weight.numel() for weight in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters(), params.lr)
    epoch, extra, inherited = load_checkpoint(model, optimizer)
    leave = False
    if epoch > 0 and not inherited:  # of another trial's checkpoint this one has nothing to say yet
        leave = sweeprun.report(**extra["metrics"])  # again: the end may have come between saving and reporting

    while epoch < params.epochs and not leave:
        epoch += 1
        train_loss = train_epoch(model, optimizer, x, y, params.batch_size)
        val_loss, val_acc = evaluate(model, x_validation, y_validation)
        metrics = {"epoch": epoch, "train_loss": train_loss, "val_loss": val_loss, "val_acc": val_acc}
        metrics["n_weights"] = n_weights
        save_checkpoint(epoch, model, optimizer, metrics=metrics)
        leave = sweeprun.report(**metrics)  # save, then report: the answer to a report may be the end


if __name__ == "__main__":
    main()
