"""Who decides how far each training goes: ours by the names of a sampler and a pruner, the peers by the names below.

A peer is imported only where it is asked for, so that each may live in an environment of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Protocol

from optimizers import Peer, named
from optimizers import version_of as version_of_ours
from problems.problem import Params
from problems.trainings import TrainingProblem


@dataclass(frozen=True, slots=True)
class Leg:
    """A trial is to train from step `done` on, a new one from 0, until it is told to leave or is at its end."""

    trial: int
    params: Params
    done: int = 0


class Scheduler(Protocol):
    """One search. Losses are to be minimised."""

    def ask(self) -> Leg | None:
        """What a free slot is to do. None: nothing until another trial has left."""

    def report(self, trial: int, step: int, loss: float) -> bool:
        """Whether the trial, which has come to that step with that loss, NaN where it diverged, is to leave now."""

    def leave(self, trial: int) -> None:
        """It has left, because it was to or at its end."""


PEERS: Mapping[str, Peer] = {
    "optuna-hyperband": Peer("Optuna TPE + Hyperband", "with_optuna", "optuna", {"pruner": "HyperbandPruner"}),
    "optuna-median": Peer("Optuna TPE + median", "with_optuna", "optuna", {"pruner": "MedianPruner"}),
    "syne-asha": Peer("Syne Tune ASHA, promotion", "with_syne_tune", "syne-tune", {"scheduler": "ASHA"}),
    "syne-bohb": Peer("Syne Tune BOHB, promotion", "with_syne_tune", "syne-tune", {"scheduler": "BOHB"}),
    "syne-stop": Peer(
        "Syne Tune ASHA, stopping", "with_syne_tune", "syne-tune", {"scheduler": "ASHA", "type": "stopping"}
    ),
}
FIRST_RUNG, ETA = 3, 3  # of everybody, so that what differs is what is done with them


def start(name: str, problem: TrainingProblem, seed: int) -> Scheduler:
    """A search by a peer, or by ours, such as `tpe+asha` or `mine=tpe:startup=8+asha:mode=stop` under its own name."""
    peer = PEERS.get(name)
    module = import_module(f"schedulers.{peer.module if peer else 'ours'}")
    options = peer.options if peer else {"written": named(name)[1]}
    scheduler: Scheduler = module.start(problem, seed, **options)
    return scheduler


def version_of(name: str) -> str:
    return version(PEERS[name].distribution) if name in PEERS else version_of_ours(name)
