import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun.errors import SpaceError
from sweeprun.expressions import Expression
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    CircularConditionError,
    Condition,
    Derived,
    Fixed,
    FloatParameter,
    Holds,
    IntParameter,
    Linked,
    Mixture,
    OneOf,
    Repeated,
    Space,
)


def when(text):
    return Condition((Holds(Expression.parse(text)),))


def choice(name, *values, condition=ALWAYS):
    return Choice(name, condition, CategoricalParameter(name, values))


def integer(name, low, high, condition=ALWAYS):
    return Choice(name, condition, IntParameter(name, low, high))


def real(name, low=0.0, high=1.0, condition=ALWAYS):
    return Choice(name, condition, FloatParameter(name, low, high))


def everything():
    """One of each kind, finite: conditional, mixture, linked, repeated, derived, fixed."""
    return Space(
        [
            Fixed("epochs", ALWAYS, 30),
            Derived("warmup", ALWAYS, Expression.parse("round(epochs * share)")),
            Choice("share", ALWAYS, FloatParameter("share", 0.0, 0.1, step=0.1)),
            choice("opt", "sgd", "adam"),
            integer("momentum", 0, 2, Condition((OneOf.of("opt", ["sgd"]),))),
            choice("nesterov", True, False, condition=when("opt == 'sgd' and momentum > 1")),
            Mixture("decay", ALWAYS, (Fixed("decay[0]", ALWAYS, 0), integer("decay[1]", 0, 1))),
            Linked("augment", ALWAYS, ({"aug": "none", "mix": 0.0}, {"aug": "rand", "mix": 0.2})),
            integer("n", 0, 2),
            Repeated("width", when("n >= 0"), "n", tuple(choice(f"width.{i}", 8, 16) for i in range(2))),
        ],
        [Expression.parse("`width.0` <= `width.1`"), Expression.parse("n < 2 or opt == 'sgd'")],
    )


def brute_force(space):
    """Every configuration, by trying the centre of every cell of every parameter."""
    axes = [[p.to_unit(v) for v in p.values()] for p in space.parameters]
    return {space.key(p): p for u in itertools.product(*axes) if space.satisfies(p := space.decode(np.array(u)))}


def test_inactive_parameters_are_absent_and_the_order_is_the_declared_one():
    params = everything().decode(np.zeros(10))
    assert list(params) == ["epochs", "warmup", "share", "opt", "momentum", "decay", "aug", "mix", "n", "width"]
    assert params["width"] == []


def test_an_expression_over_an_inactive_name_is_false_whatever_it_says():
    space = Space(
        [
            choice("a", 1, 2),
            choice("b", 1, condition=Condition((OneOf.of("a", [1]),))),
            choice("c", 1, condition=when("not (b == 5)")),
        ]
    )
    active = [set(space.configuration(i)) for i in range(space.size)]
    assert active == [{"a", "b", "c"}, {"a"}]


def test_a_list_in_a_condition_means_any_of_and_several_keys_mean_all_of():
    both = Condition((OneOf.of("a", [1, 2]), OneOf.of("b", ["x"])))
    assert both.holds({"a": 2, "b": "x"})
    assert not both.holds({"a": 3, "b": "x"})
    assert not both.holds({"a": 1})
    assert not Condition((OneOf.of("a", [1]),)).holds({"a": True})


def test_the_count_and_the_list_are_those_of_brute_force():
    space = everything()
    expected = brute_force(space)
    listed = [space.configuration(i) for i in range(space.size)]
    assert space.size == len(expected)
    assert {space.key(params) for params in listed} == set(expected)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_a_draw_is_a_configuration_and_its_point_decodes_to_it(seed):
    space = everything()
    params = space.sample(np.random.default_rng(seed))
    u, active = space.encode(params)
    assert space.satisfies(params)
    assert space.decode(u) == params
    assert u.shape == active.shape == (len(space.parameters),)
    assert (u[~active] == 0.5).all()


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10))
def test_any_point_of_the_cube_is_a_configuration_that_encodes(u):
    space = everything()
    params = space.decode(np.array(u))
    again, _ = space.encode(params)
    assert space.decode(again) == params


