"""What a trial is started with: its arguments and its environment. Pure; whoever starts it prepares the files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweeprun.macros import OURS, around, expand
from sweeprun.run.arguments import STYLES, text
from sweeprun.trials import Params

__all__ = ["PARAMS_FILE", "PROTOCOL", "arguments", "argv", "base_environment", "text"]

PROTOCOL = "1"
_REMOVED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
PARAMS_FILE = "${env:SWEEPRUN_PARAMS}"


def arguments(params: Params, style: str) -> list[str]:
    """The words with parameters that `${args}` stands for; none of style `file`, which names a file with them. A null
    value omits its flag."""
    return STYLES[style](params)


def argv(command: Sequence[str], params: Params, style: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """The program's argument list; no shell ever sees it. Without an `environment` each `${env:X}` stays as written:
    that is what records show. Parameters are never expanded. Raises SweepFileError for a variable that is not set."""
    words: list[str] = []
    for word in command:
        template = PARAMS_FILE if word == "${args}" and style == "file" else word
        if template == "${args}":
            words += arguments(params, style)
        else:
            words.append(template if environment is None else expand(template, environment))
    return words


def base_environment(
    inherited: Mapping[str, str], declared: Mapping[str, str], threads: int, given: Mapping[str, str]
) -> dict[str, str]:
    """What every trial of a worker inherits: nothing of an outer sweep or launcher, and the file's `env`, in which
    `${env:X}` may also name what the trial is `given`.

    `threads` bounds numeric libraries, unless OMP_NUM_THREADS says otherwise. Output is unbuffered, so that lines are
    seen when they are printed.
    """
    kept = {
        name: value for name, value in inherited.items() if name not in _REMOVED and not name.startswith(OURS)
    }
    if not {"VIRTUAL_ENV", "CONDA_PREFIX"} & kept.keys():
        kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    defaults = {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    named = around(inherited, given) if declared else {}
    return defaults | kept | {name: expand(value, named) for name, value in declared.items()}
