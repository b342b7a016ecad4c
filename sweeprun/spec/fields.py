"""What the sweep file's models are made of: scalar types that explain themselves, shorthands, the mark for later.

Every validator raises ValueError("must be ..., not ..."): spec/faults.py puts the key path and the position before it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, PlainValidator, WithJsonSchema, model_validator
from pydantic_core import CoreSchema

from sweeprun.errors import near
from sweeprun.space.parameters import is_number
from sweeprun.spec.quantities import deadline, duration, size
from sweeprun.spec.words import listed, shown, with_hint
from sweeprun.trials import Json


@dataclass(frozen=True)
class Later:
    """Marks a field that is part of the language and whose machinery is not built yet; values in `now` work already."""

    now: tuple[Json, ...] = ()


class Language(BaseModel):
    """A mapping of the sweep file. `shorthand` is the field that anything else in its place stands for.

    `short_schema` describes what else may be written, where that is not what the shorthand's field takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    shorthand: ClassVar[str | None] = None
    short_schema: ClassVar[dict[str, Json] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _from_shorthand(cls, given: Json) -> Json:
        if cls.shorthand is None or isinstance(given, Mapping | cls):
            return given
        return {cls.shorthand: given}

    @classmethod
    def offered(cls) -> list[str]:
        """Those that work, as they are written."""
        fields = cls.model_fields.items()
        return [field.alias or name for name, field in fields if Later() not in field.metadata]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Json]:
        definition = handler(core_schema)
        resolved = handler.resolve_ref_schema(definition)
        offered = cls.offered()
        resolved["properties"] = {key: field for key, field in resolved["properties"].items() if key in offered}
        if cls.shorthand is None and cls.short_schema is None:
            return definition
        mapping = dict(resolved)
        short = cls.short_schema or {**mapping["properties"][cls.shorthand]}
        short.pop("default", None)
        resolved.clear()
        resolved.update(anyOf=[short, mapping], description=mapping["description"])
        return definition


def _typed(check: Callable[[Json], Any], schema: dict[str, Json]) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(check), WithJsonSchema(schema)


def _text(value: Json) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"must be text, not {shown(value)}")
    return value


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {shown(value)}")
    return value


def _number(value: Json) -> Any:
    if not is_number(value):
        raise ValueError(f"must be a finite number, not {shown(value)}")
    return value


def _integer(least: int) -> Callable[[Json], int]:
    def check(value: Json) -> int:
        if not is_number(value) or value != int(value) or value < least:
            raise ValueError(f"must be a whole number, at least {least}, not {shown(value)}")
        return int(value)

    return check


def _positive(value: Json) -> float:
    if not is_number(value) or value <= 0:
        raise ValueError(f"must be a number above 0, not {shown(value)}")
    return float(value)


def _fraction(value: Json) -> float:
    if not is_number(value) or not 0 < value <= 1:
        raise ValueError(f"must be a number above 0 and at most 1, not {shown(value)}")
    return float(value)


def _gpus(value: Json) -> float:
    whole = is_number(value) and value >= 0 and value == int(value)
    if not whole and not (is_number(value) and 0.01 <= value < 1):
        raise ValueError(f"must be 0, a whole number of devices, or a fraction from 0.01 to 0.99, not {shown(value)}")
    return float(value)


def one_of(*allowed: Json, later: tuple[Json, ...] = ()) -> tuple[PlainValidator, WithJsonSchema]:
    """A value out of a short list; those that come `later` are taken too, and offered to nobody."""

    words = [choice for choice in allowed if isinstance(choice, str)]

    def check(value: Json) -> Json:
        if not any(value == choice and isinstance(value, type(choice)) for choice in (*allowed, *later)):
            raise ValueError(with_hint(f"must be {listed(allowed)}, not {shown(value)}", near(str(value), words)))
        return value

    return _typed(check, {"enum": list(allowed)})


def _pattern(regex: str, what: str) -> tuple[PlainValidator, WithJsonSchema]:
    def check(value: Json) -> str:
        if not isinstance(value, str) or not re.fullmatch(regex, value):
            raise ValueError(f"must be {what}, not {shown(value)}")
        return value

    return _typed(check, {"type": "string", "pattern": f"^{regex}$"})


_JSON = (str, bool, int, float, list, tuple, dict, type(None))


def _plain_json(value: Json) -> Json:
    """Anything that strict JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"must be finite, not {shown(value)}; quote it where text is meant")
    if not isinstance(value, _JSON):  # a file holds nothing else, a script may
        raise ValueError(f"must be a number, text, true, false, null, a list or a mapping, not {shown(value)}")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _plain_json(inner)
    return value


def _quantity(pattern: str, *examples: Json) -> dict[str, Json]:
    """A number above 0, or text of that pattern."""
    written = {"type": "string", "pattern": rf"^\s*{pattern}\s*$"}
    return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, written], "examples": list(examples)}


_DURATION = _quantity(r"[0-9]+(\.[0-9]+)?\s*[smhd]?", 90, "15m", "12h")
_SIZE = _quantity(r"[0-9]+(\.[0-9]+)?\s*([KMGT]?B|[KMGT]iB)?", "10GiB", "500MB")
_DEADLINE = _quantity(r"[0-9]{4}-?W?[0-9]{2}.*", "2026-12-01T08:00")
_GPUS = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "number", "minimum": 0.01, "exclusiveMaximum": 1}]}
AnyJson = Annotated[Any, *_typed(_plain_json, {})]
Text = Annotated[str, *_typed(_text, {"type": "string", "minLength": 1})]
Flag = Annotated[bool, *_typed(_flag, {"type": "boolean"})]
Number = Annotated[Any, *_typed(_number, {"type": "number"})]
Count = Annotated[int, *_typed(_integer(1), {"type": "integer", "minimum": 1})]
Natural = Annotated[int, *_typed(_integer(0), {"type": "integer", "minimum": 0})]
Integer = Annotated[int, *_typed(_integer(-(2**63)), {"type": "integer"})]
Positive = Annotated[float, *_typed(_positive, {"type": "number", "exclusiveMinimum": 0})]
Fraction = Annotated[float, *_typed(_fraction, {"type": "number", "exclusiveMinimum": 0, "maximum": 1})]
Gpus = Annotated[float, *_typed(_gpus, _GPUS)]
Duration = Annotated[float, *_typed(duration, _DURATION)]
Size = Annotated[int, *_typed(size, _SIZE)]
Deadline = Annotated[float, *_typed(deadline, _DEADLINE)]
Signal = Annotated[str, *one_of("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT")]
Name = Annotated[str, *_pattern(r"[^\x00-\x1f\x7f]{1,200}", "a name of up to 200 printable characters")]
