"""A real training that pauses, is promoted and is killed: the record is that of a sweep that nobody disturbed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeprun.run.settling import settled
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import durable
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial

DIGITS = Path(__file__).parents[2] / "recipes" / "digits"
FILE = f"""
command: [{sys.executable}, train.py, "${{args}}"]
workdir: {DIGITS}
metric: val_loss
parameters:
  epochs: 9
  width: [[16], [32]]
  lr_adam: {{min: 1e-4, max: 3e-2, log: true}}
algorithm: random
pruner: {{name: asha, min: 1, max: 9}}
stop: {{grace: 1s}}
resources: {{gpus: 0, cpus: 1}}
budget: 9
"""
N_KILLS = 4
A_MOMENT_S = 0.25  # from writing a record until others have read it


@pytest.mark.timeout(600)
def test_a_training_that_pauses_and_is_killed_comes_to_the_values_of_an_undisturbed_one(site):
    file = settled(SweepFile.parse(FILE, site.directory / "s.yaml"))
    sweep = Sweep.create(site.directory / "sweeps" / "s", FILE.encode(), file.resolved(), "0")
    rng = random.Random(0)
    site.start()
    for _ in range(N_KILLS):
        site.start()
        wanted = n_reported(sweep) + rng.randint(1, 4)
        site.wait_until(lambda wanted=wanted: n_reported(sweep) >= wanted, within_s=120)
        victim = rng.choice([worker for worker in site.workers if worker.poll() is None])
        victim.kill()
        victim.wait()
    site.start().wait()

    trials = site.trials
    assert site.states == {"paused": 8, "complete": 1}
    assert sorted(trial.last_step for trial in trials) == [1] * 6 + [3] * 2 + [9]
    for trial in trials:
        assert trial.curve.steps == tuple(range(1, trial.last_step + 1))
    for trial in (trial for trial in trials if trial.last_step > 1):
        assert trial.curve.values["val_loss"] == undisturbed(trial, site.directory)
    assert promotions(sweep) == 3 + 1


def n_reported(sweep: Sweep) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in sweep.layout.trials.glob("*/*/run*/metrics.jsonl"))


def undisturbed(trial: Trial, directory: Path) -> tuple[float, ...]:
    """What the program reports when it runs alone, up to the step that the trial has come to."""
    metrics = directory / f"alone-{trial.number}"
    environment = os.environ | {
        "SWEEPRUN_METRICS": str(metrics),
        "SWEEPRUN_SEED": str(trial.seed),
        "SWEEPRUN_UNTIL": str(trial.last_step),
        "OMP_NUM_THREADS": "1",
    }
    arguments = [f"--{name}={value}" for name, value in trial.params.items()]
    subprocess.run([sys.executable, "train.py", *arguments], cwd=DIGITS, env=environment, check=True)
    return tuple(json.loads(line)["val_loss"] for line in metrics.read_text().splitlines())


def promotions(sweep: Sweep) -> int:
    """Replay the record: at each promotion fewer than a third of those that had come to the rung had been promoted, and
    nobody who waited there was better. How many there were."""
    waiting: dict[int, list[tuple[float, float]]] = {}  # by rung: when they came, and with which loss
    n_arrived: dict[int, int] = {}
    n_promoted: dict[int, int] = {}
    for record, before in records(sweep):
        if record["state"] == "paused":
            rung, loss = record["until"], min(map(float, record["curve"]["values"]["val_loss"]))
            waiting.setdefault(rung, []).append((record["at"], loss))
            n_arrived[rung] = n_arrived.get(rung, 0) + 1
        elif record["reason"] == "promoted":
            rung, loss = before["until"], min(map(float, before["curve"]["values"]["val_loss"]))
            assert n_promoted.get(rung, 0) < n_arrived[rung] // 3
            others = [other for at, other in waiting[rung] if at < record["at"] - A_MOMENT_S]
            assert loss <= min(others, default=loss)
            waiting[rung].remove((before["at"], loss))
            n_promoted[rung] = n_promoted.get(rung, 0) + 1
    return sum(n_promoted.values())


def records(sweep: Sweep) -> Iterator[tuple[dict, dict]]:
    """All records in the order of time, each with the one of its trial before it."""
    found = []
    for trial in sweep.trials():
        read = [durable.read_record(sweep.layout.state(trial.number, n)) for n in range(1, trial.n + 1)]
        found += list(zip(read, [{}, *read], strict=False))
    yield from sorted(found, key=lambda each: each[0]["at"])
