"""What the files of a trial say, and how they add up to a `Trial`.

The first record creates the trial; each later one moves it to a state. Records are strict JSON: NaN and infinities
are the strings "nan", "inf", "-inf".

    every one  format id n uid state reason why at worker run until
    the first  number params notes origin configuration repeat seed parent
    leaving a run (from running to anything)
               started seconds gpu_seconds memory_bytes skipped cut step last_step first values curve failure
    some       counts: which of the trial's three counters it adds to

`reason` is a Reason where the state is waiting or running, else null; `why` is prose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import lt
from typing import Any

from sweeprun.trials import REASONS, TRANSITIONS, Curve, Failure, FailureClass, Reason, Run, Trial, TrialState

FORMAT = 1
Record = dict[str, Any]

DEATH, RETRY, PREEMPTION = "death", "retry", "preemption"  # what a record adds to a counter of its trial


_NUMBER = int | float
_CREATED: Mapping[str, Any] = {
    "uid": str,
    "number": int,
    "params": dict,
    "notes": dict,
    "origin": str,
    "configuration": int,
    "repeat": int,
    "seed": int,
    "parent": int | None,
}
_EVERY: Mapping[str, Any] = {
    "format": int,
    "n": int,
    "uid": str,
    "at": _NUMBER,
    "why": str,
    "worker": str,
    "run": int,
    "until": int | None,
}
_LEFT: Mapping[str, Any] = {
    "started": _NUMBER,
    "seconds": _NUMBER | None,
    "gpu_seconds": _NUMBER,
    "memory_bytes": int,
    "skipped": int,
    "cut": int,
    "step": int | None,
    "last_step": int,
    "first": int | None,
    "values": dict,
    "curve": dict,
    "failure": dict | None,
}


def created(trial: Trial) -> Record:
    """The record that creates `trial`."""
    return {key: getattr(trial, key) for key in _CREATED} | {"notes": dict(trial.notes)}


def left(trial: Trial) -> Record:
    """What a record says when a run of `trial` is over: where it got, what it cost."""
    run = trial.runs[-1]
    return {
        "started": run.started,
        "seconds": run.seconds,
        "gpu_seconds": run.gpu_seconds,
        "memory_bytes": run.memory_bytes,
        "skipped": run.skipped,
        "cut": run.cut,
        "step": trial.step,
        "last_step": trial.last_step,
        "first": trial.first,
        "values": {name: number(value) for name, value in trial.values.items()},
        "curve": curve_record(trial.curve),
        "failure": failure_record(trial.failure),
    }


def curve_record(curve: Curve) -> Record:
    return {
        "steps": list(curve.steps),
        "values": {name: [number(value) for value in column] for name, column in curve.values.items()},
        "firsts": {
            name: {str(step): number(value) for step, value in points.items()} for name, points in curve.firsts.items()
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
    """`trial` after one more record; None before the first. Raises ValueError on nonsense."""
    try:
        return _folded(trial, record)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a record of a trial: {error!r}") from None


def _folded(trial: Trial | None, record: Record) -> Trial:
    _check(record, _EVERY)
    if record["format"] > FORMAT:
        raise ValueError(f"a newer sweeprun wrote it, in format {record['format']}")
    state = TrialState(record["state"])
    reason = None if record["reason"] is None else Reason(record["reason"])
    if reason not in REASONS.get(state, {None}):
        raise ValueError(f"a trial is not {state} for the reason {reason}")
    before = trial.state if trial else None
    if state not in TRANSITIONS[before]:
        raise ValueError(f"a trial cannot go from {before or 'nothing'} to {state}")
    if record["n"] != (trial.n + 1 if trial else 1):
        raise ValueError(f"record {record['n']} stands where {trial.n + 1 if trial else 1} belongs")
    before_run = trial = trial or _born(record)
    if record["uid"] != trial.uid:
        raise ValueError(f"it is of the trial {record['uid']}, not of {trial.uid}")
    if "seconds" in record:
        trial = _after_run(trial, record)
    trial = _counted(trial, record.get("counts"), progressed=trial.last_step > before_run.last_step)
    if state is TrialState.RUNNING:
        trial = trial._replace(runs=(*trial.runs, Run(started=record["at"])))
    return trial._replace(
        n=record["n"],
        state=state,
        reason=reason,
        why=record["why"],
        worker=record["worker"],
        run=record["run"],
        until=record["until"],
        changed=record["at"],
    )


def _born(record: Record) -> Trial:
    _check(record, _CREATED)
    return Trial(state=TrialState.WAITING, created=record["at"], **{key: record[key] for key in _CREATED})


def _check(record: Record, types: Mapping[str, Any]) -> None:
    """The directory is untrusted: what becomes part of a path or is looked into must be what it should."""
    for key, kind in types.items():
        if not isinstance(record[key], kind):
            raise ValueError(f"{key} is {record[key]!r:.50}")


def _after_run(trial: Trial, record: Record) -> Trial:
    _check(record, _LEFT)
    run = Run(*(record[key] for key in ("started", "seconds", "gpu_seconds", "memory_bytes", "skipped", "cut")))
    failure = record["failure"]
    return trial._replace(
        runs=(*trial.runs[:-1], run),
        step=record["step"],
        last_step=record["last_step"],
        first=record["first"],
        values={name: float(value) for name, value in record["values"].items()},
        curve=curve_from(record["curve"]),
        preemptions=0 if record["last_step"] > trial.last_step else trial.preemptions,
        failure=failure and failure_from(failure),
    )


def _counted(trial: Trial, counts: str | None, progressed: bool) -> Trial:
    if counts == DEATH:
        return trial._replace(deaths=trial.deaths + 1)
    if counts == RETRY:
        return trial._replace(retries=trial.retries + 1)
    if counts == PREEMPTION and not progressed:
        return trial._replace(preemptions=trial.preemptions + 1)
    return trial


def curve_from(record: Mapping[str, Any]) -> Curve:
    """Raises ValueError for a curve that is none."""
    steps = tuple(record["steps"])
    if not {*map(type, steps)} <= {int} or not 0 <= min(steps, default=0) <= max(steps, default=0) < 2**63:
        raise ValueError("the steps of its curve are no counts")
    if not all(map(lt, steps, steps[1:])):
        raise ValueError("the steps of its curve do not increase")
    if any(len(column) != len(steps) for column in record["values"].values()):
        raise ValueError("a column of its curve is not as long as its steps")
    if any(int(step) not in steps for points in record["firsts"].values() for step in points):
        raise ValueError("its curve has a first report of a step that it has not")
    return Curve(
        steps=steps,
        values={name: tuple(map(float, column)) for name, column in record["values"].items()},
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


def number(value: float) -> float | str:
    """As strict JSON has it."""
    return value if math.isfinite(value) else str(value)
