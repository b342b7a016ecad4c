"""When two JSON values are the same value: 3 and 3.0 are, 1 and true are not."""

from __future__ import annotations

import json

from sweeprun.trials import Json

_EXACT = 2.0**53  # below it every integral float is one integer


def identity(value: Json) -> str:
    """A text that is equal for equal values, and only for them; mappings regardless of the order of their keys."""
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"))


def _canonical(value: Json) -> Json:
    if isinstance(value, float) and abs(value) < _EXACT and value == int(value):
        return int(value)
    if isinstance(value, list | tuple):
        return [_canonical(element) for element in value]
    if isinstance(value, dict):
        return {key: _canonical(element) for key, element in value.items()}
    return value
