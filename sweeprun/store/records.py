"""What the files of a trial say, and how they add up to a `Trial`.

The first record creates the trial; each later one moves it to a state. Records are strict JSON: NaN and infinities
are the strings "nan", "inf", "-inf".

    created   format id uid number params notes origin configuration repeat seed parent until created
    every one format id n state reason at worker run checkpoint
    leaving a run (running to anything)
              started seconds gpu_seconds memory_bytes step last_step first values curve failure
    running   until counts
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sweeprun.trial import TRANSITIONS, Curve, Failure, FailureClass, Run, Trial, TrialState

FORMAT = 1
Record = dict[str, Any]

DEATH, RETRY, PREEMPTION = "death", "retry", "preemption"  # what a record adds to a counter of its trial


def created(trial: Trial) -> Record:
    """The record that creates `trial`."""
    record: Record = {
        key: getattr(trial, key)
        for key in ("uid", "number", "params", "origin", "configuration", "repeat", "seed", "parent", "until")
    }
    return record | {"notes": dict(trial.notes)}


def left(trial: Trial) -> Record:
    """What a record says when a run of `trial` is over: where it got, what it cost."""
    run = trial.runs[-1]
    return {
        "started": run.started,
        "seconds": run.seconds,
        "gpu_seconds": run.gpu_seconds,
        "memory_bytes": run.memory_bytes,
        "step": trial.step,
        "last_step": trial.last_step,
        "first": trial.first,
        "values": {name: _number(value) for name, value in trial.values.items()},
        "curve": curve_record(trial.curve),
        "failure": failure_record(trial.failure),
    }


def curve_record(curve: Curve) -> Record:
    return {
        "steps": list(curve.steps),
        "values": {name: [_number(value) for value in column] for name, column in curve.values.items()},
        "firsts": {
            name: {str(step): _number(value) for step, value in points.items()} for name, points in curve.firsts.items()
        },
    }


def failure_record(failure: Failure | None) -> Record | None:
    if failure is None:
        return None
    return {
        "class": failure.kind.value,
        "message": failure.message,
        "exit_code": failure.exit_code,
        "signal": failure.signal,
        "stderr": list(failure.stderr),
    }


def fold(trial: Trial | None, record: Record) -> Trial:
    """`trial` after one more record; None before the first. Raises ValueError, KeyError, TypeError on nonsense."""
    state = TrialState(record["state"])
    before = trial.state if trial else None
    if state not in TRANSITIONS[before]:
        raise ValueError(f"a trial cannot go from {before or 'nothing'} to {state}")
    if record["n"] != (trial.n + 1 if trial else 1):
        raise ValueError(f"record {record['n']} stands where {trial.n + 1 if trial else 1} belongs")
    if trial is None:
        trial = _born(record)
    if "seconds" in record:
        trial = _after_run(trial, record)
    trial = _counted(trial, record.get("counts"))
    if state is TrialState.RUNNING:
        trial = replace(trial, runs=(*trial.runs, Run(started=record["at"])), until=record.get("until"))
    return replace(
        trial,
        n=record["n"],
        state=state,
        reason=record["reason"],
        worker=record["worker"],
        run=record["run"],
        checkpoint=record["checkpoint"],
        changed=record["at"],
    )


def _born(record: Record) -> Trial:
    keys = ("uid", "number", "params", "notes", "origin", "configuration", "repeat", "seed", "parent", "until")
    return Trial(state=TrialState.WAITING, created=record["at"], **{key: record[key] for key in keys})


def _after_run(trial: Trial, record: Record) -> Trial:
    run = Run(record["started"], record["seconds"], record["gpu_seconds"], record["memory_bytes"])
    progressed = record["last_step"] > trial.last_step
    failure = record["failure"]
    return replace(
        trial,
        runs=(*trial.runs[:-1], run),
        step=record["step"],
        last_step=record["last_step"],
        first=record["first"],
        values={name: float(value) for name, value in record["values"].items()},
        curve=curve_from(record["curve"]),
        preemptions=0 if progressed else trial.preemptions,
        failure=failure and failure_from(failure),
    )


def _counted(trial: Trial, counts: str | None) -> Trial:
    if counts == DEATH:
        return replace(trial, deaths=trial.deaths + 1)
    if counts == RETRY:
        return replace(trial, retries=trial.retries + 1)
    if counts == PREEMPTION:
        return replace(trial, preemptions=trial.preemptions + 1)
    return trial


def curve_from(record: Mapping[str, Any]) -> Curve:
    return Curve(
        steps=tuple(record["steps"]),
        values={name: tuple(float(value) for value in column) for name, column in record["values"].items()},
        firsts={
            name: {int(step): float(value) for step, value in points.items()}
            for name, points in record["firsts"].items()
        },
    )


def failure_from(record: Mapping[str, Any]) -> Failure:
    return Failure(
        kind=FailureClass(record["class"]),
        message=record["message"],
        exit_code=record["exit_code"],
        signal=record["signal"],
        stderr=tuple(record["stderr"]),
    )


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
