"""What may stand for a parameter in a proposal: ranges and choices, each of which contains the script's own default."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from sweeprun.space.parameters import is_number
from sweeprun.starter.source import Value
from sweeprun.trials import Json

Entry = dict[str, Json] | list[Json]


def number(value: Value) -> float | int | None:
    """A default as a number, None for anything else."""
    return value if isinstance(value, int | float) and is_number(value) else None


def log_range(low: float, high: float, default: Value) -> Entry:
    """From `low` to `high` on a logarithmic scale, widened to three times past a default outside."""
    known = number(default)
    if known is not None and 0 < known < low:
        low = known / 3
    if known is not None and known > high:
        high = known * 3
    return {"min": _rounded(low), "max": _rounded(high), "log": True}


def decade(default: float, low: float = 0.1, high: float = 10.0) -> Entry:
    """A decade to either side of a positive default."""
    return {"min": _rounded(default * low), "max": _rounded(default * high), "log": True}


def or_zero(entry: Entry, default: Value) -> Entry:
    """The range, or exactly 0 where that is the default or switches something off."""
    return {"any": [0.0 if not isinstance(default, int) else 0, entry]}


def linear(low: float, high: float, default: Value) -> Entry:
    """From `low` to `high`, widened to hold the default."""
    known = number(default)
    bounds = (low, high) if known is None else (min(low, known), max(high, known))
    return {"min": float(bounds[0]), "max": float(bounds[1])}


def choices(values: Sequence[Json], default: Value) -> Entry:
    """`values` and the default, in order."""
    known = number(default)
    return sorted({*values, known}) if known is not None else list(values)


def doubled(default: Value, fallback: int, halvings: int = 1, doublings: int = 1, divisor: int = 1) -> Entry:
    """A positive whole number, halved and doubled so often; only multiples of `divisor`, the default aside."""
    known = number(default)
    middle = int(known) if known is not None and known >= 1 else fallback
    around = [middle // 2**i for i in range(1, halvings + 1)] + [middle * 2**i for i in range(1, doublings + 1)]
    kept = {each for each in around if each >= 1 and each % divisor == 0}
    return sorted({middle, *kept})


def near(default: Value, fallback: int) -> Entry:
    """Whole numbers from one or so fewer to twice as many."""
    known = number(default)
    middle = int(known) if known is not None and known >= 1 else fallback
    return {"min": max(1, middle - max(1, middle // 2)), "max": middle * 2}


def written(value: float) -> str:
    """The shortest form that reads back the same: `1e-4`, `0.05`."""
    if not math.isfinite(value):
        return f"{'-' if value < 0 else ''}.inf" if math.isinf(value) else ".nan"
    if value == 0 or 1e-2 <= abs(value) < 1e5:
        return repr(value)
    return f"{Decimal(repr(value)).normalize():e}".replace("e+", "e")


def _rounded(value: float) -> float:
    """To two significant digits."""
    return float(f"{value:.2g}")
