"""The parameters that are searched: which values each may take, and the transform to and from the unit interval.

Finite parameters divide [0, 1] into one cell per value, so that uniform draws are uniform over values (with `log`
uniform over their logarithms, with `weights` in proportion to them); `to_unit` answers a point inside the cell.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import accumulate

from sweeprun.errors import SpaceError
from sweeprun.space.identity import identity
from sweeprun.trials import Json

MAX_CELLS = 2**45  # beyond it a value on a log axis no longer comes back exactly from its unit float


def is_number(value: Json) -> bool:
    """Whether `value` is a number that a float can be; true and false are none, nor are infinities and NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


@dataclass(frozen=True)
class FloatParameter:
    """A real number in [low, high], both ends included; `step` makes it the grid low, low + step ... high.

    Raises SpaceError where the range is empty, not finite, not positive with `log`, or no multiple of `step`.
    """

    name: str
    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.log)
        if self.step is not None:
            _check_step(self.name, self.low, self.high, self.step, self.log)

    @cached_property
    def size(self) -> int | None:
        if self.low == self.high:
            return 1
        return None if self.step is None else _cells(self.low, self.high, self.step)

    @property
    def edges(self) -> tuple[float, ...] | None:
        """The borders of the cells, from 0 to 1 (size + 1); None where it is continuous."""
        return None if self.size is None else _even_edges(self.size)

    def to_unit(self, value: Json) -> float:
        if self.size == 1:
            return 0.5
        if self.size is not None and self.step is not None:
            return float((round((value - self.low) / self.step) + 0.5) / self.size)
        if self.log:
            return _clipped(_log_ratio(self.low, value) / _log_ratio(self.low, self.high))
        if math.isinf(self.high - self.low):  # [-1e308, 1e308]: its width is no float, half of it is
            return _clipped((value / 2 - self.low / 2) / (self.high / 2 - self.low / 2))
        return _clipped((value - self.low) / (self.high - self.low))

    def from_unit(self, u: float) -> float:
        if self.size is not None:
            return self._grid_value(_cell(u, self.size))
        if self.log:
            value = math.exp(math.log(self.low) * (1 - u) + math.log(self.high) * u)
        else:
            value = self.low * (1 - u) + self.high * u
        return float(min(max(value, self.low), self.high))

    def contains(self, value: Json) -> bool:
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        if self.size is None or self.step is None:
            return True
        cell = round((value - self.low) / self.step)
        return math.isclose(self._grid_value(cell), value, rel_tol=1e-12, abs_tol=1e-12 * self.step)

    def values(self) -> Iterator[float]:
        """Ascending. Raises SpaceError where there is no `step`."""
        if self.size is None:
            raise SpaceError(f"{self.name} is continuous: its values cannot be listed", "give it a step")
        return (self._grid_value(cell) for cell in range(self.size))

    def _grid_value(self, cell: int) -> float:
        # Decimal, so that 0.1 in steps of 0.1 gives 0.3 and not 0.30000000000000004.
        step = Decimal(0) if self.step is None else Decimal(str(self.step))
        return float(Decimal(str(self.low)) + cell * step)


