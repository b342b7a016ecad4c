"""What follows from the seed of a sweep: everything random in it."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(sweep_seed: int, number: int) -> np.random.Generator:
    """All the randomness there is for suggesting trial `number`."""
    return np.random.default_rng([sweep_seed, number])


def of_trials(sweep_seed: int, repeat: int) -> int:
    """The seed handed to a trial: the same for every configuration, so that comparisons are paired."""
    digest = hashlib.sha256(f"{sweep_seed}/{repeat}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
