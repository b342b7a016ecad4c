"""What a caller says of a trial, as numbers. Raises UsageError for what is none."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, SupportsFloat, SupportsIndex

from sweeprun.errors import UsageError, near
from sweeprun.reported import MAX_STEP
from sweeprun.spec.words import shown
from sweeprun.trials import FailureClass


def step(number: int, step: SupportsIndex) -> int:
    """How many steps are finished, by an integer of any kind."""
    try:
        whole = operator.index(step)
    except TypeError:
        whole = -1
    if not 0 <= whole <= MAX_STEP:
        raise UsageError(f"trial {number}: a step is a whole number of finished ones, from 0, not {step!r}")
    return whole


def numbers(number: int, values: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of any kind, numpy's and tensors of one element too, as floats."""
    if not isinstance(values, Mapping):
        raise UsageError(f'trial {number}: values are a mapping such as {{"loss": 0.3}}, not {shown(values)}')
    return {name: _value(number, name, value) for name, value in values.items()}


def reported(number: int, values: Mapping[str, Any], metrics: Sequence[str]) -> dict[str, float]:
    """The numbers of a report, which has one of the metrics that count."""
    told = numbers(number, values)
    if told.keys().isdisjoint(metrics):
        said, wanted = ", ".join(told) or "nothing", " nor ".join(metrics)
        raise UsageError(f"trial {number} reports {said}, and not {wanted}", near(metrics[0], told))
    return told


def _value(number: int, name: str, value: Any) -> float:
    if isinstance(value, SupportsFloat) and not isinstance(value, bool):
        with suppress(TypeError, ValueError, OverflowError):
            return float(value)
    raise UsageError(f"trial {number}: {name} is {shown(value)}, which is no number")


def failure_class(failed: str) -> FailureClass:
    """The class of failure of that name."""
    known = [each.value for each in FailureClass]
    if failed not in known:
        raise UsageError(f"there is no class of failure {failed!r}; there are {', '.join(known)}", near(failed, known))
    return FailureClass(failed)
