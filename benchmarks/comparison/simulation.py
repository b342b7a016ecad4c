"""One search with asynchronous workers, simulated: trials take a while, and are told in the order of their ends."""

from __future__ import annotations

import time
import zlib
from heapq import heappop, heappush

import numpy as np

from optimizers import Optimizer
from problems import Params, Problem, Values


def search(
    optimizer: Optimizer, problem: Problem, seed: int, workers: int, n_trials: int
) -> tuple[list[Values], list[float]]:
    """The values without noise, NaN where it failed, of the n-th trial to end; and the seconds of each ask."""
    running: list[tuple[float, int, Params]] = []
    found: list[Values] = []
    seconds: list[float] = []
    now, number = 0.0, 0
    while len(found) < n_trials:
        while number < n_trials and len(running) < workers:
            start = time.perf_counter()
            params = optimizer.ask(number)
            seconds.append(time.perf_counter() - start)
            if params is None:
                break
            heappush(running, (now + _duration(problem, seed, number), number, params))
            number += 1
        if not running:
            raise RuntimeError(f"{problem.name}, seed {seed}: nothing to try after {number} trials")
        now, ended, params = heappop(running)
        found.append(problem.values(params))
        optimizer.tell(ended, problem.reported(params, seed, ended) if problem.observe else found[-1])
    return found, seconds


def _duration(problem: Problem, seed: int, number: int) -> float:
    return float(np.random.default_rng([11, zlib.crc32(problem.name.encode()), seed, number]).lognormal(0.0, 0.5))
