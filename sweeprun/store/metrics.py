"""What a program reports, read from what it writes: JSON lines, lines that patterns match, rows of a CSV file.

A reader has two parts: a `Tail` knows where in a file it is, a parser what a line says.
"""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sweeprun.store.tail import Tail

Row = dict[str, Any]

_DIGITS = r"(\d+|[1-9]\d{0,2}(,\d{3})+|(?=\.\d))(\.\d*)?(e[-+]?\d+)?"
_NUMBER = re.compile(rf"[-+]?({_DIGITS}|nan|inf(inity)?)", re.IGNORECASE | re.ASCII)


class Reader(Protocol):
    """Where the metrics of one run come from. `n_skipped` lines could not be understood, `n_cut` were too long."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that it reads, as far as they are there."""

    @property
    def n_skipped(self) -> int: ...

    @property
    def n_cut(self) -> int: ...

    def read(self, final: bool = False) -> list[Row]:
        """What was reported since the last call; all that is left when `final`: the program is gone."""


class Parser(Protocol):
    """What lines mean, one after the other. `n_skipped` of them could not be understood, `n_cut` were too long."""

    n_skipped: int
    n_cut: int

    def row(self, line: bytes) -> Row | None:
        """Names and numbers that the line reports; None where there are none."""


class Lines:
    """Files of lines that a program appends to, each with a parser of its own: they do not know of each other."""

    def __init__(self, *streams: tuple[Tail, Parser]):
        self._streams = streams

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(tail.path for tail, _ in self._streams)

    @property
    def n_skipped(self) -> int:
        return sum(parser.n_skipped for _, parser in self._streams)

    @property
    def n_cut(self) -> int:
        return sum(tail.n_cut + parser.n_cut for tail, parser in self._streams)

    def read(self, final: bool = False) -> list[Row]:
        rows: list[Row] = []
        for tail, parser in self._streams:
            lines = tail.read(everything=final)
            if final:
                lines += tail.unfinished()
            rows += [row for line in lines if (row := parser.row(line)) is not None]
        return rows


class JsonObjects:
    """A line is a JSON object, or is skipped."""

    def __init__(self) -> None:
        self.n_skipped = 0
        self.n_cut = 0

    def row(self, line: bytes) -> Row | None:
        line = line.removeprefix(codecs.BOM_UTF8).strip()
        if not line:
            return None
        with suppress(ValueError, RecursionError):  # a UnicodeError is a ValueError
            text = line.decode()  # strictly UTF-8: json would guess others, and let lone surrogates through
            found = json.loads(text)
            if "\\u" in text:
                json.dumps(found, ensure_ascii=False).encode()
            if isinstance(found, dict):
                return found
        self.n_skipped += 1
        return None


def number(text: str) -> float | None:
    """The number that people write so: 0.5, 1e-3, 1,234.5, 98.2% (which is 98.2), nan, inf; None where it is none."""
    text = text.strip().rstrip(",;:.").removesuffix("%").rstrip()
    return float(text.replace(",", "")) if _NUMBER.fullmatch(text) else None
