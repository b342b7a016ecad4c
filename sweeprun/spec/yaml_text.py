"""Values as YAML text in flow style, read alike by YAML 1.2, YAML 1.1 and people."""

from __future__ import annotations

import json
import re

from sweeprun.trials import Json

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*")
_NO_TEXT = re.compile(r"[~]|null|true|false|yes|no|on|off|y|n|[.]?(?:inf|nan)|[.][0-9].*", re.IGNORECASE)
_WHOLE_MANTISSA = re.compile(r"\A(-?\d+)(e[-+]?\d+)\Z")
_SPECIAL = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}


def flow(value: Json) -> str:
    """`{min: 1.0e-05, values: [a, "on"]}`: one line, whatever the value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Json) -> str:
    """A text unquoted where no reader of YAML takes it for something else."""
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and not _NO_TEXT.fullmatch(value)
        return value if plain else double_quoted(value)
    if isinstance(value, float):
        return _SPECIAL.get(repr(value)) or number(value)
    return json.dumps(value)


def number(value: float) -> str:
    """A number as every YAML and argparse reads it back: 1.0e-05, as 1e-05 is a text to YAML 1.1."""
    return _WHOLE_MANTISSA.sub(r"\1.0\2", repr(value))


def single_quoted(text: str) -> str:
    """Printable text in which nothing is escaped, as patterns are read best."""
    return "'" + text.replace("'", "''") + "'"


def double_quoted(text: str) -> str:
    """Any text, what cannot be seen written out."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isprintable() else f"\\U{ord(character):08x}" for character in written)
