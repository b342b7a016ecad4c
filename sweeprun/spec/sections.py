"""The sections of a sweep file: one model each, a description for every key."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from sweeprun.errors import near
from sweeprun.expressions import Expression, ExpressionError
from sweeprun.objective import Goal
from sweeprun.spec.command import check_macros
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
from sweeprun.spec.words import shown, with_hint
from sweeprun.trials import FailureClass, Json


class Metric(Language):
    """A metric that the program reports, or one derived from others."""

    shorthand: ClassVar[str] = "name"

    name: Name = Field(description="The key in the metric lines.")
    goal: Annotated[Goal, *one_of("minimize", "maximize")] = Field(
        default="minimize", description="Which way is better."
    )
    limit: Annotated[Number | None, Later()] = Field(
        default=None, description="Outcome constraint: the worst value allowed."
    )
    expr: Text | None = Field(default=None, description="A derived metric: computed from others, not reported.")

    @model_validator(mode="after")
    def _check_expression(self) -> Self:
        if self.expr is not None:
            try:
                Expression.parse(self.expr)
            except ExpressionError as error:
                raise ValueError(f"expr: {error}") from error
        return self


class Step(Language):
    """How the program counts its progress."""

    shorthand: ClassVar[str] = "name"

    name: Name = Field(description="The key in the metric lines that counts progress.")
    first: Annotated[int | None, *one_of(0, 1, None)] = Field(
        default=None,
        description="The first step that the program reports; left out, the first report of the sweep decides.",
    )


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
    """Stop when the best value no longer improves."""

    trials: Count = Field(description="So many trials in a row without an improvement.")
    min_delta: Annotated[Number, Field(description="What counts as one.")] = 0.0


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
    target: dict[Name, Number] = Field(default={}, description="Stop when a metric is at least this good.")
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

    keep: Annotated[str, *one_of("all", "best", "none"), Later(("all",))] = Field(default="all", description="Whose.")
    top: Annotated[Count | None, Later()] = Field(default=None, description="With best: of so many trials.")
    max_disk: Annotated[Size | None, Later()] = Field(default=None, description="The most that they take together.")


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


def _metrics_from(value: Json) -> Json:
    if value in ("file", "stdout", "wandb"):
        return value
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("regex", "csv"):
        message = f"must be file, stdout, wandb, {{regex: ...}} or {{csv: path}}, not {shown(value)}"
        raise ValueError(with_hint(message, near(str(value), ("file", "stdout", "wandb"))))
    [(kind, said)] = value.items()
    several = kind == "regex" and isinstance(said, list | tuple) and len(said) > 0
    for text in said if several else (said,):
        if not isinstance(text, str) or not text:
            wanted = "a pattern, or a list of them" if kind == "regex" else "a path"
            raise ValueError(f"{kind} must be {wanted}, not {shown(text)}")
        if kind == "regex":
            _check_regex(text)
        else:
            check_macros(text, ())
    return {kind: list(said)} if several else value


def _check_regex(text: str) -> None:
    try:
        groups = re.compile(text).groupindex
    except re.error as error:
        raise ValueError(f"regex {text!r} cannot be read: {error}") from None
    if not groups:
        raise ValueError(f"regex {text!r} names no group; write (?P<val_loss>...)")


def named_groups(metrics_from: Json) -> frozenset[str] | None:
    """The names that the patterns of a checked `metrics_from` can give; None where there are none."""
    match metrics_from:
        case {"regex": str(pattern)}:
            return frozenset(re.compile(pattern).groupindex)
        case {"regex": patterns}:
            return frozenset(name for pattern in patterns for name in re.compile(pattern).groupindex)
    return None


def _preload(value: Json) -> Json:
    modules = value if isinstance(value, list | tuple) else None
    if value in ("auto", "none") or (modules is not None and all(isinstance(m, str) and m for m in modules)):
        return value
    raise ValueError(f"must be auto, none or a list of module names, not {shown(value)}")


_TEXT = {"type": "string", "minLength": 1}
_ELSEWHERE = {
    "type": "object",
    "properties": {
        "regex": {
            "anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}],
            "description": "Patterns for the lines of stdout and stderr; named groups are the metrics and the step.",
        },
        "csv": {**_TEXT, "description": "A CSV file, relative to the directory of the run; * and ** are wildcards."},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
MetricsFrom = Annotated[
    Json,
    PlainValidator(_metrics_from),
    WithJsonSchema({"anyOf": [{"enum": ["file", "stdout", "wandb"]}, _ELSEWHERE]}),
]
Preload = Annotated[
    Json,
    PlainValidator(_preload),
    WithJsonSchema({"anyOf": [{"enum": ["auto", "none"]}, {"type": "array", "items": {"type": "string"}}]}),
    Later(("auto", "none")),
]
