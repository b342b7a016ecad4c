"""Trials that went on from other ones, as the commands show them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.store import records, runs
from sweeprun.trials import SEGMENT, Curve, Reason, Run, Trial, TrialState

Command = Callable[..., Any]

SOURCE = """
command: python train.py ${args}
metric: val_loss
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  layers: [2, 4, 8]
algorithm: {name: pbt, members: 2, interval: 10, max: 30}
"""
SCHEDULE = [
    {"from_step": 0, "params": {"lr": 0.01, "layers": 4}},
    {"from_step": 10, "params": {"lr": 0.012, "layers": 4}},
    {"from_step": 20, "params": {"lr": 0.012, "layers": 8}},
]


@pytest.fixture
def trained(build: Command) -> Any:
    """Two members: trial 2 went on from trial 0 at step 10, and trial 3 from trial 2 at step 20, to the end."""
    sweep = build(source=SOURCE)
    ended(sweep, TrialState.COMPLETE, 30, **member(0))
    ended(sweep, TrialState.PRUNED, 10, **member(1, lr=0.05))
    ended(sweep, TrialState.PRUNED, 20, **copy(member(1, lr=0.012), 0, 10))
    ended(sweep, TrialState.COMPLETE, 30, **copy(member(1, lr=0.012, layers=8), 2, 20))
    return sweep


def member(number: int, **params: Any) -> dict[str, Any]:
    return {"params": {"lr": 0.01, "layers": 4} | params, "notes": {"member": number, "generation": 0}}


def copy(begun: dict[str, Any], parent: int, step: int) -> dict[str, Any]:
    return begun | {"notes": begun["notes"] | {"from_step": step}, "parent": parent, "origin": SEGMENT}


def ended(sweep: Any, state: TrialState, step: int, **more: Any) -> Trial:
    """One more trial, that came to `step`, the better the further."""
    number = len(sweep.sweep.trials())
    trial = Trial(number, f"uid{number}", TrialState.RUNNING, worker=sweep.worker, **more)
    made = sweep.sweep.create_trial(trial, TrialState.RUNNING)
    runs.prepare(sweep.sweep.layout, made)
    value = 1 / step
    done = made._replace(
        runs=(Run(made.runs[0].started, 5.0),),
        values={"val_loss": value},
        step=step,
        last_step=step,
        curve=Curve((step,), {"val_loss": (value,)}),
    )
    moved: Trial = sweep.sweep.advance(done, state, "", **records.left(done))
    return moved


def test_show_prints_who_trained_which_steps_and_what_changed(trained: Any, sweeprun: Command) -> None:
    lines = sweeprun("show", 3).out.splitlines()
    assert [line for line in lines if line.startswith("to step")] == [
        "to step 10  trial 0: lr=0.01 layers=4",
        "to step 20  trial 2: lr=0.012",
        "to step 30  trial 3: layers=8",
    ]
    assert not any(line.startswith("to step") for line in sweeprun("show", 0).out.splitlines())
    assert sweeprun("show", 3, "--json").document["trial"]["schedule"] == SCHEDULE


def test_export_writes_the_schedule_where_there_is_one(trained: Any, sweeprun: Command, build: Command) -> None:
    rows = list(csv.DictReader(io.StringIO(sweeprun("export", "csv").out)))
    assert json.loads(rows[3]["schedule"]) == SCHEDULE
    assert json.loads(rows[0]["schedule"]) == SCHEDULE[:1]
    as_json = [json.loads(line) for line in sweeprun("export", "jsonl").out.splitlines()]
    assert as_json[3]["schedule"] == SCHEDULE
    build(name="other").ended(1.0)
    assert "schedule" not in sweeprun("export", "other", "csv").out


def test_no_command_trains_it_again_and_best_says_where_its_schedule_is(trained: Any, sweeprun: Command) -> None:
    assert "again" not in {line.partition(" ")[0] for line in sweeprun("show", 3).out.splitlines()}
    ended(trained, TrialState.COMPLETE, 40, **copy(member(0, lr=0.1), 0, 10))
    done = sweeprun("best", "-f", "command")
    assert done.code == 2
    assert "trial 4 went on from trial 0" in done.err
    assert "sweeprun show demo 4" in done.err


# ---- status


def test_a_population_that_is_trained_is_finished(trained: Any, sweeprun: Command) -> None:
    said = sweeprun("status", "--json").document
    assert (said["state"], said["reason"]) == ("finished", "every member has come to its end")


def test_a_population_of_which_somebody_is_paused_is_stopped_though_all_have_begun(
    build: Command, sweeprun: Command
) -> None:
    sweep = build(source=SOURCE.replace("members: 2, ", "") + "budget: 2\n")
    for number in (0, 1):
        ended(sweep, TrialState.PAUSED, 10, until=10, **member(number))
    said = sweeprun("status", "--json").document
    assert said["state"] == "stopped"
    assert "of 2 paused trials some go on: sweeprun resume" in said["reason"]
    first = sweep.sweep.trials()[0]
    sweep.sweep.advance(first, TrialState.RUNNING, "", reason=Reason.PROMOTED, run=2, until=20)
    assert "1 running" in sweeprun("status", "--json").document["reason"]
