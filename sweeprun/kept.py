"""What is worked out of trials and kept while they change, at a cost that follows what changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from sweeprun.trials import Trial, Trials


class Part(ABC):
    """A function of all trials that is worked out trial by trial, in any order."""

    @abstractmethod
    def note(self, trial: Trial) -> None:
        """Take in a trial that is new, or what has become of a known one."""

    @abstractmethod
    def forget(self, number: int) -> None:
        """There is no such trial any more."""


AnyPart = TypeVar("AnyPart", bound=Part)


class Order(Part):
    """Trials by a value each, ascending, those of equal value by number; `value_of` gives None for who is left out.

    `values` and `numbers` (k,) are of the same trials.
    """

    def __init__(self, value_of: Callable[[Trial], float | None]):
        self._value_of = value_of
        self._known: dict[int, float] = {}
        self.values: array[float] = array("d")
        self.numbers: array[int] = array("q")

    def __len__(self) -> int:
        return len(self.values)

    def value(self, number: int) -> float | None:
        """That of a trial; None where it is left out."""
        return self._known.get(number)

    def n_below(self, value: float) -> int:
        """How many have a lower value."""
        return bisect_left(self.values, value)

    def note(self, trial: Trial) -> None:
        value = self._value_of(trial)
        if value == self._known.get(trial.number):
            return
        self.forget(trial.number)
        if value is not None:
            self._known[trial.number] = value
            place = self._place(value, trial.number)
            self.values.insert(place, value)
            self.numbers.insert(place, trial.number)

    def forget(self, number: int) -> None:
        value = self._known.pop(number, None)
        if value is not None:
            place = self._place(value, number)
            del self.values[place], self.numbers[place]

    def _place(self, value: float, number: int) -> int:
        first = bisect_left(self.values, value)
        return bisect_left(self.numbers, number, first, bisect_right(self.values, value, first))


class Kept:
    """Parts of the trials of one moment, which moves. Each is brought up to that moment when it is asked for."""

    def __init__(self) -> None:
        self.trials = Trials()
        self._parts: dict[Hashable, tuple[Any, int]] = {}  # with how much of `_changed` is in it
        self._changed: array[int] = array("q")  # numbers of trials, in the order of the changes

    def move(self, trials: Trials) -> None:
        """On to another moment, or back: trials that are the same objects have not changed."""
        if trials is not self.trials:
            self._changed.extend(trials.changed_since(self.trials))
            self.trials = trials

    def part(self, key: Hashable, make: Callable[[], AnyPart]) -> AnyPart:
        """The part of that key, made with all trials in it where there is none yet. The key says all that it depends on
        beside the trials. Use it before the next move."""
        part, n_known = self._parts.get(key, (None, 0))
        numbers: Iterable[int] = range(len(self.trials)) if part is None else sorted(set(self._changed[n_known:]))
        part = make() if part is None else part
        for number in numbers:
            if number < len(self.trials):
                part.note(self.trials[number])
            else:
                part.forget(number)
        self._parts[key] = part, len(self._changed)
        found: AnyPart = part
        return found

    def order(self, key: Hashable, value_of: Callable[[Trial], float | None]) -> Order:
        """The part of that key that is an order by `value_of`."""
        return self.part(key, lambda: Order(value_of))
