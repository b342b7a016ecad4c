"""A configuration of which a part is given: what is kept, what is drawn, what is refused."""

from __future__ import annotations

import itertools
from collections import Counter

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
    Condition,
    Derived,
    Fixed,
    FloatParameter,
    Holds,
    IntParameter,
    Linked,
    Mixture,
    NotAllowedError,
    OneOf,
    Repeated,
    Space,
    filled,
    filling,
)


def choice(name, *values, condition=ALWAYS):
    return Choice(name, condition, CategoricalParameter(name, values))


def integer(name, low, high):
    return Choice(name, ALWAYS, IntParameter(name, low, high))


def real(name, low=0.0, high=1.0, condition=ALWAYS, **more):
    return Choice(name, condition, FloatParameter(name, low, high, **more))


def space_of_everything():
    sgd = Condition((OneOf.of("opt", ["sgd"]),))
    return Space(
        [
            Fixed("epochs", ALWAYS, 30),
            Derived("warmup", ALWAYS, Expression.parse("epochs * share")),
            real("share", step=0.5),
            choice("opt", "sgd", "adam", "lion"),
            real("momentum", condition=sgd),
            Mixture("decay", ALWAYS, (Fixed("decay[0]", ALWAYS, 0.0), real("decay[1]", 1e-6, 1e-2, log=True))),
            Linked(
                "augment",
                ALWAYS,
                ({"aug": "none", "mix": 0.0}, {"aug": "rand", "mix": 0.2}, {"aug": "rand", "mix": 1.0}),
            ),
            integer("n", 0, 4),
            Repeated(
                "width",
                Condition((Holds(Expression.parse("n >= 0")),)),
                "n",
                tuple(integer(f"width.{i}", 8, 16) for i in range(4)),
            ),
        ],
        [Expression.parse("`width.0` <= `width.1`"), Expression.parse("share < 1 or opt != 'lion'")],
    )


