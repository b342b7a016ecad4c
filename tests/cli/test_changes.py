"""What differs between two sweep files, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.cli.changes import changes, listed
from sweeprun.spec.sweepfile import SweepFile

FILE = """\
command: [python, train.py, "${args}"]
metric: loss
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  opt: [sgd, adam]
  momentum: {min: 0.0, max: 0.9, when: {opt: sgd}}
  n: {min: 8, max: 64, step: 8}
  epochs: 30
  decay: {any: [0.0, {min: 1e-6, max: 1e-2}]}
  model: {parameters: {depth: [2, 4]}}
linked:
  augment: [{aug: none, mix: 0.0}, {aug: rand, mix: 0.2}]
constraints: [lr < 1]
algorithm: random
budget: {trials: 30, wall: 2h}
env: {A: "1"}
"""


def parse(*overrides):
    return SweepFile.parse(FILE, Path("demo.yaml"), overrides)


def changed(*overrides):
    return [(change.key, change.was, change.now, change.meaning) for change in changes(parse(), parse(*overrides))]


@pytest.mark.parametrize(
    ("override", "was", "now", "meaning"),
    [
        ("lr.min=1e-6", "float from 1e-05 to 0.1", "float from 1e-06 to 0.1, logarithmic", "range widened"),
        ("lr.max=1e-2", "float from 1e-05 to 0.1", "float from 1e-05 to 0.01, logarithmic", "range narrowed"),
        ("lr={min: 1e-4, max: 1.0, log: true}", "float", "float from 0.0001 to 1, logarithmic", "range moved"),
        ("lr.log=false", "float from 1e-05 to 0.1, logarithmic", "float from 1e-05 to 0.1", "drawn on another scale"),
        ("n.step=4", "integer from 8 to 64, step 8", "integer from 8 to 64, step 4", "another step"),
        ("n={min: 8, max: 72, step: 8}", "integer", "integer from 8 to 72, step 8", "range widened"),
        ("n={min: 8.0, max: 64.0}", "integer", "float from 8 to 64", "declared in another way"),
        ("opt=[sgd, adam, lion]", 'choice of "sgd", "adam"', 'choice of "sgd", "adam", "lion"', "1 value added"),
        ("opt=[sgd, a, b]", "choice", 'choice of "sgd", "a", "b"', "2 values added, 1 value removed"),
        (
            "opt={values: [sgd, adam], probabilities: [1, 3]}",
            'choice of "sgd", "adam"',
            'choice of "sgd", "adam", with weights 1, 3',
            "drawn with other weights",
        ),
        ("opt=[adam, sgd]", 'choice of "sgd", "adam"', 'choice of "adam", "sgd"', "another order"),
        ("momentum.when={opt: adam}", 'when opt is "sgd"', 'when opt is "adam"', "another condition"),
        (
            "momentum={min: 0.5, max: 0.9}",
            'float from 0 to 0.9; when opt is "sgd"',
            "float from 0.5 to 0.9",
            "range narrowed, another condition",
        ),
        ("epochs=90", "fixed, 30", "fixed, 90", "another value"),
        ("epochs=[30, 90]", "fixed, 30", "ordered choice of 30, 90", "searched from now on"),
        ("opt=adam", 'choice of "sgd", "adam"', 'fixed, "adam"', "fixed from now on"),
        ("decay.any=[0.0, 0.1]", "any of", "any of: fixed, 0.0; fixed, 0.1", "declared in another way"),
        ("model.parameters.depth=[2, 4, 8]", "ordered choice of 2, 4", "ordered choice of 2, 4, 8", "1 value added"),
    ],
)
def test_a_parameter_that_changed_says_how(override, was, now, meaning):
    [(key, said_was, said_now, said)] = changed(f"parameters.{override}")
    name = override.replace("model.parameters.depth", "model.depth").partition("=")[0]
    assert f"{key}.".startswith("parameters.")
    assert f"parameters.{name}.".startswith(f"{key}.")
    assert was in said_was
    assert now in said_now
    assert meaning == said


def test_a_parameter_comes_and_goes():
    with_one_more = FILE.replace("  epochs: 30\n", "  wd: {min: 0.0, max: 1.0}\n")
    found = changes(parse(), SweepFile.parse(with_one_more, Path("demo.yaml")))
    assert [(change.key, change.was, change.now, change.meaning) for change in found] == [
        ("parameters.wd", "-", "float from 0 to 1", "added"),
        ("parameters.epochs", "fixed, 30", "-", "removed"),
    ]


def test_rows_that_move_together_are_a_change_of_their_own_section():
    [(key, was, now, meaning)] = changed("linked.augment=[{aug: none, mix: 0.0}, {aug: rand, mix: 0.3}]")
    assert key == "linked.augment"
    assert was == '{"aug": "none", "mix": 0.0}, {"aug": "rand", "mix": 0.2}'
    assert now == '{"aug": "none", "mix": 0.0}, {"aug": "rand", "mix": 0.3}'
    assert meaning == "1 row added, 1 row removed"


def test_what_is_computed_in_another_way_says_both_ways():
    before, after = parse("parameters.epochs={expr: 3 * n}"), parse("parameters.epochs={expr: 4 * n}")
    [change] = changes(before, after)
    assert (change.was, change.now, change.meaning) == ("computed, 3 * n", "computed, 4 * n", "computed in another way")


def test_constraints_come_and_go_one_by_one():
    assert changed("constraints=[lr > 0]") == [
        ("constraints", "-", "lr > 0", "added"),
        ("constraints", "lr < 1", "-", "removed"),
    ]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("budget.trials=50", ("budget.trials", "30", "50", "20 more")),
        ("budget.trials=20", ("budget.trials", "30", "20", "10 fewer")),
        ("budget.trials=null", ("budget.trials", "30", "-", "from now on")),
        ("budget.wall=3h", ("budget.wall", "2h 00m", "3h 00m", "from now on")),
        ("budget.target={loss: 0.5}", ("budget.target.loss", "-", "0.5", "from now on")),
        ("algorithm=sobol", ("algorithm", "random", "sobol", "chooses from now on, and knows every trial")),
        ("pruner={name: median, min: 3}", ("pruner", "none", "median (min: 3)", None)),
        ("metric={name: acc, goal: maximize}", ("metric", "loss (goal: minimize)", "acc (goal: maximize)", None)),
        ("command=[python, other.py]", ("command", "python train.py ${args}", "python other.py", None)),
        ("env.B=2", ("env.B", "-", "2", "for what is started from now on")),
        ("resources.slots=4", ("resources.slots", "-", "4", "for workers that come from now on")),
        ("reduce=last", ("reduce", "best", "last", "from now on")),
    ],
)
def test_a_setting_that_changed_is_shown_as_people_read_it(override, expected):
    [found] = changed(override)
    assert found[:3] == expected[:3]
    assert expected[3] in (None, found[3])


@pytest.mark.parametrize(
    "override",
    [
        "parameters.lr={max: 1e-1, min: 1e-5, log: true}",
        "parameters.momentum={min: 0, max: 0.9, when: {opt: [sgd]}}",
        "parameters.n={min: 8, max: 64, step: 8, log: false}",
        "parameters.epochs={value: 30}",
        "parameters.opt={values: [sgd, adam]}",
        "budget={wall: 120m, trials: 30}",
        "metric={name: loss, goal: minimize}",
        "description=new words",
        "root=elsewhere",
        "version=1",
    ],
)
def test_another_way_to_say_the_same_is_no_change(override):
    assert changed(override) == []


def test_the_order_of_parameters_is_no_change():
    turned = FILE.replace("  epochs: 30\n", "").replace("parameters:\n", "parameters:\n  epochs: 30\n")
    assert changes(parse(), SweepFile.parse(turned, Path("demo.yaml"))) == []


def test_the_table_has_a_line_for_each_change_and_wraps_where_the_terminal_is_narrow(monkeypatch):
    found = changes(parse(), parse("parameters.lr.min=1e-6", "budget.trials=31"))
    head, *lines = listed(found).splitlines()
    assert head.split() == ["was", "is"]
    assert [line.split()[0] for line in lines] == ["parameters.lr", "budget.trials"]
    monkeypatch.setenv("COLUMNS", "60")
    narrow = listed(found)
    assert max(map(len, narrow.splitlines())) <= 60
    assert "parameters.lr" in narrow
    assert "1e-06" in narrow
    assert "widened" in narrow
    assert "\x1b" not in narrow


def test_metrics_are_listed_with_what_is_said_about_them():
    was = SweepFile.parse(FILE.replace("metric: loss", "metrics: [loss, ms]"), Path("demo.yaml"))
    now = SweepFile.parse(FILE.replace("metric: loss", "metrics: [loss, {name: ms, limit: 5}]"), Path("demo.yaml"))
    [change] = changes(was, now)
    assert (change.key, change.was) == ("metrics", "loss (goal: minimize), ms (goal: minimize)")
    assert change.now == "loss (goal: minimize), ms (goal: minimize, limit: 5)"
    assert change.meaning == "decide from now on what is best"
