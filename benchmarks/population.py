"""Is a population that changes its parameters on the way better than the best of its members would be alone?

    python benchmarks/population.py [--problem toy mlp] [--members 4 8] [--seeds 10] [--ours constant pbt pb2:sync=true]

`constant` trains as many members with parameters that stay: those with which the others begin, for as many steps. All
members train at once. `toy` is that of section 4.1 of the paper on population based training: 1.2 - |theta|^2 is the
score, and what is climbed knows only the share of each direction that its parameters h say. `mlp` and `cnn` are the
networks of recipes/digits on real data, with its functions and real checkpoints: learning rate and weight decay.

A value is that of the best member at the last step, the one with the lowest loss: for the toy |theta|^2, for digits the
loss on the validation images, by which members are chosen, and on test images that nobody has looked at. Means over
seeds with their standard errors; beside them how often the ratio to `constant` is below 1 and its geometric mean.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from comparison.report import geometric_mean, table
from search import seeds_of
from sweeprun import Optimizer
from sweeprun.trials import Json, Trial, TrialState

CONSTANT = "constant"
OURS = (CONSTANT, "pbt", "pbt:sync=true", "pb2", "pb2:sync=true")
RECIPE = Path(__file__).parents[1] / "recipes" / "digits" / "train.py"
IN_MEMORY = Path("/dev/shm")
Losses = tuple[float, ...]  # the one that counts, and others that nobody goes by


class Problem(ABC):
    """What is trained, for `steps` steps."""

    space: ClassVar[Mapping[str, Json]]
    steps: ClassVar[int]
    columns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def train(self, trial: Trial, until: int) -> Iterator[tuple[int, Losses]]:
        """Go on from what is saved to step `until`: steps, and what they have led to. Then save."""

    @abstractmethod
    def copy(self, trial: Trial, parent: int) -> None:
        """Give it what the parent has saved."""


class Toy(Problem):
    space: ClassVar[Mapping[str, Json]] = {"h0": {"min": 0.0, "max": 1.0}, "h1": {"min": 0.0, "max": 1.0}}
    steps = 50
    columns = ("distance",)

    def __init__(self) -> None:
        self.saved: dict[int, tuple[int, tuple[float, ...]]] = {}

    def train(self, trial: Trial, until: int) -> Iterator[tuple[int, Losses]]:
        done, theta = self.saved.get(trial.number, (0, (0.9, 0.9)))
        for step in range(done + 1, until + 1):
            theta = tuple(t * (1 - 0.08 * trial.params[h]) for t, h in zip(theta, self.space, strict=True))
            yield step, (sum(t * t for t in theta),)
        self.saved[trial.number] = until, theta

    def copy(self, trial: Trial, parent: int) -> None:
        self.saved[trial.number] = self.saved[parent]


class Digits(Problem):
    space: ClassVar[Mapping[str, Json]] = {
        "lr_adam": {"min": 3e-4, "max": 0.1, "log": True},
        "weight_decay": {"min": 1e-4, "max": 1.0, "log": True},
    }
    steps = 30
    columns = ("validation", "test")
    model: ClassVar[str]

    def __init__(self, directory: Path):
        self.directory, self.program = directory, recipe()
        self.training, *self.judging = self.program.load_data(n_test=360)

    def train(self, trial: Trial, until: int) -> Iterator[tuple[int, Losses]]:
        from sweeprun.integrations.torch import load_checkpoint, save_checkpoint, seed_everything

        given = [f"--{name}={value}" for name, value in trial.params.items()]
        arguments = self.program.build_parser().parse_args([f"--model={self.model}", *given])
        checkpoint = self._checkpoint(trial.number)
        checkpoint.mkdir(exist_ok=True)
        os.environ |= {"SWEEPRUN_TRIAL": str(trial.number), "SWEEPRUN_CHECKPOINT": str(checkpoint)}
        seed_everything(trial.seed)
        model = self.program.build_model(arguments)
        optimizer = self.program.build_optimizer(arguments, model)
        done, _, _ = load_checkpoint(model, optimizer)
        for step in range(done + 1, until + 1):
            self.program.train_epoch(model, optimizer, *self.training, arguments.batch_size)
            yield step, tuple(self.program.evaluate(model, *images)[0] for images in self.judging)
        save_checkpoint(until, model, optimizer)

    def copy(self, trial: Trial, parent: int) -> None:
        shutil.copytree(self._checkpoint(parent), self._checkpoint(trial.number))

    def _checkpoint(self, number: int) -> Path:
        return self.directory / str(number)


class Perceptron(Digits):
    model = "mlp"


class Convolutions(Digits):
    model = "cnn"


PROBLEMS: Mapping[str, type[Problem]] = {"toy": Toy, "mlp": Perceptron, "cnn": Convolutions}


def recipe() -> ModuleType:
    import torch

    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("digits", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    program = sys.modules["digits"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def algorithm(written: str, problem: type[Problem]) -> Any:
    """`pbt:sync=true` as a sweep file has it."""
    name, *options = written.split(":")
    if name == CONSTANT:
        return "random"
    import yaml

    return {"name": name, "max": problem.steps} | {
        key: yaml.safe_load(value) for key, _, value in (option.partition("=") for option in options)
    }


def best_member(written: str, name: str, n_members: int, seed: int) -> Losses:
    """What the best member of a population has come to; turns are taken by whole intervals."""
    kind = PROBLEMS[name]
    optimizer = Optimizer(kind.space, "loss", algorithm(written, kind), budget=n_members, seed=seed)
    ends: dict[int, Losses] = {}
    running: list[Trial] = []
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as directory:
        problem = kind(Path(directory)) if issubclass(kind, Digits) else kind()
        while True:
            while len(running) < n_members and (trial := optimizer.ask()) is not None:
                if trial.parent is not None and trial.last_step == 0:
                    problem.copy(trial, trial.parent)
                running.append(trial)
            if not running:
                return min(ends[trial.number] for trial in optimizer.trials if trial.state is TrialState.COMPLETE)
            trial = running.pop(0)
            for step, losses in problem.train(trial, trial.until or kind.steps):
                optimizer.report(trial, step, {"loss": losses[0]})
                ends[trial.number] = losses
            optimizer.tell(trial)


def rows(found: Mapping[str, Sequence[Losses]]) -> Iterator[tuple[str, list[str]]]:
    for written, ends in found.items():
        cells = []
        for values, beside in zip(zip(*ends, strict=True), zip(*found[CONSTANT], strict=True), strict=True):
            error = np.std(values, ddof=1) / math.sqrt(len(values))
            ratios = [value / other for value, other in zip(values, beside, strict=True)]
            n_better = sum(ratio < 1 for ratio in ratios)
            cells += [f"{np.mean(values):.4f} ± {error:.4f}", f"{geometric_mean(ratios):.2f}", f"{n_better}"]
        yield f"`{written}`", cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", nargs="*", default=OURS)
    parser.add_argument("--problem", nargs="*", choices=PROBLEMS, default=["toy", "mlp"])
    parser.add_argument("--members", nargs="*", type=int, default=[4, 8])
    parser.add_argument("--seeds", type=seeds_of, default=range(10), help="how many, or from-to")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    said = parser.parse_args()
    with ProcessPoolExecutor(said.jobs) as pool:
        for name, n in product(said.problem, said.members):
            found = {
                written: list(pool.map(partial(best_member, written, name, n), said.seeds))
                for written in dict.fromkeys([CONSTANT, *said.ours])
            }
            columns = [cell for column in PROBLEMS[name].columns for cell in (column, "ratio", "better")]
            print(table(f"{name}, {n} members", columns, rows(found)), flush=True)


if __name__ == "__main__":
    main()
