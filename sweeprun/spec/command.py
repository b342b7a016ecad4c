"""The command of a sweep file and the environment that trials get: argument lists and macros, never a shell."""

from __future__ import annotations

import re
import shlex
from typing import Annotated

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema

from sweeprun.errors import near
from sweeprun.macros import GIVEN, GIVEN_TO_SOME, OURS, VARIABLE
from sweeprun.spec.fields import one_of
from sweeprun.spec.words import shown, with_hint
from sweeprun.trials import Json

_MACRO = re.compile(r"(?<!\$)\$\{([^}]*)\}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _command(value: Json) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {error}: {shown(value)}") from None
    if not isinstance(words, list | tuple) or not words or not all(isinstance(w, str) and w for w in words):
        raise ValueError(f"must be text, or a list of texts (quote numbers), not {shown(value)}")
    for word in words:
        check_macros(word, ("args",))
    with_args = [word for word in words for macro in _MACRO.findall(word) if macro == "args"]
    if len(with_args) > 1:
        raise ValueError("may hold ${args} once")
    if any(word != "${args}" for word in with_args):
        raise ValueError("must have ${args} as a word of its own")
    return tuple(words)


def check_macros(text: str, allowed: tuple[str, ...]) -> None:
    """Raises ValueError for a macro that is none of `allowed` and no `${env:NAME}`; `$${` begins none."""
    for written in _MACRO.finditer(text):
        macro = written[1]
        variable = VARIABLE.fullmatch(written[0])
        if variable is not None and variable[1].startswith(OURS) and variable[1] not in GIVEN:
            message = f"must name a variable that every trial is given, not {variable[1]}"
            alone = "only some trials have it: let the program look for it" if variable[1] in GIVEN_TO_SOME else None
            raise ValueError(with_hint(message, alone or near(variable[1], GIVEN)))
        if macro not in allowed and variable is None:
            known = ", ".join(f"${{{name}}}" for name in (*allowed, "env:NAME"))
            message = f"must hold no other macro than {known}, not ${{{macro}}}"
            own = f"$${{{macro}}} is ${{{macro}}} for the program itself"
            raise ValueError(with_hint(message, near(macro, allowed) or own))


def _env(value: Json) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping such as {{OMP_NUM_THREADS: 2}}, not {shown(value)}")
    return {name: _env_text(name, text) for name, text in value.items()}


def _env_text(name: str, value: Json) -> str:
    if not _ENV_NAME.fullmatch(name) or name.startswith(OURS):
        raise ValueError(f"must hold names of environment variables, none of them SWEEPRUN_*, not {shown(name)}")
    if not isinstance(value, str | int | float):
        raise ValueError(f"must give {name} a text or a number, not {shown(value)}")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    check_macros(text, ())
    return text


_WORD: dict[str, Json] = {"type": "string", "minLength": 1}
_TEXT_OR_LIST: dict[str, Json] = {"anyOf": [_WORD, {"type": "array", "items": _WORD, "minItems": 1}]}
_ENV_SCHEMA: dict[str, Json] = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
Command = Annotated[tuple[str, ...], BeforeValidator(_command), WithJsonSchema(_TEXT_OR_LIST)]
Environment = Annotated[dict[str, str], PlainValidator(_env), WithJsonSchema(_ENV_SCHEMA)]
Arguments = Annotated[str, *one_of("equals", "space", "hydra", "flags", "json", "file", "wandb", "none")]
