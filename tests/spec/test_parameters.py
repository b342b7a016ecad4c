from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter
from sweeprun.spec.sweepfile import SweepFile


def sweep(text):
    return SweepFile.parse(f"command: [a, '${{args}}']\nmetric: loss\n{text}", Path("f.yaml"))


def space(declared):
    return sweep(f"parameters: {declared}").space


def failure(text):
    with pytest.raises(SweepFileError) as caught:
        sweep(text)
    return caught.value


@pytest.mark.parametrize(
    ("declared", "parameter"),
    [
        ("{min: 1e-5, max: 1e-1, log: true}", FloatParameter("x", 1e-5, 1e-1, log=True)),
        ("{min: 0, max: 0.5}", FloatParameter("x", 0.0, 0.5)),
        ("{min: 0.0, max: 1.0, step: 0.1}", FloatParameter("x", 0.0, 1.0, step=0.1)),
        ("{min: 64, max: 512, step: 64}", IntParameter("x", 64, 512, step=64)),
        ("{min: 1, max: 1024, log: true}", IntParameter("x", 1, 1024, log=True)),
        ("[sgd, adam]", CategoricalParameter("x", ("sgd", "adam"))),
        ("[16, 32, 64]", CategoricalParameter("x", (16, 32, 64), ordered=True)),
        ("[64, 16, 32]", CategoricalParameter("x", (64, 16, 32))),
        ("[false, true]", CategoricalParameter("x", (False, True))),
        ("[[1, 2], {a: 1}, null]", CategoricalParameter("x", ([1, 2], {"a": 1}, None))),
        ("{values: [a, b], probabilities: [1, 3]}", CategoricalParameter("x", ("a", "b"), weights=(1, 3))),
    ],
)
def test_declarations_become_parameters(declared, parameter):
    assert space(f"{{x: {declared}}}").parameters == (parameter,)


def test_scalars_and_value_are_fixed_whatever_they_are():
    built = space("{a: 30, b: text, c: null, d: {value: [1, 2]}, e: {value: {k: 1}}}")
    assert built.size == 1
    assert built.configuration(0) == {"a": 30, "b": "text", "c": None, "d": [1, 2], "e": {"k": 1}}


def test_nested_parameters_have_dotted_names_and_inherit_their_groups_condition():
    built = space(
        "{opt: [sgd, adam], sgd: {when: {opt: sgd}, parameters: {m: [1, 2], deep: {parameters: {n: [1, 2]}}}},"
        " k: {values: [1, 2], when: sgd.m == 2}}"
    )
    listed = [built.configuration(i) for i in range(built.size)]
    assert {"opt": "adam"} in listed
    assert {"opt": "sgd", "sgd.m": 2, "sgd.deep.n": 1, "k": 2} in listed
    assert built.size == 1 + 2 * (1 + 2)


def test_conditions_take_values_lists_several_keys_and_expressions():
    built = space(
        "{a: [1, 2, 3], b: [x, y], c: {values: [1, 2], when: {a: [1, 2], b: x}},"
        " d: {values: [1, 2], when: \"a == 3 and b == 'y'\"}}"
    )
    active = {(p["a"], p["b"]): set(p) - {"a", "b"} for p in map(built.configuration, range(built.size))}
    assert active[1, "x"] == active[2, "x"] == {"c"}
    assert active[3, "y"] == {"d"}
    assert active[1, "y"] == active[3, "x"] == set()


def test_any_mixes_values_ranges_and_lists_without_duplicates():
    built = space("{x: {any: [0, 0, [8, 16], {min: 1, max: 3}]}}")
    assert {built.configuration(i)["x"] for i in range(built.size)} == {0, 8, 16, 1, 2, 3}
    assert built.size == 6
    assert len(built.parameters[0].choices) == 3


@pytest.mark.parametrize("length", ["n: {min: 0, max: 3}", "n: [0, 1, 2, 3]", "n: {values: [3, 2, 1, 0]}"])
def test_a_repeat_follows_its_length(length):
    built = space(f"{{{length}, w: {{values: [a, b], repeat: n}}}}")
    assert built.size == 1 + 2 + 4 + 8
    assert built.configuration(0)["w"] == [] or built.configuration(0)["n"] > 0


def test_a_repeat_may_be_a_number_or_follow_a_fixed_or_linked_value():
    assert space("{w: {values: [a, b], repeat: 3}}").size == 8
    assert space("{n: 2, w: {values: [a, b], repeat: n}}").size == 4
    text = "parameters: {w: {values: [a, b], repeat: n}}\nlinked: {g: [{n: 1, m: 1}, {n: 2, m: 2}]}"
    assert sweep(text).space.size == 6


def test_a_repeat_is_inactive_where_its_length_is():
    built = space("{deep: [true, false], n: {min: 1, max: 2, when: {deep: true}}, w: {min: 1, max: 2, repeat: n}}")
    assert {"deep": False} in [built.configuration(i) for i in range(built.size)]


