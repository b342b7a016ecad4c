"""Expressions in a sweep file: arithmetic, comparisons and a few functions over names; a whitelist, never `eval`.

`Expression.parse("n_blocks * hidden <= 1024")` checks the text once; `evaluate` walks the checked tree. Names may be
dotted (`model.depth`), stand in backticks where they are no identifiers (`` `val/acc` ``), and carry a `params.` or
`metrics.` prefix where one name is both. `true`, `false` and `null` are written as in YAML.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sweeprun.errors import SweeprunError

Json = Any  # None, bool, int, float, str, list or dict of these

MAX_TEXT = 1000
MAX_NODES = 200
MAX_EXPONENT = 1000
MAX_BITS = 4096
MAX_STRING = 10_000
_PREFIXES = ("params", "metrics")
_CONSTANTS = {"true": True, "false": False, "null": None}
_ALLOWED = "numbers, strings, names, + - * / // % **, comparisons, and/or/not, in, [lists] and the functions "
# Strings come first, so that a backtick within one is text.
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`([^`]*)`")


class ExpressionError(SweeprunError):
    """An expression cannot be read or computed. `column` counts from 1 within the expression's text."""

    def __init__(self, message: str, text: str, column: int = 1, hint: str | None = None):
        super().__init__(f"{message} (column {column} of {text!r})", hint)
        self.text, self.column = text, column


class MissingNameError(ExpressionError):
    """A name has no value here: the parameter is inactive, or the metric was not reported."""


