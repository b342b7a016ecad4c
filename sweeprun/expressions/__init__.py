"""Expressions in a sweep file: arithmetic, comparisons and a few functions over names; a whitelist, never `eval`.

`Expression.parse("n_blocks * hidden <= 1024")` checks the text once; `evaluate` walks the checked tree. Names may be
dotted (`model.depth`), stand in backticks where they are no identifiers (`` `val/acc` ``), and carry a `params.` or
`metrics.` prefix where one name is both. `true`, `false` and `null` are written as in YAML.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sweeprun.expressions.functions import (
    ARITHMETIC,
    COMPARISONS,
    FUNCTIONS,
    PARTIAL_FUNCTIONS,
    PARTIAL_OPERATORS,
    UNARY,
    Json,
)
from sweeprun.expressions.syntax import Checker, ExpressionError, column_of, names_in

__all__ = ["Expression", "ExpressionError", "MissingNameError"]


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
        text = text.strip()
        tree = Checker(text).checked()
        found = set(names_in(tree))
        metrics = frozenset(name for name in found if name.startswith("\0metrics."))
        params = {name.removeprefix("\0params.") for name in found - metrics}
        return cls(text, frozenset(params), frozenset(name.removeprefix("\0metrics.") for name in metrics), tree)

    @property
    def partial(self) -> bool:
        """Whether some numbers have no result: zeros to divide by, negative ones under a root."""
        return any(map(_is_partial, ast.walk(self._tree)))

    def computable(self, values: Mapping[str, Json]) -> bool:
        """Whether it has a value here that JSON can hold, or needs a name that has none."""
        try:
            value = self.evaluate(values)
        except MissingNameError:
            return True
        except ExpressionError:
            return False
        return not isinstance(value, float) or math.isfinite(value)

    def evaluate(self, values: Mapping[str, Json], metrics: Mapping[str, Json] | None = None) -> Json:
        """The value; a name is looked up in `values` (parameters) and `metrics`.

        Raises MissingNameError where a name that is needed has no value, ExpressionError where the arithmetic fails
        or a name stands in both mappings. `and` and `or` look only as far as they must.
        """
        return _Evaluation(self.text, values, metrics or {}).of(self._tree)


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
                return self._computed(node, UNARY[type(op)], self.of(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self._computed(node, ARITHMETIC[type(op)], self.of(left), self.of(right))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._computed(node, FUNCTIONS[name], *map(self.of, arguments))
        raise AssertionError(f"{ast.dump(node)} passed the check")

    def _value(self, name: str, node: ast.expr) -> Json:
        kind, _, bare = name[1:].partition(".") if name.startswith("\0") else ("", "", name)
        places = [place for place, of in ((self.values, "params"), (self.metrics, "metrics")) if kind in ("", of)]
        found = [place[bare] for place in places if bare in place]
        if not found:
            raise MissingNameError(f"{bare!r} has no value here", self.text, column_of(node, self.text))
        if len(found) > 1:
            hint = f"write params.{bare} or metrics.{bare}"
            raise ExpressionError(f"{bare!r} is a parameter and a metric", self.text, column_of(node, self.text), hint)
        return found[0]

    def _joined(self, every: bool, operands: list[ast.expr]) -> bool:
        results = (bool(self.of(operand)) for operand in operands)
        return all(results) if every else any(results)

    def _compared(self, node: ast.expr, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> bool:
        value = self.of(left)
        for op, other in zip(ops, others, strict=True):
            following = self.of(other)
            if not self._computed(node, COMPARISONS[type(op)], value, following):
                return False
            value = following
        return True

    def _computed(self, node: ast.expr, function: Callable[..., Json], *arguments: Json) -> Json:
        try:
            return function(*arguments)
        except (TypeError, ValueError, ArithmeticError) as error:
            message = f"cannot compute with {', '.join(repr(argument)[:40] for argument in arguments)}: {error}"
            raise ExpressionError(message, self.text, column_of(node, self.text)) from None


def _is_partial(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=ast.Div() | ast.FloorDiv() | ast.Mod(), right=ast.Constant(value=divisor)) if divisor:
            return False
        case ast.BinOp(op=op):
            return isinstance(op, PARTIAL_OPERATORS)
        case ast.Call(func=ast.Name(id=name)):
            return name in PARTIAL_FUNCTIONS
    return False
