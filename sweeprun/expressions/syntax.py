"""Which Python syntax an expression may use: its text to a checked tree."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from sweeprun.errors import SweeprunError
from sweeprun.expressions.functions import ARITHMETIC, COMPARISONS, FUNCTIONS

MAX_TEXT = 1000
MAX_NODES = 200
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


def column_of(node: ast.expr, text: str) -> int:
    """Where a node stands in `text`, in characters from 1; `ast` counts bytes."""
    return len(text.encode()[: node.col_offset].decode(errors="ignore")) + 1


def names_in(node: ast.AST) -> Iterator[str]:
    """The names an expression looks up; those of functions are none."""
    if isinstance(node, ast.Name):
        yield node.id
    for child in node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node):
        yield from names_in(child)


class Checker:
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
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's advice about `1 is 1` is not for this language
                return ast.parse(source, mode="eval")
        except SyntaxError as error:
            raise ExpressionError(f"this is no expression: {error.msg}", self.text, error.offset or 1) from None
        except (ValueError, MemoryError, RecursionError):
            raise ExpressionError("this is no expression", self.text) from None

    def _refused(self, node: ast.expr, what: str) -> ExpressionError:
        hint = f"allowed: {_ALLOWED}{' '.join(FUNCTIONS)}"
        return ExpressionError(f"{what} is not allowed", self.text, column_of(node, self.text), hint)

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
            case ast.BinOp(op=op) if type(op) in ARITHMETIC:
                return
            case ast.Compare(ops=ops) if all(type(op) in COMPARISONS for op in ops):
                return
            case ast.Constant(value=None | bool() | int() | float() | str()):
                return
        raise self._refused(node, _NAMES_OF_SYNTAX.get(type(node), "this"))

    def _check_call(self, node: ast.Call) -> None:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
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
        name = self.quoted.get(start)
        return (written, False) if name is None else (name, True)

    @staticmethod
    def _resolved(parts: list[tuple[str, bool]]) -> ast.expr:
        (first, quoted), rest = parts[0], parts[1:]
        if not rest and not quoted and first in _CONSTANTS:
            return ast.Constant(_CONSTANTS[first])
        prefix = "\0" if rest and not quoted and first in _PREFIXES else ""
        return ast.Name(prefix + ".".join(name for name, _ in parts), ast.Load())


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
