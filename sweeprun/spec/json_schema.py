"""The JSON Schema of the sweep file, for editors."""

from __future__ import annotations

from sweeprun.spec.sweepfile import SweepFile
from sweeprun.trials import Json


def schema() -> dict[str, Json]:
    """Draft 2020-12, `$defs`, a description for each field; it accepts the short forms that a file may use."""
    generated = SweepFile.model_json_schema()
    generated["required"] = [key for key in generated["required"] if key != "name"]  # the file's stem names it
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated, "title": "sweeprun sweep file"}
