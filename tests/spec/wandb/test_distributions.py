import contextlib
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.space import IntParameter
from sweeprun.spec.entries import ParameterEntry
from sweeprun.spec.parameters import build_space
from sweeprun.spec.wandb import distributions
from sweeprun.spec.wandb.distributions import UntranslatableError


def entry(**written):
    return distributions.entry(written).value


def why(**written):
    return distributions.entry(written).why


def failure(**written):
    with pytest.raises(UntranslatableError) as caught:
        distributions.entry(written)
    return caught.value


def parameter(**written):
    declared = ParameterEntry.model_validate(entry(**written))
    [built] = build_space({"x": declared}, {}, ()).parameters
    return built


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"value": 3}, 3),
        ({"value": None}, None),
        ({"value": [1, 2]}, {"value": [1, 2]}),
        ({"value": {"a": 1}}, {"value": {"a": 1}}),
        ({"value": 3, "distribution": "constant"}, 3),
        ({"value": 3, "distribution": "categorical"}, 3),
        ({"value": 3, "distribution": None}, 3),
        ({"values": [1]}, [1]),
        ({"values": [[1, 2], {"a": 1}, None, True, "true", 1.5]}, [[1, 2], {"a": 1}, None, True, "true", 1.5]),
        ({"values": ["a", "b"], "distribution": "constant"}, ["a", "b"]),
        ({"values": ["a", "b"], "probabilities": [1, 3]}, {"values": ["a", "b"], "probabilities": [1, 3]}),
        ({"min": 1, "max": 9}, {"min": 1, "max": 9}),
        ({"min": 1, "max": 9, "distribution": "int_uniform"}, {"min": 1, "max": 9}),
        ({"min": 1.0, "max": 9.0, "distribution": "int_uniform"}, {"min": 1, "max": 9}),
        ({"min": 0, "max": 0.5}, {"min": 0, "max": 0.5}),
        ({"min": 0, "max": 1, "distribution": "uniform"}, {"min": 0.0, "max": 1.0}),
        ({"min": "1e-5", "max": "0.1", "distribution": "uniform"}, {"min": 1e-5, "max": 0.1}),
        ({"min": 0.0, "max": 1.0, "q": 0.25}, {"min": 0.0, "max": 1.0, "step": 0.25}),
        ({"min": 1e-5, "max": 0.1, "distribution": "log_uniform_values"}, {"min": 1e-5, "max": 0.1, "log": True}),
        ({"min": 16, "max": 512, "distribution": "log_uniform_values"}, {"min": 16.0, "max": 512.0, "log": True}),
        ({"min": 0.9, "max": 1, "distribution": "inv_log_uniform_values"}, {"min": 0.9, "max": 1.0, "log": True}),
        ({"distribution": "normal"}, {"min": -3.0, "max": 3.0}),
        ({"distribution": "normal", "mu": 1, "sigma": 0.5}, {"min": -0.5, "max": 2.5}),
        ({"distribution": "normal", "mu": 1, "sigma": 0}, 1.0),
        ({"distribution": "q_normal", "mu": 64, "sigma": 16, "q": 16}, {"min": 16, "max": 112, "step": 16}),
        ({"distribution": "beta"}, {"min": 0.0, "max": 1.0}),
        ({"distribution": "beta", "a": 1, "b": 1.0}, {"min": 0.0, "max": 1.0}),
        ({"distribution": "q_beta", "q": 0.5}, {"min": 0.0, "max": 1.0, "step": 0.5}),
    ],
)
def test_each_distribution_is_an_entry_of_our_own(written, expected):
    found = entry(**written)
    assert repr(found) == repr(expected)


def test_exponents_are_those_of_e():
    assert entry(distribution="log_uniform", min=-9.21034, max=-2.302585) == {"min": 0.0001, "max": 0.1, "log": True}
    assert entry(distribution="log_normal", mu=0, sigma=1) == {
        "min": pytest.approx(math.exp(-3), rel=1e-5),
        "max": pytest.approx(math.exp(3), rel=1e-5),
        "log": True,
    }


