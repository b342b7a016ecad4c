"""Metrics in the CSV file that a program writes: appended row by row, or written anew when a column comes."""

from __future__ import annotations

import csv
import glob
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from sweeprun.macros import expand
from sweeprun.store.metrics import Row, number
from sweeprun.store.tail import Tail

LOOK_EVERY_S = 1.0  # for a newer file, where a wildcard may mean many
_OTHER_WILDCARDS = re.compile(r"[?\[]")
_IN_A_NAME = re.compile(r"(?<=[^/])\*\*+|\*\*+(?=[^/]|\Z)")  # where any folders cannot be meant


class Columns:
    """What the lines of a CSV file mean, its header first.

    A row holds the numbers that stand in it: cells that are empty or hold text are no metrics, nor is one with 1,234
    where something else stands between the cells: it may be 1.234. A row with more or fewer cells than the header is
    skipped.
    """

    def __init__(self) -> None:
        self.n_skipped = 0
        self.n_cut = 0
        self.names: tuple[str, ...] = ()
        self._delimiter = ","

    def row(self, line: bytes) -> Row | None:
        text = line.decode("utf-8-sig", errors="replace").strip("\r\n")
        if not text.strip():
            return None
        if not self.names:
            self._delimiter = delimiter(text)
            self.names = tuple(name.strip().lstrip("# ") for name in self._cells(text))
            return None
        cells = self._cells(text)
        if len(cells) != len(self.names):
            self.n_skipped += 1
            return None
        told = [(name, cell) for name, cell in zip(self.names, cells, strict=True) if name]
        found = {name: number(cell) for name, cell in told if self._delimiter == "," or "," not in cell}
        return {name: value for name, value in found.items() if value is not None} or None

    def _cells(self, text: str) -> list[str]:
        with suppress(csv.Error):  # a quote that never ends in a line of a megabyte
            return next(csv.reader([text], delimiter=self._delimiter), [])
        return []


def delimiter(header: str) -> str:
    """What stands between the cells: a comma, or what is written where the comma is the decimal point."""
    return max(",;\t", key=header.count)


class Table:
    """The rows of one CSV file, each once.

    A program may write the file anew with the same rows and more, as Lightning does for a new column. It is read from
    its start again then, and what is told is what differs from the row that stood there before. A row counts when its
    line end is there; one that a kill cut off never does, for its last number may be half of one.
    """

    def __init__(self, path: Path):
        self._tail = Tail(path)
        self._columns = Columns()
        self._n_starts = 0
        self._known: list[int] = []  # a hash of each row that was told
        self._at = 0

    @property
    def n_skipped(self) -> int:
        return self._columns.n_skipped

    @property
    def n_cut(self) -> int:
        return self._tail.n_cut

    def read(self, final: bool = False) -> list[Row]:
        lines = self._tail.read(everything=final)
        if self._n_starts != self._tail.n_starts:
            self._n_starts, self._at, self._columns = self._tail.n_starts, 0, Columns()
        return [row for line in lines if (row := self._columns.row(line)) is not None and self._is_news(row)]

    def _is_news(self, row: Row) -> bool:
        said = hash(frozenset((name, repr(value)) for name, value in row.items()))  # a NaN is not equal to itself
        at, self._at = self._at, self._at + 1
        if at == len(self._known):
            self._known.append(said)
            return True
        before, self._known[at] = self._known[at], said
        return before != said


class NewestTable:
    """The rows of the newest CSV file at a place that may hold wildcards: `*` in a name, `**` for any folders.

    A file counts once it is written to after `began` was, a file of the run's start: what an earlier program left
    there is none of its metrics.
    """

    def __init__(self, place: str, began: Path, clock: Callable[[], float] = time.monotonic):
        self._place, self._began, self._clock = place, began, clock
        self._tables: dict[Path, Table] = {}
        self._newest: Path | None = None
        self._look_again = 0.0

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(self._tables)

    @property
    def n_skipped(self) -> int:
        return sum(table.n_skipped for table in self._tables.values())

    @property
    def n_cut(self) -> int:
        return sum(table.n_cut for table in self._tables.values())

    def read(self, final: bool = False) -> list[Row]:
        before = self._newest
        if final or self._clock() >= self._look_again:
            self._newest = self._found()
            if self._newest is not None and "*" in self._place:
                self._look_again = self._clock() + LOOK_EVERY_S
        rows: list[Row] = []
        if before is not None and before != self._newest:
            rows += self._tables[before].read(final=True)  # its last rows may have come after the last look
        if self._newest is not None:
            rows += self._tables.setdefault(self._newest, Table(self._newest)).read(final)
        return rows

    def _found(self) -> Path | None:
        return newest(self._place, self._began) or self._newest


def place(written: str, base: Path, given: Mapping[str, str]) -> str:
    """What is written in a sweep file as a pattern for `Path.glob`: relative to `base`, each `${env:X}` replaced by
    what is `given`, with `*` and `**` as the only wildcards, and only where they are written. Raises SweepFileError."""
    text = _OTHER_WILDCARDS.sub(r"[\g<0>]", _IN_A_NAME.sub("*", written))
    return os.path.join(glob.escape(str(base)), expand(text, {name: glob.escape(said) for name, said in given.items()}))


def newest(place: str, began: Path) -> Path | None:
    """The file at a place, a pattern for `Path.glob`, that was written to last, and not before `began` was."""
    began_ns = next(_written((began,)), (0, began))[0]
    found = [(at, path) for at, path in _written(_matching(place)) if at >= began_ns]
    return max(found)[1] if found else None


def _matching(place: str) -> list[Path]:
    """What is there, in folders that are no links: two links to a folder above would make `**` endless."""
    with suppress(OSError):  # a folder was removed meanwhile: the next look sees the others
        return list(Path("/").glob(os.path.join(os.getcwd(), place).lstrip("/")))
    return []


def _written(paths: Iterable[Path]) -> Iterator[tuple[int, Path]]:
    """When each of the files was last written to."""
    for path in paths:
        with suppress(OSError):  # gone meanwhile
            status = os.stat(path)
            if stat.S_ISREG(status.st_mode):
                yield status.st_mtime_ns, path