def test_the_mask_is_true_exactly_for_active_parameters():
    space = Space([choice("opt", "sgd", "adam"), real("momentum", condition=Condition((OneOf.of("opt", ["sgd"]),)))])
    assert space.encode({"opt": "sgd", "momentum": 0.5})[1].tolist() == [True, True]
    assert space.encode({"opt": "adam"})[1].tolist() == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"opt": "rmsprop"},
        {"momentum": 7},
        {"epochs": 31},
        {"epochs": True},
        {"decay": 5},
        {"aug": "rand"},
        {"width": [8]},
        {"width": [8, 9]},
        {"width": 8},
        {"n": 1},
        {"stranger": 1},
    ],
)
def test_what_is_outside_the_space_encodes_to_none(change):
    params = {"epochs": 30, "warmup": 0, "share": 0.0, "opt": "sgd", "momentum": 1, "decay": 0}
    params |= {"aug": "none", "mix": 0, "n": 2, "width": [8, 16]}
    assert everything().encode(params) is not None
    assert everything().encode(params | change) is None


@pytest.mark.parametrize("name", ["epochs", "share", "opt", "momentum", "decay", "aug", "width"])
def test_a_configuration_that_lacks_an_active_parameter_is_outside(name):
    space = everything()
    params = next(p for i in range(space.size) if "momentum" in (p := space.configuration(i)))
    assert space.encode({key: value for key, value in params.items() if key != name}) is None


def test_an_inactive_parameter_with_a_value_is_outside():
    space = everything()
    params = next(p for i in range(space.size) if (p := space.configuration(i))["opt"] == "adam")
    assert space.encode(params | {"momentum": 1}) is None


def test_a_trial_of_another_derivation_is_still_inside():
    space = everything()
    params = space.configuration(0)
    assert space.encode(params | {"warmup": 99}) is not None
    del params["warmup"]
    assert space.encode(params) is not None


def test_integers_and_floats_of_one_value_are_one_value_but_true_is_not_one():
    space = Space([Fixed("a", ALWAYS, 1), integer("n", 0, 3)])
    assert space.encode({"a": 1.0, "n": 2.0}) is not None
    assert space.encode({"a": True, "n": 2}) is None
    assert space.encode({"a": 1, "n": True}) is None


def test_a_value_that_two_options_hold_belongs_to_the_first_and_counts_once():
    space = Space([Mixture("x", ALWAYS, (integer("x[0]", 0, 2), Fixed("x[1]", ALWAYS, 2), integer("x[2]", 2, 3)))])
    assert sorted(space.configuration(i)["x"] for i in range(space.size)) == [0, 1, 2, 3]
    u, active = space.encode({"x": 2})
    assert active.tolist() == [True, True, False]
    assert space.decode(u) == {"x": 2}


def test_nodes_group_parameters_by_condition_parents_first():
    sgd = Condition((OneOf.of("opt", ["sgd"]),))
    space = Space(
        [real("m", condition=sgd), choice("n", 1, 2, condition=sgd), choice("opt", "sgd", "adam"), real("lr")]
    )
    assert [[p.name for p in node.parameters] for node in space.nodes] == [["opt", "lr"], ["m", "n"]]
    assert space.nodes[0].condition == ALWAYS
    assert space.nodes[1].condition == sgd


def test_gates_are_the_parameters_on_which_activity_depends_also_through_derived_values():
    space = Space(
        [
            integer("a", 1, 3),
            integer("free", 1, 3),
            Derived("double", ALWAYS, Expression.parse("a * 2")),
            real("child", condition=when("double > 2")),
            Mixture("decay", ALWAYS, (Fixed("decay[0]", ALWAYS, 0), real("decay[1]", 0.1))),
            Mixture("plain", ALWAYS, (Fixed("plain[0]", ALWAYS, 0), Fixed("plain[1]", ALWAYS, 1))),
        ]
    )
    assert [space.parameters[i].name for i in space.gates] == ["a", "decay[option]"]


def test_a_circle_of_conditions_is_refused_with_the_way_round():
    declarations = [
        choice("a", 1, 2, condition=when("c == 1")),
        choice("b", 1, 2, condition=when("a == 1")),
        choice("c", 1, 2, condition=when("b == 1")),
    ]
    with pytest.raises(CircularConditionError) as caught:
        Space(declarations)
    assert caught.value.names[0] == caught.value.names[-1]
    assert set(caught.value.names) == {"a", "b", "c"}


def test_an_unknown_name_is_refused_with_a_suggestion():
    with pytest.raises(SpaceError, match="'momentun', which is no parameter") as caught:
        Space([integer("momentum", 1, 2), choice("n", 1, condition=when("momentun > 1"))])
    assert caught.value.hint == "did you mean 'momentum'?"


