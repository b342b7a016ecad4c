"""How a script is called: all the arguments that it and its local modules declare, by whatever library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweeprun.starter import from_argparse, from_click, from_dataclasses, from_params
from sweeprun.starter.arguments import ANY, Argument
from sweeprun.starter.source import Source

_TRAINING = ("train", "fit", "run")


@dataclass(frozen=True)
class Interface:
    """One way of calling a script: `command` is its subcommand, of `commands`; empty without any. `unread` are the
    places of arguments whose names are put together at run time."""

    arguments: tuple[Argument, ...]
    command: str = ""
    commands: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @classmethod
    def of(cls, files: Sequence[Source]) -> Interface:
        """That of a script, which comes first, with its local modules; of several subcommands that which trains."""
        kinds = (from_argparse, from_click, from_dataclasses, from_params)
        found = [argument for source in files for kind in kinds for argument in kind.arguments(source)]
        commands = [name for source in files for name in from_argparse.subcommands(source)]
        chosen = next((name for name in commands if name in _TRAINING), commands[0] if commands else "")
        taken: dict[str, Argument] = {}
        for argument in found:
            if argument.command in (chosen, ANY):
                taken.setdefault(argument.flag, argument)
        places = [place for source in files for place in from_argparse.unread(source)]
        return cls(tuple(taken.values()), chosen, tuple(dict.fromkeys(commands)), tuple(places))
