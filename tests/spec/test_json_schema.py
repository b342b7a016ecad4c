"""The schema against files: what the file's own rules take it takes, what they refuse in shape it refuses."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sweeprun import registry
from sweeprun.errors import SweeprunError
from sweeprun.spec import yaml12
from sweeprun.spec.json_schema import DRAFT, schema
from sweeprun.spec.sweepfile import SweepFile

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ROOT = Path(__file__).parents[2]
EVERYTHING = Path(__file__).with_name("everything.yaml")
LATER = ["budget.gpu_hours", "budget.cost", "resources.share", "resources.priority", "resources.price", "repeats"]
LATER += ["validate", "phases", "lint"]  # keys whose machinery is not built yet
SHIPPED = [*sorted((ROOT / "configs").glob("*.yaml")), *sorted((ROOT / "recipes").glob("*/sweep.yaml"))]
SMALLEST = {"command": "a ${args}", "metric": "loss"}


def read(source: str | bytes) -> Any:
    return yaml12.load(source, "").value


def built() -> Any:
    """A file with every key that is offered."""
    value = read(EVERYTHING.read_bytes())
    for section, _, key in (path.rpartition(".") for path in LATER):
        del (value[section] if section else value)[key]
    return value


def problems(value: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(value)]


def is_valid_file(value: Any) -> bool:
    """By the rules that `check` goes by."""
    try:
        file = SweepFile.parse(json.dumps(value), Path("sweep.yaml"))
        registry.load("pruner", file.pruner.name, file.pruner.options)
        if file.algorithm.name != "auto":
            registry.load("sampler", file.algorithm.name, file.algorithm.options)
    except SweeprunError:
        return False
    return True


def sections(node: Any) -> Iterator[dict[str, Any]]:
    """Every object schema with properties."""
    if isinstance(node, dict):
        if "properties" in node:
            yield node
        for inner in node.values():
            yield from sections(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from sections(inner)


def test_it_is_draft_2020_12_with_definitions_and_is_strict_json() -> None:
    assert SCHEMA["$schema"] == DRAFT
    assert "Budget" in SCHEMA["$defs"]
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    json.dumps(SCHEMA, allow_nan=False)


def test_the_shipped_schema_is_the_generated_one() -> None:
    shipped = files("sweeprun.spec").joinpath("sweep.schema.json").read_text()
    again = "regenerate it: sweeprun schema > sweeprun/spec/sweep.schema.json"
    assert shipped == f"{json.dumps(SCHEMA, indent=1)}\n", again


def test_every_key_has_a_description() -> None:
    def described(field: dict[str, Any]) -> bool:
        definition = SCHEMA["$defs"].get(field.get("$ref", "").rsplit("/", 1)[-1], {})
        return "description" in field or "description" in definition

    fields = [(key, field) for section in sections(SCHEMA) for key, field in section["properties"].items()]
    assert [key for key, field in fields if not described(field) and key not in ("regex", "csv")] == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_shipped_is_accepted(file: Path) -> None:
    assert problems(read(file.read_bytes())) == []


def test_every_key_that_is_offered_is_accepted() -> None:
    assert problems(built()) == []


@pytest.mark.parametrize("path", LATER)
def test_what_is_not_built_yet_is_not_offered(path: str) -> None:
    section, _, key = path.rpartition(".")
    value, everything = built(), read(EVERYTHING.read_bytes())
    (value[section] if section else value)[key] = (everything[section] if section else everything)[key]
    assert problems(value) != []


def test_of_executors_only_the_one_that_works_is_offered() -> None:
    assert SCHEMA["properties"]["executor"]["enum"] == ["local"]


def test_no_definition_is_left_of_what_is_not_offered() -> None:
    assert not {"Phase", "Around", "Repeats", "Validation", "Share", "Lint"} & SCHEMA["$defs"].keys()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_shipped_tells_editors_where_the_schema_is(file: Path) -> None:
    modeline = file.read_text().splitlines()[0]
    before, _, path = modeline.partition("$schema=")
    assert before == "# yaml-language-server: "
    assert (file.parent / path).resolve() == ROOT / "sweeprun/spec/sweep.schema.json"


@pytest.mark.parametrize(
    "line",
    [
        "budget: 30",
        "budget: {trials: 30, wall: 3600}",
        "budget: {wall: 12h, trial_wall: 1.5h, deadline: 2026-12-01T08:00}",
        "algorithm: grid",
        "algorithm: {name: sobol, seed: 3}",
        "algorithm: {name: auto}",
        "algorithm: my_package.my_module",
        "pruner: {name: my_package.my_pruner, anything: 3}",
        "pruner: {name: median, startup: 3, compare: value}",
        "pruner: {name: threshold, behind: {5: 15%, 10: 2.5 %, 30: 0.1}}",
        "step: epoch",
        "command: [a, '${args}']",
        "metrics_from: stdout",
        "metrics_from: {csv: a.csv}",
        "resumes: true",
        "preload: [torch]",
        "env: {A: 1, B: x, C: true}",
        "resources: {gpus: 0.5, gpu_memory: 10GiB}",
        "parameters: {a: 1, b: x, c: null, d: [1, 2], e: {value: {x: 1}}, f: {any: [0, [1], {min: 1, max: 2}]}}",
        "parameters: {a: {parameters: {b: [1, 2]}, when: 'c > 1'}, c: {min: 1, max: 2, repeat: 3}}",
        "parameters: {a: {values: [1, 2], probabilities: [0.5, 0.5]}, b: {expr: 2 * a, when: {a: 1}}}",
    ],
)
def test_every_short_form_is_accepted(line: str) -> None:
    value = SMALLEST | read(line)
    assert problems(value) == []
    if "my_package" not in line:
        assert is_valid_file(value) or "c > 1" in line  # a list cannot be compared; its shape is right


def test_several_metrics_are_accepted_in_place_of_one() -> None:
    assert problems({"command": "a", "metrics": ["a", {"name": "b", "goal": "maximize"}]}) == []


@pytest.mark.parametrize(
    "line",
    [
        "budgt: 30",
        "budget: x",
        "budget: 0",
        "budget: {trails: 30}",
        "budget: {wall: soon}",
        "budget: {deadline: tomorrow}",
        "args: equal",
        "command: []",
        "command: [python, 3]",
        "metric: {goal: minimize}",
        "metrics: [a]",
        "metrics_from: {regex: x, csv: y}",
        "env: {A: [1]}",
        "algorithm: sobool",
        "algorithm: {seed: 3}",
        "algorithm: {name: random, seed: 3}",
        "algorithm: {name: sobol, seed: x}",
        "pruner: {name: median, start: 3}",
        "pruner: {name: median, quantile: 2}",
        "pruner: patience",
        "pruner: {name: threshold, behind: {}}",
        "pruner: {name: threshold, behind: {0: 15%}}",
        "pruner: {name: threshold, behind: {5: 15}, until: x}",
        "pruner: {name: threshold, behind: {5: '15'}}",
        "pruner: {name: threshold, behind: {5: -1}}",
        "resources: {gpus: 1.5}",
        "resources: {gpu_memory: 10 gigs}",
        "seed: 1.5",
        "version: 2",
        "name: ''",
        "linked: {a: []}",
        "linked: {a: [{}]}",
        "parameters: {a: {min: 1, max: 2, lag: 3}}",
        "parameters: {a: {min: x, max: 2}}",
        "parameters: {a: {min: 1}}",
        "parameters: {a: {min: null, max: 2}}",
        "parameters: {a: {min: 1, max: 2, step: 0}}",
        "parameters: {a: {min: 1, max: 2, values: [1]}}",
        "parameters: {a: {values: [1, 2], log: true}}",
        "parameters: {a: {value: 1, repeat: 2}}",
        "parameters: {a: {min: 1, max: 2, probabilities: [1]}}",
        "parameters: {a: {values: []}}",
        "parameters: {a: []}",
        "parameters: {a: {}}",
        "parameters: {a: {any: [1]}}",
        "parameters: {a: {values: [1], when: 3}}",
        "parameters: {a: {values: [1], repeat: 1.5}}",
        "parameters: {a: {parameters: {b: {mim: 1}}}}",
    ],
)
def test_what_is_wrong_in_shape_is_not_accepted(line: str) -> None:
    value = SMALLEST | read(line)
    assert problems(value) != []
    assert not is_valid_file(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    value = copy.deepcopy(value)
    container = value
    for key in path[:-1]:
        container = container[key]
    container[path[-1]] = to
    return value


@pytest.mark.parametrize("wrong", [True, {"xyzzy": 1}, [{}]], ids=str)
def test_a_value_of_another_kind_is_refused_wherever_the_file_refuses_it(wrong: Any) -> None:
    everything = built()
    # Below these a name or a value may be almost anything.
    free = (("parameters",), ("linked",), ("constraints",), ("warm_start", "first", 0))
    for path in places(everything):
        inside = any(path[: len(below)] == below for below in free)
        if path and not inside and path != ("budget", "target"):  # whose names are those of the metrics
            value = changed(everything, path, wrong)
            assert problems(value) or is_valid_file(value), path


def test_reading_sweep_files_imports_nothing_heavy() -> None:
    heavy = "[m for m in ('scipy', 'torch', 'rich', 'typer') if m in sys.modules]"
    script = f"import sys, sweeprun.spec.sweepfile; print({heavy})"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
