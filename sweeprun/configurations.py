"""The configurations that were tried: by their keys, and as points of the space."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sweeprun.kept import Part
from sweeprun.space import Space
from sweeprun.trials import Params, Trial

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Configuration:
    """What `params` are in a space, worked out when it is asked for."""

    def __init__(self, space: Space, params: Params):
        self._space, self.params = space, params

    @cached_property
    def key(self) -> str:
        """See Space.key."""
        return self._space.key(self.params)

    @cached_property
    def point(self) -> tuple[Floats, Flags] | None:
        """What Space.encode gives; None where the space does not hold these parameters."""
        return self._space.encode(self.params)

    @cached_property
    def listed(self) -> bool:
        """Whether it is one of those that a finite space counts; an edited space may hold `params` and yet deliver
        others."""
        if self.point is None or self._space.continuous is not None or not self._space.satisfies(self.params):
            return False
        return self._space.key(self._space.decode(self.point[0])) == self.key


class Keys(Part, Mapping[str, int]):
    """The keys of configurations, each with the first of its trials; `key_of` gives None for who has none."""

    def __init__(self, key_of: Callable[[Trial], str | None]):
        self._key_of = key_of
        self._known: dict[int, str] = {}
        self._numbers: dict[str, list[int]] = {}

    def __getitem__(self, key: str) -> int:
        return self._numbers[key][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def note(self, trial: Trial) -> None:
        key = self._key_of(trial)
        if key == self._known.get(trial.number):
            return
        self.forget(trial.number)
        if key is not None:
            self._known[trial.number] = key
            insort(self._numbers.setdefault(key, []), trial.number)

    def forget(self, number: int) -> None:
        key = self._known.pop(number, None)
        if key is not None:
            self._numbers[key].remove(number)
            if not self._numbers[key]:
                del self._numbers[key]


class Points(Part):
    """Where trials are in the cube, and which coordinates are active: rows (k, 2 d) in the order of their `numbers`.

    Rows that were handed out are never written again.
    """

    def __init__(self, point_of: Callable[[Trial], tuple[Floats, Flags] | None], d: int):
        self._point_of = point_of
        self._known: dict[int, tuple[Floats, Flags]] = {}
        self.numbers: list[int] = []
        self._U, self._active = np.empty((0, d)), np.empty((0, d), dtype=np.bool_)

    @property
    def rows(self) -> tuple[Floats, Flags]:
        """Both (k, d), read-only."""
        U, active = self._U[: len(self.numbers)], self._active[: len(self.numbers)]
        U.flags.writeable = active.flags.writeable = False
        return U, active

    def note(self, trial: Trial) -> None:
        point = self._point_of(trial)
        if point is self._known.get(trial.number):
            return
        self.forget(trial.number)
        if point is not None:
            self._known[trial.number] = point
            place = bisect_left(self.numbers, trial.number)
            if place < len(self.numbers) or place == len(self._U):
                self._make_room(place)
            self.numbers.insert(place, trial.number)
            self._U[place], self._active[place] = point

    def forget(self, number: int) -> None:
        if self._known.pop(number, None) is not None:
            place = self.numbers.index(number)
            del self.numbers[place]
            self._U, self._active = np.delete(self._U, place, axis=0), np.delete(self._active, place, axis=0)

    def _make_room(self, place: int) -> None:
        """New arrays, with free rows at `place`: one where others follow, else as many as there are rows."""
        n = 1 if place < len(self.numbers) else max(8, place)
        self._U, self._active = (
            np.concatenate([rows[:place], np.empty_like(rows, shape=(n, rows.shape[1])), rows[place:]])
            for rows in (self._U, self._active)
        )
