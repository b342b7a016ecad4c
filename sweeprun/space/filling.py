"""Configurations of which a person has given a part: the rest is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from sweeprun.errors import SpaceError, near
from sweeprun.space.composites import Linked, Repeated
from sweeprun.space.declarations import Declaration, Derived
from sweeprun.space.identity import identity
from sweeprun.space.parameters import Parameter
from sweeprun.space.tree import MAX_DRAWS, Space
from sweeprun.trials import Json, Params


class NotAllowedError(SpaceError):
    """The parameter `name` cannot have the value that was given for it."""

    def __init__(self, name: str, message: str):
        super().__init__(message)
        self.name = name


def filled(space: Space, given: Mapping[str, Json], rng: np.random.Generator) -> Params:
    """A configuration with the values `given`, in the types of their parameters; the rest is drawn uniformly from what
    goes with them: a parameter that is given makes those active on which its condition depends.

    Raises SpaceError for a name that is no parameter and where a constraint rejects all of 10 000 draws,
    NotAllowedError for a value that its parameter cannot have, ever or beside the others.
    """
    _check_names(space, given)
    for declaration in space.declarations:
        _check_values(declaration, given)
    wanted = {**given, **_lengths(space, given)}
    counts: Counter[str] = Counter()
    conflicts: dict[str, SpaceError] = {}
    for _ in range(MAX_DRAWS):
        try:
            return _drawn(space, wanted, rng)
        except SpaceError as conflict:
            if isinstance(conflict, NotAllowedError) and not _left_open(space, conflict.name, wanted):
                raise  # as it would be in every draw
            counts[conflict.message] += 1
            conflicts[conflict.message] = conflict
    raise conflicts[counts.most_common(1)[0][0]]


def _check_names(space: Space, given: Mapping[str, Json]) -> None:
    for name in given:
        if name not in space.names:
            message = f"there is no parameter {name!r}; there are: {', '.join(space.names)}"
            raise SpaceError(message, near(name, space.names))


def _check_values(declaration: Declaration, given: Mapping[str, Json]) -> None:
    """Raises NotAllowedError for what is allowed nowhere, whatever the others are."""
    mine = _of(declaration, given)
    if not mine or isinstance(declaration, Derived):
        return
    if isinstance(declaration, Linked):
        if not _rows(declaration, mine):
            said = " and ".join(f"{name} = {value!r}" for name, value in mine.items())
            raise NotAllowedError(next(iter(mine)), f"no row of {declaration.name} has {said}")
    elif isinstance(declaration, Repeated):
        _check_elements(declaration, mine[declaration.name])
    elif declaration.read(mine, {}) is None:
        raise NotAllowedError(declaration.name, f"{declaration.name} = {mine[declaration.name]!r} is not allowed")


def _check_elements(declaration: Repeated, listed: Json) -> None:
    name = declaration.name
    if not isinstance(listed, list):
        raise NotAllowedError(name, f"{name} = {listed!r} is not allowed: it is a list, such as {name}=[...]")
    most, fixed = len(declaration.elements), isinstance(declaration.length, int)
    if len(listed) > most or (fixed and len(listed) < most):
        allowed = most if fixed else f"at most {most}"
        raise NotAllowedError(name, f"{name} = {listed!r} is not allowed: it has {len(listed)} elements, not {allowed}")
    for element, value in zip(declaration.elements, listed, strict=False):
        if element.read({element.name: value}, {}) is None:
            raise NotAllowedError(name, f"{element.name} = {value!r} is not allowed")


def _lengths(space: Space, given: Mapping[str, Json]) -> Params:
    """How many elements each list that is given has, under the name of the parameter that says so."""
    lengths: Params = {}
    for declaration in space.declarations:
        if isinstance(declaration, Repeated) and isinstance(declaration.length, str) and declaration.name in given:
            name, n = declaration.length, len(given[declaration.name])
            said = {**given, **lengths}.get(name, n)
            if identity(said) != identity(n):
                message = f"{declaration.name} has {n} elements, and {name} is {said!r}"
                raise NotAllowedError(declaration.name, message)
            lengths[name] = n
    for declaration in space.declarations:
        _check_values(declaration, lengths)
    return lengths


def _drawn(space: Space, wanted: Mapping[str, Json], rng: np.random.Generator) -> Params:
    """One draw. Raises SpaceError where what is drawn does not go with what is wanted."""
    parameters = {parameter.name: parameter for parameter in space.parameters}
    values: Params = {}
    for declaration in space.declarations:
        if declaration.when.holds(values):
            chosen = _chosen(declaration, wanted, values, rng)
            values.update({name: native(parameters[name], value) for name, value in chosen.items()})
            values.update(declaration.deliver(values))
    params = {name: values[name] for name in space.names if name in values}
    for declaration in space.declarations:
        _check_delivered(declaration, wanted, params)
    objection = next(space.objections(params), None)
    if objection is not None:
        raise SpaceError(f"{objection} what was drawn{f' with {_said(wanted)}' if wanted else ''}")
    return params


def _left_open(space: Space, name: str, wanted: Mapping[str, Json]) -> bool:
    """Whether anything that decides about `name` is drawn."""
    names, seen = [name], {name}
    while names:
        owner = space.owners[names.pop()]
        new = (owner.when.names | owner.uses) - seen
        if any(space.owners[each].searched and each not in wanted for each in new):
            return True
        names += new
        seen |= new
    return False


def _chosen(declaration: Declaration, wanted: Mapping[str, Json], values: Params, rng: np.random.Generator) -> Params:
    """What stands behind an active declaration: what is wanted there, else a draw."""
    mine = _of(declaration, wanted)
    if mine and isinstance(declaration, Linked):
        rows = _rows(declaration, mine)
        return declaration.read(rows[int(rng.integers(len(rows)))], values) or {}
    if mine and not isinstance(declaration, Derived):
        found = declaration.read(mine, values)
        if found is None:  # its elements were checked: its length is another one, and computed
            raise NotAllowedError(declaration.name, f"{declaration.name} is not as long as it has to be here")
        return found
    drawn: Params = {}
    for parameter, condition in declaration.searched:
        if condition.holds({**values, **drawn}):
            drawn[parameter.name] = parameter.from_unit(rng.random())
    return drawn


def _check_delivered(declaration: Declaration, wanted: Mapping[str, Json], params: Params) -> None:
    for name, value in _of(declaration, wanted).items():
        if name not in params:
            decisive = {each: params[each] for each in sorted(declaration.when.names) if each in params}
            where = f" where {_said(decisive)}" if decisive else ""
            raise NotAllowedError(name, f"{name} is not active{where}")
        if identity(params[name]) != identity(value):
            raise NotAllowedError(name, f"{name} = {value!r} is not what is computed here: {params[name]!r}")


def native(parameter: Parameter, value: Json) -> Json:
    """The value as the parameter itself would write it: 64 for 64.0 where it is an integer, 1.0 for 1 where not."""
    return float(value) if parameter.size is None else parameter.from_unit(parameter.to_unit(value))


def _of(declaration: Declaration, given: Mapping[str, Json]) -> Params:
    return {name: given[name] for name in declaration.names if name in given}


def _rows(declaration: Linked, given: Params) -> list[Params]:
    """The rows that have all of `given`."""
    return [row for row in declaration.rows if identity({name: row[name] for name in given}) == identity(given)]


def _said(values: Mapping[str, Json]) -> str:
    return ", ".join(f"{name} is {value!r}" for name, value in values.items())
