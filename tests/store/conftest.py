"""A sweep on disk, and trials that come and go in it."""

from __future__ import annotations

import multiprocessing
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store import records
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Curve, Trial, TrialState

WORKER = "a" * 32
FORK = multiprocessing.get_context("fork")


def create_sweep(directory: Path, source: str = "name: s\n") -> Sweep:
    return Sweep.create(directory, source.encode(), {"name": "s"}, "0.1.0")


def all_at_once(n: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(i)` returns in `n` processes that start together."""
    barrier, answers = FORK.Barrier(n), FORK.SimpleQueue()

    def child(i: int) -> None:
        barrier.wait()
        answers.put(work(i))

    processes = [FORK.Process(target=child, args=(i,)) for i in range(n)]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return found


def new_trial(number: int, worker: str = WORKER, **rest: Any) -> Trial:
    params = {"x": number / 4, "name": "ünï", "flags": [True, None]}
    return Trial(number, uuid.uuid4().hex, TrialState.RUNNING, params=params, worker=worker, **rest)


def start_trial(sweep: Sweep, worker: str = WORKER, log: Path | None = None, **rest: Any) -> Trial:
    trial = new_trial(len(sweep.trials()), worker, **rest)
    return sweep.create_trial(trial, TrialState.RUNNING, log)


def finish_trial(sweep: Sweep, trial: Trial, value: float = 0.5, log: Path | None = None) -> Trial:
    return sweep.advance(trial, TrialState.COMPLETE, "", log, **records.left(reached(trial, value)))


def reached(trial: Trial, value: float = 0.5, step: int = 3, earlier: float = 1.0) -> Trial:
    """`trial` with what its run reached and cost."""
    curve = Curve((1, step), {"loss": (earlier, value)}, {"loss": {step: float("inf")}})
    run = trial.runs[-1]._replace(seconds=2.5, gpu_seconds=1.0, memory_bytes=7)
    runs = (*trial.runs[:-1], run)
    return trial._replace(values={"loss": value}, step=step, last_step=step, first=1, curve=curve, runs=runs)


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    resolved = {"name": "s", "budget": {"trials": 3, "wall": None}}
    return Sweep.create(tmp_path / "s", b"name: s\n", resolved, "0.1.0")


@pytest.fixture(scope="session")
def new() -> Callable[..., Trial]:
    return new_trial


@pytest.fixture(scope="session")
def start() -> Callable[..., Trial]:
    return start_trial


@pytest.fixture(scope="session")
def finish() -> Callable[..., Trial]:
    return finish_trial


@pytest.fixture(scope="session")
def after_run() -> Callable[..., Trial]:
    return reached


@pytest.fixture(scope="session")
def create() -> Callable[..., Sweep]:
    return create_sweep


@pytest.fixture(scope="session")
def at_once() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    return all_at_once
