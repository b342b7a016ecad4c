"""The lines that a script prints or logs, and how often: found in its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sweeprun.starter.source import Source
from sweeprun.starter.templates import Hole, Piece, joined, lines, pieces

Often = Literal["batch", "epoch", "once"]

_PRINTING = re.compile(r"c?print\w*|log|log_?(print|message|info|line)|rank_zero_(info|print)|master_print")
_LOGGING = frozenset({"info", "warning", "warn", "error", "critical", "print", "write", "set_description", "log"})
_WRITERS = re.compile(r"tqdm|bar|stdout|stderr|progress|loop|\bit\b|console|accelerator|fabric|logg|\blog\b|self", re.I)
_BATCHES = re.compile(r"batch|loader|\bdl\b|\bdata\b|dataset|train_data|chunk", re.I)
_EPOCHS = re.compile(r"epoch|\bep\b|round", re.I)

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
_Loop = ast.For | ast.AsyncFor | ast.While


@dataclass(frozen=True)
class Printed:
    """One line that is printed: its pieces, `file:line`, how often it is printed, and by which function, empty where
    that one goes over all the epochs and its name says nothing about one."""

    pieces: tuple[Piece, ...]
    place: str
    function: str
    often: Often

    @property
    def literal(self) -> str:
        """The text around the holes."""
        return " ".join(piece for piece in self.pieces if isinstance(piece, str))


def printed(files: Sequence[Source]) -> list[Printed]:
    """Every line with a value in it that a script and its local modules print."""
    trees = [_Tree(source) for source in files]
    repeated = _repeated(trees)
    return [line for tree in trees for line in tree.printed(repeated)]


class _Tree:
    """One file with the way up from each of its nodes."""

    def __init__(self, source: Source):
        self.source = source
        self.parents = {child: node for node in ast.walk(source.tree) for child in ast.iter_child_nodes(node)}
        self.calls = [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
        self._assigned: dict[ast.AST, list[tuple[int, str, ast.expr]]] = {}
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                entry = (node.lineno, node.targets[0].id, node.value)
                self._assigned.setdefault(self.scope(node), []).append(entry)

    def scope(self, node: ast.AST) -> _Scope:
        """The function that a node is part of, or the module."""
        return next(each for each in self._above(node) if isinstance(each, _Scope))

    def loop(self, node: ast.AST) -> Often | None:
        """What the innermost loop of its function around a node goes over; None outside of loops."""
        above = self._above(node)
        loops = []
        for each in above:
            if isinstance(each, _Scope):
                break
            if isinstance(each, _Loop):
                loops.append(_header(each))
        if not loops:
            return None
        if _EPOCHS.search(loops[0]):
            return "epoch"
        return "batch" if _BATCHES.search(loops[0]) or any(map(_EPOCHS.search, loops[1:])) else "epoch"

    def printed(self, repeated: dict[str, Often]) -> Iterator[Printed]:
        for call in sorted(self.calls, key=lambda call: call.lineno):
            for line in lines(self._text(call)):
                if any(isinstance(piece, Hole) for piece in line):
                    function, own = getattr(self.scope(call), "name", ""), self.loop(call)
                    often = own or repeated.get(function, "once")
                    part = "" if own == "epoch" else function
                    yield Printed(line, f"{self.source.name}:{call.lineno}", part, often)

    def _above(self, node: ast.AST) -> Iterator[ast.AST]:
        while node in self.parents:
            node = self.parents[node]
            yield node

    def _text(self, call: ast.Call) -> list[Piece]:
        """What a call prints; nothing where it is none that prints."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        if name in ("set_postfix", "set_postfix_str"):
            return _postfix(call)
        if not _prints(call, name) or not call.args:
            return []
        known = {name: value for line, name, value in self._assigned.get(self.scope(call), []) if line <= call.lineno}
        first, *rest = call.args
        if name in _LOGGING - {"print", "write"} and rest and isinstance(first, ast.Constant):
            return pieces(ast.BinOp(first, ast.Mod(), ast.Tuple(rest)), known)
        separator = next((each.value for each in call.keywords if each.arg == "sep"), ast.Constant(" "))
        glue = self.source.value(separator)
        return joined([pieces(each, known) for each in call.args], glue if isinstance(glue, str) else " ")


def _prints(call: ast.Call, name: str) -> bool:
    elsewhere = any(each.arg == "file" and "std" not in ast.unparse(each.value) for each in call.keywords)
    if isinstance(call.func, ast.Attribute):
        return name in _LOGGING and _WRITERS.search(ast.unparse(call.func.value)) is not None and not elsewhere
    return _PRINTING.fullmatch(name) is not None and not elsewhere


def _postfix(call: ast.Call) -> list[Piece]:
    """tqdm shows `loss=0.5, acc=0.9` at the end of its line."""
    shown = [(each.arg, each.value) for each in call.keywords if each.arg and each.arg != "refresh"]
    for each in call.args:
        if isinstance(each, ast.Dict):
            pairs = zip(each.keys, each.values, strict=True)
            shown += [(str(key.value), value) for key, value in pairs if isinstance(key, ast.Constant)]
    return joined([[f"{name}=", *pieces(value, {})] for name, value in shown], ", ")


def _header(loop: _Loop) -> str:
    return (
        ast.unparse(loop.test)
        if isinstance(loop, ast.While)
        else f"{ast.unparse(loop.target)} {ast.unparse(loop.iter)}"
    )


def _repeated(trees: Sequence[_Tree]) -> dict[str, Often]:
    """The functions that are called again and again, in loops or by one that is."""
    found: dict[str, Often] = {}
    calls = []
    for tree in trees:
        for call in tree.calls:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
            often = tree.loop(call)
            calls.append((name, getattr(tree.scope(call), "name", "")))
            if often is not None and found.get(name) != "epoch":
                found[name] = often
    for _ in range(len(calls)):
        new = {name: found[caller] for name, caller in calls if caller in found and name not in found}
        if not new:
            break
        found |= new
    return found
