"""The JSON Schema of the sweep file (draft 2020-12), for editors and other programs.

An editor that knows YAML uses it when a sweep file begins with `# yaml-language-server: $schema=PATH`.
"""

from __future__ import annotations

import json

from sweeprun.cli.view import write
from sweeprun.spec.json_schema import schema as generated


def schema() -> None:
    """Print it."""
    write(f"{json.dumps(generated(), indent=1)}\n")
