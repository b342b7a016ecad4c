"""Declarations made of others, rewritten into categoricals with children.

The parameters behind them have names that no user can type, such as `decay[option]`, or that say the position in a
list, such as `width.0`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from sweeprun.errors import SpaceError
from sweeprun.expressions import Expression
from sweeprun.space.conditions import ALWAYS, Condition, Holds, OneOf
from sweeprun.space.declarations import Choice, Declaration, Fixed, Searched, Values
from sweeprun.space.identity import identity
from sweeprun.space.parameters import CategoricalParameter
from sweeprun.trials import Json, Params

MAX_LISTED = 1_000_000


@dataclass(frozen=True)
class Mixture(Declaration):
    """`any`: one of several equally likely options, each a fixed value or a range.

    A value that several options hold is read as the first of them and counts once.
    """

    options: tuple[Fixed | Choice, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def uses(self) -> frozenset[str]:
        return frozenset()

    @cached_property
    def _option(self) -> CategoricalParameter:
        return CategoricalParameter(f"{self.name}[option]", tuple(range(len(self.options))))

    @cached_property
    def searched(self) -> Searched:
        children = (
            (option.parameter, Condition((OneOf.of(self._option.name, [i]),)))
            for i, option in enumerate(self.options)
            if isinstance(option, Choice)
        )
        return ((self._option, ALWAYS), *children)

    def deliver(self, values: Values) -> Params:
        option = self.options[values[self._option.name]]
        return {self.name: option.deliver(values)[option.name]}

    def read(self, params: Values, values: Values) -> Params | None:
        for i, option in enumerate(self.options):
            drawn = option.read({option.name: params[self.name]}, values)
            if drawn is not None:
                return {self._option.name: i, **drawn}
        return None

    @cached_property
    def _distinct(self) -> tuple[Json, ...]:
        if sum(option.count({}) for option in self.options) > MAX_LISTED:
            raise SpaceError(f"{self.name}: more than {MAX_LISTED} values under any cannot be listed")
        distinct: dict[str, Json] = {}
        for option in self.options:
            for i in range(option.count({})):
                value = option.nth(i, {})[option.name]
                distinct.setdefault(identity(value), value)
        return tuple(distinct.values())

    def count(self, values: Values) -> int:
        return len(self._distinct)

    def nth(self, index: int, values: Values) -> Params:
        return {self.name: self._distinct[index]}


@dataclass(frozen=True)
class Linked(Declaration):
    """Values that move together: one of `rows`, which all have the same keys."""

    rows: tuple[Params, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.rows[0])

    @property
    def uses(self) -> frozenset[str]:
        return frozenset()

    @cached_property
    def searched(self) -> Searched:
        return ((CategoricalParameter(f"{self.name}[row]", self.rows), ALWAYS),)

    def deliver(self, values: Values) -> Params:
        return dict(values[f"{self.name}[row]"])

    def read(self, params: Values, values: Values) -> Params | None:
        given = identity({name: params[name] for name in self.names})
        return next(({f"{self.name}[row]": row} for row in self.rows if identity(row) == given), None)

    def count(self, values: Values) -> int:
        return len(self.rows)

    def nth(self, index: int, values: Values) -> Params:
        return dict(self.rows[index])


@dataclass(frozen=True)
class Repeated(Declaration):
    """A list whose length is another parameter's value, or fixed; `elements` are as many as there can ever be.

    Beside the list it delivers the elements' own names, `width.0` ..., for conditions and constraints to look at.
    """

    length: str | int
    elements: tuple[Choice | Mixture, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def uses(self) -> frozenset[str]:
        return frozenset({self.length}) if isinstance(self.length, str) else frozenset()

    @cached_property
    def searched(self) -> Searched:
        return tuple(
            (parameter, self._reaches(position).also(condition))
            for position, element in enumerate(self.elements)
            for parameter, condition in element.searched
        )

    def _reaches(self, position: int) -> Condition:
        if isinstance(self.length, int):
            return ALWAYS
        return Condition((Holds(Expression.parse(f"`{self.length}` > {position}")),))

    def _elements(self, values: Values) -> tuple[Choice | Mixture, ...]:
        return self.elements[: self.length if isinstance(self.length, int) else int(values[self.length])]

    def expand(self, listed: list[Json]) -> Params:
        """The elements under their own names."""
        return {element.name: value for element, value in zip(self.elements, listed, strict=False)}

    def deliver(self, values: Values) -> Params:
        listed = [element.deliver(values)[element.name] for element in self._elements(values)]
        return {self.name: listed, **self.expand(listed)}

    def read(self, params: Values, values: Values) -> Params | None:
        listed, elements = params[self.name], self._elements(values)
        if not isinstance(listed, list) or len(listed) != len(elements):
            return None
        drawn: Params = {}
        for element, value in zip(elements, listed, strict=True):
            found = element.read({element.name: value}, values)
            if found is None:
                return None
            drawn.update(found)
        return drawn

    def count(self, values: Values) -> int:
        return math.prod(element.count(values) for element in self._elements(values))

    def nth(self, index: int, values: Values) -> Params:
        listed = []
        for element in self._elements(values):
            index, digit = divmod(index, element.count(values))
            listed.append(element.nth(digit, values)[element.name])
        return {self.name: listed, **self.expand(listed)}