def test_an_inverse_log_range_is_a_log_range_with_its_ends_swapped():
    inverse = entry(distribution="inv_log_uniform", min=2.302585, max=9.21034)
    assert inverse == entry(distribution="log_uniform", min=-9.21034, max=-2.302585)


@pytest.mark.parametrize(("low", "high"), [(1e-5, 0.1), (0.001, 1), (5e-5, 1e-4), (16, 512)])
def test_exponents_that_look_like_values_are_asked_about(low, high):
    assert "were values meant? Then write distribution: log_uniform_values" in why(
        distribution="log_uniform", min=low, max=high
    )


@pytest.mark.parametrize(("low", "high"), [(-11.5, -2.3), (0, 1), (3.4657, 5.545), (-5, 1)])
def test_exponents_that_look_like_exponents_are_not(low, high):
    assert why(distribution="log_uniform", min=low, max=high) == "its bounds are exponents of e"


@pytest.mark.parametrize(
    ("low", "high", "q", "expected"),
    [
        (8, 18, 2, {"min": 8, "max": 18, "step": 2}),
        (0, 256, 1, {"min": 0, "max": 256}),
        (1, 10, 4, {"min": 0, "max": 8, "step": 4}),  # W&B rounds the bounds, too, and half to even
        (16, 1024, 16.0, {"min": 16.0, "max": 1024.0, "step": 16.0}),
        (0.1, 0.5, 0.05, {"min": 0.1, "max": 0.5, "step": 0.05}),
        (0.1, 0.3, 1, 0),  # wider than the range
    ],
)
def test_steps_are_multiples_of_q(low, high, q, expected):
    assert repr(entry(distribution="q_uniform", min=low, max=high, q=q)) == repr(expected)


def test_q_is_one_where_it_is_not_given():
    assert entry(distribution="q_uniform", min=4, max=9) == {"min": 4, "max": 9}


def test_whole_numbers_on_a_log_axis_are_an_integer_range():
    assert parameter(distribution="q_log_uniform_values", min=32, max=256, q=1) == IntParameter("x", 32, 256, log=True)
    logarithms = {"min": math.log(32), "max": math.log(256)}
    assert parameter(distribution="q_log_uniform", q=1, **logarithms) == IntParameter("x", 32, 256, log=True)


def test_a_whole_number_on_a_log_axis_may_be_rounded_to_nothing():
    assert entry(distribution="q_log_uniform_values", min=0.2, max=3, q=1)["values"] == [0, 1, 2, 3]


def test_other_steps_on_a_log_axis_are_listed_as_likely_as_they_are():
    found = entry(distribution="q_log_uniform_values", min=32, max=256, q=8)
    assert found["values"] == list(range(32, 257, 8))
    assert math.fsum(found["probabilities"]) == pytest.approx(1, rel=1e-4)
    assert found["probabilities"][0] == pytest.approx(math.log(36 / 32) / math.log(256 / 32), rel=1e-4)
    weights = found["probabilities"][1:-1]
    assert weights == sorted(weights, reverse=True)


def test_a_step_that_nothing_is_nearest_to_is_not_listed():
    assert entry(distribution="q_log_uniform_values", min=4, max=24, q=8)["values"] == [8, 16, 24]


def test_too_many_steps_on_a_log_axis_are_dropped_with_a_word():
    fine = {"distribution": "q_log_uniform_values", "min": 0.0001, "max": 1, "q": 0.0001}
    assert entry(**fine) == {"min": 0.0001, "max": 1.0, "log": True}
    assert why(**fine) == "the steps of 0.0001 are dropped: they are more than 256"


def test_a_bell_curve_is_drawn_evenly_and_says_so():
    for name in ("normal", "q_normal", "log_normal", "q_log_normal"):
        assert "drawn evenly: there is no bell curve here" in why(distribution=name, mu=2, sigma=0.5)