def complete(seed=0, space=None, **given):
    return filled(space or space_of_everything(), given, np.random.default_rng(seed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.data())
def test_any_part_of_a_configuration_is_kept_and_filled_up_to_one(seed, data):
    space = space_of_everything()
    whole = space.sample(np.random.default_rng(seed))
    part = {name: whole[name] for name in data.draw(st.sets(st.sampled_from(sorted(whole))))}
    found = filled(space, part, np.random.default_rng(seed + 1))
    assert {name: found[name] for name in part} == part
    assert space.encode(found) is not None
    assert space.satisfies(found)


def test_the_same_generator_gives_the_same_configuration():
    assert complete(7, opt="sgd") == complete(7, opt="sgd") != complete(8, opt="sgd")


def test_what_is_left_out_is_drawn_like_any_other_configuration():
    space, rng = space_of_everything(), np.random.default_rng(1)
    drawn = Counter(filled(space, {"n": 0}, rng)["opt"] for _ in range(500))
    expected = {"sgd": 3, "adam": 3, "lion": 2}  # the constraint takes a part of lion's draws
    for name, share in expected.items():
        assert drawn[name] / 500 == pytest.approx(share / 8, abs=0.08)


def test_a_child_that_is_given_makes_its_parent_what_it_must_be():
    assert {complete(seed, momentum=0.9)["opt"] for seed in range(20)} == {"sgd"}


def test_a_list_that_is_given_says_its_own_length():
    assert complete(width=[8, 9, 10])["n"] == 3
    assert complete(width=[])["n"] == 0


def test_a_part_of_linked_rows_leaves_the_choice_among_those_that_have_it():
    mixes = Counter(complete(seed, aug="rand")["mix"] for seed in range(40))
    assert set(mixes) == {0.2, 1.0}
    assert complete(mix=0.0)["aug"] == "none"


def test_values_are_written_as_their_parameters_write_them():
    found = complete(share=1, n=2.0, width=[8.0, 9], momentum=1, decay=0)
    assert (found["share"], found["n"], found["width"]) == (1.0, 2, [8, 9])
    assert [type(found[name]) for name in ("share", "n", "momentum", "decay")] == [float, int, float, float]
    assert {type(width) for width in found["width"]} == {int}


def test_a_computed_value_may_be_given_as_what_it_is():
    assert complete(warmup=15.0, share=0.5)["warmup"] == 15.0


@pytest.mark.parametrize(
    ("wrong", "name", "said"),
    [
        ({"momentum": 1.5}, "momentum", "momentum = 1.5 is not allowed"),
        ({"momentum": "high"}, "momentum", "momentum = 'high' is not allowed"),
        ({"opt": "adamw"}, "opt", "opt = 'adamw' is not allowed"),
        ({"epochs": 31}, "epochs", "epochs = 31 is not allowed"),
        ({"decay": 0.5}, "decay", "decay = 0.5 is not allowed"),
        ({"share": 0.25}, "share", "share = 0.25 is not allowed"),
        ({"aug": "none", "mix": 0.2}, "aug", "no row of augment has aug = 'none' and mix = 0.2"),
        ({"width": 8}, "width", "it is a list, such as width=[...]"),
        ({"width": [8, 7]}, "width", "width.1 = 7 is not allowed"),
        ({"width": [8] * 5}, "width", "it has 5 elements, not at most 4"),
        ({"width": [8], "n": 2}, "width", "width has 1 elements, and n is 2"),
        ({"warmup": 4, "share": 0.5}, "warmup", "warmup = 4 is not what is computed here: 15.0"),
        ({"opt": "adam", "momentum": 0.5}, "momentum", "momentum is not active where opt is 'adam'"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(wrong, name, said):
    with pytest.raises(NotAllowedError) as refused:
        complete(**wrong)
    assert refused.value.name == name
    assert said in refused.value.message


def test_what_contradicts_itself_is_refused_without_drawing_on(monkeypatch):
    monkeypatch.setattr(filling, "MAX_DRAWS", 1_000_000_000)
    with pytest.raises(NotAllowedError, match="momentum is not active"):
        complete(momentum=0.5, opt="lion")


def test_a_list_whose_length_no_parameter_can_give_is_refused():
    space = Space(
        [integer("n", 2, 4), Repeated("width", ALWAYS, "n", tuple(integer(f"width.{i}", 8, 16) for i in range(4)))]
    )
    with pytest.raises(NotAllowedError, match=r"n = 1 is not allowed"):
        complete(space=space, width=[8])
    fixed = Space([Repeated("width", ALWAYS, 2, tuple(integer(f"width.{i}", 8, 16) for i in range(2)))])
    with pytest.raises(NotAllowedError, match=r"it has 1 elements, not 2"):
        complete(space=fixed, width=[8])


def test_two_lists_of_one_length_are_as_long_as_each_other():
    width, depth = (
        Repeated(name, ALWAYS, "n", tuple(integer(f"{name}.{i}", 8, 16) for i in range(4)))
        for name in ("width", "depth")
    )
    space = Space([integer("n", 1, 4), width, depth])
    assert complete(space=space, width=[8, 9], depth=[10, 11])["n"] == 2
    with pytest.raises(NotAllowedError, match="depth has 3 elements, and n is 2"):
        complete(space=space, width=[8, 9], depth=[8, 9, 10])


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(SpaceError, match="there is no parameter 'momentun'; there are: epochs, warmup") as refused:
        complete(momentun=0.5)
    assert refused.value.hint == "did you mean 'momentum'?"


def test_a_constraint_that_rejects_what_is_given_is_named(monkeypatch):
    monkeypatch.setattr(filling, "MAX_DRAWS", 20)
    with pytest.raises(SpaceError, match=r"'`width.0` <= `width.1`' rejects what was drawn with width is \[9, 8\]"):
        complete(width=[9, 8])


@pytest.mark.parametrize("seed", range(5))
def test_every_way_to_fill_it_up_is_found_in_a_finite_space(seed):
    space = Space([choice("a", 1, 2), choice("b", 1, 2), choice("c", 1, 2)], [Expression.parse("a + b + c < 6")])
    rng = np.random.default_rng(seed)
    found = {tuple(filled(space, {"a": 2}, rng).values()) for _ in range(60)}
    assert found == {(2, *rest) for rest in itertools.product((1, 2), repeat=2) if sum(rest) < 4}


def test_a_configuration_of_the_space_has_no_misfit():
    space = space_of_everything()
    assert space.misfit(space.sample(np.random.default_rng(0))) is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"momentum": 1.5, "opt": "sgd"}, "momentum"),
        ({"momentum": 0.5}, "momentum"),
        ({"gone": 1}, "gone"),
        ({"epochs": None}, "epochs"),
        ({"aug": "none"}, "aug"),
    ],
)
def test_the_misfit_of_another_configuration_is_the_name_that_keeps_it_out(change, name):
    space = space_of_everything()
    params = {k: v for k, v in (complete(opt="adam", aug="rand") | change).items() if v is not None}
    assert space.misfit(params) == name
    assert space.encode(params) is None
