"""What a sweep file may declare, and how each declaration goes from searched parameters to what the program is given.

A declaration delivers one name (linked rows: several). Behind it stand zero or more searched parameters. Everything
happens in one mapping, `values`: delivered names and the searched parameters behind them, parents before children.
`deliver` adds the delivered values to drawn ones, `read` finds the drawn values that deliver given ones (None: there
are none), `count` and `nth` list the distinct delivered values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from sweeprun.errors import SpaceError
from sweeprun.expressions import Expression, MissingNameError
from sweeprun.space.conditions import ALWAYS, Condition
from sweeprun.space.identity import identity
from sweeprun.space.parameters import FloatParameter, IntParameter, Parameter
from sweeprun.trials import Json, Params

Searched = tuple[tuple[Parameter, Condition], ...]
Values = Mapping[str, Json]


@dataclass(frozen=True)
class Declaration(ABC):
    """`when` is the declaration's own condition; the conditions in `searched` hold within it."""

    name: str
    when: Condition

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """What it delivers."""

    @property
    @abstractmethod
    def uses(self) -> frozenset[str]:
        """Names whose values decide what is delivered; those of `when` aside."""

    @property
    @abstractmethod
    def searched(self) -> Searched: ...

    @abstractmethod
    def deliver(self, values: Values) -> Params: ...

    @abstractmethod
    def read(self, params: Values, values: Values) -> Params | None: ...

    @abstractmethod
    def count(self, values: Values) -> int:
        """How many distinct values it can deliver here; only where nothing is `continuous`."""

    @abstractmethod
    def nth(self, index: int, values: Values) -> Params: ...

    @cached_property
    def continuous(self) -> FloatParameter | None:
        """A parameter with infinitely many values, if there is one."""
        for parameter, _ in self.searched:
            if isinstance(parameter, FloatParameter) and parameter.size is None:
                return parameter
        return None


@dataclass(frozen=True)
class Choice(Declaration):
    """One searched parameter of the same name, delivered as it is."""

    parameter: Parameter

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def uses(self) -> frozenset[str]:
        return frozenset()

    @cached_property
    def searched(self) -> Searched:
        return ((self.parameter, ALWAYS),)

    def deliver(self, values: Values) -> Params:
        return {self.name: values[self.name]}

    def read(self, params: Values, values: Values) -> Params | None:
        value = params[self.name]
        return {self.name: value} if self.parameter.contains(value) else None

    def count(self, values: Values) -> int:
        if self.parameter.size is None:
            raise SpaceError(f"{self.name} is continuous: its values cannot be counted", "give it a step")
        return self.parameter.size

    def nth(self, index: int, values: Values) -> Params:
        if isinstance(self.parameter, IntParameter):
            return {self.name: self.parameter.low + index * self.parameter.step}
        return {self.name: next(islice(self.parameter.values(), index, None))}


@dataclass(frozen=True)
class Fixed(Declaration):
    """A value that is handed over as it is."""

    value: Json

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def uses(self) -> frozenset[str]:
        return frozenset()

    @property
    def searched(self) -> Searched:
        return ()

    def deliver(self, values: Values) -> Params:
        return {self.name: self.value}

    def read(self, params: Values, values: Values) -> Params | None:
        return {} if identity(params[self.name]) == identity(self.value) else None

    def count(self, values: Values) -> int:
        return 1

    def nth(self, index: int, values: Values) -> Params:
        return {self.name: self.value}


@dataclass(frozen=True)
class Derived(Declaration):
    """A value computed from others; absent where one of those is, or where it cannot be computed.

    What a trial holds under its name is not compared: an edited expression puts no old trial outside the space.
    """

    expression: Expression

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def uses(self) -> frozenset[str]:
        return self.expression.names

    @property
    def searched(self) -> Searched:
        return ()

    def deliver(self, values: Values) -> Params:
        if not self.expression.computable(values):
            return {}  # `failing` says so, and the space rejects the configuration
        try:
            return {self.name: self.expression.evaluate(values)}
        except MissingNameError:
            return {}

    def read(self, params: Values, values: Values) -> Params | None:
        return {}

    def count(self, values: Values) -> int:
        return 1

    def nth(self, index: int, values: Values) -> Params:
        return self.deliver(values)


def failing(declaration: Declaration, values: Values) -> Expression | None:
    """The expression of `declaration`, its condition's or its value's, that must be computed here and cannot be."""
    failed = declaration.when.failing(values)
    if failed is None and isinstance(declaration, Derived) and declaration.when.holds(values):
        return None if declaration.expression.computable(values) else declaration.expression
    return failed