def test_a_value_that_stands_twice_counts_once_in_its_first_place():
    assert entry(values=[1, 5, 10, 5, 20]) == [1, 5, 10, 20]
    assert why(values=[1, 5, 10, 5, 20]) == "5 stands more than once, and counts once"
    assert entry(values=[0, 0, 0]) == [0]
    assert entry(values=[1, True, "1"]) == [1, True, "1"]


def test_a_value_of_probability_zero_is_left_out():
    assert entry(values=["a", "b", "c"], probabilities=[0.5, 0, 0.5]) == {
        "values": ["a", "c"],
        "probabilities": [0.5, 0.5],
    }


@pytest.mark.parametrize(
    ("written", "message", "hint"),
    [
        ({}, "must have value, values, min and max, or parameters alone, not nothing", None),
        ({"mu": 1, "sigma": 2}, "not mu, sigma", "normal and beta distributions are named by distribution: ..."),
        ({"distribution": "uniform", "min": 1}, "uniform wants max, which is missing", None),
        ({"min": None, "max": 3}, "wants min, which is missing", None),
        ({"distribution": "unifrom", "min": 1, "max": 2}, "'unifrom' is no distribution of W&B", "did you mean 'unif"),
        ({"distribution": "uniform", "values": [1]}, "uniform has no values; allowed: distribution, max, min", None),
        ({"distribution": "uniform", "min": 0, "max": 1, "maxx": 2}, "uniform has no maxx", "did you mean 'max'?"),
        ({"distribution": "uniform", "min": "low", "max": 1}, "min must be a number, not 'low'", None),
        ({"distribution": "uniform", "min": "[", "max": 1}, "min must be a number, not '['", None),
        ({"distribution": "uniform", "min": True, "max": 1}, "min must be a number, not True", None),
        ({"min": 3, "max": 1}, "min 3 is above max 1", "write min: 1, max: 3"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 3}, "wants whole numbers, and min is 0.5", "for real num"),
        ({"distribution": "q_uniform", "min": 0, "max": 3, "q": 0}, "q must be above 0, and is 0", None),
        ({"distribution": "normal", "sigma": -1}, "sigma must not be below 0", None),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "wants a min above 0, and it is 0", None),
        (
            {"distribution": "log_uniform", "min": 16, "max": 4096},
            "e to the 4096 is no number to compute with",
            "where values are",
        ),
        ({"distribution": "log_normal", "mu": 900}, "takes exponents of e", "mu and sigma are those of the logarithm"),
        ({"distribution": "beta", "a": 2, "b": 5}, "a beta distribution (a 2, b 5) cannot be drawn from", "write the"),
        ({"values": 3}, "values must be a list, not 3", None),
        ({"values": [1, 2], "probabilities": [1]}, "must be lists of one length", None),
        ({"value": 1, "values": [1, 2]}, "constant has no values; allowed: distribution, value", None),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_reason(written, message, hint):
    error = failure(**written)
    assert message in error.message
    assert hint is None or hint in error.hint


numbers = st.one_of(st.floats(), st.integers(), st.sampled_from(["1e-5", "x", None, True]))
words = st.sampled_from(["min", "max", "q", "mu", "sigma", "a", "b", "value", "values", "probabilities"])
names = st.sampled_from([*distributions.DISTRIBUTIONS, "other", None])


@given(names, st.dictionaries(words, st.one_of(numbers, st.lists(numbers, max_size=4)), max_size=4))
def test_any_parameter_is_an_entry_or_an_error_of_ours(name, written):
    with contextlib.suppress(UntranslatableError):
        distributions.entry({"distribution": name, **written})


@pytest.mark.parametrize("name", ["uniform", "log_uniform", "log_uniform_values", "normal"])
def test_draws_are_where_the_distribution_has_them(name):
    written = {"min": 0.5, "max": 2} if name != "normal" else {"mu": 1, "sigma": 1}
    built = parameter(distribution=name, **written)
    drawn = [built.from_unit((i + 0.5) / 200) for i in range(200)]
    middle = {"uniform": 1.25, "log_uniform": math.exp(1.25), "log_uniform_values": 1.0, "normal": 1.0}[name]
    assert statistics.median(drawn) == pytest.approx(middle, rel=0.02)
