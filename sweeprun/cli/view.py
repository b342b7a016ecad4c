"""Everything that is printed passes here: data to stdout, messages to stderr, foreign text made harmless."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TextIO

from sweeprun.errors import StoreError
from sweeprun.trials import Json

# Control characters, whose sequences terminals obey, and the overrides that make text read other than it is.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_A_TERMINAL_WIDTH = 100_000  # nothing is cut for a pipe or a file
_GAP = 2  # between columns
_MOST_TURNED = 13  # lines of a table that may be turned: ten trials and their headings, with room for more
_SENTENCE = 24  # cells at least as long as this still say something when they are cut

Row = Sequence[str]


def safe(text: str) -> str:
    """`text` as one line that a terminal only shows; nothing in it is obeyed."""
    return _UNSAFE.sub("", text.replace("\n", " ").replace("\t", " "))


def unsafe(text: str) -> bool:
    """Whether `safe` would change it."""
    return _UNSAFE.search(text) is not None


def short(value: Json) -> str:
    """A value as people read it: five significant digits, JSON for lists, `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.5g}"
    return value if isinstance(value, str) else json.dumps(value)


def counted(n: int, what: str) -> str:
    """`1 trial`, `3 trials`."""
    return f"{n} {what if n == 1 else f'{what}s'}"


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    if seconds < 59.5:
        return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 48 else f"{hours // 24}d {hours % 24:02d}h"


def moment(epoch_s: float) -> str:
    """A point in time, in the reader's time zone."""
    return datetime.fromtimestamp(epoch_s).strftime("%Y-%m-%d %H:%M:%S")


def say(message: str) -> None:
    """A message, on stderr. Its own line breaks stay."""
    _put(sys.stderr, "".join(f"{safe(line)}\n" for line in message.split("\n")))


def write(text: str) -> bool:
    """Data, on stdout, as it is; False when nobody reads it any more."""
    return _put(sys.stdout, text)


def write_bytes(data: bytes) -> bool:
    """What a program printed: as it is into a file or a pipe, its lines made harmless on a terminal."""
    if sys.stdout.isatty():
        return write("\n".join(map(safe, data.decode(errors="replace").split("\n"))))
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _stop_writing(sys.stdout)
        return False
    return True


def redraw(text: str) -> bool:
    """The same, in place of what the terminal shows."""
    return write(f"\x1b[H\x1b[J{text}")


def write_document(command: str, body: dict[str, Json]) -> None:
    """One JSON document of `command`. NaN and infinities are null in it, and named in `nonfinite`."""
    write(json.dumps(document(command, body), indent=1, allow_nan=False) + "\n")


def document(command: str, body: dict[str, Json]) -> dict[str, Json]:
    """`body` under its schema, with nothing in it that JSON cannot say."""
    return {"schema": f"sweeprun.{command}/1", **strict(body)}


def strict(body: dict[str, Json]) -> dict[str, Json]:
    """`body` with null for NaN and infinities, which `nonfinite` names."""
    nonfinite: list[str] = []
    clean = {key: _finite(value, key, nonfinite) for key, value in body.items()}
    return clean | ({"nonfinite": nonfinite} if nonfinite else {})


def table(headings: Row, rows: Iterable[Row]) -> str:
    """A table for people, no wider than the terminal: where it is too wide the longest cells are cut, down to what
    still says something. Where that is not enough, a short table is turned on its side, with as many of its rows as
    have room; of a long one columns are left out."""
    from rich.table import Table
    from rich.text import Text

    cells: list[Row] = [[safe(cell) for cell in row] for row in (headings, *rows)]
    widest = _widest(cells)
    if widest < _SENTENCE and _width(cells) > _terminal_width():
        if len(cells) <= _MOST_TURNED:
            cells, widest = _turned(cells), _terminal_width()
        else:
            cells, widest = _narrowed(cells), _SENTENCE
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in cells[0]:
        shown.add_column(Text(heading), no_wrap=True, overflow="ellipsis", max_width=widest)
    for row in cells[1:]:
        shown.add_row(*map(Text, row))
    return _rendered(shown, styled=is_terminal(sys.stdout) and not os.environ.get("NO_COLOR"))


def columns(headings: Row, rows: Iterable[Row]) -> str:
    """A table for a message: cells too long for the terminal go on in the next line, but for those of the first column,
    and none is left out."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="")
    for i, heading in enumerate(headings):
        shown.add_column(Text(safe(heading)), overflow="fold", no_wrap=i == 0)
    for row in rows:
        shown.add_row(*(Text(safe(cell)) for cell in row))
    return _rendered(shown, styled=False)


def _turned(rows: list[Row]) -> list[Row]:
    """Rows as columns: the headings and the first rows, at least one, that have room beside each other."""
    room = _terminal_width() - _longest(rows[0])
    kept = rows[:1]
    for row in rows[1:]:
        room -= _GAP + _longest(row)
        if room < 0 and len(kept) > 1:
            break
        kept.append(row)
    if len(kept) < len(rows):
        say(f"{len(rows) - len(kept)} more have no room here; a wider terminal or a pipe shows all")
    return list(zip(*kept, strict=True))


def _narrowed(rows: list[Row]) -> list[Row]:
    """The rows with as many of their columns as have room."""
    columns = list(zip(*rows, strict=True))
    kept = with_room(columns, _terminal_width(), _SENTENCE)
    left_out = (column[0] for column in columns if column not in kept)
    say(f"no room here for {', '.join(left_out)}; a wider terminal or a pipe shows all")
    return list(zip(*kept, strict=True))


def with_room(columns: Iterable[Row], width: int, widest: int) -> list[Row]:
    """The first of `columns`, cut to `widest` each, and those after it that have room beside each other; a narrow one
    may take the place of a wide one."""
    kept: list[Row] = []
    room = width + _GAP
    for column in columns:
        needed = min(_longest(column), widest) + _GAP
        if needed <= room or not kept:
            kept.append(column)
            room -= needed
    return kept


def _width(rows: list[Row]) -> int:
    widths = [_longest(column) for column in zip(*rows, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1)


def _widest(rows: list[Row]) -> int:
    """How wide a column may be, so that all of them have room beside each other."""
    widths = [_longest(column) for column in zip(*rows, strict=True)]
    room, widest = _terminal_width() - _GAP * (len(widths) - 1), max(widths)
    while widest > 1 and sum(min(width, widest) for width in widths) > room:
        widest -= 1
    return widest


def _longest(cells: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, cells))


def _terminal_width() -> int:
    return shutil.get_terminal_size((_NOT_A_TERMINAL_WIDTH, 24)).columns


def tsv(headings: Row, rows: Iterable[Row]) -> str:
    """The same for programs: a header line, then a line a row, cells separated by tabs."""
    return "".join("\t".join(map(safe, row)) + "\n" for row in (headings, *rows))


def pairs(lines: Iterable[tuple[str, str]]) -> str:
    """Names and what is to be said about each, a line each, aligned."""
    said = [(safe(name), safe(text)) for name, text in lines]
    width = max((len(name) for name, _ in said), default=0)
    return "".join(f"{name:<{width}}  {text}".rstrip() + "\n" for name, text in said)


def is_terminal(stream: TextIO) -> bool:
    """Whether colours and redrawing make sense there. What FORCE_COLOR says about a pipe does not count."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def _rendered(renderable: object, styled: bool) -> str:
    from rich.console import Console

    width = _terminal_width()
    text = io.StringIO()
    Console(file=text, width=width, force_terminal=styled, highlight=False, markup=False, emoji=False).print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _put(stream: TextIO, text: str) -> bool:
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        _stop_writing(stream)
        return False
    except OSError as error:
        _stop_writing(stream)
        raise StoreError(f"what is printed cannot be written: {error.strerror}") from None
    return True


def _stop_writing(stream: TextIO) -> None:
    """Nobody reads `stream` any more. What is still buffered would fail once more when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _finite(value: Json, path: str, nonfinite: list[str]) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        nonfinite.append(path)
        return None
    if isinstance(value, dict):
        return {key: _finite(each, f"{path}.{key}", nonfinite) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each, f"{path}.{i}", nonfinite) for i, each in enumerate(value)]
    return value
