"""What the worker loop tells as it goes: the names of `start --events`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sweeprun.trials import Json, Trial

EventName = Literal[
    "sweep_started",
    "trial_started",
    "metric",
    "trial_paused",
    "trial_promoted",
    "trial_waiting",
    "trial_pruned",
    "trial_completed",
    "trial_failed",
    "best_changed",
    "notice",
    "sweep_finished",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, with the trial that it happened to and what else there is to say."""

    name: EventName
    trial: Trial | None = None
    said: Mapping[str, Json] = field(default_factory=dict)
