"""How parameters are written as arguments: the styles that `args` of a sweep file names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from sweeprun.spec.yaml_text import number
from sweeprun.trials import Json, Params

_HYDRA_PLAIN = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_HYDRA_WORDS = frozenset({"true", "false", "null", "nan", "inf"})  # in any case
_BEFORE_A_QUOTE = re.compile(r"(\\*)('|\Z)")
_LOOK_UP = re.compile(r"(\\*)\$\{")


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


def _flags(params: Params) -> list[str]:
    """As argparse's store_true takes them: a true one is there, a false one is not."""
    given = {name: value for name, value in params.items() if value is not None and value is not False}
    return [f"--{name}" if value is True else f"--{name}={text(value)}" for name, value in given.items()]


def _hydra(params: Params) -> list[str]:
    return [f"{name}={_hydra_value(value)}" for name, value in params.items() if value is not None]


def _hydra_value(value: Json) -> str:
    match value:
        case None:
            return "null"
        case str():
            return value if _HYDRA_PLAIN.fullmatch(value) and value.lower() not in _HYDRA_WORDS else _quoted(value)
        case list():
            return f"[{','.join(map(_hydra_value, value))}]"
        case dict():
            return f"{{{','.join(f'{_hydra_value(name)}:{_hydra_value(inner)}' for name, inner in value.items())}}}"
    return text(value)


def _quoted(value: str) -> str:
    """In the quotes of Hydra's grammar, where a backslash counts before a quote only, and before `${`, which would be
    looked up."""
    literal = _LOOK_UP.sub(r"\1\1\\${", value)
    return f"'{_BEFORE_A_QUOTE.sub(_escaped, literal)}'"


def _escaped(match: re.Match[str]) -> str:
    return match[1] * 2 + (r"\'" if match[2] else "")


def _wandb(params: Params) -> list[str]:
    """As W&B's agent writes them: Python's words for booleans, its brackets for lists."""
    return [f"--{name}={_wandb_value(value)}" for name, value in params.items() if value is not None]


def _wandb_value(value: Json) -> str:
    return str(value) if isinstance(value, bool | list | dict) else text(value)


def _json(params: Params) -> list[str]:
    return [json.dumps(params, separators=(",", ":"))]


def _nothing(params: Params) -> list[str]:
    return []


STYLES: Mapping[str, Callable[[Params], list[str]]] = {
    "equals": _equals,
    "space": _space,
    "hydra": _hydra,
    "flags": _flags,
    "wandb": _wandb,
    "json": _json,
    "file": _nothing,
    "none": _nothing,
}
