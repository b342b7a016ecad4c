"""Which metric a script reports, and how it is read; found in its text."""

from __future__ import annotations

from dataclasses import dataclass

from sweeprun.trials import Json


@dataclass(frozen=True)
class Metrics:
    """`read` is what `metrics_from` says, None where nothing was found. `why` explains the choice of the objective,
    `origin` where its values come from; `warnings` are for the reader of the terminal too."""

    name: str = "val_loss"
    goal: str = "minimize"
    step: str = "epoch"
    read: Json = None
    why: str = ""
    origin: str = ""
    warnings: tuple[str, ...] = ()
