"""From the cells of a table to a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeprun.run.command import text
from sweeprun.space import Space, from_cells
from sweeprun.spec.sweepfile import SweepFile

EVERYTHING = Path(__file__).parents[1] / "spec" / "everything.yaml"


def space(parameters: str, more: str = "") -> Space:
    return SweepFile.parse(f"command: a\nmetric: loss\nparameters: {parameters}\n{more}", Path("x.yaml")).space


def read(declared: str, cell: str) -> Any:
    params, outside = from_cells(space(f"{{a: {declared}}}"), {"a": cell})
    assert outside == ""
    return params["a"]


@pytest.mark.parametrize(
    ("declared", "cell", "value"),
    [
        ("{min: 0.0, max: 1.0}", "0.25", 0.25),
        ("{min: 0.0, max: 1.0}", "1", 1.0),
        ("{min: 0.0, max: 1.0}", ".5", 0.5),
        ("{min: 1e-5, max: 1.0}", "1E-3", 1e-3),
        ("{min: 1, max: 100}", "64", 64),
        ("{min: 1, max: 100}", "64.0", 64),
        ("[2, 4]", "4.0", 4),
        ("[2, '4']", "4", "4"),
        ("[true, false]", "True", True),
        ("[true, false]", "FALSE", False),
        ("[none, mixup]", "none", "none"),
        ("[null, 1]", "None", None),
        ("[null, 1]", "null", None),
        ("['1e3', x]", "1e3", "1e3"),
        ("[[1, 2], [3]]", "[1, 2]", [1, 2]),
        ("{any: [0.0, {min: 0.5, max: 1.0}]}", "0", 0.0),
        ("{any: [0.0, {min: 0.5, max: 1.0}]}", "0.75", 0.75),
        ("{values: [32, 64], repeat: 2}", "[32, 64]", [32, 64]),
        ("{values: [32, 64], repeat: 2}", "[32.0,64.0]", [32, 64]),
        ("{value: {x: 1}}", '{"x": 1}', {"x": 1}),
    ],
)
def test_a_cell_is_read_as_its_parameter_has_it(declared: str, cell: str, value: Any) -> None:
    found = read(declared, cell)
    assert found == value
    assert type(found) is type(value)


def test_what_is_exported_is_read_back_as_the_same_configuration() -> None:
    everything = SweepFile.load(EVERYTHING).space
    rng = np.random.default_rng(0)
    for _ in range(50):
        params = everything.sample(rng)
        cells = {name: text(value) for name, value in params.items()}
        assert from_cells(everything, cells) == (params, "")
        assert everything.encode(params) is not None


def test_what_is_fixed_or_computed_need_not_be_there() -> None:
    found = space("{lr: {min: 0.0, max: 1.0}, epochs: 5, warmup: {expr: 2 * epochs}}")
    assert from_cells(found, {"lr": "0.5"}) == ({"lr": 0.5, "epochs": 5, "warmup": 10}, "")
    assert from_cells(found, {"lr": "0.5", "warmup": "99"})[0]["warmup"] == 10


def test_what_is_not_active_is_left_out() -> None:
    found = space("{opt: [sgd, adam], momentum: {min: 0.0, max: 1.0, when: {opt: sgd}}}")
    assert from_cells(found, {"opt": "adam", "momentum": "0.9"}) == ({"opt": "adam"}, "")
    assert from_cells(found, {"opt": "sgd", "momentum": "0.9"}) == ({"opt": "sgd", "momentum": 0.9}, "")


@pytest.mark.parametrize(
    ("declared", "cells", "params", "why"),
    [
        ("{a: {min: 0.0, max: 1.0}}", {"a": "2"}, {"a": 2}, "a = 2 is not in the space"),
        ("{a: [1, 2]}", {"a": "x"}, {"a": "x"}, 'a = "x" is not in the space'),
        ("{a: 5}", {"a": "6"}, {"a": 6}, "a = 6 is not in the space"),
        ("{a: [1, 2], b: [1, 2]}", {"b": "1"}, {"b": 1}, "a is not given"),
        ("{a: {values: [1], repeat: 2}}", {"a": "[1]"}, {"a": [1]}, "a = [1] is not in the space"),
        ("{a: [1], b: [1]}", {"a": "2"}, {"a": 2}, "a = 2 is not in the space; b is not given"),
        ("{opt: [sgd], m: {min: 0.0, max: 1.0, when: {opt: sgd}}}", {"opt": "sgd"}, {"opt": "sgd"}, "m is not given"),
    ],
)  # fmt: skip
def test_what_the_space_does_not_hold_is_kept_with_the_reason(
    declared: str, cells: dict[str, str], params: dict[str, Any], why: str
) -> None:
    found = space(declared)
    assert from_cells(found, cells) == (params, why)
    assert found.encode(params) is None


def test_linked_values_are_read_as_a_row() -> None:
    found = space("{x: [1]}", "linked: {augment: [{aug: none, mixup: 0.0}, {aug: rand, mixup: 0.2}]}")
    assert from_cells(found, {"x": "1", "aug": "none", "mixup": "0"})[0] == {"x": 1, "aug": "none", "mixup": 0.0}
    assert "mixup = 0.2 is not in the space" in from_cells(found, {"x": "1", "aug": "none", "mixup": "0.2"})[1]
    assert from_cells(found, {"x": "1", "aug": "rand"})[1] == "mixup is not given"


@pytest.mark.parametrize(
    ("declared", "cell", "message"),
    [
        ("{min: 0.0, max: 1.0}", "high", "a is 'high', which is no number"),
        ("{min: 1, max: 9}", "true", "a is 'true', which is no number"),
        ("{min: 0.0, max: 1.0}", "nan", "a is 'nan', which is no number"),
        ("{min: 0.0, max: 1.0}", "1e999", "a is '1e999', which is no number"),
        ("{values: [32, 64], repeat: 2}", "32", "a is '32', which is no list such as"),
    ],
)
def test_text_that_is_no_value_of_its_kind_is_refused(declared: str, cell: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        from_cells(space(f"{{a: {declared}}}"), {"a": cell})


@pytest.mark.parametrize("cell", ["[" * 100_000, "[1e999]", "9" * 5000, "nan", "=1+1", "\x00"])
def test_whatever_stands_in_a_cell_becomes_strict_json(cell: str) -> None:
    params, outside = from_cells(space("{a: [x, y]}"), {"a": cell})
    assert "is not in the space" in outside
    json.dumps(params, allow_nan=False)
