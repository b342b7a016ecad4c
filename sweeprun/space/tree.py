"""The search space: a tree of declarations; configurations to points of the unit cube and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from sweeprun.errors import SpaceError, near
from sweeprun.expressions import Expression
from sweeprun.space.composites import Repeated
from sweeprun.space.conditions import Condition, rejects
from sweeprun.space.counting import Configurations
from sweeprun.space.declarations import Declaration, Derived, failing
from sweeprun.space.identity import identity
from sweeprun.space.parameters import FloatParameter, Parameter
from sweeprun.trials import Json, Params

MAX_DRAWS = 10_000
INACTIVE = 0.5  # the coordinate of a parameter that is not active


class CircularConditionError(SpaceError):
    """Parameters depend on each other in a circle; `names` is the way round, first and last the same."""

    def __init__(self, names: Sequence[str]):
        super().__init__(f"these parameters depend on each other in a circle: {' -> '.join(names)}")
        self.names = tuple(names)


@dataclass(frozen=True)
class Node:
    """The parameters that are active under one condition, which looks at delivered and at inner values."""

    condition: Condition
    parameters: tuple[Parameter, ...]


class Space:
    """The configurations that `declarations` allow and `constraints` do not reject.

    A configuration is a flat mapping of delivered names to JSON values; inactive names are absent. `parameters` are the
    d searched ones, parents before children; `names` are what it delivers, in the declared order; `owners` tells of
    them and of elements of lists who delivers each. A constraint that needs an inactive name does not apply.
    Raises SpaceError for a name declared twice, an unknown name, a circle of conditions.
    """

    def __init__(self, declarations: Iterable[Declaration], constraints: Iterable[Expression] = ()):
        declared = tuple(declarations)
        self.constraints = tuple(constraints)
        self.names = tuple(name for declaration in declared for name in declaration.names)
        self.owners = _owners(declared)
        _check_names(declared, self.constraints, self.owners)
        self.declarations = _parents_first(declared, self.owners)
        searched = [
            (parameter, declaration.when.also(condition))
            for declaration in self.declarations
            for parameter, condition in declaration.searched
        ]
        self.parameters: tuple[Parameter, ...] = tuple(parameter for parameter, _ in searched)
        self._conditions = tuple(condition for _, condition in searched)
        self._coordinates = {parameter.name: i for i, parameter in enumerate(self.parameters)}

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The tree: parameters grouped by condition, parents first."""
        grouped: dict[Condition, list[Parameter]] = {}
        for parameter, condition in zip(self.parameters, self._conditions, strict=True):
            grouped.setdefault(condition, []).append(parameter)
        return tuple(Node(condition, tuple(parameters)) for condition, parameters in grouped.items())

    @cached_property
    def gates(self) -> tuple[int, ...]:
        """Coordinates of the parameters on whose values the activity of others depends, ascending."""
        conditions = (*self._conditions, *(declaration.when for declaration in self.declarations))
        names = [name for condition in conditions for name in condition.names]
        found: set[int] = set()
        seen: set[str] = set()
        while names:
            name = names.pop()
            if name in self._coordinates:
                found.add(self._coordinates[name])
            elif name not in seen:
                owner = self.owners[name]
                names += [*(parameter.name for parameter, _ in owner.searched), *owner.uses]
            seen.add(name)
        return tuple(sorted(found))

    @cached_property
    def continuous(self) -> FloatParameter | None:
        """The first parameter with infinitely many values; None where the space is finite."""
        return next((found for declaration in self.declarations if (found := declaration.continuous)), None)

    def decode(self, u: NDArray[np.float64]) -> Params:
        """The configuration at `u` (d,), each coordinate in [0, 1]; constraints are not looked at."""
        values: Params = {}
        for declaration in self.declarations:
            if not declaration.when.holds(values):
                continue
            for parameter, condition in declaration.searched:
                if condition.holds(values):
                    values[parameter.name] = parameter.from_unit(float(u[self._coordinates[parameter.name]]))
            values.update(declaration.deliver(values))
        return self._delivered(values)

    def encode(self, params: Mapping[str, Json]) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
        """The point `u` (d,) of a configuration and which coordinates are active (d,); 0.5 where one is not.

        None where `params` is not a configuration of this space. Constraints are not looked at: what an old trial
        that a new constraint rejects has shown still holds.
        """
        values: Params = {}
        u, active = np.full(len(self.parameters), INACTIVE), np.zeros(len(self.parameters), dtype=bool)
        for declaration in self.declarations:
            drawn = _read(declaration, params, values)
            if drawn is None:
                return None
            for name, value in drawn.items():
                i = self._coordinates[name]
                u[i], active[i] = self.parameters[i].to_unit(value), True
        return (u, active) if set(self.names).issuperset(params) else None

    def misfit(self, params: Mapping[str, Json]) -> str | None:
        """The first name that keeps `params` from being a configuration of this space, by its value or because it is
        there or is not; None where there is none (see `encode`)."""
        values: Params = {}
        for declaration in self.declarations:
            if _read(declaration, params, values) is None:
                return declaration.names[0]
        return next((name for name in params if name not in self.names), None)

    def sample(self, rng: np.random.Generator) -> Params:
        """A uniform draw that satisfies the constraints.

        Raises SpaceError after 10 000 rejected draws, with the constraint that rejects most.
        """
        rejections: Counter[str] = Counter()
        for _ in range(MAX_DRAWS):
            params = self.decode(rng.random(len(self.parameters)))
            objections = list(self.objections(params))
            if not objections:
                return params
            rejections.update(objections)
        objection, n_rejected = rejections.most_common(1)[0]
        raise SpaceError(
            f"{MAX_DRAWS} random configurations in a row were rejected;"
            f" {objection} {n_rejected / MAX_DRAWS:.0%} of them",
            "loosen that constraint, or narrow the ranges to what it allows",
        )

    def satisfies(self, params: Mapping[str, Json]) -> bool:
        """Whether no constraint rejects this configuration and everything in it can be computed."""
        return next(self.objections(params), None) is None

    def failing(self, params: Mapping[str, Json]) -> list[Expression]:
        """The expressions that cannot be computed for this configuration: conditions, derived values, constraints."""
        values = self._with_elements(params)
        failed = [expression for d in self.declarations if (expression := failing(d, values))]
        return failed + [constraint for constraint in self.constraints if not constraint.computable(values)]

    def objections(self, params: Mapping[str, Json]) -> Iterator[str]:
        """What speaks against a configuration, as the beginning of a sentence that ends with it."""
        values = self._with_elements(params)
        for constraint in self.constraints:
            if rejects(constraint, values):
                yield f"the constraint {constraint.text!r} rejects"
        for declaration in self.declarations:
            if expression := failing(declaration, values):
                yield f"{expression.text!r} cannot be computed for"

    @cached_property
    def _configurations(self) -> Configurations:
        return Configurations(self.declarations, self.constraints, self.owners)

    @property
    def size(self) -> int | None:
        """How many distinct configurations satisfy the constraints; None: infinitely many.

        Raises SpaceError where more than 100 000 dependent combinations would have to be gone through.
        """
        return None if self.continuous else self._configurations.size

    def configuration(self, index: int) -> Params:
        """The configuration of that index, 0 <= index < size: different ones for different indices.

        Raises SpaceError where the space is infinite.
        """
        if self.continuous:
            raise SpaceError(f"{self.continuous.name} is continuous: its values cannot be listed", "give it a step")
        return self._delivered(self._configurations.at(index))

    def key(self, params: Mapping[str, Json]) -> str:
        """The identity of a configuration: equal for equal ones, in whatever order their names stand."""
        return identity(dict(params))

    def _delivered(self, values: Params) -> Params:
        return {name: values[name] for name in self.names if name in values}

    def _with_elements(self, params: Mapping[str, Json]) -> Params:
        """`params` and the elements of its repeated lists under their own names."""
        values = dict(params)
        for declaration in self.declarations:
            if isinstance(declaration, Repeated) and declaration.name in params:
                values.update(declaration.expand(params[declaration.name]))
        return values


