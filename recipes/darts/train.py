"""Differentiable architecture search on scikit-learn's handwritten digits: 1797 images of 8 x 8 pixels, ten classes.

First a network is trained in which every edge of a cell is a mixture of all operations: its weights on one half of the
training images and the mixing weights on the other half, in turns. Then each node keeps its two strongest edges, each
edge its strongest operation, and what is left is trained from scratch on all training images. Alone: `python train.py`.
In a sweep: see sweep.yaml. The same arguments and seed give the same numbers on CPU, interrupted or not.

Paper: Liu, Simonyan, Yang 2019, DARTS: Differentiable Architecture Search (first-order approximation, section 2.3).
Differs from the paper: small enough for seconds. One kind of cell with one input, five operations, two cells.
"""

from __future__ import annotations

import argparse
import math

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import sweeprun
from sweeprun.integrations.torch import load_checkpoint, save_checkpoint, seed_everything

N_VALIDATION = 360  # a fifth, the same one in every trial; neither weights nor architecture learn from it
BATCH_SIZE = 64
OPERATIONS = ("none", "skip", "max_pool", "conv", "separable")
EDGES = [(source, node) for node in (1, 2, 3) for source in range(node)]  # node 0 is the cell's input
Images = tuple[torch.Tensor, torch.Tensor]  # (n, 1, 8, 8) from 0 to 1, and their labels (n,)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--search_epochs", type=int, default=6, help="0: a random architecture")
    parser.add_argument("--train_epochs", type=int, default=6, help="of what was found")
    parser.add_argument("--width", type=int, default=8, help="channels of a node")
    parser.add_argument("--lr", type=float, default=0.1, help="of the weights, at first; it falls along a cosine")
    parser.add_argument("--weight_decay", type=float, default=3e-4)
    parser.add_argument("--arch_lr", type=float, default=0.02, help="of the mixing weights")
    return parser.parse_args()


def load_data() -> tuple[Images, Images]:
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(images, dtype=torch.float32).div(16)[order].reshape(-1, 1, 8, 8)
    y = torch.tensor(labels)[order]
    return (x[N_VALIDATION:], y[N_VALIDATION:]), (x[:N_VALIDATION], y[:N_VALIDATION])


def operation(name: str, width: int) -> nn.Module:
    match name:
        case "skip":
            return nn.Identity()
        case "max_pool":
            layers: list[nn.Module] = [nn.MaxPool2d(3, stride=1, padding=1)]
        case "conv":
            layers = [nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False)]
        case "separable":
            alone = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
            layers = [nn.ReLU(), alone, nn.Conv2d(width, width, 1, bias=False)]
        case _:
            raise ValueError(name)
    return nn.Sequential(*layers, nn.BatchNorm2d(width, affine=False))


class Cell(nn.Module):
    """(n, n_in, side, side) to (n, 3 width, side, side): its three nodes, each a sum over the edges that lead to it."""

    def __init__(self, n_in: int, width: int):
        super().__init__()
        self.entry = nn.Sequential(nn.Conv2d(n_in, width, 1, bias=False), nn.BatchNorm2d(width))
        self.edges = nn.ModuleList(
            nn.ModuleDict({name: operation(name, width) for name in OPERATIONS[1:]}) for _ in EDGES
        )

    def forward(self, x: torch.Tensor, mixture: list[dict[str, torch.Tensor]]) -> torch.Tensor:
        """`mixture`: for each edge the operations on it, and their weights."""
        nodes = [self.entry(x)]
        for node in (1, 2, 3):
            total = torch.zeros_like(nodes[0])
            for (source, target), operations, weights in zip(EDGES, self.edges, mixture, strict=True):
                if target == node:
                    for name, weight in weights.items():
                        total = total + weight * operations[name](nodes[source])
            nodes.append(total)
        return torch.cat(nodes[1:], dim=1)


