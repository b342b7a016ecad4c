"""`schema`: what it prints is what is shipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

Command = Callable[..., Any]


def test_the_schema_is_printed_as_it_is_shipped(sweeprun: Command) -> None:
    done = sweeprun("schema")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert done.out == files("sweeprun.spec").joinpath("sweep.schema.json").read_text()
