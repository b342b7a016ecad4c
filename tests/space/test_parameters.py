import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.errors import SpaceError
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, identity
from sweeprun.space.parameters import is_number

unit = st.floats(0, 1)
finite = st.floats(-1e308, 1e308)


@st.composite
def float_parameters(draw):
    if draw(st.booleans()):
        low, high = sorted(draw(st.tuples(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300))))
        return FloatParameter("x", low, high, log=True)
    low, high = sorted(draw(st.tuples(finite, finite)))
    return FloatParameter("x", low, high)


@st.composite
def finite_parameters(draw):
    kind = draw(st.sampled_from(["int", "log", "stepped", "grid", "choice"]))
    if kind == "choice":
        choices = draw(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.text()), min_size=1, max_size=20))
        distinct = tuple({identity(choice): choice for choice in choices}.values())
        weights = draw(st.one_of(st.none(), st.just(tuple(range(1, len(distinct) + 1)))))
        return CategoricalParameter("x", distinct, weights=weights)
    if kind == "grid":
        low, n = draw(st.integers(-100, 100)), draw(st.integers(0, 300))
        return FloatParameter("x", low / 10, (low + n) / 10, step=0.1)
    low, n = draw(st.integers(1, 10**6)), draw(st.integers(0, 10**6))
    step = draw(st.integers(2, 50)) if kind == "stepped" else 1
    return IntParameter("x", low, low + n * step, log=kind == "log", step=step)


@given(float_parameters(), unit)
def test_every_unit_float_gives_a_value_of_the_range(parameter, u):
    value = parameter.from_unit(u)
    assert isinstance(value, float)
    assert parameter.contains(value)
    assert 0.0 <= parameter.to_unit(value) <= 1.0


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), unit)
def test_a_real_value_comes_back_from_its_unit_float(low, width, u):
    parameter = FloatParameter("x", low, low + width)
    assert parameter.to_unit(parameter.from_unit(u)) == pytest.approx(u, abs=1e-6)


@given(unit)
def test_log_is_uniform_over_the_logarithm(u):
    parameter = FloatParameter("lr", 1e-5, 1e-1, log=True)
    assert math.log10(parameter.from_unit(u)) == pytest.approx(-5 + 4 * u)


@given(finite_parameters(), st.data())
def test_a_finite_value_comes_back_exactly(parameter, data):
    n = parameter.size
    if isinstance(parameter, IntParameter):
        value = parameter.low + parameter.step * data.draw(st.integers(0, n - 1))
    else:
        value = list(parameter.values())[data.draw(st.integers(0, n - 1))]
    assert identity(parameter.from_unit(parameter.to_unit(value))) == identity(value)


@given(finite_parameters().filter(lambda parameter: parameter.size <= 1000))
def test_the_edges_enclose_each_value_and_nothing_else(parameter):
    edges = parameter.edges
    assert (edges[0], edges[-1], len(edges)) == (0.0, pytest.approx(1.0), parameter.size + 1)
    for value, low, high in zip(parameter.values(), edges[:-1], edges[1:], strict=True):
        assert low < parameter.to_unit(value) < high
        assert parameter.from_unit(low + 1e-3 * (high - low)) == value
        assert parameter.from_unit(high - 1e-3 * (high - low)) == value


def test_a_continuous_parameter_has_no_edges():
    assert FloatParameter("x", 0.0, 1.0).edges is None


@given(finite_parameters(), unit)
def test_every_unit_float_gives_a_native_value_that_is_contained(parameter, u):
    value = parameter.from_unit(u)
    assert parameter.contains(value)
    assert json.loads(json.dumps(value)) == value


def test_integers_have_cells_of_equal_width():
    parameter = IntParameter("n", 2, 4)
    assert [parameter.from_unit(u) for u in (0, 0.33, 0.34, 0.66, 0.67, 1)] == [2, 2, 3, 3, 4, 4]


def test_a_log_integer_has_cells_from_half_below_to_half_above():
    parameter = IntParameter("n", 1, 8, log=True)
    edge = math.log(1.5 / 0.5) / math.log(8.5 / 0.5)
    assert parameter.from_unit(edge - 1e-9) == 1
    assert parameter.from_unit(edge + 1e-9) == 2


