"""Recorded trainings step by step, to prune and to promote: what `folder` must hold is said in tables.py, and

`opda/`: random searches of nicholaslourie/opda on GitHub (CC BY-SA 4.0; Lourie et al. 2024), one npz each, `X` with
columns `hp_names`: `alexnet.npz` with `top1` (512, 100), accuracies on ImageNet after each epoch, `deberta-base.npz`
with `step` and `acc_matched` (1024, 102), accuracies on MultiNLI; NaN where a training diverged or was over.
`lcbench/lcbench_table_300x52x34.npz`: 300 random configurations of LCBench, for the scale of the regret.

Of LCBench any configuration can be trained, for 52 epochs. Of the others a configuration is trained as the most similar
one of the table was. They differ in length, and are there twice: a step is a twentieth of a training, whatever that
takes, or it is the same for all, an epoch of AlexNet and a thousand steps of DeBERTa.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from problems.problem import Params, choice
from problems.tables import LCBENCH_SPACE, Surrogate, row
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Space

Floats = npt.NDArray[np.float64]

_EPOCHS, _SHARES = 52, 20
_MNLI = 392_702  # examples
_SECONDS, _ACCURACY = 0, 1  # what the surrogate gives


@dataclass(frozen=True, slots=True)
class Training:
    """What a configuration comes to: its `losses` after each of its steps, NaN once it has diverged; what a step costs,
    in trainings of mean length; and how long it takes, of which only the ratios to others count."""

    losses: Floats
    cost: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingProblem:
    """Trainings of at most `n_steps` steps, whose losses are accuracies with the sign changed.

    `lowest` is the best loss that is known, at any step, `lowest_row` that of the rows of the table, and `median` that
    of their last losses.
    """

    name: str
    space: Space
    n_steps: int
    train: Callable[[Params], Training]
    lowest: float
    lowest_row: float
    median: float


# The highest validation accuracy of the surrogate at any epoch, as `long_search` below found it.
LCBENCH_BEST: Mapping[str, float] = {
    "3945": 99.6580, "7593": 91.6548, "34539": 99.1461, "126025": 99.4724, "126026": 99.7483, "126029": 99.2837,
    "146212": 99.1969, "167104": 95.2051, "167149": 99.4849, "167152": 98.5509, "167161": 88.5712, "167168": 89.4263,
    "167181": 94.2853, "167184": 88.2006, "167185": 98.0777, "167190": 90.4690, "167200": 90.2789, "167201": 85.8258,
    "168329": 54.9513, "168330": 76.7201, "168331": 86.8809, "168335": 99.6956, "168868": 99.7566, "168908": 92.0926,
    "168910": 88.7760, "189354": 95.6579, "189862": 95.1769, "189865": 99.0322, "189866": 94.6965, "189873": 99.2419,
    "189905": 96.8649, "189906": 95.2753, "189908": 95.5270, "189909": 87.2857,
}


def lcbench(surrogate: Surrogate, task: str, accuracies: Floats) -> TrainingProblem:
    """`accuracies` (300, 52) are those of the table."""
    epochs = np.arange(1.0, _EPOCHS + 1)

    def train(params: Params) -> Training:
        measured = surrogate(task, epochs, np.tile(row(params), (_EPOCHS, 1)))
        return Training(-measured[:, _ACCURACY], 1 / _EPOCHS, float(measured[-1, _SECONDS]) / _EPOCHS)

    lowest_row, median = -float(accuracies.max()), -float(np.median(accuracies[:, -1]))
    return TrainingProblem(f"LCBench {task}", LCBENCH_SPACE, _EPOCHS, train, -LCBENCH_BEST[task], lowest_row, median)


def long_search(surrogate: Surrogate, task: str, seed: int = 0) -> float:
    """The highest accuracy at four epochs of 10 000 random configurations, and of 40 rounds of 500 ever smaller steps
    from the best 40."""
    rng, d = np.random.default_rng(seed), len(LCBENCH_SPACE.parameters)
    best_u, best = np.empty((0, d)), np.empty(0)
    for round_ in range(60):
        if round_ < 20:
            U = rng.random((500, d))
        else:
            steps = rng.standard_normal((500, d)) * 0.3 * 0.88 ** (round_ - 20) * (rng.random((500, d)) < 0.5)
            U = np.clip(best_u[rng.integers(len(best_u), size=500)] + steps, 0, 1)
        X = np.array([row(LCBENCH_SPACE.decode(u)) for u in U])
        highest = np.max([surrogate(task, epoch, X)[:, _ACCURACY] for epoch in (52, 39, 26, 13)], axis=0)
        U, highest = np.vstack([best_u, U]), np.concatenate([best, highest])
        chosen = np.argsort(-highest)[:40]
        best_u, best = U[chosen], highest[chosen]
    return float(best[0])


def _recorded(
    name: str,
    space: Space,
    X: Floats,
    curves: Sequence[tuple[Floats, Floats]],
    length_of: Callable[[Params], float],
    unit: float | None,
    chance: float,
) -> TrainingProblem:
    """Rows X (n, d) with the parameters of `space` in their order, and at which shares of each training which
    accuracies were measured; before it was that of `chance`. A curve that ends early has diverged. A training takes
    `length_of` its parameters, and a step of it a `unit` of that; None: a share of it."""
    names = [parameter.name for parameter in space.parameters]
    places = np.array([[p.to_unit(value) for p, value in zip(space.parameters, x, strict=True)] for x in X.tolist()])
    lengths = np.array([length_of(dict(zip(names, x, strict=True))) for x in X.tolist()])
    mean, n_steps = float(lengths.mean()), _SHARES if unit is None else math.ceil(lengths.max() / unit)

    def train(params: Params) -> Training:
        place = np.array([parameter.to_unit(params[parameter.name]) for parameter in space.parameters])
        i = int(np.argmin(np.sum((places - place) ** 2, axis=1)))
        length = length_of(params)
        n = _SHARES if unit is None else math.ceil(length / unit)
        cost = length / mean / n
        return Training(_at_shares(n, *curves[i], chance), cost, cost)

    losses = np.array([_at_shares(_SHARES, *curve, chance) for curve in curves])
    lowest, median = float(np.nanmin(losses)), float(np.median(np.nan_to_num(losses[:, -1], nan=np.inf)))
    return TrainingProblem(name, space, n_steps, train, lowest, lowest, median)


def _at_shares(n: int, shares: Floats, accuracies: Floats, chance: float) -> Floats:
    wanted = np.arange(1, n + 1) / n
    between = np.interp(wanted, [0.0, *shares], [chance, *accuracies])
    return np.where(wanted <= max(shares, default=0.0) + 1e-6, -between, np.nan)


def alexnet(folder: Path) -> Iterator[TrainingProblem]:
    data = np.load(folder / "opda" / "alexnet.npz", allow_pickle=False)
    column = dict(zip(data["hp_names"].tolist(), data["X"].T, strict=True))
    epochs = column["epochs"]
    space = Space(
        [
            choice(IntParameter("epochs", 20, 100)),
            choice(CategoricalParameter("batch_size", (128, 256, 512, 1024), ordered=True)),
            choice(FloatParameter("lr", 5e-3, 5e1, log=True)),
            choice(FloatParameter("lr_peak", 0.0, 0.8)),
            choice(FloatParameter("momentum", 0.7, 1.0)),
            choice(FloatParameter("weight_decay", 1e-6, 1e-3, log=True)),
            choice(FloatParameter("label_smoothing", 0.0, 0.5)),
        ]
    )
    column["lr_peak"] = column["lr_peak_epoch"] / epochs
    X = np.column_stack([column[parameter.name] for parameter in space.parameters])
    shares = np.arange(1, data["top1"].shape[1] + 1) / epochs[:, None]
    curves = _measured(shares, data["top1"])
    for name, unit in (("AlexNet", None), ("AlexNet, epochs", 1.0)):
        yield _recorded(name, space, X, curves, lambda params: float(params["epochs"]), unit, 1 / 1000)


def deberta(folder: Path) -> Iterator[TrainingProblem]:
    data = np.load(folder / "opda" / "deberta-base.npz", allow_pickle=False)
    column = dict(zip(data["hp_names"].tolist(), data["X"].T, strict=True))
    steps = column["total_model_steps"]
    space = Space(
        [
            choice(IntParameter("num_train_epochs", 1, 4)),
            choice(IntParameter("train_batch_size", 16, 64)),
            choice(FloatParameter("learning_rate", 1e-6, 1e-3, log=True)),
            choice(FloatParameter("warmup", 0.0, 0.6)),
            choice(FloatParameter("cls_drop_out", 0.0, 0.3)),
        ]
    )
    column["warmup"] = column["warmup_steps"] / steps * column["num_train_epochs"]
    X = np.column_stack([column[parameter.name] for parameter in space.parameters])
    shares = data["step"].astype(np.float64) / steps[:, None]
    curves = _measured(shares, data["acc_matched"])

    def length_of(params: Params) -> float:
        return float(_MNLI * params["num_train_epochs"] / params["train_batch_size"])

    for name, unit in (("DeBERTa", None), ("DeBERTa, thousands", 1000.0)):
        yield _recorded(name, space, X, curves, length_of, unit, 1 / 3)


def _measured(shares: Floats, accuracies: Floats) -> list[tuple[Floats, Floats]]:
    known = ~np.isnan(accuracies)
    rows = zip(shares, accuracies.astype(np.float64), known, strict=True)
    return [(each[there], of[there]) for each, of, there in rows]


@cache
def trainings(folder: Path) -> tuple[TrainingProblem, ...]:
    """All of them."""
    surrogate = Surrogate(folder)
    table = np.load(folder / "lcbench" / "lcbench_table_300x52x34.npz", allow_pickle=False)
    recorded = zip(table["tasks"].tolist(), table["val_accuracy"].astype(np.float64), strict=True)
    return (*(lcbench(surrogate, task, each) for task, each in recorded), *alexnet(folder), *deberta(folder))
