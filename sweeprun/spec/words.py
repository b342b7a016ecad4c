"""How values stand in messages."""

from __future__ import annotations

from sweeprun.trials import Json


def shown(value: Json) -> str:
    """A value as it may stand in a message: short."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(allowed: tuple[Json, ...]) -> str:
    """`a, b or c`."""
    words = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in allowed]
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def with_hint(message: str, hint: str | None) -> str:
    """Both in one sentence, where a hint cannot travel beside its message."""
    return f"{message}; {hint}" if hint else message
