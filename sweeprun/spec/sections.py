"""The sections of a sweep file: one model each, a description for every key."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema

from sweeprun.spec.fields import (
    AnyJson,
    Count,
    Deadline,
    Duration,
    Flag,
    Fraction,
    Gpus,
    Integer,
    Language,
    Later,
    Name,
    Natural,
    Number,
    Positive,
    Signal,
    Size,
    Text,
    one_of,
)
from sweeprun.spec.words import shown
from sweeprun.trials import FailureClass, Json


class Named(Language):
    """An algorithm or a pruner: its name and its options."""

    model_config = ConfigDict(frozen=True, extra="allow")
    shorthand: ClassVar[str] = "name"

    name: Text = Field(description="A name, or the module of one of your own.")

    @property
    def options(self) -> dict[str, Json]:
        """Everything beside the name, as written; the algorithm's own settings check it."""
        return dict(self.model_extra or {})


class Plateau(Language):
    """Stop when the best value, or with several metrics the Pareto front, no longer improves."""

    trials: Count = Field(description="So many trials in a row without an improvement.")
    min_delta: Annotated[
        Number,
        Field(description="What counts as one: of the best value, or in some metric beside each of the front."),
    ] = 0.0


class Failures(Language):
    """Stop when too much fails."""

    consecutive: Count = Field(default=10, description="So many failures in a row, by trial number.")
    fraction: Fraction = Field(default=0.5, description="More than this share of the trials failed.")
    after: Count = Field(default=20, description="The share is looked at after so many trials.")


class Budget(Language):
    """When the sweep ends; shared by every process that works on it. Whatever is reached first."""

    shorthand: ClassVar[str] = "trials"

    trials: Count | None = Field(default=None, description="Configurations.")
    wall: Duration | None = Field(default=None, description="Time with a worker at work.")
    deadline: Deadline | None = Field(default=None, description="A point in time, ISO 8601.")
    gpu_hours: Annotated[Positive | None, Later()] = Field(default=None, description="GPU-hours of all trials.")
    cost: Annotated[Positive | None, Later()] = Field(default=None, description="Money, by resources.price.")
    trial_wall: Duration | None = Field(default=None, description="The longest that one run of a trial may take.")
    no_progress: Duration | None = Field(
        default=None, description="No new metric line and no log growth for so long = hung."
    )
    target: dict[Name, Number] = Field(
        default={},
        description="Stop when a trial within all limits is at least this good in all of these. One that still"
        " runs, waits at a rung or was pruned counts too; one that failed does not.",
    )
    plateau: Plateau | None = Field(default=None, description="Stop when nothing improves any more.")
    failures: Failures = Field(default=Failures(), description="Stop when too much fails.")


class Share(Language):
    """The most that is taken on this host."""

    devices: Count | None = Field(default=None, description="Devices that this sweep takes at once.")
    user_gpu_hours_per_week: Positive | None = Field(
        default=None, description="GPU-hours a week of all this user's sweeps."
    )


class Resources(Language):
    """What a trial needs and what the sweep may take."""

    slots: Count | None = Field(
        default=None, description="Most trials at once from one worker; default: what devices allow."
    )
    gpus: Gpus | None = Field(default=None, description="Devices per trial; 0.5 = two share one.")
    gpu_memory: Size | None = Field(default=None, description="Admit a trial only where so much device memory is free.")
    cpus: Count | None = Field(default=None, description="Cores per trial.")
    share: Annotated[Share | None, Later()] = Field(default=None, description="The most that is taken on this host.")
    priority: Annotated[Integer, Later()] = Field(default=0, description="Between sweeps that wait for a device here.")
    price: Annotated[Positive | None, Later()] = Field(
        default=None, description="Per GPU-hour (per slot-hour without GPUs)."
    )


class Retry(Language):
    """Which failures are tried again by themselves."""

    max: Natural = Field(default=0, description="How often one trial is tried again.")
    on: tuple[Annotated[str, *one_of(*map(str, FailureClass))], ...] = Field(
        default=("oom", "gpu_oom", "signal"), description="After which classes of failure."
    )


class Stop(Language):
    """How a trial is asked to end."""

    signal: Signal = Field(default="SIGTERM", description="What its process group is sent.")
    grace: Duration = Field(default=15.0, description="How long it has before it is killed.")


class Checkpoints(Language):
    """Which checkpoints are kept."""

    keep: Annotated[str, *one_of("all", "best", "none")] = Field(
        default="all", description="Whose are kept once the trial has ended; paused trials keep theirs."
    )
    top: Count = Field(default=1, description="With best: of so many trials.")
    max_disk: Size | None = Field(
        default=None,
        description="The most that they take together: those go first that have ended, then of paused trials those that"
        " are least likely to be promoted, which then begin again.",
    )


class Store(Language):
    """The sweep directory."""

    retry: Duration = Field(default=600.0, description="How long a disk that refuses is waited for.")


class Repeats(Language):
    """Every configuration with several seeds."""

    seeds: Count = Field(description="How many.")
    reduce: Annotated[str, *one_of("mean", "median", "worst")] = Field(
        default="mean", description="The value that counts."
    )
    racing: Flag = Field(default=False, description="Give up on a configuration whose first seeds are clearly worse.")


class Validation(Language):
    """After the search: run the best again."""

    top: Count = Field(description="How many configurations.")
    seeds: Count = Field(default=1, description="How many fresh seeds each.")
    set: dict[Name, AnyJson] = Field(default={}, description="Fixed values that are overridden.")


class Around(Language):
    """A phase searches near the best so far."""

    top: Count = Field(description="How many of them.")


class Phase(Language):
    """A share of the budget with overrides and frozen parameters."""

    name: Text = Field(description="What its trials' origin says.")
    trials: Count = Field(description="Its share of the budget.")
    set: dict[Name, AnyJson] = Field(default={}, description="Fixed values that are overridden.")
    around: Around | None = Field(default=None, description="Search near the best so far.")
    freeze: tuple[Name, ...] = Field(default=(), description="Parameters that keep their best value.")


class Lint(Language):
    """What `check` should not warn about."""

    ignore: dict[Name, Text] = Field(default={}, description="A lint's id and the reason to ignore it.")


def _preload(value: Json) -> Json:
    modules = value if isinstance(value, list | tuple) else None
    if value in ("auto", "none") or (modules is not None and all(isinstance(m, str) and m for m in modules)):
        return value
    raise ValueError(f"must be auto, none or a list of module names, not {shown(value)}")


Preload = Annotated[
    Json,
    PlainValidator(_preload),
    WithJsonSchema({"anyOf": [{"enum": ["auto", "none"]}, {"type": "array", "items": {"type": "string"}}]}),
]
