"""`${env:X}` in a sweep file: a variable of whoever starts the sweep, or one that each trial is given. `$${` is `${` of
the program's own language, such as Hydra's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sweeprun.errors import SweepFileError

VARIABLE = re.compile(r"(?<!\$)\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")
OURS = "SWEEPRUN_"
GIVEN = (  # to every run of every trial; what is given to some only cannot stand in a command
    "SWEEPRUN_PROTOCOL",
    "SWEEPRUN_SWEEP",
    "SWEEPRUN_TRIAL",
    "SWEEPRUN_TRIAL_UID",
    "SWEEPRUN_DIR",
    "SWEEPRUN_PARAMS",
    "SWEEPRUN_METRICS",
    "SWEEPRUN_CHECKPOINT",
    "SWEEPRUN_SEED",
    "SWEEPRUN_STEP",
    "MASTER_PORT",
)
GIVEN_TO_SOME = ("SWEEPRUN_UNTIL", "SWEEPRUN_STEP_FIRST", "SWEEPRUN_FROM_STEP")


def expand(written: str, environment: Mapping[str, str]) -> str:
    """`written` with each `${env:X}` replaced. Raises SweepFileError for a variable that is not set."""

    def value(name: str) -> str:
        if name not in environment:
            raise SweepFileError(f"${{env:{name}}} is used, but {name} is not set", hint=f"export {name}=...")
        return environment[name]

    parts = VARIABLE.split(written)  # text and names take turns
    return "".join(value(part) if i % 2 else unescaped(part) for i, part in enumerate(parts))


def unescaped(text: str) -> str:
    """Text without macros as the program is to see it."""
    return text.replace("$${", "${")


def around(inherited: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What `${env:X}` may name in a trial: what it is given, over what its worker inherited of no outer sweep."""
    return {name: value for name, value in inherited.items() if not name.startswith(OURS)} | dict(given)
