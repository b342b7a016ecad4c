"""A sweep file for a script that was never run for it."""

from __future__ import annotations

from dataclasses import dataclass

from sweeprun.starter import frameworks
from sweeprun.starter.document import document
from sweeprun.starter.interface import Interface
from sweeprun.starter.metrics import Metrics, find
from sweeprun.starter.placement import Placement, place
from sweeprun.starter.setting import Setting
from sweeprun.starter.source import Texts, sources


@dataclass(frozen=True)
class Proposal:
    """The text of a sweep file, and what it was made of."""

    text: str
    placed: Placement
    metrics: Metrics


def propose(text: str, script: str, file: str, texts: Texts) -> Proposal:
    """The sweep file called `file` for a script with this text. `script` is its path from there, `texts` has the local
    modules that it may import.

    Raises UsageError for a script that is no Python, or takes no arguments that can be read.
    """
    files = sources(text, script, texts)
    found = Interface.of(files)
    if not found.arguments:
        raise frameworks.nothing_found(files)
    placed = place(found.arguments, Setting.of(files, found.arguments))
    metrics = find(files)
    return Proposal(document(file, script, found, placed, metrics), placed, metrics)
