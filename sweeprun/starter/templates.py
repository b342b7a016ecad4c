"""Texts that a script puts together, as pieces: what is there literally, and holes for what is only known later."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

from sweeprun.store.matches import uncoloured

_PERCENT = re.compile(
    r"%(?:\((?P<key>\w+)\))?(?P<spec>[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?)[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])"
)
_MAX_DEPTH = 20


@dataclass(frozen=True)
class Hole:
    """A value in a text: the expression it comes from and how it is formatted, as after the colon of an f-string."""

    expression: str
    spec: str = ""

    @property
    def decimals(self) -> int | None:
        """Digits after the point; None where the format does not say."""
        found = re.search(r"\.(\d+)", self.spec)
        return int(found[1]) if found else None


Piece = str | Hole
Locals = Mapping[str, ast.expr]


def pieces(node: ast.expr, known: Locals, depth: int = 0) -> list[Piece]:
    """What `node` becomes when it is printed. `known` has the expressions that names stand for."""
    if depth > _MAX_DEPTH:
        return [Hole(ast.unparse(node))]
    match node:
        case ast.Constant(value=plain):
            return [str(plain)]
        case ast.JoinedStr(values=parts):
            return [piece for part in parts for piece in _formatted(part, known, depth)]
        case ast.BinOp(op=ast.Add(), left=left, right=right) if _is_text(node, known, depth):
            return [*pieces(left, known, depth + 1), *pieces(right, known, depth + 1)]
        case ast.BinOp(op=ast.Mod(), left=left, right=right) if template := _literal(left, known):
            return list(_percent(template, right))
        case ast.Call(func=ast.Attribute(value=inner, attr="format"), args=arguments, keywords=keywords) if (
            template := _literal(inner, known)
        ):
            return list(_braces(template, arguments, {each.arg: each.value for each in keywords if each.arg}))
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str() as glue), attr="join"), args=[ast.List(elts=parts)]
        ):
            return joined([pieces(part, known, depth + 1) for part in parts], glue)
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[inner]):
            return pieces(inner, known, depth + 1)
        case ast.Call(func=ast.Name(id="round"), args=[inner, ast.Constant(value=int() as digits)]):
            return [Hole(ast.unparse(inner), f".{digits}f")]
        case ast.Name(id=name) if name in known and _is_text(known[name], known, depth):
            return pieces(known[name], {key: each for key, each in known.items() if key != name}, depth + 1)
    return [Hole(ast.unparse(node))]


def joined(parts: Sequence[Sequence[Piece]], glue: str) -> list[Piece]:
    """The parts one after another with `glue` between them."""
    return [piece for i, part in enumerate(parts) for piece in ([glue] if i and glue else []) + list(part)]


def lines(text: Sequence[Piece]) -> Iterator[tuple[Piece, ...]]:
    """A text cut where its literal parts begin a new line; colours are left out, neighbouring literals become one."""
    line: list[Piece] = []
    for piece in text:
        if isinstance(piece, Hole):
            line.append(piece)
            continue
        first, *more = re.split(r"[\r\n]", uncoloured(piece))
        _append(line, first)
        for each in more:
            yield tuple(line)
            line = []
            _append(line, each)
    yield tuple(line)


def _append(line: list[Piece], text: str) -> None:
    if text and line and isinstance(line[-1], str):
        line[-1] += text
    elif text:
        line.append(text)


def _is_text(node: ast.expr, known: Locals, depth: int) -> bool:
    """Whether an expression is put together from literal text."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add() | ast.Mod(), left=left, right=right) if depth < _MAX_DEPTH:
            return _is_text(left, known, depth + 1) or (
                isinstance(node.op, ast.Add) and _is_text(right, known, depth + 1)
            )
        case ast.Call(func=ast.Attribute(value=inner, attr="format" | "join")):
            return _literal(inner, known) is not None
        case ast.Call(func=ast.Name(id="str")):
            return True
        case ast.Name(id=name) if depth < _MAX_DEPTH and name in known:
            return _is_text(known[name], {key: each for key, each in known.items() if key != name}, depth + 1)
    return False


def _literal(node: ast.expr, known: Locals) -> str | None:
    """A template that is written as one literal, or added up from several."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            first, second = _literal(left, known), _literal(right, known)
            return None if first is None or second is None else first + second
        case ast.Name(id=name) if name in known:
            return _literal(known[name], {key: each for key, each in known.items() if key != name})
    return None


def _formatted(part: ast.expr, known: Locals, depth: int) -> list[Piece]:
    if not isinstance(part, ast.FormattedValue):
        return pieces(part, known, depth + 1)
    written = pieces(part.format_spec, {}) if part.format_spec else []
    spec = "".join(piece for piece in written if isinstance(piece, str))
    if not spec and _is_text(part.value, known, depth):
        return pieces(part.value, known, depth + 1)
    return [Hole(ast.unparse(part.value), spec)]


def _percent(template: str, right: ast.expr) -> Iterator[Piece]:
    """The pieces of `template % right`; the values of `*` go to the width."""
    values = iter(right.elts if isinstance(right, ast.Tuple) else [right])
    named = _items(right) if isinstance(right, ast.Dict) else {}
    end = 0
    for found in _PERCENT.finditer(template):
        yield template[end : found.start()]
        end = found.end()
        if found["kind"] == "%":
            yield "%"
            continue
        n_widths = found["spec"].count("*")
        value = named.get(found["key"]) if found["key"] else next(islice(values, n_widths, None), None)
        yield Hole(ast.unparse(value) if value else "", found["spec"] + found["kind"])
    yield template[end:]


def _items(node: ast.Dict) -> dict[object, ast.expr]:
    pairs = zip(node.keys, node.values, strict=True)
    return {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}


def _braces(template: str, arguments: Sequence[ast.expr], named: Mapping[str, ast.expr]) -> Iterator[Piece]:
    try:
        fields = list(string.Formatter().parse(template))
    except ValueError:  # a template that the script itself could not use
        return
    automatic = count()
    for literal, name, spec, _ in fields:
        if literal:
            yield literal
        if name is not None:
            root = re.split(r"[.\[]", name)[0]
            key, inner = root or str(next(automatic)), name[len(root) :]
            value = arguments[int(key)] if key.isdigit() and int(key) < len(arguments) else named.get(key)
            yield Hole(ast.unparse(value) + inner if value else "", spec or "")
