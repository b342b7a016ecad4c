"""What earlier sweeps have shown, kept in the directory of the sweep that learns from them.

Written when that sweep is made and never again: every process on every host goes by the same, and the earlier sweeps
may be deleted. The first line says how many trials follow, one a line, each a record of its own; a line that is damaged
costs that trial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sweeprun.errors import Damaged
from sweeprun.store import durable, snapshot
from sweeprun.store.layout import Layout
from sweeprun.trials import Trial

FORMAT = 1


@dataclass(frozen=True, slots=True)
class EarlierSweep:
    """A sweep and those of its trials that have ended, under the numbers that they have there."""

    uid: str
    name: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The earlier sweeps; `damage` says what of them cannot be read, None where nothing is amiss."""

    sweeps: tuple[EarlierSweep, ...] = ()
    damage: str | None = None


NOTHING = Earlier()


def encode(sweeps: Sequence[EarlierSweep]) -> bytes:
    """The file that holds them."""
    lines = [
        durable.encode({"sweep": sweep.uid, "name": sweep.name, "trial": snapshot.to_json(trial)})
        for sweep in sweeps
        for trial in sweep.trials
    ]
    return b"".join([durable.encode({"format": FORMAT, "trials": len(lines)}), *lines])


def read(layout: Layout) -> Earlier:
    """What the sweep at `layout`, whose file names earlier ones, was given of them. Raises StoreError where the file
    system does not answer; damage is no error."""
    path = layout.earlier
    with durable.reading(path):
        try:
            head, *lines = durable.read(path, limit=durable.MAX_SNAPSHOT_BYTES).splitlines(keepends=True) or [b""]
            n_trials = _head(durable.decode(head, path), path)
        except FileNotFoundError:
            return Earlier(damage=f"{path}: missing")
        except Damaged as damage:
            return Earlier(damage=str(damage))
        except OSError as error:
            if error.errno not in durable.UNREADABLE:
                raise
            return Earlier(damage=f"{path}: {error.strerror}")
    found: dict[str, EarlierSweep] = {}
    for line in lines:
        with suppress(Damaged):
            each = _line(durable.decode(line, path), path)
            before = found.get(each.uid)
            found[each.uid] = replace(before, trials=before.trials + each.trials) if before else each
    n_lost = n_trials - sum(len(sweep.trials) for sweep in found.values())
    lost = f"{n_lost} of {n_trials} trial{'' if n_trials == 1 else 's'} cannot be read"
    said = f"{path}: {lost}, and inform{'s' if n_lost == 1 else ''} nothing"
    return Earlier(tuple(found.values()), said if n_lost > 0 else None)


def _head(record: Mapping[str, Any], path: Path) -> int:
    if record.get("format") != FORMAT or not isinstance(record.get("trials"), int):
        raise Damaged(path, "of a kind that this sweeprun does not know")
    return int(record["trials"])


def _line(record: Mapping[str, Any], path: Path) -> EarlierSweep:
    try:
        trial = snapshot.from_json(record["trial"])
        return EarlierSweep(str(record["sweep"]), str(record["name"]), (trial,))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Damaged(path, f"not a trial: {error!r}") from None