@dataclass(frozen=True)
class Expression:
    """A checked expression. `names` are parameters and unprefixed metrics; `metric_names` those written `metrics.x`."""

    text: str
    names: frozenset[str] = field(compare=False)
    metric_names: frozenset[str] = field(compare=False)
    _tree: ast.expr = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Raises ExpressionError with the column and what is allowed."""
        tree = _Checker(text).checked()
        found = set(_names(tree))
        metrics = frozenset(name for name in found if name.startswith("\0metrics."))
        params = {name.removeprefix("\0params.") for name in found - metrics}
        return cls(text, frozenset(params), frozenset(name.removeprefix("\0metrics.") for name in metrics), tree)

    def evaluate(self, values: Mapping[str, Json], metrics: Mapping[str, Json] | None = None) -> Json:
        """The value; a name is looked up in `values` (parameters) and `metrics`.

        Raises MissingNameError where a name that is needed has no value, ExpressionError where the arithmetic fails
        or a name stands in both mappings. `and` and `or` look only as far as they must.
        """
        return _Evaluation(self.text, values, metrics or {}).of(self._tree)


def _names(node: ast.AST) -> Iterator[str]:
    """The names an expression looks up; those of functions are none."""
    if isinstance(node, ast.Name):
        yield node.id
    for child in node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node):
        yield from _names(child)


class _Checker:
    """Parses one text and rewrites dotted, quoted and prefixed names to plain `ast.Name` nodes.

    A prefixed name is kept as NUL + prefix + dot + name: no user can type that name.
    """

    def __init__(self, text: str):
        self.text = text
        self.quoted: dict[int, str] = {}  # byte offset -> the name in backticks there

    def checked(self) -> ast.expr:
        if len(self.text) > MAX_TEXT:
            raise ExpressionError(f"an expression has at most {MAX_TEXT} characters, not {len(self.text)}", "...")
        tree = self._parsed(self._without_backticks()).body
        if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
            raise ExpressionError(f"an expression has at most {MAX_NODES} parts", self.text)
        return self._allowed(tree)

    def _without_backticks(self) -> str:
        """Every `` `name` `` becomes an identifier of the same number of bytes, so that columns stay what they are."""
        pieces, end = [], 0
        for match in _TOKEN.finditer(self.text):
            if match[1] is None:
                continue
            if not match[1]:
                raise ExpressionError("a name in backticks is empty", self.text, match.start() + 1)
            self.quoted[len(self.text[: match.start()].encode())] = match[1]
            pieces += [self.text[end : match.start()], "_" * len(match[0].encode())]
            end = match.end()
        return "".join([*pieces, self.text[end:]]).replace("\n", " ").replace("\r", " ")

    def _parsed(self, source: str) -> ast.Expression:
        if not source.strip():
            raise ExpressionError("an expression is empty", self.text)
        # Leading blanks would be an indentation error; the columns that follow are shifted back in `_column`.
        self.indent = len(source) - len(source.lstrip())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's advice about `1 is 1` is not for this language
                return ast.parse(source.lstrip(), mode="eval")
        except SyntaxError as error:
            column = (error.offset or 1) + self.indent
            raise ExpressionError(f"this is no expression: {error.msg}", self.text, column) from None
        except (ValueError, MemoryError, RecursionError):
            raise ExpressionError("this is no expression", self.text) from None

    def _column(self, node: ast.expr) -> int:
        return node.col_offset + self.indent + 1

    def _refused(self, node: ast.expr, what: str) -> ExpressionError:
        hint = f"allowed: {_ALLOWED}{' '.join(_FUNCTIONS)}"
        return ExpressionError(f"{what} is not allowed", self.text, self._column(node), hint)

    def _allowed(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Name | ast.Attribute):
            return self._name(node)
        if isinstance(node, ast.Call):
            self._check_call(node)
            node.args = [self._allowed(argument) for argument in node.args]
            return node
        self._check_kind(node)
        for name, child in ast.iter_fields(node):
            if isinstance(child, ast.expr):
                setattr(node, name, self._allowed(child))
            elif isinstance(child, list):
                setattr(node, name, [self._allowed(c) if isinstance(c, ast.expr) else c for c in child])
        return node

    def _check_kind(self, node: ast.expr) -> None:
        match node:
            case ast.BoolOp() | ast.List() | ast.Tuple():
                return
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd()):
                return
            case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
                return
            case ast.Compare(ops=ops) if all(type(op) in _COMPARISONS for op in ops):
                return
            case ast.Constant(value=None | bool() | int() | float() | str()):
                return
        raise self._refused(node, _NAMES_OF_SYNTAX.get(type(node), "this"))

    def _check_call(self, node: ast.Call) -> None:
        if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS:
            raise self._refused(node, "a call of anything but a listed function")
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise self._refused(node, "a named or starred argument")
        if not node.args:
            raise self._refused(node, f"{node.func.id}() without an argument")

    def _name(self, node: ast.Name | ast.Attribute) -> ast.expr:
        parts: list[tuple[str, bool]] = []
        part: ast.expr = node
        while isinstance(part, ast.Attribute):
            start = (part.end_col_offset or 0) - len(part.attr.encode())
            parts.append(self._part(part.attr, start))
            part = part.value
        if not isinstance(part, ast.Name):
            raise self._refused(node, "an attribute")
        parts.append(self._part(part.id, part.col_offset))
        parts.reverse()
        return ast.copy_location(self._resolved(parts), node)

    def _part(self, written: str, start: int) -> tuple[str, bool]:
        """The text of one part of a dotted name, and whether it stood in backticks."""
        indent_bytes = len(self.text[: self.indent].encode())
        name = self.quoted.get(start + indent_bytes)
        return (written, False) if name is None else (name, True)

    @staticmethod
    def _resolved(parts: list[tuple[str, bool]]) -> ast.expr:
        (first, quoted), rest = parts[0], parts[1:]
        if not rest and not quoted and first in _CONSTANTS:
            return ast.Constant(_CONSTANTS[first])
        prefix = "\0" if rest and not quoted and first in _PREFIXES else ""
        return ast.Name(prefix + ".".join(name for name, _ in parts), ast.Load())


@dataclass(frozen=True)
class _Evaluation:
    """One walk over a checked tree with the values at hand."""

    text: str
    values: Mapping[str, Json]
    metrics: Mapping[str, Json]

    def of(self, node: ast.expr) -> Json:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._value(name, node)
            case ast.BoolOp(op=op, values=operands):
                return self._joined(isinstance(op, ast.And), operands)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compared(node, left, ops, others)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [self.of(element) for element in elements]
            case ast.UnaryOp(op=op, operand=operand):
                return self._computed(node, _UNARY[type(op)], self.of(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self._computed(node, _ARITHMETIC[type(op)], self.of(left), self.of(right))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._computed(node, _FUNCTIONS[name], *map(self.of, arguments))
        raise AssertionError(f"{ast.dump(node)} passed the check")

    def _value(self, name: str, node: ast.expr) -> Json:
        kind, _, bare = name[1:].partition(".") if name.startswith("\0") else ("", "", name)
        places = [place for place, of in ((self.values, "params"), (self.metrics, "metrics")) if kind in ("", of)]
        found = [place[bare] for place in places if bare in place]
        if not found:
            raise MissingNameError(f"{bare!r} has no value here", self.text, node.col_offset + 1)
        if len(found) > 1:
            hint = f"write params.{bare} or metrics.{bare}"
            raise ExpressionError(f"{bare!r} is a parameter and a metric", self.text, node.col_offset + 1, hint)
        return found[0]

    def _joined(self, every: bool, operands: list[ast.expr]) -> bool:
        results = (bool(self.of(operand)) for operand in operands)
        return all(results) if every else any(results)

    def _compared(self, node: ast.expr, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> bool:
        value = self.of(left)
        for op, other in zip(ops, others, strict=True):
            following = self.of(other)
            if not self._computed(node, _COMPARISONS[type(op)], value, following):
                return False
            value = following
        return True

    def _computed(self, node: ast.expr, function: Callable[..., Json], *arguments: Json) -> Json:
        try:
            return function(*arguments)
        except (TypeError, ValueError, ArithmeticError) as error:
            shown = ", ".join(repr(argument)[:40] for argument in arguments)
            raise ExpressionError(f"cannot compute with {shown}: {error}", self.text, node.col_offset + 1) from None


def _numbers(function: Callable[..., Json]) -> Callable[..., Json]:
    """`function`, for finite or infinite real numbers alone, with an integer result of bounded size."""

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


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > MAX_EXPONENT:
        raise OverflowError(f"an exponent is at most {MAX_EXPONENT}")
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > MAX_BITS:
        raise OverflowError("the result is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("a negative number has no such power")
    return float(result) if isinstance(result, float) else result


def _elements(arguments: tuple[Json, ...]) -> Iterator[Json]:
    """What min and max look at: their arguments, or the one list they are given."""
    return iter(arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments)


def _within(value: Json, container: Json) -> bool:
    if not isinstance(container, list | str):
        raise TypeError("`in` wants a list or a string on its right")
    return value in container


_UNARY: dict[type[ast.unaryop], Callable[..., Json]] = {
    ast.Not: operator.not_,
    ast.USub: _numbers(operator.neg),
    ast.UAdd: _numbers(operator.pos),
}
_ARITHMETIC: dict[type[ast.operator], Callable[..., Json]] = {
    ast.Add: _plus,
    ast.Sub: _numbers(operator.sub),
    ast.Mult: _numbers(operator.mul),
    ast.Div: _numbers(operator.truediv),
    ast.FloorDiv: _numbers(operator.floordiv),
    ast.Mod: _numbers(operator.mod),
    ast.Pow: _numbers(_power),
}
_COMPARISONS: dict[type[ast.cmpop], Callable[..., Json]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: _within,
    ast.NotIn: lambda value, container: not _within(value, container),
}
_FUNCTIONS: dict[str, Callable[..., Json]] = {
    "min": lambda *arguments: min(_elements(arguments)),
    "max": lambda *arguments: max(_elements(arguments)),
    "abs": _numbers(abs),
    "round": _numbers(round),
    "log": _numbers(math.log),
    "log10": _numbers(math.log10),
    "exp": _numbers(math.exp),
    "sqrt": _numbers(math.sqrt),
    "floor": _numbers(math.floor),
    "ceil": _numbers(math.ceil),
}
_NAMES_OF_SYNTAX: dict[type[ast.expr], str] = {
    ast.Lambda: "a lambda",
    ast.IfExp: "if/else",
    ast.ListComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Subscript: "an index",
    ast.Dict: "a mapping",
    ast.Set: "a set",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: "an assignment",
    ast.Starred: "a star",
    ast.Compare: "this comparison",
    ast.BinOp: "this operator",
    ast.UnaryOp: "this operator",
}