def test_expressions_are_handed_over_and_constraints_checked():
    made = sweep("parameters: {n: [1, 2, 4], half: {expr: 'n / 2'}}\nconstraints: ['half < 2']")
    assert [made.space.configuration(i) for i in range(made.space.size)] == [{"n": 1, "half": 0.5}, {"n": 2, "half": 1}]


def test_linked_rows_move_together():
    made = sweep("linked:\n  augment: [{aug: none, mix: 0.0}, {aug: rand, mix: 0.2}]")
    listed = [made.space.configuration(i) for i in range(made.space.size)]
    assert listed == [{"aug": "none", "mix": 0.0}, {"aug": "rand", "mix": 0.2}]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("{x: {min: 3, max: 1}}", "parameters.x: min 3 is above max 1"),
        ("{x: {min: 0, max: 1, log: true}}", "parameters.x: log needs a min above 0, not 0"),
        ("{x: {min: 1, max: 10, step: 4}}", "parameters.x: from 1 in steps of 4 does not reach 10"),
        ("{x: {min: 0, max: 1, step: 0.1}}", "parameters.x: whole bounds make an integer, which has no step 0.1"),
        ("{x: []}", "parameters.x: the list of values is empty"),
        ("{x: [1, 1.0]}", "parameters.x: the value 1 is listed twice"),
        ("{x: {min: 1}}", "parameters.x must have both min and max; max is missing"),
        ("{x: {log: true}}", "parameters.x must have one of"),
        ("{x: {}}", "parameters.x must have one of"),
        ("{x: {min: 1, max: 2, values: [1]}}", "parameters.x must have only one of"),
        ("{x: {value: 1, log: true}}", "log does not go with value; allowed: value, when"),
        ("{x: {min: a, max: 2}}", "parameters.x.min must be a finite number, not 'a'"),
        ("{x: {min: true, max: 2}}", "parameters.x.min must be a finite number, not True"),
        ("{x: {min: 1, max: .inf}}", "parameters.x.max must be a finite number, not inf"),
        ("{x: .nan}", "parameters.x.value must be finite"),
        ("{x: {min: 1, max: 2, lag: true}}", "unknown key parameters.x.lag"),
        ("{x: {values: [1], when: {y: 1}}}", "parameters.x.when: 'y' is no parameter"),
        ("{x: {values: [1], when: 3}}", "parameters.x.when: must be"),
        ("{x: {values: [1], when: {}}}", "parameters.x.when: must be"),
        ("{x: {values: [1], when: 'y >'}}", "parameters.x.when: this is no expression"),
        ("{x: {expr: metrics.loss}}", "asks for a metric"),
        ("{x: {expr: y + 1}}", "parameters.x.expr: 'y' is no parameter"),
        ("{x: {values: [1], repeat: y}}", "parameters.x.repeat: 'y' is no parameter"),
        ("{y: 1.5, x: {values: [1], repeat: y}}", "a list's length is a whole number from 0 to 1000, not 1.5"),
        ("{y: {expr: '2'}, x: {values: [1], repeat: y}}", "'y' has no largest value to be known"),
        ("{x: {values: [1], repeat: 100000}}", "a list's length is a whole number"),
        ("{x: {any: [1]}}", "any wants at least two options"),
        ("{x: {any: [1, {expr: '2'}]}}", "parameters.x.any.1: an option of any is"),
        ("{'x[0]': 1}", "a parameter's name has none of"),
        ("{x: {values: [1], when: {y: 1}}, y: {values: [1], when: {x: 1}}}", "in a circle: "),
        ("{x: {values: [1, 2], probabilities: [1]}}", "1 probabilities for 2 values"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_place(declared, message):
    error = failure(f"parameters:\n  {declared}")
    assert message in error.message
    assert error.line == 4


def test_an_unknown_name_suggests_the_nested_one():
    error = failure("parameters: {model: {parameters: {depth: [1, 2]}}, x: {values: [1], when: {depth: 1}}}")
    assert error.hint == "did you mean 'model.depth'?"


def test_linked_rows_must_agree_and_differ():
    assert "every row has the same keys" in failure("linked: {g: [{a: 1}, {b: 1}]}").message
    assert "listed twice" in failure("linked: {g: [{a: 1}, {a: 1}]}").message
    assert "wants a list of rows" in failure("linked: {g: []}").message


def test_a_wandb_word_among_our_own_is_said_to_be_one():
    error = failure("parameters: {lr: {distribution: uniform, min: 0, max: 1}}\nbudget: 3")
    assert "unknown key parameters.lr.distribution" in str(error)
    assert error.hint.startswith("W&B's distribution is log: true, or step here")


def test_a_list_that_mixes_numbers_and_their_texts_is_noted():
    assert "parameters.lr mixes numbers with texts" in sweep('parameters: {lr: [1e-4, "1e-5"]}').notes[0]
    assert sweep("parameters: {lr: [1e-4, 1e-5], x: [a, 1]}").notes == ()
