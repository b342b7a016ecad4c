"""The arguments that a script takes, read from its `add_argument` calls, click options or dataclass fields."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sweeprun.starter.source import Source, Unknown, Value
from sweeprun.trials import Json

Switch = Literal["on", "off", "both"]

_SWITCHES: Mapping[str, Switch] = {
    "store_true": "on",
    "store_false": "off",
    "argparse.BooleanOptionalAction": "both",
    "BooleanOptionalAction": "both",
}
_NO_VALUE = ("version", "help", "count", "append", "store_const", "append_const", "extend")  # not one value each


@dataclass(frozen=True)
class Argument:
    """One argument as the program expects it.

    `flag` is how it is written, `name` the same without dashes; `type` is the name of what reads it, empty where
    nothing does and the program gets text. `switch` is set for one that takes no value: whether it turns something on
    or off, or has a `--no-` form for the other way; its `default` is whether it stands there.
    """

    flag: str
    line: int
    type: str = ""
    default: Value = None
    choices: tuple[Json, ...] = ()
    switch: Switch | None = None
    several: bool = False
    required: bool = False
    command: str = ""

    @property
    def name(self) -> str:
        return self.flag.lstrip("-")

    @property
    def positional(self) -> bool:
        return not self.flag.startswith("-")

    @property
    def short_only(self) -> bool:
        """Whether it has a single dash, which `${args}` never writes."""
        return self.flag.startswith("-") and not self.flag.startswith("--")


@dataclass(frozen=True)
class Arguments:
    """All that one way of calling the script takes. `command` is the subcommand, of `commands`; empty without any."""

    all: tuple[Argument, ...]
    command: str = ""
    commands: tuple[str, ...] = ()


def read(files: Sequence[Source]) -> Arguments:
    """The arguments of a script and of the local modules it imports; of subcommands that which trains."""
    found = [each for source in files for each in sorted(_Reader(source).read(), key=lambda argument: argument.line)]
    commands = tuple(dict.fromkeys(name for source in files for name in _subcommands(source).values()))
    chosen = next((name for name in commands if name in ("train", "fit", "run")), commands[0] if commands else "")
    kept = [each for each in found if each.command in ((chosen, "*") if chosen else ("", "*"))]
    unique = {each.flag: each for each in reversed(kept)}  # the first of a name wins
    ordered = [each for each in kept if unique[each.flag] is each]
    return Arguments(tuple(ordered), chosen, commands)


class _Reader:
    """Finds the calls of one file that declare arguments."""

    def __init__(self, source: Source):
        self.source = source
        self.commands = _subcommands(source)
        self.main = set(_assigned(source, ("ArgumentParser", "ArgParser")))
        self.overridden = dict(self._set_defaults())

    def read(self) -> Iterator[Argument]:
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "add_argument":
                    yield from self._argument(node, ast.unparse(node.func.value))
                elif node.func.attr in ("option", "argument") and ast.unparse(node.func.value) == "click":
                    yield from self._click(node)
            elif isinstance(node, ast.ClassDef) and _is_parsed(node, self.source):
                yield from self._fields(node)

    def _argument(self, call: ast.Call, receiver: str) -> Iterator[Argument]:
        flags = [flag for flag in map(self.source.value, call.args) if isinstance(flag, str)]
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        action = self._text(given, "action")
        if not flags or action in _NO_VALUE:
            return
        flag = next((each for each in flags if each.startswith("--")), flags[0])
        switch = _SWITCHES.get(action)
        default = self.source.value(given["default"]) if "default" in given else None
        destination = self._text(given, "dest") or flag.lstrip("-").replace("-", "_")
        nargs = self.source.value(given["nargs"]) if "nargs" in given else None
        yield Argument(
            flag,
            call.lineno,
            type=self._text(given, "type"),
            default=switch == "both" and default is True if switch else self.overridden.get(destination, default),
            choices=self._choices(given),
            switch=switch,
            several=nargs not in (None, "?", 1),
            required=self._is_true(given, "required") or (not flag.startswith("-") and nargs not in ("?", "*")),
            command=self._command(receiver),
        )

    def _command(self, receiver: str) -> str:
        """The subcommand that an argument belongs to: none for the main parser, any where a function is handed one."""
        return "" if receiver in self.main else self.commands.get(receiver, "*")

    def _click(self, call: ast.Call) -> Iterator[Argument]:
        flags = [flag for flag in map(self.source.value, call.args) if isinstance(flag, str)]
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if not flags:
            return
        flag = next((each for each in flags if each.startswith("--")), flags[0])
        both = "/" in flag
        default = self.source.value(given["default"]) if "default" in given else None
        switch: Switch | None = "both" if both else "on" if self._is_true(given, "is_flag") else None
        yield Argument(
            flag.split("/")[0].strip(),
            call.lineno,
            type=self._text(given, "type") or type(default).__name__.replace("NoneType", ""),
            default=bool(default) if switch else default,
            choices=self._click_choices(given),
            switch=switch,
            several=self._is_true(given, "multiple") or "nargs" in given,
            required=self._is_true(given, "required") or not flag.startswith("-"),
            command="*",
        )

    def _fields(self, node: ast.ClassDef) -> Iterator[Argument]:
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                annotation = ast.unparse(statement.annotation).removeprefix("Optional[").removesuffix("]")
                kind = annotation.split("|")[0].strip()
                default = _field_default(statement.value, self.source)
                yield Argument(
                    f"--{statement.target.id}",
                    statement.lineno,
                    type="yes_no" if kind == "bool" else kind,
                    default=default,
                    several=kind.lower().startswith(("list", "tuple", "dict", "sequence")),
                    required=statement.value is None,
                    command="*",
                )

    def _choices(self, given: Mapping[str, ast.expr]) -> tuple[Json, ...]:
        known = self.source.value(given["choices"]) if "choices" in given else None
        return tuple(known) if isinstance(known, list | dict) else ()

    def _click_choices(self, given: Mapping[str, ast.expr]) -> tuple[Json, ...]:
        match given.get("type"):
            case ast.Call(func=ast.Attribute(attr="Choice"), args=[inner, *_]):
                known = self.source.value(inner)
                return tuple(known) if isinstance(known, list) else ()
        return ()

    def _text(self, given: Mapping[str, ast.expr], key: str) -> str:
        if key not in given:
            return ""
        known = self.source.value(given[key])
        return known if isinstance(known, str) else known.text if isinstance(known, Unknown) else ""

    def _is_true(self, given: Mapping[str, ast.expr], key: str) -> bool:
        return key in given and self.source.value(given[key]) is True

    def _set_defaults(self) -> Iterator[tuple[str, Value]]:
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_defaults":
                yield from ((each.arg, self.source.value(each.value)) for each in node.keywords if each.arg)


def _assigned(source: Source, makers: Sequence[str]) -> Iterator[str]:
    """The names that hold what a call of one of `makers` made, or a group of such a thing."""
    made: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            function, [target, *_] = node.value.func, node.targets
            called = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
            of_group = isinstance(function, ast.Attribute) and called in _GROUPS and ast.unparse(function.value) in made
            if called in makers or of_group:
                made.add(ast.unparse(target))
                yield ast.unparse(target)


_GROUPS = ("add_argument_group", "add_mutually_exclusive_group")


def _subcommands(source: Source) -> dict[str, str]:
    """Which name holds the parser, or a group of the parser, of which subcommand."""
    found: dict[str, str] = {}
    for node in ast.walk(source.tree):
        match node:
            case ast.Assign(
                targets=[target],
                value=ast.Call(func=ast.Attribute(attr="add_parser"), args=[ast.Constant(value=str() as name), *_]),
            ):
                found[ast.unparse(target)] = name
            case ast.Assign(targets=[target], value=ast.Call(func=ast.Attribute(value=owner, attr=called))) if (
                called in _GROUPS and ast.unparse(owner) in found
            ):
                found[ast.unparse(target)] = found[ast.unparse(owner)]
    return found


def _is_parsed(node: ast.ClassDef, source: Source) -> bool:
    """Whether it is a dataclass whose fields a library of the kind of HfArgumentParser turns into arguments."""
    if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return False
    parsers = {"HfArgumentParser", "tyro", "simple_parsing", "pyrallis", "draccus"}
    return any(parsers & set(name.split(".")) for name in source.imports())


def _field_default(node: ast.expr | None, source: Source) -> Value:
    match node:
        case None:
            return None
        case ast.Call(keywords=keywords):
            given = {keyword.arg: keyword.value for keyword in keywords}
            return source.value(given["default"]) if "default" in given else Unknown(ast.unparse(node))
    return source.value(node)


def renamed(argument: Argument) -> Argument:
    """A switch that can be turned off only, or is on unless turned off, under the name that turns it off."""
    if argument.switch == "both" and argument.default is True:
        return replace(argument, flag=f"--no-{argument.name}", switch="on", default=False)
    return argument
