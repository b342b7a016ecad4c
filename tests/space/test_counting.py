import pytest

from sweeprun.errors import SpaceError
from sweeprun.expressions import Expression
from sweeprun.space import (
    ALWAYS,
    Choice,
    Condition,
    Derived,
    FloatParameter,
    Holds,
    IntParameter,
    Mixture,
    Repeated,
    Space,
)


def integer(name, high, condition=ALWAYS):
    return Choice(name, condition, IntParameter(name, 1, high))


def when(text):
    return Condition((Holds(Expression.parse(text)),))


def test_independent_parameters_multiply_without_being_gone_through():
    space = Space([integer(f"p{i}", 1000) for i in range(20)])
    assert space.size == 1000**20
    assert space.configuration(0) != space.configuration(space.size - 1)
    assert len({space.key(space.configuration(i)) for i in range(200)}) == 200


def test_leaves_of_a_condition_multiply_without_being_gone_through():
    leaves = [integer(f"leaf{i}", 1000, when("gate == 1")) for i in range(10)]
    assert Space([integer("gate", 2), *leaves]).size == 1000**10 + 1


def test_repeated_lists_count_every_length():
    elements = tuple(integer(f"w.{i}", 3) for i in range(4))
    space = Space([integer("n", 4), Repeated("w", ALWAYS, "n", elements)])
    assert space.size == 3 + 9 + 27 + 81
    listed = [space.configuration(i) for i in range(space.size)]
    assert all(len(params["w"]) == params["n"] for params in listed)
    assert len({space.key(params) for params in listed}) == space.size


def test_a_list_of_fixed_length_counts_too():
    assert Space([Repeated("w", ALWAYS, 3, tuple(integer(f"w.{i}", 3) for i in range(3)))]).size == 27


def test_constraints_join_what_they_mention_and_nothing_else():
    space = Space([integer("a", 10), integer("b", 10), integer("c", 10**6)], [Expression.parse("a < b")])
    assert space.size == 45 * 10**6


def test_a_derived_value_that_is_always_there_makes_nothing_deciding():
    derived = Derived("steps", ALWAYS, Expression.parse("epochs * batches / 2"))
    assert Space([integer("epochs", 10**4), integer("batches", 10**4), derived]).size == 10**8


def test_a_derived_value_that_some_numbers_have_not_is_gone_through():
    derived = Derived("ratio", ALWAYS, Expression.parse("a / (b - 1)"))
    assert Space([integer("a", 3), integer("b", 4), integer("c", 10**6), derived]).size == 9 * 10**6


def test_constraints_may_leave_nothing():
    assert Space([integer("a", 3)], [Expression.parse("a > 5")]).size == 0


def test_too_many_dependent_combinations_are_refused_by_name(monkeypatch):
    monkeypatch.setattr("sweeprun.space.counting.MAX_COMBINATIONS", 1000)
    many = Space([integer(f"p{i}", 10) for i in range(4)], [Expression.parse("p0 + p1 + p2 + p3 > 0")])
    with pytest.raises(SpaceError, match="p0, p1, p2, p3 depend on each other"):
        _ = many.size


def test_a_continuous_parameter_makes_the_space_infinite_and_is_named():
    space = Space([integer("a", 3), Choice("lr", ALWAYS, FloatParameter("lr", 0, 1))])
    assert space.size is None
    assert space.continuous.name == "lr"
    with pytest.raises(SpaceError, match="lr is continuous"):
        space.configuration(0)


def test_a_mixture_of_more_than_a_million_values_is_refused():
    with pytest.raises(SpaceError, match="cannot be listed"):
        _ = Space([Mixture("x", ALWAYS, (integer("x[0]", 10**7), integer("x[1]", 2)))]).size


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_outside_is_an_index_error(index):
    with pytest.raises(IndexError):
        Space([integer("a", 3)]).configuration(index)
