"""An argument that a script takes, and a call that declares one."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from sweeprun.starter.source import Source, Unknown, Value
from sweeprun.trials import Json

Switch = Literal["on", "off", "both"]
ANY = "*"  # in place of a subcommand: whichever it is


@dataclass(frozen=True)
class Argument:
    """One argument as the program expects it.

    `flag` is how it is written, `name` the same without dashes; `type` is the name of what reads it, empty where
    nothing does and the program gets text. `switch` is set for one that takes no value: whether it turns something on
    or off, or has a `--no-` form for the other way; its `default` is whether it stands there. `command` is the
    subcommand that has it, empty for none.
    """

    flag: str
    line: int = 0
    type: str = ""
    default: Value = None
    choices: tuple[Json, ...] = ()
    switch: Switch | None = None
    several: bool = False
    required: bool = False
    command: str = ANY

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

    def absent(self) -> Argument:
        """The same where leaving it out is its default: a switch that is on unless turned off, as what turns it off."""
        if self.switch == "both" and self.default is True:
            return replace(self, flag=f"--no-{self.name}", switch="on", default=False)
        return self


@dataclass(frozen=True)
class Declaration:
    """A call such as `add_argument("--lr", type=float)`: what it says, as far as that can be told."""

    call: ast.Call
    source: Source

    @cached_property
    def flags(self) -> list[str]:
        return [flag for flag in map(self.source.value, self.call.args) if isinstance(flag, str) and flag.strip("-")]

    @property
    def flag(self) -> str:
        """The first long form, else the first of all."""
        return next((each for each in self.flags if each.startswith("--")), self.flags[0])

    def node(self, key: str) -> ast.expr | None:
        return next((each.value for each in self.call.keywords if each.arg == key), None)

    def value(self, key: str) -> Value:
        node = self.node(key)
        return None if node is None else self.source.value(node)

    def values(self, node: ast.expr | None) -> tuple[Json, ...]:
        """What a list of choices holds, each once; nothing where not all of it is known."""
        known = None if node is None else self.source.value(node)
        if not isinstance(known, list | dict) or not all(isinstance(each, str | int | float) for each in known):
            return ()
        return tuple(dict.fromkeys(known))

    def text(self, key: str) -> str:
        """A text, or else how the value is written there; empty without the key."""
        known = self.value(key)
        return known if isinstance(known, str) else known.text if isinstance(known, Unknown) else ""
