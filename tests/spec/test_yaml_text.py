import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.spec import yaml12
from sweeprun.spec.yaml_text import flow

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = st.sampled_from(
    ["yes", "on", "1e-5", "010", "null", "~", ".5", "a: b", "# a", "- a", "a b", "${args}", "=", "<<"]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    words,
)
keys = st.one_of(texts, words).filter(lambda key: key != "<<")
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=8,
)


@given(values)
def test_whatever_is_written_is_read_as_it_was(value):
    read = yaml12.load_value(flow(value), "f")
    assert read == value
    assert repr(read) == repr(value)


@given(values)
def test_readers_of_yaml_1_1_see_the_same(value):
    assert yaml.safe_load(flow(value)) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"min": 1e-05, "max": 0.1, "log": True}, "{min: 1.0e-05, max: 0.1, log: true}"),
        (["sgd", "on", "1e-5", "a b", "val/loss", ""], '[sgd, "on", "1e-5", a b, val/loss, ""]'),
        ("${args}", '"${args}"'),
        (None, "null"),
        ("two\nlines", '"two\\nlines"'),
        (-1e22, "-1.0e+22"),
    ],
)
def test_it_is_as_plain_as_it_can_be(value, written):
    assert flow(value) == written


def test_numbers_that_are_none_are_written_as_yaml_has_them():
    assert (flow(math.inf), flow(-math.inf), flow(math.nan)) == (".inf", "-.inf", ".nan")
