"""`start --events`: what happens, as JSON lines."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TextIO

from sweeprun.errors import UsageError
from sweeprun.run.events import Event
from sweeprun.trials import Json


@contextmanager
def written(target: str | None, sweep: str) -> Iterator[Callable[[Event], None]]:
    """What appends an event to the file `target`, `-` being stdout; None: nothing does."""
    if target is None:
        yield lambda event: None
        return
    numbers = count(1)
    with _opened(target) as stream:

        def write(event: Event) -> None:
            try:
                print(_text(line(event, next(numbers), sweep)), file=stream, flush=True)
            except BrokenPipeError:  # nobody reads them any more; the trials go on
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)

        yield write


def _opened(target: str) -> TextIO:
    try:
        return open(1 if target == "-" else target, "a", encoding="utf-8", closefd=target != "-")
    except OSError as error:
        raise UsageError(f"--events {target}: {error.strerror}", "give a file that can be written, or -") from None


def _text(said: dict[str, Json]) -> str:
    return json.dumps(said, allow_nan=False)


def line(event: Event, seq: int, sweep: str) -> dict[str, Json]:
    """One line. NaN and infinities are null in it, and named in `nonfinite`."""
    said: dict[str, Json] = {"event": event.name, "ts": time.time(), "seq": seq, "sweep": sweep}
    if event.trial is not None:
        said["trial"] = event.trial.number
        said["values"] = dict(event.trial.values)
        if event.name == "trial_started":
            said["params"] = event.trial.params
        if event.trial.failure is not None:
            said["failure"] = event.trial.failure.kind.value
    said |= event.said
    values: dict[str, float] = said.get("values", {})
    odd = [name for name, value in values.items() if not math.isfinite(value)]
    if odd:
        said |= {"values": {name: None if name in odd else value for name, value in values.items()}, "nonfinite": odd}
    return said
