"""Ranges of numbers as entries of `parameters`: even or logarithmic, in steps or not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from sweeprun.trials import Json

Number = int | float

MAX_LISTED = 256  # steps on a log axis that are listed one by one


@dataclass(frozen=True)
class Entry:
    """What `parameters` holds in the end, and what the reader should know about it."""

    value: Json
    why: str = ""


def linear(low: Number, high: Number) -> Entry:
    """Every real number between the bounds, also where both are whole."""
    if low == high:
        return Entry(float(low))
    whole = isinstance(low, int) and isinstance(high, int)
    return Entry({"min": float(low), "max": float(high)} if whole else {"min": low, "max": high})


def logarithmic(low: float, high: float) -> Entry:
    """Every real number between the bounds, as many in each decade as in any other."""
    low, high = _rounded(low), _rounded(high)
    return Entry({"min": low, "max": high, "log": True} if low < high else low)


def _rounded(value: float) -> float:
    """To six digits: the exponents in these files have fewer."""
    return float(f"{value:.6g}")


def _multiples(low: Number, high: Number, q: Number) -> range:
    """How often q goes into what W&B draws between the bounds: it rounds to the nearest multiple, at the ends too."""
    return range(round(Decimal(str(low)) / Decimal(str(q))), round(Decimal(str(high)) / Decimal(str(q))) + 1)


def _times(k: int, q: Number) -> Number:
    return k * q if isinstance(q, int) else float(k * Decimal(str(q)))


def stepped(low: Number, high: Number, q: Number, why: str) -> Entry:
    """Multiples of q. Whole ones where q is; `why` says how they differ from what W&B draws."""
    multiples = _multiples(low, high, q)
    first, last = _times(multiples[0], q), _times(multiples[-1], q)
    if first == last:
        return Entry(first, f"in steps of {q} there is one value")
    return Entry({"min": first, "max": last} | ({} if q == 1 and isinstance(q, int) else {"step": q}), why)


def log_stepped(low: float, high: float, q: Number) -> Entry:
    """Multiples of q, each as likely as the part of the log axis that is nearest to it."""
    multiples = _multiples(low, high, q)
    first, last = multiples[0], multiples[-1]
    if first == last:
        return Entry(_times(first, q), f"in steps of {q} there is one value")
    if q == 1 and isinstance(q, int) and first > 0:  # an integer on a log axis is this very distribution
        return Entry({"min": first, "max": last, "log": True})
    if last - first >= MAX_LISTED:
        why = f"the steps of {q} are dropped: they are more than {MAX_LISTED}"
        return Entry(logarithmic(low, high).value, why)
    shares = {_times(k, q): share for k, share in _shares(low, high, multiples, float(q)) if share > 0}
    value = {"values": list(shares), "probabilities": list(shares.values())}
    return Entry(value, "log and steps exclude each other: the steps are listed")


def _shares(low: float, high: float, multiples: range, q: float) -> Iterator[tuple[int, float]]:
    """The part of the log axis from `low` to `high` that is rounded to each multiple of q."""
    inner = [(k + 0.5) * q for k in multiples[:-1]]
    for k, (left, right) in zip(multiples, pairwise([low, *inner, high]), strict=True):
        yield k, _rounded(math.log(right / left) / math.log(high / low))
