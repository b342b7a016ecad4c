"""Metrics in the lines that a program prints, found by patterns whose named groups are the metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sweeprun.store.metrics import Row, number

# Characters of a line that are looked at: it bounds what a pattern that tries again from every character may waste. One
# with a repeat in a repeat, such as (\d+)*, may take for ever on any line; `check --metrics` would then not come back.
MAX_MATCHED = 4096

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class Matches:
    """What patterns find in lines. A line may match several; each counts where it matches first.

    A match that names a step gives it to those after it that name none: a heading such as `Epoch 3/10`. A line over
    4 KiB is looked at so far, and counted in `n_cut`; one with a group that is no number in `n_skipped`.
    """

    def __init__(self, patterns: Sequence[re.Pattern[str]], step: str):
        self.n_skipped = 0
        self.n_cut = 0
        self._patterns, self._step_name = patterns, step
        self._step: float | None = None

    def row(self, line: bytes) -> Row | None:
        groups = self._groups(self._text(line))
        found = {name: number(text) for name, text in groups.items()}
        self.n_skipped += None in found.values()
        values = {name: value for name, value in found.items() if value is not None}
        self._step = values.pop(self._step_name, self._step)
        if not values:
            return None
        return values if self._step is None else {self._step_name: self._step, **values}

    def _groups(self, text: str) -> dict[str, str]:
        matches = filter(None, (pattern.search(text) for pattern in self._patterns))
        return {name: said for match in matches for name, said in match.groupdict().items() if said is not None}

    def _text(self, line: bytes) -> str:
        text = plain(line)
        self.n_cut += len(text) > MAX_MATCHED
        return text[:MAX_MATCHED]


def literal(text: str) -> str:
    """A pattern for the text itself, which people can still read: re.escape would touch blanks and dashes, too."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)


def plain(line: bytes | str) -> str:
    """A line as it looks on a terminal: without colours, and without blanks at its end."""
    return uncoloured(line if isinstance(line, str) else line.decode(errors="replace")).rstrip()


def uncoloured(text: str) -> str:
    """Text without the sequences that terminals obey."""
    return _ANSI.sub("", text)
