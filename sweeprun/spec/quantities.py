"""Durations, sizes and points in time as a sweep file writes them."""

from __future__ import annotations

import math
import re
from datetime import datetime

from sweeprun.spec.words import shown
from sweeprun.trials import Json

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {
    **{unit: 1000**power for power, unit in enumerate(("B", "KB", "MB", "GB", "TB"))},
    **{unit: 1024**power for power, unit in enumerate(("", "KiB", "MiB", "GiB", "TiB"))},
}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")


def duration(value: Json) -> float:
    """Seconds: a number of them, or `90s`, `15m`, `12h`, `2d`. Raises ValueError in words for the user."""
    return _quantity(value, _SECONDS, "a duration such as 90, 90s, 15m, 12h or 2d")


def size(value: Json) -> int:
    """Bytes: a number of them, or `500MB` (millions), `10GiB` (powers of 1024). Raises ValueError."""
    return int(_quantity(value, _BYTES, "a size such as 500MB or 10GiB"))


def _quantity(value: Json, units: dict[str, int], allowed: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number, unit = float(value), ""
    else:
        match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None or match[2] not in units:
            raise ValueError(f"must be {allowed}, not {shown(value)}")
        number, unit = float(match[1]), match[2]
    amount = number * units[unit]
    if not math.isfinite(amount) or amount <= 0:
        raise ValueError(f"must be {allowed}, and above 0, not {shown(value)}")
    return amount


def deadline(value: Json) -> float:
    """Seconds since the epoch: ISO 8601 (`2026-12-01T08:00`, local time without an offset), or that number itself.

    Raises ValueError.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
        return float(value)
    try:
        return datetime.fromisoformat(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        message = f"must be a date and time such as 2026-12-01T08:00 or 2026-12-01T08:00+02:00, not {shown(value)}"
        raise ValueError(message) from None
