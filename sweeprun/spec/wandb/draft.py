"""A sweep file in the making: each value with the place in the user's file that it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweeprun.errors import SweepFileError
from sweeprun.spec.yaml12 import Document, KeyPath, Position
from sweeprun.trials import Json


@dataclass(frozen=True)
class Note:
    """What became of a key: `was` in W&B's words, `became` in ours, `why` where that does not go without saying.

    `path` is where it stands now; `position` where it stood.
    """

    position: Position
    path: KeyPath
    was: str
    became: str
    why: str = ""

    def __str__(self) -> str:
        reason = f": {self.why}" if self.why else ""
        return f"line {self.position[0]}: {self.was} -> {self.became}{reason}"


@dataclass(frozen=True)
class Refusal:
    """What the language cannot say. It stands unless the command line gives another value for `path`."""

    path: KeyPath
    error: SweepFileError


@dataclass(frozen=True)
class Translation:
    """A W&B sweep file in the language of sweeprun. Notes and refusals are in the order of the file."""

    document: Document
    notes: tuple[Note, ...]
    refusals: tuple[Refusal, ...]

    def check(self, document: Document) -> None:
        """Raises SweepFileError for the first refusal that no override of `document` has made good."""
        for refusal in self.refusals:
            if document.override_of(refusal.path) is None:
                raise refusal.error


class Draft:
    """Collects what the parts of a translation have to say; `origin` is always a key path of `source`."""

    def __init__(self, source: Document):
        self.source = source
        self.value: dict[str, Any] = {}
        self._values: dict[KeyPath, Position] = {(): source.position(())}
        self._keys: dict[KeyPath, Position] = {}
        self._notes: list[Note] = []
        self._refusals: list[Refusal] = []

    def put(self, path: KeyPath, value: Json, origin: KeyPath) -> None:
        """The mappings on the way are made where they are missing."""
        container = self.value
        for i, key in enumerate(path[:-1]):
            container = container.setdefault(str(key), {})
            self._values.setdefault(path[: i + 1], self.source.position(origin))
        container[str(path[-1])] = value
        self._place(path, value, origin)

    def _place(self, path: KeyPath, value: Json, origin: KeyPath) -> None:
        self._values[path] = self.source.position(origin)
        self._keys[path] = self.place(origin)
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in inside:
            self._place((*path, key), inner, (*origin, key))

    def place(self, origin: KeyPath) -> Position:
        """Where the key stands, or else its value, or else what it would be part of."""
        return self.source.keys.get(origin) or self.source.position(origin)

    def note(self, path: KeyPath, origin: KeyPath, was: str, became: str, why: str = "") -> None:
        self._notes.append(Note(self.place(origin), path, was, became, why))

    def refuse(self, path: KeyPath, origin: KeyPath, message: str, hint: str | None = None) -> None:
        line, column = self.place(origin)
        self._refusals.append(Refusal(path, SweepFileError(message, self.source.file, line, column, hint=hint)))

    def translation(self) -> Translation:
        document = Document(self.source.file, self.value, self._values, self._keys)
        refusals = sorted(self._refusals, key=lambda refusal: (refusal.error.line, refusal.error.column))
        return Translation(document, tuple(sorted(self._notes, key=lambda note: note.position)), tuple(refusals))
