"""Configurations as a table has them: text in a cell for each parameter."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from sweeprun.space.composites import Linked, Repeated
from sweeprun.space.declarations import Choice, Declaration, Derived
from sweeprun.space.filling import native
from sweeprun.space.identity import identity
from sweeprun.space.parameters import CategoricalParameter, is_number
from sweeprun.space.tree import Space
from sweeprun.trials import Json, Params

_WORDS = {"true": True, "false": False, "null": None, "none": None}


def from_cells(space: Space, cells: Mapping[str, str]) -> tuple[Params, str]:
    """The configuration, and why the space does not hold it; empty where it does.

    What is fixed or computed need not be given, and what is not active beside the others is left out. Raises
    ValueError for text that is no value of the kind that its parameter has.
    """
    parameters = {parameter.name: parameter for parameter in space.parameters}
    values: Params = {}
    objections: list[str] = []
    for declaration in space.declarations:
        if not declaration.when.holds(values):
            continue
        given = {name: _value(declaration, name, cells[name]) for name in declaration.names if name in cells}
        drawn = _read(declaration, given, values)
        if isinstance(drawn, str):
            objections.append(drawn)
            values.update(given)
        else:
            values.update({name: native(parameters[name], value) for name, value in drawn.items()})
            values.update(declaration.deliver(values))
    return {name: values[name] for name in space.names if name in values}, "; ".join(objections)


def _read(declaration: Declaration, given: Params, values: Params) -> Params | str:
    """What must have been drawn; a sentence where nothing can have been."""
    if isinstance(declaration, Derived) or not (given or declaration.searched):
        return {}
    missing = [name for name in declaration.names if name not in given]
    if missing:
        return f"{missing[0]} is not given"
    drawn = declaration.read(given, values)
    said = ", ".join(f"{name} = {json.dumps(value)}" for name, value in given.items())
    return f"{said} is not in the space" if drawn is None else drawn


def _value(declaration: Declaration, name: str, text: str) -> Json:
    """What the text means: itself where that is allowed, such as the word none, else what JSON or Python mean by it."""
    parsed = _parsed(text)
    for value in (text, parsed):
        if _allowed(declaration, name, value):
            return value
    if isinstance(declaration, Repeated) and not isinstance(parsed, list):
        raise ValueError(f"{name} is {text!r}, which is no list such as [1, 2]")
    ranged = isinstance(declaration, Choice) and not isinstance(declaration.parameter, CategoricalParameter)
    if ranged and not is_number(parsed):
        raise ValueError(f"{name} is {text!r}, which is no number")
    return parsed


def _allowed(declaration: Declaration, name: str, value: Json) -> bool:
    if isinstance(declaration, Linked):
        return any(identity(row[name]) == identity(value) for row in declaration.rows)
    # A list is as long as another parameter says: that is looked at later.
    return not isinstance(declaration, Repeated) and declaration.read({name: value}, {}) is not None


def _parsed(text: str) -> Json:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        pass
    try:
        return _finite(text)  # Python's ways to write a number are more than those of JSON
    except ValueError:
        return text


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is not finite")
    return value
