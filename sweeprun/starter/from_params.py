"""Parameters that a script reads with the helper: `sweeprun.params(lr=3e-4, layers=4)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sweeprun.starter.arguments import Argument
from sweeprun.starter.source import Source


def arguments(source: Source) -> Iterator[Argument]:
    """The defaults that one file gives to the helper, as if they were arguments."""
    names = {"sweeprun.params", *(["params"] if "sweeprun.params" in source.imports() else [])}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            for keyword in node.keywords:
                if keyword.arg:
                    default = source.value(keyword.value)
                    kind = type(default).__name__ if isinstance(default, str | int | float) else ""
                    yield Argument(f"--{keyword.arg}", node.lineno, "yes or no" if kind == "bool" else kind, default)