@pytest.mark.parametrize(
    "declarations",
    [
        [choice("a", 1), choice("a", 2)],
        [choice("a", 1), Linked("g", ALWAYS, ({"a": 1},))],
        [choice("g", 1), Linked("g", ALWAYS, ({"a": 1},))],
        [Repeated("w", ALWAYS, 1, (choice("w.0", 1),)), choice("w.0", 1)],
    ],
)
def test_a_name_that_is_declared_twice_is_refused(declarations):
    with pytest.raises(SpaceError, match="declared twice"):
        Space(declarations)


def test_constraints_that_reject_everything_are_named_with_their_share(monkeypatch):
    monkeypatch.setattr("sweeprun.space.tree.MAX_DRAWS", 200)
    space = Space([real("x"), real("y")], [Expression.parse("x < 2"), Expression.parse("x + y > 3")])
    with pytest.raises(SpaceError, match=r"'x \+ y > 3' rejects 100%"):
        space.sample(np.random.default_rng(0))


def test_a_constraint_over_an_inactive_name_does_not_apply():
    space = Space(
        [choice("a", 1, 2), integer("b", 1, 3, Condition((OneOf.of("a", [1]),)))], [Expression.parse("b > 2")]
    )
    assert [space.configuration(i) for i in range(space.size)] == [{"a": 1, "b": 3}, {"a": 2}]
    assert space.satisfies({"a": 2})
    assert not space.satisfies({"a": 1, "b": 2})


UNCOMPUTABLE_AT_3 = [
    ([Derived("x", ALWAYS, Expression.parse("1 / (n - 3)"))], []),
    ([Derived("x", ALWAYS, Expression.parse("n * 1 / (n - 3)")), Derived("y", ALWAYS, Expression.parse("x + 1"))], []),
    ([Derived("x", ALWAYS, Expression.parse("2.0 ** (999 * (n == 3)) * 1e300"))], []),
    ([choice("m", 1, condition=when("1 / (n - 3) < 5"))], []),
    ([choice("m", 1, 2)], ["m / (n - 3) < 5"]),
]


@pytest.mark.parametrize(("declarations", "constraints"), UNCOMPUTABLE_AT_3)
def test_what_cannot_be_computed_rejects_the_configuration_and_nothing_else(declarations, constraints):
    space = Space([integer("n", 1, 5), *declarations], map(Expression.parse, constraints))
    rng = np.random.default_rng(0)
    assert {space.sample(rng)["n"] for _ in range(100)} == {1, 2, 4, 5}
    listed = [space.configuration(i) for i in range(space.size)]
    assert {params["n"] for params in listed} == {1, 2, 4, 5}
    assert all(map(space.satisfies, listed))
    rejected = space.decode(np.full(len(space.parameters), 0.5))
    assert rejected["n"] == 3
    assert not space.satisfies(rejected)
    assert len(space.failing(rejected)) == 1
    assert not any(map(space.failing, listed))


def test_what_an_inactive_value_would_be_computed_from_rejects_nothing():
    sgd = Condition((OneOf.of("opt", ["sgd"]),))
    space = Space(
        [choice("opt", "sgd", "adam"), choice("n", 0, condition=sgd), Derived("x", sgd, Expression.parse("1 / n"))]
    )
    assert [space.configuration(i) for i in range(space.size)] == [{"opt": "adam"}]
    assert space.satisfies({"opt": "adam"})


def test_a_derived_value_that_can_never_be_computed_is_named_with_its_share(monkeypatch):
    monkeypatch.setattr("sweeprun.space.tree.MAX_DRAWS", 200)
    space = Space([real("x"), Derived("y", ALWAYS, Expression.parse("log(x - 2)"))])
    with pytest.raises(SpaceError, match=r"'log\(x - 2\)' cannot be computed for 100%"):
        space.sample(np.random.default_rng(0))


def test_the_key_does_not_depend_on_order():
    space = everything()
    params = space.configuration(3)
    assert space.key(dict(reversed(list(params.items())))) == space.key(params)


def test_a_space_without_parameters_has_one_configuration():
    space = Space([Fixed("a", ALWAYS, 1)])
    assert space.size == 1
    assert space.sample(np.random.default_rng(0)) == space.configuration(0) == {"a": 1}


def test_a_chain_of_a_thousand_conditions_needs_no_stack():
    chain = [choice("p0", 1, 2)]
    chain += [choice(f"p{i}", 1, condition=Condition((OneOf.of(f"p{i - 1}", [1]),))) for i in range(1, 1000)]
    space = Space(chain)
    assert len(space.decode(np.zeros(1000))) == 1000
    assert space.size == 2