def _read(declaration: Declaration, params: Mapping[str, Json], values: Params) -> Params | None:
    """What must have been drawn for `declaration`, None where it cannot have been; `values` grows by what it says."""
    active = declaration.when.holds(values)
    if not isinstance(declaration, Derived) and any((name in params) != active for name in declaration.names):
        return None
    if not active:
        return {}
    drawn = declaration.read(params, values)
    if drawn is not None:
        values.update(drawn)
        values.update(declaration.deliver(values))
    return drawn


def _owners(declarations: Sequence[Declaration]) -> dict[str, Declaration]:
    """Which declaration delivers a name; elements of lists have names too."""
    owners: dict[str, Declaration] = {}
    groups = [d.name for d in declarations if d.name not in d.names]
    for declaration in declarations:
        elements = [e.name for e in declaration.elements] if isinstance(declaration, Repeated) else []
        for name in (*declaration.names, *elements):
            if name in owners or name in groups:
                raise SpaceError(f"the parameter {name!r} is declared twice")
            owners[name] = declaration
    return owners


def _check_names(
    declarations: Sequence[Declaration], constraints: Sequence[Expression], owners: Mapping[str, Declaration]
) -> None:
    mentions = [(f"the parameter {d.name!r}", d.when.names | d.uses) for d in declarations]
    mentions += [(f"the constraint {constraint.text!r}", constraint.names) for constraint in constraints]
    for what, names in mentions:
        for name in sorted(names - owners.keys()):
            raise SpaceError(
                f"{what} depends on {name!r}, which is no parameter; there are: {', '.join(owners)}",
                near(name, owners),
            )


def _parents_first(declarations: Sequence[Declaration], owners: Mapping[str, Declaration]) -> tuple[Declaration, ...]:
    by_name = {declaration.name: declaration for declaration in declarations}
    graph = {d.name: [owners[name].name for name in sorted(d.when.names | d.uses)] for d in declarations}
    try:
        return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise CircularConditionError(error.args[1]) from None
