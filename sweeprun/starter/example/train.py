"""Which of two spirals is a point on? A small neural network that learns it, in a second or two. No package is needed.

Alone: python train.py --lr=0.3. In a sweep: see the sweep file beside this one.
"""

import argparse
import json
import math
import os
import random


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--hidden", type=int, default=8, help="units in the hidden layer")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=60)
    return parser.parse_args()


def spirals(n: int, rng: random.Random) -> list[tuple[list[float], float]]:
    """`n` points, each with the spiral it belongs to: 1 or -1."""
    points = []
    for i in range(n):
        turn, label = rng.uniform(0.5, 6.0), 1.0 if i % 2 else -1.0
        angle, radius = turn * math.pi / 2, label * turn / 3
        noise = [rng.gauss(0, 0.08), rng.gauss(0, 0.08)]
        points.append(([radius * math.cos(angle) + noise[0], radius * math.sin(angle) + noise[1]], label))
    return points


class Network:
    """Two inputs, one hidden layer with tanh, one output; trained by gradient descent with momentum."""

    def __init__(self, n_hidden: int, rng: random.Random):
        self.hidden = [[rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(n_hidden)]  # the last: bias
        self.out = [rng.gauss(0, 1) / math.sqrt(n_hidden) for _ in range(n_hidden)]
        self.speeds = [[0.0] * 4 for _ in range(n_hidden)]

    def activations(self, x: list[float]) -> list[float]:
        return [math.tanh(a * x[0] + b * x[1] + bias) for a, b, bias in self.hidden]

    def output(self, x: list[float]) -> float:
        return sum(weight * active for weight, active in zip(self.out, self.activations(x), strict=True))

    def learn(self, batch: list[tuple[list[float], float]], lr: float, momentum: float) -> None:
        """One step down the gradient of the logistic loss."""
        gradients = [[0.0] * 4 for _ in self.hidden]
        for x, label in batch:
            active = self.activations(x)
            output = sum(weight * each for weight, each in zip(self.out, active, strict=True))
            slope = -label / (1 + math.exp(min(label * output, 50))) / len(batch)
            for gradient, weight, each in zip(gradients, self.out, active, strict=True):
                inner = slope * weight * (1 - each * each)
                gradient[0] += inner * x[0]
                gradient[1] += inner * x[1]
                gradient[2] += inner
                gradient[3] += slope * each
        for i, (gradient, speed) in enumerate(zip(gradients, self.speeds, strict=True)):
            for k in range(4):
                speed[k] = momentum * speed[k] - lr * gradient[k]
            self.hidden[i] = [weight + step for weight, step in zip(self.hidden[i], speed[:3], strict=True)]
            self.out[i] += speed[3]


def evaluate(network: Network, points: list[tuple[list[float], float]]) -> tuple[float, float]:
    """The mean logistic loss, and the share of points on the right spiral."""
    margins = [label * network.output(x) for x, label in points]
    loss = sum(math.log1p(math.exp(-abs(margin))) + max(-margin, 0.0) for margin in margins) / len(margins)
    return loss, sum(margin > 0 for margin in margins) / len(margins)


def main() -> None:
    arguments = parse_arguments()
    train_points, val_points = spirals(400, random.Random(1)), spirals(400, random.Random(2))
    rng = random.Random(int(os.environ.get("SWEEPRUN_SEED", "0")))  # a sweep hands its seed over
    network = Network(arguments.hidden, rng)
    for epoch in range(1, arguments.epochs + 1):
        rng.shuffle(train_points)
        for start in range(0, len(train_points), arguments.batch_size):
            batch = train_points[start : start + arguments.batch_size]
            network.learn(batch, arguments.lr, arguments.momentum)
        val_loss, val_acc = evaluate(network, val_points)
        print(json.dumps({"epoch": epoch, "val_loss": val_loss, "val_acc": val_acc}))  # what the sweep reads


if __name__ == "__main__":
    main()
