"""The unit cube for many points at once: it must say what the space says of one."""

from __future__ import annotations

import numpy as np
import pytest

from sweeprun.expressions import Expression
from sweeprun.samplers._cube import Cube, Floats
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    Condition,
    Fixed,
    FloatParameter,
    Holds,
    IntParameter,
    Mixture,
    OneOf,
    Parameter,
    Repeated,
    Space,
)


def choice(parameter: Parameter, when: Condition = ALWAYS) -> Choice:
    return Choice(parameter.name, when, parameter)


def is_(name: str, *values: object) -> Condition:
    return Condition((OneOf.of(name, list(values)),))


BRANCHES = Space(
    [
        choice(CategoricalParameter("optimizer", ("sgd", "adam", None), weights=(1, 2, 3))),
        choice(FloatParameter("momentum", 0.0, 0.9), is_("optimizer", "sgd")),
        choice(CategoricalParameter("nesterov", (True, False)), is_("optimizer", "sgd")),
        Mixture("decay", ALWAYS, (Fixed("decay", ALWAYS, 0.0), choice(FloatParameter("decay", 1e-5, 1.0, log=True)))),
        choice(IntParameter("depth", 1, 3)),
        Repeated("width", ALWAYS, "depth", tuple(choice(IntParameter(f"width.{i}", 8, 256)) for i in range(3))),
        choice(IntParameter("batch", 4, 20, log=True)),
    ]
)
CONTINUOUS_GATE = Space(
    [
        choice(FloatParameter("x", 0.0, 1.0)),
        choice(FloatParameter("y", 0.0, 1.0), Condition((Holds(Expression.parse("x > 0.5")),))),
    ]
)
SPACES = {"branches": BRANCHES, "a continuous gate": CONTINUOUS_GATE}


@pytest.fixture(params=SPACES)
def cube(request: pytest.FixtureRequest) -> Cube:
    return Cube(SPACES[request.param])


def draws(cube: Cube, m: int = 300) -> Floats:
    return np.random.default_rng(0).random((m, cube.d))


def test_settled_points_are_those_of_the_configurations_that_coordinates_stand_for(cube: Cube) -> None:
    U = draws(cube)
    settled, active = cube.settled(U)
    for u, found, mask in zip(U, settled, active, strict=True):
        point = cube.space.encode(cube.space.decode(u))
        assert point is not None
        np.testing.assert_array_equal(mask, point[1])
        np.testing.assert_allclose(found[~cube.numbers], point[0][~cube.numbers])
        np.testing.assert_allclose(found[cube.numbers], point[0][cube.numbers], atol=0.01)  # 249 integers as a range


def test_settled_points_stay_where_they_are(cube: Cube) -> None:
    settled, active = cube.settled(draws(cube))
    again, still = cube.settled(settled)
    np.testing.assert_array_equal(again, settled)
    np.testing.assert_array_equal(still, active)


def test_features_do_not_depend_on_what_is_not_active(cube: Cube) -> None:
    settled, active = cube.settled(draws(cube))
    elsewhere = np.where(active, settled, 0.123)
    np.testing.assert_array_equal(cube.features(settled, active), cube.features(elsewhere, active))


def test_distances_are_1_between_choices_and_from_end_to_end_of_a_range() -> None:
    cube = Cube(BRANCHES)
    U, active = cube.settled(np.full((4, cube.d), 0.5))
    optimizer, batch = (i for i, p in enumerate(BRANCHES.parameters) if p.name in ("optimizer", "batch"))
    U[1, optimizer], U[2, batch], U[3, batch] = cube.axes[optimizer].points[0], 0.0, 1.0  # type: ignore[index]
    Z = cube.features(U, active)
    assert np.linalg.norm(Z[0] - Z[1]) == pytest.approx(1)
    assert np.linalg.norm(Z[2] - Z[3]) == pytest.approx(1)


def test_the_ends_of_a_conditional_range_are_as_far_from_each_other_as_an_arc_allows() -> None:
    cube = Cube(CONTINUOUS_GATE)
    U, active = cube.settled(np.array([[0.6, 0.0], [0.6, 0.5], [0.6, 1.0]]))
    Z = cube.features(U, active)
    origin = np.array([0.6, 0.0, 0.0])
    np.testing.assert_allclose(np.linalg.norm(Z - origin, axis=1), 2 / np.pi)
    assert np.linalg.norm(Z[0] - Z[2]) > np.linalg.norm(Z[0] - Z[1]) > 0.4


def test_derivatives_by_coordinates_are_those_by_features_through_the_chain_rule(cube: Cube) -> None:
    U, active = cube.settled(draws(cube, 50))
    weights = np.random.default_rng(1).standard_normal(len(cube.owner))
    slopes = cube.by_coordinates(U, active, np.tile(weights, (50, 1)))
    for i in np.flatnonzero(cube.numbers):
        step = np.where(np.arange(cube.d) == i, 1e-6, 0.0)
        quotient = (cube.features(U + step, active) - cube.features(U - step, active)) @ weights / 2e-6
        np.testing.assert_allclose(slopes[:, i], np.where(active[:, i], quotient, 0.0), atol=1e-6)


def test_a_space_without_parameters_has_one_point() -> None:
    settled, active = Cube(Space([Fixed("epochs", ALWAYS, 3)])).settled(np.empty((4, 0)))
    assert settled.shape == active.shape == (4, 0)
