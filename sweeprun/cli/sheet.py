"""CSV that a spreadsheet opens without obeying it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from sweeprun.cli.view import safe
from sweeprun.run.command import text
from sweeprun.trials import Json

_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # and what could be taken for a guarded one


def sheet(headings: Sequence[str], rows: Iterable[Sequence[Json]]) -> str:
    """A heading line and a line a row; what is None is an empty cell."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(map(_cell, headings))
    writer.writerows(map(_cell, row) for row in rows)
    return lines.getvalue()


def unguarded(cell: str) -> str:
    """The text that `sheet` made a cell of."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def _cell(value: Json) -> str:
    """Text that begins like a formula gets an apostrophe, numbers stay."""
    if value is None:
        return ""
    shown = text(value)
    formula = isinstance(value, str) and _FORMULA.match(shown)
    return safe(f"'{shown}" if formula else shown)
