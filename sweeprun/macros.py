"""`${env:X}` in the command and the environment of a sweep file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sweeprun.errors import SweepFileError

VARIABLE = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(written: str, environment: Mapping[str, str]) -> str:
    """`written` with each `${env:X}` replaced. Raises SweepFileError for a variable that is not set."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in environment:
            message = f"${{env:{match[1]}}} is used, but {match[1]} is not set"
            raise SweepFileError(message, hint=f"export {match[1]}=...")
        return environment[match[1]]

    return VARIABLE.sub(value, written)
