"""What a trial is started with: its arguments and its environment. Pure; whoever starts it prepares the files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweeprun.macros import expand
from sweeprun.trials import Json, Params

if TYPE_CHECKING:
    import numpy as np

PROTOCOL = "1"
_REMOVED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_E_NOTATION = re.compile(r"\A(-?\d+)(e[-+]?\d+)\Z")


def number(value: float) -> str:
    """A number as every YAML and argparse reads it back: 1e-05 has a point, 1.0e-05."""
    return _E_NOTATION.sub(r"\1.0\2", repr(value))


def text(value: Json) -> str:
    """A parameter's value as one argument: true and false, JSON for lists and mappings, strings as they are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _equals(params: Params) -> list[str]:
    return [f"--{name}={text(value)}" for name, value in params.items() if value is not None]


def _space(params: Params) -> list[str]:
    return [word for name, value in params.items() if value is not None for word in (f"--{name}", text(value))]


def _json(params: Params) -> list[str]:
    return [json.dumps(params, separators=(",", ":"))]


def _none(params: Params) -> list[str]:
    return []


STYLES: Mapping[str, Callable[[Params], list[str]]] = {
    "equals": _equals,
    "space": _space,
    "json": _json,
    "none": _none,
}


def arguments(params: Params, style: str) -> list[str]:
    """What `${args}` stands for. A null value omits its flag."""
    return STYLES[style](params)


def argv(command: Sequence[str], params: Params, style: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """The program's argument list; no shell ever sees it. Without an `environment` each `${env:X}` stays as written:
    that is what records show. Parameters are never expanded. Raises SweepFileError for a variable that is not set."""
    words: list[str] = []
    for word in command:
        if word == "${args}":
            words += arguments(params, style)
        else:
            words.append(word if environment is None else expand(word, environment))
    return words


def seed(sweep_seed: int, repeat: int) -> int:
    """The seed handed to a trial: the same for every configuration, so that comparisons are paired."""
    digest = hashlib.sha256(f"{sweep_seed}/{repeat}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def generator(sweep_seed: int, number: int) -> np.random.Generator:
    """All the randomness there is for suggesting trial `number`."""
    import numpy as np  # a third of the time that `best` takes, which asks this module for arguments alone

    return np.random.default_rng([sweep_seed, number])


def base_environment(inherited: Mapping[str, str], declared: Mapping[str, str], threads: int) -> dict[str, str]:
    """What every trial of a worker inherits: nothing of an outer sweep or launcher, and the file's `env`.

    `threads` bounds numeric libraries, unless OMP_NUM_THREADS says otherwise. Output is unbuffered, so that lines are
    seen when they are printed.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in _REMOVED and not name.startswith("SWEEPRUN_")
    }
    if not {"VIRTUAL_ENV", "CONDA_PREFIX"} & kept.keys():
        kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    defaults = {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    return defaults | kept | {name: expand(value, inherited) for name, value in declared.items()}