def test_the_largest_allowed_log_integer_comes_back_exactly():
    parameter = IntParameter("n", 1, 2**45, log=True)
    for value in (1, 2, 2**30 + 1, 2**44 + 1, 2**45 - 1, 2**45):
        assert parameter.from_unit(parameter.to_unit(value)) == value


def test_a_grid_of_tenths_has_no_rounding_noise():
    assert list(FloatParameter("x", 0.1, 0.5, step=0.1).values()) == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_size_counts_values_and_is_none_where_continuous():
    assert IntParameter("n", 64, 512, step=64).size == 8
    assert FloatParameter("x", 0.0, 1.0, step=0.25).size == 5
    assert FloatParameter("x", 2.0, 2.0).size == 1
    assert FloatParameter("x", 0.0, 1.0).size is None


def test_membership_knows_types():
    assert IntParameter("n", 1, 4).contains(3.0)
    assert not IntParameter("n", 0, 4).contains(True)
    assert not IntParameter("n", 0, 4).contains(1.5)
    assert not IntParameter("n", 0, 8, step=4).contains(5)
    assert not FloatParameter("x", 0.0, 1.0).contains("0.5")
    assert not FloatParameter("x", 0.0, 1.0).contains(math.nan)
    assert FloatParameter("x", 0.0, 1.0, step=0.1).contains(0.30000000000000004)
    assert not FloatParameter("x", 0.0, 1.0, step=0.1).contains(0.35)
    assert CategoricalParameter("c", (1, True, "1")).contains(1.0)
    assert not CategoricalParameter("c", (1, 2)).contains(True)


def test_weights_are_the_width_of_the_cells():
    parameter = CategoricalParameter("c", ("rare", "common"), weights=(1, 3))
    assert parameter.from_unit(0.24) == "rare"
    assert parameter.from_unit(0.26) == "common"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FloatParameter("x", 2, 1), "x: min 2 is above max 1"),
        (lambda: FloatParameter("x", 0, 1, log=True), "log needs a min above 0"),
        (lambda: IntParameter("x", 0, 8, log=True), "log needs a min above 0"),
        (lambda: IntParameter("x", 64, 500, step=64), "does not reach 500"),
        (lambda: FloatParameter("x", 0, 1, step=0.3), "does not reach 1"),
        (lambda: IntParameter("x", 0, 8, step=0), "step must be above 0"),
        (lambda: IntParameter("x", 1, 8, log=True, step=7), "exclude each other"),
        (lambda: FloatParameter("x", 0, math.inf), "finite"),
        (lambda: IntParameter("x", 0, 2**60), "more than can be told apart"),
        (lambda: FloatParameter("x", 0, 1, step=1e-300), "more than can be told apart"),
        (lambda: CategoricalParameter("x", ()), "empty"),
        (lambda: CategoricalParameter("x", (1, 1.0)), "1 is listed twice"),
        (lambda: CategoricalParameter("x", (1, 2), weights=(1.0,)), "1 probabilities for 2 values"),
        (lambda: CategoricalParameter("x", (1, 2), weights=(1.0, 0.0)), "above 0"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_its_name(build, message):
    with pytest.raises(SpaceError, match=message):
        build()


def test_a_step_that_does_not_fit_names_the_two_that_do():
    with pytest.raises(SpaceError) as caught:
        IntParameter("x", 64, 500, step=64)
    assert caught.value.hint == "write max: 448 or max: 512"


def test_the_values_of_a_continuous_parameter_cannot_be_listed():
    with pytest.raises(SpaceError, match="continuous"):
        FloatParameter("x", 0, 1).values()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_identity_survives_json_and_the_order_of_keys(value):
    text = json.dumps(value)
    assert identity(json.loads(text)) == identity(value)
    if isinstance(value, dict):
        assert identity(dict(reversed(list(value.items())))) == identity(value)


def test_identity_tells_one_from_true_and_joins_integers_and_floats():
    assert identity(1) == identity(1.0)
    assert identity(0) == identity(-0.0)
    assert len({identity(value) for value in (1, True, "1", None, [1])}) == 5


@pytest.mark.parametrize("value", [0, -1.5, 10**308, -(10**308), 5e-324])
def test_what_a_float_can_be_is_a_number(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [10**400, -(10**400), math.inf, math.nan, True, "1", None, [1]])
def test_what_no_float_can_be_is_none(value):
    assert not is_number(value)
