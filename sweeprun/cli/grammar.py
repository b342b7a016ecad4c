"""The commands with their arguments and options, as data: who completes a word must not wait for their modules.

`python -m sweeprun.cli.grammar > sweeprun/cli/grammar.json` writes what is shipped.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from sweeprun.trials import Json

Command = dict[str, Json]


def shipped() -> Command:
    """The program itself: `commands` by name, each with its `options` and `arguments`, or commands of its own."""
    read: Command = json.loads(files("sweeprun.cli").joinpath("grammar.json").read_text())
    return read


def generated() -> Command:
    """The same, from the commands' modules."""
    from typer.main import get_command

    from sweeprun.cli.app import COMMANDS, app

    program = _described(get_command(app))
    for name, about in COMMANDS.items():
        program["commands"][name]["about"] = about
    return program


def _described(command: Any) -> Command:
    parameters = [each for each in command.params if not each.hidden]
    described = {
        "about": (command.help or "").partition("\n")[0],
        "arguments": [
            {"name": each.name, "repeats": each.nargs == -1}
            for each in parameters
            if each.param_type_name == "argument"
        ],
        "options": [
            {
                "name": each.name,
                "written": each.opts,
                "takes_value": not each.is_flag,
                "repeats": each.multiple,
                "about": each.help or "",
            }
            for each in parameters
            if each.param_type_name == "option"
        ],
    }
    if hasattr(command, "list_commands"):
        names = command.list_commands(None)
        described["commands"] = {name: _described(command.get_command(None, name)) for name in names}
    return described


if __name__ == "__main__":
    from sweeprun.cli.view import write

    write(f"{json.dumps(generated(), indent=1)}\n")
