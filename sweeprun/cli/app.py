"""The commands by name. The module of a command is imported when that command runs, so that `--help` and `status` do
not pay for what `start` needs."""

from __future__ import annotations

import importlib
import keyword
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from sweeprun.errors import UsageError, near

COMMANDS = {
    "init": "Write a first sweep file: an example that runs, or a proposal for a script of yours.",
    "check": "Validate a sweep file and say what was understood; nothing runs.",
    "start": "Create the sweep of a file, or join it, and work on it.",
    "resume": "Go on with a sweep after a stop, a crash or a finished budget.",
    "stop": "Let the workers finish their trials and leave; or prune one trial.",
    "add": "Queue a configuration of one's own; what is left out is drawn.",
    "retry": "Queue trials that have ended once more.",
    "ls": "The sweeps under a root: state, progress, best value.",
    "status": "How far the sweep is, who works on it, how long it will take.",
    "best": "The best trials, as a table, as JSON, or as a command that trains them again.",
    "trials": "List the trials: filter, sort, choose columns.",
    "show": "Everything about one trial.",
    "logs": "What a trial printed.",
    "compare": "Two trials, or two sweeps, side by side.",
    "export": "Every trial as csv, jsonl or a study of Optuna.",
    "import": "Earlier results, a study of Optuna, as trials of a sweep; a sweep file of W&B as one of our own.",
    "schema": "The JSON Schema of the sweep file, for editors.",
    "completion": "TAB in bash, fish and zsh: the script that a shell reads.",
    "doctor": "What this machine, this file system and the trials' interpreter can do.",
}


class Commands(TyperGroup):
    """Looks a command up as `sweeprun.cli.<name>.<name>`; `import` is a word of Python, so: `import_`."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            raise UsageError(
                f"there is no command {cmd_name!r}", near(cmd_name, COMMANDS) or "sweeprun --help lists them"
            )
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"sweeprun.cli.{name}")
        command = getattr(module, name)
        if isinstance(command, typer.Typer):  # it has commands of its own
            return get_command(command)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(cmd_name, help=module.__doc__)(command)
        return get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def sweeprun(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    """Hyperparameter sweeps for a plain training script."""
    if version:
        from sweeprun import __version__
        from sweeprun.cli.view import write

        write(f"{__version__}\n")
        raise typer.Exit
