"""A cache of finished trials, so that opening a long sweep need not read every record again.

Final trials never change, so a snapshot is never stale, only short. It may be deleted at any time; a broken or unknown
one is passed over. It is written field by field, a field that all trials share once, and read so: a hundred thousand
trials are there in less than a second.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Any

from sweeprun.errors import Damaged
from sweeprun.store import durable
from sweeprun.store.layout import SNAPSHOT_NAME, Layout
from sweeprun.store.records import curve_from, curve_record, failure_from, failure_record, number
from sweeprun.trials import Params, Run, Trial, TrialState

FORMAT = 2
KEPT = 2
_UNSAID: Mapping[str, Any] = {"reason": None, "damaged": False}  # what all final trials that are whole have alike
_FIELDS = tuple(name for name in Trial._fields if name not in _UNSAID)


def _mapping(params: Any) -> Params:
    if not isinstance(params, dict):
        raise TypeError("parameters that are no mapping")
    return params


_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "state": lambda state: state.value,
    "notes": dict,
    "values": lambda values: {name: number(value) for name, value in values.items()},
    "curve": curve_record,
    "failure": failure_record,
    "runs": list,
}
_READ: Mapping[str, Callable[[Any], Any]] = {
    "params": _mapping,
    "state": TrialState,
    "values": lambda values: {name: float(value) for name, value in values.items()},
    "curve": curve_from,
    "failure": lambda failure: failure and failure_from(failure),
    "runs": lambda runs: tuple([Run(*run) for run in runs]),
}


def due(n_final: int, n_saved: int) -> bool:
    """Whether enough trials have finished since the last snapshot: 1000, or a tenth of it."""
    return n_final - n_saved >= max(1000, n_saved // 10)


def save(layout: Layout, sweep: str, trials: Iterable[Trial]) -> int:
    """Write a snapshot of the final ones among `trials` of the sweep with that uid; how many they are."""
    final = [trial for trial in trials if trial.state.final and not trial.damaged]
    columns = {name: _column([getattr(trial, name) for trial in final], _WRITTEN.get(name)) for name in _FIELDS}
    data = durable.encode({"format": FORMAT, "sweep": sweep, "n": len(final), "columns": columns})
    durable.replace(layout.scratch, layout.snapshot(len(final)), data)
    for n in _available(layout)[KEPT:]:
        with suppress(OSError):
            os.unlink(layout.snapshot(n))
    return len(final)


def load(layout: Layout, sweep: str) -> dict[int, Trial]:
    """The trials of the newest snapshot that can be read and is of this sweep, by number; none is no error."""
    for n in _available(layout):
        try:
            with _nothing_collected():
                record = durable.read_record(layout.snapshot(n), durable.MAX_SNAPSHOT_BYTES)
                if (record["format"], record["sweep"]) == (FORMAT, sweep):
                    return {trial.number: trial for trial in _trials(record["columns"], record["n"])}
        except (Damaged, OSError, AttributeError, KeyError, TypeError, ValueError):
            continue  # a cache: the records themselves are read instead
    return {}


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Millions of objects that are all kept are not looked through for garbage again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _available(layout: Layout) -> list[int]:
    try:
        names = os.listdir(layout.snapshots)
    except FileNotFoundError:
        return []
    return sorted((int(name[:-5]) for name in names if SNAPSHOT_NAME.match(name)), reverse=True)


def _column(values: list[Any], written: Callable[[Any], Any] | None) -> Any:
    """All values of a field; {"all": value} where they are one and the same."""
    said = values if written is None else list(map(written, values))
    return {"all": said[0]} if said and all(each == said[0] for each in said) else said


def _trials(columns: Any, n: int) -> Iterator[Trial]:
    known = {name: repeat(value, n) for name, value in _UNSAID.items()}
    found = {name: _values(columns[name], n, _READ.get(name)) for name in _FIELDS}
    return map(Trial._make, zip(*((known | found)[name] for name in Trial._fields), strict=True))


def _values(column: Any, n: int, read: Callable[[Any], Any] | None) -> Iterable[Any]:
    if isinstance(column, list):
        return column if read is None else map(read, column)
    return repeat(column["all"] if read is None else read(column["all"]), n)


def to_json(trial: Trial) -> dict[str, Any]:
    """A trial as strict JSON."""
    values = ((name, getattr(trial, name)) for name in _FIELDS)
    return {name: _WRITTEN[name](value) if name in _WRITTEN else value for name, value in values}


def from_json(entry: Any) -> Trial:
    """The trial that `to_json` made `entry` of. Raises KeyError, TypeError, ValueError on nonsense."""
    read = {name: _READ[name](entry[name]) if name in _READ else entry[name] for name in _FIELDS}
    return Trial(**read, **_UNSAID)