class Network(nn.Module):
    """Two cells of the same architecture. `kept` (edge, operation) is what is left of it: everything at first."""

    kept: torch.Tensor

    def __init__(self, width: int):
        super().__init__()
        self.alpha = nn.Parameter(1e-3 * torch.randn(len(EDGES), len(OPERATIONS)))
        self.register_buffer("kept", torch.ones(len(EDGES), len(OPERATIONS), dtype=torch.bool))
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width))
        self.cells = nn.ModuleList([Cell(width, width), Cell(3 * width, width)])
        self.classes = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3 * width, 10))

    @property
    def searching(self) -> bool:
        return bool(self.kept.all())

    @property
    def mixed(self) -> torch.Tensor:
        """The share of each operation on each edge, (edge, operation); shares of an edge sum to 1."""
        return functional.softmax(self.alpha, dim=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shares = self.mixed if self.searching else self.kept.float()
        mixture = [
            {name: share for name, share, kept in zip(OPERATIONS, row, left, strict=True) if kept and name != "none"}
            for row, left in zip(shares, self.kept.tolist(), strict=True)
        ]
        x = self.stem(x)  # 4 x 4 of 8 x 8 pixels, so that a trial takes seconds
        for cell in self.cells:
            x = cell(x, mixture)
        return self.classes(x)

    @torch.no_grad()
    def derive(self) -> None:
        """Keep the two strongest edges of each node and the strongest operation of each; forget all other weights."""
        strength, strongest = self.mixed[:, 1:].max(dim=1)  # "none" is no operation to keep
        self.kept.zero_()
        for node in (1, 2, 3):
            leading = [edge for edge, (_, target) in enumerate(EDGES) if target == node]
            for edge in sorted(leading, key=lambda edge: -strength[edge].item())[:2]:
                self.kept[edge, strongest[edge] + 1] = True
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
                module.reset_parameters()

    def architecture(self) -> str:
        """Each node as the sum that it is, such as `2=conv(0)+skip(1)`."""
        terms: dict[int, list[str]] = {1: [], 2: [], 3: []}
        for (source, node), row in zip(EDGES, self.kept.tolist(), strict=True):
            terms[node] += [f"{name}({source})" for name, kept in zip(OPERATIONS, row, strict=True) if kept]
        return " ".join(f"{node}={'+'.join(sum_of)}" for node, sum_of in terms.items())

    def undecided(self) -> float:
        """How evenly the operations are mixed: 1 where all shares are equal, 0 where one operation has it all."""
        return (-(self.mixed * self.mixed.log()).sum(dim=1).mean() / math.log(len(OPERATIONS))).item()


def descend(optimizer: torch.optim.Optimizer, network: Network, x: torch.Tensor, y: torch.Tensor) -> float:
    """A step of what `optimizer` holds down the loss of these images; returns that loss."""
    loss = functional.cross_entropy(network(x), y)
    network.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def search_epoch(
    network: Network, optimizer: torch.optim.Optimizer, arch_optimizer: torch.optim.Optimizer, training: Images
) -> None:
    """Weights and architecture in turns, a batch of each one's own half of the images."""
    network.train()
    x, y = training
    half = len(y) // 2
    for_weights, for_architecture = torch.randperm(half), half + torch.randperm(half)
    for batch, other in zip(for_weights.split(BATCH_SIZE), for_architecture.split(BATCH_SIZE), strict=True):
        descend(arch_optimizer, network, x[other], y[other])
        descend(optimizer, network, x[batch], y[batch])


def train_epoch(network: Network, optimizer: torch.optim.Optimizer, training: Images) -> float:
    network.train()
    x, y = training
    total = sum(
        descend(optimizer, network, x[batch], y[batch]) * len(batch)
        for batch in torch.randperm(len(y)).split(BATCH_SIZE)
    )
    return total / len(y)


@torch.no_grad()
def evaluate(network: Network, images: Images) -> tuple[float, float]:
    network.eval()
    logits = network(images[0])
    right = logits.argmax(1) == images[1]
    return functional.cross_entropy(logits, images[1]).item(), right.float().mean().item()


def rate(arguments: argparse.Namespace, epoch: int) -> float:
    """The share of the learning rate after `epoch` epochs: half a cosine for the search, and one for the training."""
    n = arguments.search_epochs
    done = epoch / n if epoch < n else (epoch - n) / max(arguments.train_epochs, 1)
    return (1 + math.cos(math.pi * done)) / 2


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    seed_everything()

    training, validation = load_data()
    network = Network(arguments.width)
    weights = [weight for weight in network.parameters() if weight is not network.alpha]
    optimizer = torch.optim.SGD(weights, arguments.lr, momentum=0.9, weight_decay=arguments.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: rate(arguments, epoch))
    arch_optimizer = torch.optim.Adam([network.alpha], arguments.arch_lr, betas=(0.5, 0.999), weight_decay=1e-3)
    epoch, extra, inherited = load_checkpoint(network, optimizer, schedule)
    leave = False
    if epoch > 0 and not inherited:  # of another trial's checkpoint this one has nothing to say yet
        arch_optimizer.load_state_dict(extra["arch_optimizer"])
        leave = sweeprun.report(**extra["metrics"])  # again: the end may have come between saving and reporting

    while epoch < arguments.search_epochs + arguments.train_epochs and not leave:
        epoch += 1
        if epoch <= arguments.search_epochs:
            search_epoch(network, optimizer, arch_optimizer, training)
            loss, acc = evaluate(network, validation)
            metrics = {"epoch": epoch, "search_loss": loss, "search_acc": acc, "undecided": network.undecided()}
        else:
            if network.searching:
                network.derive()
                print(f"found: {network.architecture()}", flush=True)
                optimizer.state.clear()  # the weights begin anew, and so does their momentum
            train_loss = train_epoch(network, optimizer, training)
            loss, acc = evaluate(network, validation)
            metrics = {"epoch": epoch, "train_loss": train_loss, "val_loss": loss, "val_acc": acc}
            metrics["architecture"] = network.architecture()
        schedule.step()
        save_checkpoint(
            epoch, network, optimizer, schedule, metrics=metrics, arch_optimizer=arch_optimizer.state_dict()
        )
        leave = sweeprun.report(**metrics)  # save, then report: the answer to a report may be the end


if __name__ == "__main__":
    main()
