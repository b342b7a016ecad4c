"""How values stand in messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sweeprun.trials import Json


def shown(value: Json) -> str:
    """A value as it may stand in a message: short."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(allowed: tuple[Json, ...]) -> str:
    """`a, b or c`."""
    words = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in allowed]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def close_to(value: Json, allowed: Iterable[Json]) -> str | None:
    """`did you mean 'x'?` where one of `allowed` is close."""
    close = difflib.get_close_matches(str(value), [choice for choice in allowed if isinstance(choice, str)], 1)
    return f"did you mean {close[0]!r}?" if close else None


def with_hint(message: str, hint: str | None) -> str:
    """Both in one sentence, where a hint cannot travel beside its message."""
    return f"{message}; {hint}" if hint else message
