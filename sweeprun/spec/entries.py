"""One entry under `parameters`: what may be written, and which keys go together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sweeprun.spec.fields import AnyJson, Flag, Language, Name, Number, Text
from sweeprun.trials import Json

MAX_REPEATS = 1000
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


class ParameterEntry(Language):
    """One parameter: a scalar is a fixed value, a list its choices, a mapping says more."""

    short_schema: ClassVar[dict[str, Json]] = {"type": ["string", "number", "boolean", "null", "array"], "minItems": 1}

    min: Number | None = Field(
        default=None, description="Lower end of a range; whole numbers at both ends: an integer."
    )
    max: Number | None = Field(default=None, description="Upper end of a range, included.")
    log: Flag = Field(
        default=False, description="Draw uniformly over the logarithm; min and max are values, not exponents."
    )
    step: Number | None = Field(
        default=None, description="Only min, min + step ... max.", json_schema_extra={"exclusiveMinimum": 0}
    )
    values: tuple[AnyJson, ...] | None = Field(
        default=None, description="The choices.", json_schema_extra={"minItems": 1}
    )
    probabilities: tuple[Number, ...] | None = Field(default=None, description="How likely each of the values is.")
    value: AnyJson = Field(default=None, description="A fixed value.")
    any: tuple[ParameterEntry, ...] | None = Field(
        default=None, description="One of several: fixed values, ranges.", json_schema_extra={"minItems": 2}
    )
    expr: Text | None = Field(default=None, description="A value computed from others; handed over, not searched.")
    repeat: AnyJson = Field(
        default=None,
        description="A list of so many: a number, or an integer parameter's name.",
        json_schema_extra={"type": ["integer", "string", "null"], "minimum": 0, "maximum": MAX_REPEATS, "minLength": 1},
    )
    when: AnyJson = Field(
        default=None,
        description="Active only where {name: value or list of values}, or an expression.",
        json_schema_extra={"type": ["object", "string", "null"], "minProperties": 1, "minLength": 1},
    )
    parameters: dict[Name, ParameterEntry] | None = Field(default=None, description="Nested ones, with dotted names.")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Json) -> Json:
        if isinstance(given, Mapping | cls):
            return given
        return {"values": given} if isinstance(given, list | tuple) else {"value": given}

    @model_serializer(mode="wrap")
    def _only_what_was_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        given = {key for key in self.model_fields_set if key == "value" or getattr(self, key) is not None}
        kinds = [kind for kind in KINDS if given & KINDS[kind].keys]
        if len(kinds) != 1:
            raise ValueError(
                f"must have {'only ' if kinds else ''}one of {', '.join(KINDS)}{_found(kinds)};"
                " for example {min: 0.0, max: 0.5} or {values: [1, 2]}"
            )
        kind = KINDS[kinds[0]]
        missing, extra = kind.keys - given, given - kind.keys - kind.options
        if missing:
            raise ValueError(f"must have both min and max; {' and '.join(sorted(missing))} is missing")
        if extra:
            allowed = ", ".join(sorted(kind.keys | kind.options))
            raise ValueError(f"{' and '.join(sorted(extra))} does not go with {kinds[0]}; allowed: {allowed}")
        return self


@dataclass(frozen=True)
class Kind:
    keys: frozenset[str]
    options: frozenset[str]


KINDS = {
    "min and max": Kind(frozenset({"min", "max"}), frozenset({"log", "step", "when", "repeat"})),
    "values": Kind(frozenset({"values"}), frozenset({"probabilities", "when", "repeat"})),
    "value": Kind(frozenset({"value"}), frozenset({"when"})),
    "any": Kind(frozenset({"any"}), frozenset({"when", "repeat"})),
    "expr": Kind(frozenset({"expr"}), frozenset({"when"})),
    "parameters": Kind(frozenset({"parameters"}), frozenset({"when"})),
}


def _found(kinds: Sequence[str]) -> str:
    return f", not {' and '.join(kinds)}" if kinds else ""


def mixed_lists(entries: Mapping[str, ParameterEntry], path: str = "parameters") -> Iterator[str]:
    """Where a list such as `[1e-4, "1e-5"]` holds numbers beside texts that read as numbers."""
    for name, entry in entries.items():
        values = entry.values or ()
        if any(map(_reads_as_number, values)) and any(isinstance(value, int | float) for value in values):
            yield f"{path}.{name}"
        yield from mixed_lists(entry.parameters or {}, f"{path}.{name}.parameters")


def _reads_as_number(value: Json) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None
