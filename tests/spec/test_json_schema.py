"""The schema against files, by a small validator of the keywords that it uses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sweeprun.spec import yaml12
from sweeprun.spec.json_schema import schema

SCHEMA = schema()
TYPES = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "array": list, "object": dict}
NOTES = {"title", "description", "default", "examples", "$schema", "$defs"}


def is_type(value, name):
    if name == "null":
        return value is None
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def accepts(node, value):
    checks = {
        "$ref": lambda ref: accepts(SCHEMA["$defs"][ref.rsplit("/", 1)[1]], value),
        "anyOf": lambda options: any(accepts(option, value) for option in options),
        "enum": lambda allowed: any(value == one and type(value) is type(one) for one in allowed),
        "type": lambda name: any(is_type(value, one) for one in (name if isinstance(name, list) else [name])),
        "minimum": lambda least: not is_type(value, "number") or value >= least,
        "maximum": lambda most: not is_type(value, "number") or value <= most,
        "exclusiveMinimum": lambda least: not is_type(value, "number") or value > least,
        "minLength": lambda least: not isinstance(value, str) or len(value) >= least,
        "items": lambda inner: not isinstance(value, list) or all(accepts(inner, one) for one in value),
        "required": lambda keys: not isinstance(value, dict) or all(key in value for key in keys),
        "minProperties": lambda least: not isinstance(value, dict) or len(value) >= least,
        "maxProperties": lambda most: not isinstance(value, dict) or len(value) <= most,
        "pattern": lambda pattern: not isinstance(value, str) or re.search(pattern, value),
        "properties": lambda inner: (
            not isinstance(value, dict) or all(accepts(inner[key], one) for key, one in value.items() if key in inner)
        ),
        "patternProperties": lambda inner: (
            not isinstance(value, dict)
            or all(accepts(s, one) for p, s in inner.items() for key, one in value.items() if re.search(p, key))
        ),
        "additionalProperties": lambda allowed: (
            not isinstance(value, dict)
            or allowed is True
            or all(
                allowed and accepts(allowed, one) for key, one in value.items() if key not in node.get("properties", {})
            )
        ),
    }
    return all(checks[keyword](argument) for keyword, argument in node.items() if keyword not in NOTES)


def sections(node):
    """Every object schema with properties."""
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        for inner in node.values():
            yield from sections(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from sections(inner)


def test_it_is_draft_2020_12_with_definitions_and_is_strict_json():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "Budget" in SCHEMA["$defs"]
    json.dumps(SCHEMA, allow_nan=False)


def test_every_key_has_a_description():
    def described(field):
        definition = SCHEMA["$defs"].get(field.get("$ref", "").rsplit("/", 1)[-1], {})
        return "description" in field or "description" in definition

    fields = [(key, field) for section in sections(SCHEMA) for key, field in section["properties"].items()]
    assert [key for key, field in fields if not described(field) and key not in ("regex", "csv")] == []


def test_a_file_with_every_key_is_accepted():
    assert accepts(SCHEMA, yaml12.load(Path(__file__).with_name("everything.yaml").read_bytes(), "").value)


@pytest.mark.parametrize(
    "line",
    [
        "budget: 30",
        "budget: {trials: 30, wall: 3600}",
        "algorithm: grid",
        "pruner: {name: median, startup: 3}",
        "step: epoch",
        "command: [a, b]",
        "metrics_from: stdout",
        "metrics_from: {csv: a.csv}",
        "metrics: [a, {name: b, goal: maximize}]",
        "resumes: true",
        "preload: [torch]",
        "env: {A: 1, B: x, C: true}",
        "parameters: {a: 1, b: x, c: null, d: [1, 2], e: {value: {x: 1}}, f: {any: [0, [1], {min: 1, max: 2}]}}",
        "parameters: {a: {parameters: {b: [1, 2]}, when: 'c > 1'}, c: {min: 1, max: 2, repeat: 3}}",
    ],
)
def test_every_short_form_is_accepted(line):
    assert accepts(SCHEMA, {"command": "a", "metric": "loss"} | yaml12.load(line, "").value)


@pytest.mark.parametrize(
    "line",
    [
        "budgt: 30",
        "budget: x",
        "budget: {trails: 30}",
        "args: equal",
        "metric: {goal: minimize}",
        "parameters: {a: {min: 1, max: 2, lag: 3}}",
        "parameters: {a: {min: x, max: 2}}",
        "seed: 1.5",
    ],
)
def test_what_is_wrong_is_not_accepted(line):
    assert not accepts(SCHEMA, {"command": "a", "metric": "loss"} | yaml12.load(line, "").value)


def test_reading_sweep_files_imports_nothing_heavy():
    heavy = "[m for m in ('scipy', 'torch', 'rich', 'typer') if m in sys.modules]"
    script = f"import sys, sweeprun.spec.sweepfile; print({heavy})"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
