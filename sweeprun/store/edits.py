"""The accepted changes of a sweep: numbered files, each written once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sweeprun.errors import Damaged
from sweeprun.store import durable
from sweeprun.store.layout import Layout

FORMAT = 1
_KEYS = {"format", "n", "id", "at", "crc32", "source", "resolved", "set", "forgiven"}


class Edits:
    """Those of one sweep, oldest first, as far as they can be read: `broken` is the first that cannot be."""

    def __init__(self, layout: Layout):
        self._layout = layout
        self._known: list[dict[str, Any]] = []
        self.broken: Damaged | None = None

    def read(self) -> list[dict[str, Any]]:
        """All that there are now."""
        try:
            with durable.reading(self._layout.edits), suppress(FileNotFoundError):
                while True:
                    self._known.append(_edit(self._layout.edit(len(self._known) + 1)))
        except Damaged as damage:
            self.broken = damage
        return list(self._known)

    def append(self, change: Mapping[str, Any], at: float) -> int:
        """The number that it gets. Raises Damaged after a change that cannot be read."""
        while True:
            n = len(self.read()) + 1
            if self.broken is not None:
                raise self.broken
            identity = uuid.uuid4().hex
            record = durable.encode({"format": FORMAT, "n": n, "id": identity, "at": at, **change})
            if durable.put_if_absent(self._layout.scratch, self._layout.edit(n), record, identity.encode()):
                return n

    def applied(self, resolved: dict[str, Any]) -> dict[str, Any]:
        """A resolved sweep file with every change."""
        for change in self.read():
            resolved = change.get("resolved", resolved)
            for path, value in change.get("set", ()):
                resolved = _with(resolved, path, value)
        return resolved


def _edit(path: Path) -> dict[str, Any]:
    """Raises Damaged also for a change of a kind that is not known here: to pass over it would be to misread."""
    record = durable.read_record(path)
    if record.get("format") != FORMAT or not record.keys() <= _KEYS:
        raise Damaged(path, "a change of a kind that this sweeprun does not know")
    return record


def _with(mapping: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of `mapping` in which the nested key `path` is `value`."""
    key, *rest = path
    return mapping | {key: _with(mapping.get(key) or {}, rest, value) if rest else value}
