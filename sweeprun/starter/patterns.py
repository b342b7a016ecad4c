"""A regular expression for a line that a script prints, with a group for each value that is wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sweeprun.starter.templates import Hole, Piece
from sweeprun.store.matches import literal

NUMBER = r"[-+.\w]+"
WHOLE = r"\d+"
_LONGEST_EXACT = 40  # characters between two groups that are written out
_ANYTHING = ".*?"
_SPACES = r"\s*"
_WORD = re.compile(r"[A-Za-z]{2}")


def pattern(line: Sequence[Piece], groups: Mapping[int, tuple[str, str]]) -> str:
    """What finds `groups` (a hole's position: its name, what it looks like) in the line with these pieces.

    Between two groups stands what is needed to find the second one, from the beginning of the line what tells the line
    from others.
    """
    found, start = "", 0
    for position in sorted(groups):
        name, form = groups[position]
        before, behind = _padding(line[position])
        found += _between(line[start:position], first=start == 0)
        found += before if not found.endswith(r"\s+") else ""
        found += f"(?P<{name}>{form}){behind}"
        start = position + 1
    return found + _end(line[start] if start < len(line) else "")


def _between(stretch: Sequence[Piece], first: bool) -> str:
    """The way to a group: all of it where it is short and literal, else its two ends with anything between."""
    literal = [piece for piece in stretch if isinstance(piece, str)]
    if len(literal) == len(stretch) and sum(map(len, literal)) <= _LONGEST_EXACT:
        return _literal("".join(literal).lstrip() if first else "".join(literal))
    anchor = _anchor(stretch)
    if len(anchor) == len(stretch) and not first:
        return "".join(map(_written, stretch))
    head = _head(stretch[: len(stretch) - len(anchor)]) + _ANYTHING if first and len(anchor) < len(stretch) else ""
    nearest = _after_separator(anchor[0]) if isinstance(anchor[0], str) else _ANYTHING
    return (head or ("" if first else _ANYTHING)) + "".join(map(_written, [nearest, *anchor[1:]]))


def _anchor(stretch: Sequence[Piece]) -> Sequence[Piece]:
    """The shortest end of a stretch with a word in it."""
    for length in range(1, len(stretch) + 1):
        if any(isinstance(piece, str) and _WORD.search(piece) for piece in stretch[-length:]):
            return stretch[-length:]
    return stretch


def _head(stretch: Sequence[Piece]) -> str:
    """The first literal of a line, which tells it from others."""
    return next((_literal(piece.lstrip()) for piece in stretch if isinstance(piece, str) and _WORD.search(piece)), "")


def _after_separator(text: str) -> str:
    """The end of a literal from its last separator on; all of it where no word is left."""
    last = re.split(r"(?<=[|,;\t)])", text)[-1]
    return (last if _WORD.search(last) else text).lstrip()


def _written(piece: Piece) -> str:
    return _ANYTHING if isinstance(piece, Hole) else _literal(piece)


def _literal(text: str) -> str:
    """Literal text. White space beside a value may be padding, and so may more than one space: any amount of it."""
    words = re.split(r"(^\s+|\s+$|\s{2,}|\t)", text)
    return "".join(r"\s+" if i % 2 else literal(word) for i, word in enumerate(words))


def _padding(hole: Piece) -> tuple[str, str]:
    """What stands before and behind a value that is filled up with spaces to some width: `5.2f`, `>8`; `<8`."""
    aligned = re.match(r"([<>^]?)[ +-]*[1-9]", hole.spec) if isinstance(hole, Hole) else None
    if aligned is None:
        return "", ""
    return {"<": ("", _SPACES), "^": (_SPACES, _SPACES)}.get(aligned[1], (_SPACES, ""))


def _end(after: Piece) -> str:
    """What ends a number, where its own characters would go on."""
    stop = re.match(r"[-+.\w]+", after) if isinstance(after, str) else None
    return re.escape(stop[0]) if stop else ""
