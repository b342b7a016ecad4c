"""The JSON Schema of the sweep file, for editors.

The models of the sweep file describe themselves; added here is what they do not know: the algorithms and pruners with
their options, and which keys go together.
"""

from __future__ import annotations

from pydantic.json_schema import GenerateJsonSchema

from sweeprun import registry
from sweeprun.registry import Kind
from sweeprun.spec.entries import KINDS
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.trials import Json

_Schema = dict[str, Json]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_MODULE = {"type": "string", "pattern": r"^[^.]+(\.[^.]+)+$", "description": "A module of your own."}


def schema() -> _Schema:
    """Draft 2020-12, `$defs`, a description for each field; it accepts the short forms that a file may use."""
    generated = SweepFile.model_json_schema(schema_generator=_Untitled)
    generated["required"] = [key for key in generated["required"] if key != "name"]  # the file's stem names it
    generated["oneOf"] = [{"required": [key]} for key in ("metric", "metrics")]
    definitions, properties = generated["$defs"], generated["properties"]
    del definitions["Named"]
    definitions |= {"Algorithm": _choice("sampler", "auto"), "Pruner": _choice("pruner")}
    for key in ("algorithm", "pruner"):
        properties[key]["$ref"] = f"#/$defs/{key.capitalize()}"
    _narrow(definitions["ParameterEntry"]["anyOf"][1])
    return {"$schema": DRAFT, **generated, "title": "sweeprun sweep file"}


class _Untitled(GenerateJsonSchema):
    """Keys speak for themselves: a title that repeats them is noise in an editor."""

    def field_title_should_be_set(self, schema: Json) -> bool:
        return False


def _choice(kind: Kind, *more: str) -> _Schema:
    """A name where no option has to go with it, or a mapping of a name and its options."""
    names = [*more, *registry.names(kind)]
    alone = [name for name in names if name in more or not any(each.required for each in registry.settings(kind, name))]
    return {"anyOf": [{"enum": alone}, _MODULE, *(_with_options(kind, name) for name in names), _mapping(_MODULE)]}


def _with_options(kind: Kind, name: str) -> _Schema:
    if name == "auto":  # it hands its options on
        return _mapping({"const": name, "description": "Chosen by the space and the budget."})
    settings = registry.settings(kind, name)
    mapping = _mapping({"const": name, "description": str(registry.find(kind, name).__doc__).partition("\n")[0]})
    for setting in settings:
        mapping["properties"][setting.name] = {key: rule for key, rule in setting.schema.items() if key != "title"}
    mapping["required"] += [setting.name for setting in settings if setting.required]
    return mapping | {"additionalProperties": False}


def _mapping(name: _Schema) -> _Schema:
    return {"type": "object", "properties": {"name": name}, "required": ["name"]}


def _narrow(entry: _Schema) -> None:
    """What `entries` demands of a parameter's keys: one kind, whole, with the options that go with it. Null is as good
    as left out."""
    for rules in entry["properties"].values():
        if "anyOf" in rules:
            [said] = [option for option in rules.pop("anyOf") if option != {"type": "null"}]
            rules |= said
    kinds = KINDS.values()
    entry["oneOf"] = [{"required": sorted(kind.keys)} for kind in kinds]
    entry["dependentRequired"] = {key: sorted(kind.keys) for kind in kinds for key in sorted(kind.keys)}
    entry["dependentSchemas"] = {
        option: {"anyOf": [{"required": sorted(kind.keys)} for kind in kinds if option in kind.options]}
        for option in sorted({option for kind in kinds for option in kind.options})
    }
