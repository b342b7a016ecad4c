"""A cache of finished trials, so that opening a long sweep need not read every record again.

Final trials never change, so a snapshot is never stale, only short. It may be deleted at any time; a broken or unknown
one is passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from typing import Any

from sweeprun.errors import Damaged
from sweeprun.store import durable
from sweeprun.store.layout import SNAPSHOT_NAME, Layout
from sweeprun.store.records import curve_from, curve_record, failure_from, failure_record
from sweeprun.trials import Run, Trial, TrialState

FORMAT = 1
KEPT = 2
_SPECIAL = {"state", "reason", "values", "curve", "failure", "runs", "damaged"}
_RUN = tuple(field.name for field in fields(Run))
_PLAIN = tuple(field.name for field in fields(Trial) if field.name not in _SPECIAL)


def due(n_final: int, n_saved: int) -> bool:
    """Whether enough trials have finished since the last snapshot: 1000, or a tenth of it."""
    return n_final - n_saved >= max(1000, n_saved // 10)


def save(layout: Layout, sweep: str, trials: Iterable[Trial]) -> int:
    """Write a snapshot of the final ones among `trials` of the sweep with that uid; how many they are."""
    final = [to_json(trial) for trial in trials if trial.state.final and not trial.damaged]
    data = durable.encode({"format": FORMAT, "sweep": sweep, "trials": final})
    durable.replace(layout.scratch, layout.snapshot(len(final)), data)
    for n in _available(layout)[KEPT:]:
        with suppress(OSError):
            os.unlink(layout.snapshot(n))
    return len(final)


def load(layout: Layout, sweep: str) -> dict[int, Trial]:
    """The trials of the newest snapshot that can be read and is of this sweep, by number; none is no error."""
    for n in _available(layout):
        try:
            record = durable.read_record(layout.snapshot(n), durable.MAX_SNAPSHOT_BYTES)
            if (record["format"], record["sweep"]) == (FORMAT, sweep):
                return {entry["number"]: from_json(entry) for entry in record["trials"]}
        except (Damaged, OSError, KeyError, TypeError, ValueError):
            continue  # a cache: the records themselves are read instead
    return {}


def _available(layout: Layout) -> list[int]:
    try:
        names = os.listdir(layout.snapshots)
    except FileNotFoundError:
        return []
    return sorted((int(name[:-5]) for name in names if SNAPSHOT_NAME.match(name)), reverse=True)


def to_json(trial: Trial) -> dict[str, Any]:
    """A trial as strict JSON."""
    return {name: getattr(trial, name) for name in _PLAIN} | {
        "state": trial.state.value,
        "notes": dict(trial.notes),
        "values": {name: str(value) for name, value in trial.values.items()},
        "curve": curve_record(trial.curve),
        "failure": failure_record(trial.failure),
        "runs": [[getattr(run, name) for name in _RUN] for run in trial.runs],
    }


def from_json(entry: dict[str, Any]) -> Trial:
    """The trial that `to_json` made `entry` of. Raises KeyError, TypeError, ValueError on nonsense."""
    failure = entry["failure"]
    return Trial(
        **{name: entry[name] for name in _PLAIN},
        state=TrialState(entry["state"]),
        values={name: float(value) for name, value in entry["values"].items()},
        curve=curve_from(entry["curve"]),
        failure=failure and failure_from(failure),
        runs=tuple(Run(*run) for run in entry["runs"]),
    )
