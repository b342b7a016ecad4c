"""Who is compared: ours by the name of a sampler with its options, and the peers by the names below.

A peer is imported only where it is asked for, so that each may live in an environment of its own.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from problems import Params, Problem, Values


class Optimizer(Protocol):
    """One search. Trials are numbered as they are asked for and told in any order."""

    def ask(self, number: int) -> Params | None:
        """The configuration of trial `number`; None: nothing until another is told."""

    def tell(self, number: int, values: Values) -> None:
        """What it reported, one value for each objective, to be minimised; NaN where it failed."""

    def preload(self, n_trials: int) -> None:
        """As if so many random trials had been asked for and told."""


@dataclass(frozen=True)
class Peer:
    """`module` of this package makes one with `options`; `distribution` is what pip calls it.

    `seconds` is about what a search of 100 trials takes, for an estimate before anything was measured. A slow one is
    compared on fewer problems and seeds.
    """

    title: str
    module: str
    distribution: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 1.0
    slow: bool = False


PEERS: Mapping[str, Peer] = {
    "optuna": Peer("Optuna TPE", "with_optuna", "optuna", {"sampler": "TPESampler"}),
    "optuna-group": Peer(
        "Optuna TPE, group", "with_optuna", "optuna", {"sampler": "TPESampler", "multivariate": True, "group": True}
    ),
    "optuna-gp": Peer("Optuna GP", "with_optuna", "optuna", {"sampler": "GPSampler"}, 60, slow=True),
    "optuna-nsga2": Peer("Optuna NSGA-II", "with_optuna", "optuna", {"sampler": "NSGAIISampler"}),
    "hyperopt": Peer("hyperopt", "with_hyperopt", "hyperopt"),
    "smac3": Peer("SMAC3", "with_smac3", "smac", seconds=60, slow=True),
    "hebo": Peer("HEBO", "with_hebo", "HEBO", seconds=200, slow=True),
}


def start(name: str, problem: Problem, seed: int, n_trials: int) -> Optimizer:
    """A search by a peer, or by ours, such as `tpe`, `gp:startup=8` or `mine=gp:startup=8` under a name of its own."""
    peer = PEERS.get(name)
    module = import_module(f"optimizers.{peer.module if peer else 'ours'}")
    options = peer.options if peer else {"written": named(name)[1]}
    optimizer: Optimizer = module.start(problem, seed, n_trials, **options)
    return optimizer


def named(name: str) -> tuple[str, str]:
    """What stands for it in files and tables, and what it is."""
    label, is_named, written = name.partition("=")
    return (label, written) if is_named and ":" not in label else (name, name)


def version_of(name: str) -> str:
    """Of what is installed here; with its commit where it is ours."""
    if name in PEERS:
        return version(PEERS[name].distribution)
    described = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    commit = subprocess.run(described, capture_output=True, text=True, check=False).stdout.strip()
    return f"{version('sweeprun')} {commit}".strip()
