"""Options and arguments as `@click.option` declares them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sweeprun.starter.arguments import Argument, Declaration, Switch
from sweeprun.starter.source import Source
from sweeprun.trials import Json


def arguments(source: Source) -> Iterator[Argument]:
    """What the decorators of one file declare."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.option", "click.argument"):
            declaration = Declaration(node, source)
            if declaration.flags:
                yield _argument(declaration)


def _argument(declared: Declaration) -> Argument:
    flag, _, off = declared.flag.partition("/")
    default = declared.value("default")
    switch: Switch | None = "both" if off else "on" if declared.value("is_flag") is True else None
    return Argument(
        flag.strip(),
        declared.call.lineno,
        type=declared.text("type") or ("" if default is None else type(default).__name__),
        default=default is True if switch else default,
        choices=_choices(declared),
        switch=switch,
        several=declared.value("multiple") is True or declared.node("nargs") is not None,
        required=declared.value("required") is True or not flag.startswith("-"),
    )


def _choices(declared: Declaration) -> tuple[Json, ...]:
    match declared.node("type"):
        case ast.Call(func=ast.Attribute(attr="Choice"), args=[offered, *_]):
            return declared.values(offered)
    return ()
