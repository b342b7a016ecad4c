"""A search space in words: one line a parameter, as `check` shows what it understood."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sweeprun.cli.view import counted, short
from sweeprun.errors import SpaceError
from sweeprun.space import Space
from sweeprun.space.composites import Linked, Mixture, Repeated
from sweeprun.space.conditions import Condition, Holds, OneOf
from sweeprun.space.declarations import Choice, Declaration, Derived, Fixed
from sweeprun.space.parameters import CategoricalParameter, FloatParameter, IntParameter, Parameter


def described(declaration: Declaration) -> str:
    """What it is, and when it is active."""
    condition = when(declaration.when)
    return kind(declaration) + (f"; when {condition}" if condition else "")


def kind(declaration: Declaration) -> str:
    """What sort of parameter it is, and its values."""
    match declaration:
        case Choice():
            return _values(declaration.parameter)
        case Fixed():
            return f"fixed, {json.dumps(declaration.value)}"
        case Derived():
            return f"computed, {declaration.expression.text}"
        case Mixture():
            return f"any of: {_options(declaration.options)}"
        case Linked():
            return f"{counted(len(declaration.rows), 'linked row')} of {', '.join(declaration.names)}"
        case Repeated():
            each = kind(declaration.elements[0]) if declaration.elements else "nothing"
            return f"list of {declaration.length} elements, each {each}"
    raise TypeError(f"{type(declaration).__name__} has no words yet")


def when(condition: Condition) -> str:
    """When a parameter is active; empty for always. That a list is there with its length goes without saying."""
    said = []
    for clause in condition.clauses:
        match clause:
            case OneOf():
                said.append(_one_of(clause))
            case Holds():
                said.append(clause.expression.text)
    return " and ".join(said)


def amount(space: Space) -> int | str:
    """How many configurations there are, or that they cannot be counted."""
    try:
        size = space.size
    except SpaceError:
        return "more than can be counted"
    return "infinite" if size is None else size


def _values(parameter: Parameter) -> str:
    match parameter:
        case CategoricalParameter():
            choices = ", ".join(map(json.dumps, parameter.choices))
            weights = f", with weights {', '.join(map(short, parameter.weights))}" if parameter.weights else ""
            return f"{'ordered choice' if parameter.ordered else 'choice'} of {choices}{weights}"
        case FloatParameter():
            step = f", step {short(parameter.step)}" if parameter.step is not None else ""
            return f"float from {short(parameter.low)} to {short(parameter.high)}{_scale(parameter.log)}{step}"
        case IntParameter():
            step = f", step {parameter.step}" if parameter.step != 1 else ""
            return f"integer from {parameter.low} to {parameter.high}{_scale(parameter.log)}{step}"


def _options(options: Sequence[Fixed | Choice]) -> str:
    return "; ".join(kind(option) for option in options)


def _scale(log: bool) -> str:
    return ", logarithmic" if log else ""


def _one_of(clause: OneOf) -> str:
    return f"{clause.name} is {' or '.join(sorted(clause.identities))}"
