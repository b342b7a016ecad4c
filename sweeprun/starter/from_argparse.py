"""Arguments as `add_argument` declares them: on parsers, groups, subparsers, in functions that are handed a parser."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from sweeprun.starter.arguments import ANY, Argument, Declaration, Switch
from sweeprun.starter.source import Source, Value

_SWITCHES: Mapping[str, Switch] = {
    "store_true": "on",
    "store_false": "off",
    "argparse.BooleanOptionalAction": "both",
    "BooleanOptionalAction": "both",
}
_NO_VALUE = ("version", "help", "count", "append", "store_const", "append_const", "extend")  # not one value each
_PARSERS = ("ArgumentParser", "ArgParser")
_GROUPS = ("add_argument_group", "add_mutually_exclusive_group")


def arguments(source: Source) -> Iterator[Argument]:
    """What the calls of one file declare, in the order of their lines."""
    owners, defaults = _owners(source), dict(_set_defaults(source))
    for call in _calls(source, "add_argument"):
        declaration = Declaration(call, source)
        if declaration.flags and declaration.text("action") not in _NO_VALUE:
            yield _argument(declaration, owners.get(ast.unparse(_receiver(call)), ANY), defaults)


def subcommands(source: Source) -> list[str]:
    """The names of the subparsers of one file."""
    names = (Declaration(call, source).flags for call in _calls(source, "add_parser"))
    return [flags[0] for flags in names if flags]


def unread(source: Source) -> Iterator[str]:
    """The places of calls whose flags are put together at run time."""
    for call in _calls(source, "add_argument"):
        if call.args and not Declaration(call, source).flags:
            yield f"{source.name}:{call.lineno}"


def _argument(declared: Declaration, command: str, defaults: Mapping[str, Value]) -> Argument:
    flag, switch, nargs = declared.flag, _SWITCHES.get(declared.text("action")), declared.value("nargs")
    destination = declared.text("dest") or flag.lstrip("-").replace("-", "_")
    default = defaults.get(destination, declared.value("default"))
    return Argument(
        flag,
        declared.call.lineno,
        type=declared.text("type"),
        default=switch == "both" and default is True if switch else default,
        choices=declared.values(declared.node("choices")),
        switch=switch,
        several=nargs not in (None, "?", 1),
        required=declared.value("required") is True or (not flag.startswith("-") and nargs not in ("?", "*")),
        command=command,
    )


def _calls(source: Source, method: str) -> list[ast.Call]:
    found = (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
    of_method = [call for call in found if isinstance(call.func, ast.Attribute) and call.func.attr == method]
    return sorted(of_method, key=lambda call: (call.lineno, call.col_offset))


def _receiver(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def _owners(source: Source) -> dict[str, str]:
    """Which name holds the parser, or a group of the parser, of which subcommand; the main parser's is empty."""
    found: dict[str, str] = {}
    for node in ast.walk(source.tree):
        match node:
            case ast.Assign(targets=[target], value=ast.Call(func=ast.Attribute(attr="add_parser")) as call):
                found[ast.unparse(target)] = next(iter(Declaration(call, source).flags), ANY)
            case ast.Assign(targets=[target], value=ast.Call(func=ast.Attribute(value=owner, attr=called))) if (
                called in _GROUPS
            ):
                found[ast.unparse(target)] = found.get(ast.unparse(owner), ANY)
            case ast.Assign(targets=[target], value=ast.Call(func=made)) if ast.unparse(made).endswith(_PARSERS):
                found[ast.unparse(target)] = ""
    return found


def _set_defaults(source: Source) -> Iterator[tuple[str, Value]]:
    for call in _calls(source, "set_defaults"):
        yield from ((each.arg, source.value(each.value)) for each in call.keywords if each.arg)
