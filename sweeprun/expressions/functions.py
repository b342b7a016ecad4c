"""What an expression may compute: operators and functions, none of which can run away."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

Json = Any  # None, bool, int, float, str, list or dict of these

MAX_EXPONENT = 1000
MAX_BITS = 4096
MAX_DIGITS = 100
MAX_STRING = 10_000


def _numbers(function: Callable[..., Json]) -> Callable[..., Json]:
    """`function` for numbers alone, with an integer result of bounded size."""

    def checked(*arguments: Json) -> Json:
        for argument in arguments:
            if not isinstance(argument, int | float):
                raise TypeError(f"{argument!r} is not a number")
        result = function(*arguments)
        if isinstance(result, int) and result.bit_length() > MAX_BITS:
            raise OverflowError("the result is too large")
        return result

    return checked


def _plus(a: Json, b: Json) -> Json:
    if isinstance(a, str) and isinstance(b, str):
        if len(a) + len(b) > MAX_STRING:
            raise OverflowError(f"a string has at most {MAX_STRING} characters")
        return a + b
    return _numbers(operator.add)(a, b)


def _rounded(number: float, digits: int = 0) -> float:
    if abs(digits) > MAX_DIGITS:
        raise OverflowError(f"round goes to at most {MAX_DIGITS} digits")
    return round(number, digits) if digits else round(number)


def _power(base: float, exponent: float) -> Json:
    if abs(exponent) > MAX_EXPONENT:
        raise OverflowError(f"an exponent is at most {MAX_EXPONENT}")
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > MAX_BITS:
        raise OverflowError("the result is too large")
    result: Json = base**exponent
    if isinstance(result, complex):
        raise ValueError("a negative number has no such power")
    return result


def _elements(arguments: tuple[Json, ...]) -> Iterator[Json]:
    """What min and max look at: their arguments, or the one list they are given."""
    return iter(arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments)


def _within(value: Json, container: Json) -> bool:
    if not isinstance(container, list | str):
        raise TypeError("`in` wants a list or a string on its right")
    return value in container


UNARY: dict[type[ast.unaryop], Callable[..., Json]] = {
    ast.Not: operator.not_,
    ast.USub: _numbers(operator.neg),
    ast.UAdd: _numbers(operator.pos),
}
ARITHMETIC: dict[type[ast.operator], Callable[..., Json]] = {
    ast.Add: _plus,
    ast.Sub: _numbers(operator.sub),
    ast.Mult: _numbers(operator.mul),
    ast.Div: _numbers(operator.truediv),
    ast.FloorDiv: _numbers(operator.floordiv),
    ast.Mod: _numbers(operator.mod),
    ast.Pow: _numbers(_power),
}
COMPARISONS: dict[type[ast.cmpop], Callable[..., Json]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: _within,
    ast.NotIn: lambda value, container: not _within(value, container),
}
PARTIAL_OPERATORS = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)  # those that some numbers have no result for
PARTIAL_FUNCTIONS = frozenset({"log", "log10", "exp", "sqrt"})
FUNCTIONS: dict[str, Callable[..., Json]] = {
    "min": lambda *arguments: min(_elements(arguments)),
    "max": lambda *arguments: max(_elements(arguments)),
    "abs": _numbers(abs),
    "round": _numbers(_rounded),
    "log": _numbers(math.log),
    "log10": _numbers(math.log10),
    "exp": _numbers(math.exp),
    "sqrt": _numbers(math.sqrt),
    "floor": _numbers(math.floor),
    "ceil": _numbers(math.ceil),
}
