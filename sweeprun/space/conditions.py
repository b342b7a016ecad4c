"""When a parameter is active: clauses over the values of other parameters, all of which must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sweeprun.expressions import Expression, ExpressionError, MissingNameError
from sweeprun.space.identity import identity
from sweeprun.trials import Json


@dataclass(frozen=True)
class OneOf:
    """`name` is active and its value is one of those with these identities."""

    name: str
    identities: frozenset[str]

    @classmethod
    def of(cls, name: str, values: list[Json]) -> OneOf:
        return cls(name, frozenset(map(identity, values)))

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.name})

    def holds(self, values: Mapping[str, Json]) -> bool:
        return self.name in values and identity(values[self.name]) in self.identities


@dataclass(frozen=True)
class Holds:
    """`expression` is true; false where it needs a name that is inactive, or cannot be computed."""

    expression: Expression

    @property
    def names(self) -> frozenset[str]:
        return self.expression.names

    def holds(self, values: Mapping[str, Json]) -> bool:
        try:
            return bool(self.expression.evaluate(values))
        except ExpressionError:
            return False


@dataclass(frozen=True)
class Active:
    """`name` is active, whatever its value."""

    name: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.name})

    def holds(self, values: Mapping[str, Json]) -> bool:
        return self.name in values


@dataclass(frozen=True)
class Condition:
    """All of `clauses`; without any it always holds. Two conditions with the same clauses are equal."""

    clauses: tuple[OneOf | Holds | Active, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(clause.names for clause in self.clauses))

    def holds(self, params: Mapping[str, Json]) -> bool:
        """Whether it holds where the active parameters have these values."""
        return all(clause.holds(params) for clause in self.clauses)

    def failing(self, params: Mapping[str, Json]) -> Expression | None:
        """The expression in it that has to be computed here and cannot be."""
        for clause in self.clauses:
            if isinstance(clause, Holds) and not clause.expression.computable(params):
                return clause.expression
            if not clause.holds(params):
                return None
        return None

    def also(self, other: Condition) -> Condition:
        """This and `other` together."""
        return Condition(self.clauses + tuple(clause for clause in other.clauses if clause not in self.clauses))


ALWAYS = Condition()


def rejects(constraint: Expression, values: Mapping[str, Json]) -> bool:
    """Whether a constraint is false or cannot be computed; one that needs an inactive name does not apply."""
    try:
        return not constraint.evaluate(values)
    except MissingNameError:
        return False
    except ExpressionError:
        return True