@dataclass(frozen=True)
class IntParameter:
    """An integer in [low, high], both ends included; `step` makes it the grid low, low + step ... high.

    With `log` the cell of v is [v - 1/2, v + 1/2] on the logarithmic axis. Raises SpaceError as FloatParameter does.
    """

    name: str
    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        _check_range(self.name, self.low, self.high, self.log)
        if self.step != 1:
            _check_step(self.name, self.low, self.high, self.step, self.log)
        if self.size > MAX_CELLS:
            raise SpaceError(f"{self.name}: {self.size} values are more than can be told apart", "use a larger step")

    @cached_property
    def size(self) -> int:
        return (self.high - self.low) // self.step + 1

    @property
    def edges(self) -> tuple[float, ...]:
        """The borders of the cells, from 0 to 1 (size + 1)."""
        if not self.log:
            return _even_edges(self.size)
        inner = (math.log((value + 0.5) / (self.low - 0.5)) / self._log_width for value in range(self.low, self.high))
        return (0.0, *inner, 1.0)

    def to_unit(self, value: Json) -> float:
        if self.log:
            return _clipped(math.log(value / (self.low - 0.5)) / self._log_width)
        return float(((value - self.low) // self.step + 0.5) / self.size)

    def from_unit(self, u: float) -> int:
        if self.log:
            value = round((self.low - 0.5) * math.exp(u * self._log_width))
            return min(max(value, self.low), self.high)
        return self.low + self.step * _cell(u, self.size)

    def contains(self, value: Json) -> bool:
        if not is_number(value) or value != int(value) or not self.low <= value <= self.high:
            return False
        return (int(value) - self.low) % self.step == 0

    def values(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1, self.step))

    @cached_property
    def _log_width(self) -> float:
        return math.log((self.high + 0.5) / (self.low - 0.5))


@dataclass(frozen=True)
class CategoricalParameter:
    """One of `choices`, any JSON values. `ordered`: neighbours are similar, as in [16, 32, 64].

    `weights` are the probabilities of the choices, up to a factor. Raises SpaceError where there is no choice, a
    choice appears twice, or a weight is not positive.
    """

    name: str
    choices: tuple[Json, ...]
    ordered: bool = False
    weights: tuple[float, ...] | None = None
    _edges: tuple[float, ...] = field(init=False, compare=False, repr=False)
    _index: dict[str, int] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        index = {identity(choice): i for i, choice in enumerate(self.choices)}
        _check_choices(self.name, self.choices, len(index), self.weights)
        weights = self.weights or (1.0,) * len(self.choices)
        total = math.fsum(weights)
        object.__setattr__(self, "_edges", (0.0, *(edge / total for edge in accumulate(weights))))
        object.__setattr__(self, "_index", index)

    @property
    def size(self) -> int:
        return len(self.choices)

    @property
    def edges(self) -> tuple[float, ...]:
        """The borders of the cells, from 0 to 1 (size + 1)."""
        return self._edges

    def to_unit(self, value: Json) -> float:
        i = self._index[identity(value)]
        return (self._edges[i] + self._edges[i + 1]) / 2

    def from_unit(self, u: float) -> Json:
        return self.choices[min(bisect_right(self._edges, u), self.size) - 1]

    def contains(self, value: Json) -> bool:
        return identity(value) in self._index

    def values(self) -> Iterator[Json]:
        return iter(self.choices)


Parameter = FloatParameter | IntParameter | CategoricalParameter


def _even_edges(n_cells: int) -> tuple[float, ...]:
    return tuple(cell / n_cells for cell in range(n_cells + 1))


def _cell(u: float, n_cells: int) -> int:
    return min(max(int(u * n_cells), 0), n_cells - 1)


def _cells(low: float, high: float, step: float) -> int:
    return round((Decimal(str(high)) - Decimal(str(low))) / Decimal(str(step))) + 1


def _log_ratio(a: float, b: float) -> float:
    """log(b / a), also where a and b are neighbours or their ratio is no float."""
    excess = (b - a) / a
    return math.log(b) - math.log(a) if math.isinf(excess) else math.log1p(excess)


def _clipped(u: float) -> float:
    return min(max(u, 0.0), 1.0)


def _check_range(name: str, low: float, high: float, log: bool) -> None:
    if not (is_number(low) and is_number(high)):
        raise SpaceError(f"{name}: min and max must be finite numbers, not {low!r} and {high!r}")
    if low > high:
        raise SpaceError(f"{name}: min {low} is above max {high}", f"write min: {high}, max: {low}")
    if log and low <= 0:
        raise SpaceError(
            f"{name}: log needs a min above 0, not {low}",
            f"for exactly 0 or a log range write any: [0, {{min: ..., max: {high}, log: true}}]",
        )


def _check_step(name: str, low: float, high: float, step: float, log: bool) -> None:
    if not is_number(step) or step <= 0:
        raise SpaceError(f"{name}: step must be above 0, not {step!r}")
    if log:
        raise SpaceError(f"{name}: log and step exclude each other", "list the values instead: values: [...]")
    exact_low, exact_step = Decimal(str(low)), Decimal(str(step))
    steps = (Decimal(str(high)) - exact_low) / exact_step
    if steps != steps.to_integral_value():
        below = exact_low + int(steps) * exact_step
        raise SpaceError(
            f"{name}: from {low} in steps of {step} does not reach {high}",
            f"write max: {below} or max: {below + exact_step}",
        )
    if steps + 1 > MAX_CELLS:
        raise SpaceError(f"{name}: {steps + 1} values are more than can be told apart", "use a larger step")


def _check_choices(name: str, choices: tuple[Json, ...], n_distinct: int, weights: tuple[float, ...] | None) -> None:
    if not choices:
        raise SpaceError(f"{name}: the list of values is empty")
    if n_distinct < len(choices):
        counts = Counter(map(identity, choices))
        twice = next(choice for choice in choices if counts[identity(choice)] > 1)
        raise SpaceError(f"{name}: the value {twice!r} is listed twice")
    if weights is None:
        return
    if len(weights) != len(choices):
        raise SpaceError(f"{name}: {len(weights)} probabilities for {len(choices)} values")
    if not all(is_number(weight) and weight > 0 for weight in weights):
        raise SpaceError(f"{name}: every probability must be above 0", "leave out a value that is never wanted")
