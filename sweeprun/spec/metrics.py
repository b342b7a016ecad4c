"""What a program reports and where, in a sweep file: the metrics, how it counts, the place they are read from."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Self

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, field_validator, model_validator

from sweeprun.errors import near
from sweeprun.expressions import Expression, ExpressionError
from sweeprun.objective import Goal
from sweeprun.spec.command import check_macros
from sweeprun.spec.fields import Language, Name, Number, Text, one_of
from sweeprun.spec.words import shown, with_hint
from sweeprun.trials import Json


class Metric(Language):
    """A metric that the program reports, or one derived from others."""

    shorthand: ClassVar[str] = "name"

    name: Name = Field(description="The key in the metric lines.")
    expr: Text | None = Field(default=None, description="A derived metric: computed from others, not reported.")
    goal: Annotated[Goal, *one_of("minimize", "maximize")] | None = Field(
        default=None,
        description="Which way is better; default minimize. A derived metric without one is only shown.",
        validate_default=True,
    )
    limit: Number | None = Field(
        default=None,
        description="Outcome constraint: the worst value allowed. It is judged at the end, and stops no trial.",
    )

    @field_validator("goal")
    @classmethod
    def _minimize_what_is_reported(cls, goal: Goal | None, said: ValidationInfo) -> Goal | None:
        return "minimize" if goal is None and said.data.get("expr") is None else goal

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.goal is None and self.limit is not None:
            raise ValueError("must have a goal beside its limit: which way is better, minimize or maximize")
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
