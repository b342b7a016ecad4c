"""Configurations that no trial has: by luck, and in a finite space by going through all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd
from typing import Self

import numpy as np

from sweeprun.history import Floats, History
from sweeprun.trials import Params, Suggestion

_DIGITS = 6  # of a coordinate: what agrees in them was tried, for all that a program can tell
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Order:
    """Position k of the order is index (offset + k stride) mod size; the stride shares no divisor with the size.

    A stride near the golden section spreads every stretch of positions over the whole range (the three-distance
    theorem), so that a grid which is stopped early has seen more than one corner.
    """

    size: int
    offset: int
    stride: int

    @classmethod
    def seeded(cls, size: int, seed: int) -> Self:
        """An order of `size` (at least 1) indices, the same in every process."""
        offset = int.from_bytes(np.random.default_rng(seed).bytes(16), "little") % size
        stride = max(1, round(size * _GOLDEN))
        while gcd(stride, size) != 1:
            stride += 1
        return cls(size, offset, stride)

    def index(self, position: int) -> int:
        return (self.offset + position * self.stride) % self.size

    def position(self, index: int) -> int:
        return (index - self.offset) * pow(self.stride, -1, self.size) % self.size


def next_untried(history: History, order: Order, start: int) -> tuple[int, Params] | None:
    """The first configuration from position `start` on, and round to it, that no trial has, with its index.

    None: all are tried.
    """
    if history.n_tried >= order.size:
        return None
    for position in range(start, start + order.size):
        index = order.index(position)
        params = history.space.configuration(index)
        if history.space.key(params) not in history.keys:
            return index, params
    return None


def is_new(params: Params, history: History) -> bool:
    """Whether it may be tried: it satisfies the constraints and, in a finite space, no trial has it."""
    space = history.space
    return space.satisfies(params) and (space.continuous is not None or space.key(params) not in history.keys)


def first_new(history: History, points: Iterable[Floats], rng: np.random.Generator) -> Suggestion | None:
    """The first of these points (d,), as Space.encode has them, that may be tried and no trial has; where none of them
    may, what is found by luck."""
    tried = {u.tobytes() for u in history.points[0].round(_DIGITS)}
    for u in points:
        if u.round(_DIGITS).tobytes() not in tried and is_new(params := history.space.decode(u), history):
            return Suggestion(params)
    rare = find_rare(history, rng)
    return Suggestion(rare) if rare is not None else None


def find_rare(history: History, rng: np.random.Generator) -> Params | None:
    """A new configuration where a sampler's own draws found none; None: a finite space is exhausted.

    Raises SpaceError where constraints reject practically everything.
    """
    params = history.space.sample(rng)
    size = history.space.size if history.space.key(params) in history.keys else None
    if size is None:
        return params
    found = next_untried(history, Order.seeded(size, 0), int(rng.integers(size)))
    return found[1] if found else None
