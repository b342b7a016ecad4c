import contextlib
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun.errors import SweepFileError
from sweeprun.spec import yaml12


def load(text):
    return yaml12.load(text, "f.yaml").value


def failure(text):
    with pytest.raises(SweepFileError) as caught:
        yaml12.load(text, "f.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("+3", 3),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-12-01", "2026-12-01"),
        ("on", "on"),
        ("yes", "yes"),
        ("y", "y"),
        ("True", True),
        ("false", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("-.inf", -math.inf),
        ("=", "="),
        ("|\n  1\n", "1\n"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!float 1", 1.0),
        ("!!int 1", 1),
        ("1e10", 1e10),
        ("695e", "695e"),
    ],
)
def test_scalars_follow_the_core_schema(text, value):
    loaded = load(f"a: {text}")["a"]
    assert loaded == value
    assert type(loaded) is type(value)


def test_not_a_number_is_read():
    assert math.isnan(load("a: .nan")["a"])


def test_number_keys_are_their_text():
    assert load("{5: a, 0.5: b}") == {"5": "a", "0.5": "b"}


@pytest.mark.parametrize(
    "text", ["695e0514", "1e999", "-1e999", "1e-999", "12e3456", "9" * 30, "9" * 5000, "0x" + "f" * 90]
)
def test_what_is_no_number_but_looks_like_one_is_told_to_be_quoted(text):
    error = failure(f"commit: {text}")
    assert "quote it" in error.message
    assert (error.line, error.column) == (1, 9)


def test_a_duplicate_key_is_an_error_with_both_positions():
    error = failure("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert str(error) == "f.yaml:4:3: the key 'b' stands twice, first at line 2, column 3"


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("a: !foo 1", "the tag !foo is not allowed", (1, 4)),
        ("a: !!python/object:os.system 1", "is not allowed", (1, 4)),
        ("a: !!binary aGk=", "is not allowed", (1, 4)),
        ("a: !!set {b}", "is not allowed", (1, 4)),
        ("a: !!int x", "'x' is no int", (1, 4)),
        ("a: &x {b: 1}\nc:\n  <<: *x", "merge keys", (3, 3)),
        ("a: 1\n---\nb: 2", "second document", (2, 1)),
        ("a: *nowhere", "names no finished anchor", (1, 4)),
        ("a: &x [*x]", "names no finished anchor", (1, 8)),
        ("a:\n\tb: 1", "indent with spaces", (2, 1)),
        ("a: [1", "expected", (1, 6)),
        ("a: b: c", "mapping values are not allowed", (1, 5)),
        ("? [a]\n: 1", "a key must be text", (1, 3)),
        ("? &x a\n: 1\n*x : 2", "a key must be text", (3, 1)),
        ("true: 1", "a key must be text", (1, 1)),
        ("~: 1", "a key must be text", (1, 1)),
        ("a: \x07", "U+0007 may not stand", (1, 4)),
        (b"a: 1\nb: \xff", "not UTF-8", (2, 4)),
        ('a: "\\ud800"', "surrogate", (1, 4)),
    ],
)
def test_what_yaml_1_2_or_safety_forbids_is_refused_in_place(text, message, position):
    error = failure(text)
    assert message in error.message
    assert (error.file, error.line, error.column) == ("f.yaml", *position)


def test_a_pattern_in_double_quotes_is_told_to_stand_in_single_ones():
    error = failure('metrics_from: {regex: "epoch (\\d+)"}')
    assert "in single quotes, '...', a backslash is itself" in error.message
    assert (error.line, error.column) == (1, 32)


def test_an_impossible_escape_is_refused():
    assert "escape" in failure('a: "\\U00110000"').message


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "a: " + "[" * 5000 + "]" * 5000])
def test_deep_nesting_is_a_clean_error_and_quick(text):
    begun = time.perf_counter()
    assert "levels of nesting" in failure(text).message
    assert time.perf_counter() - begun < 1


def test_depth_counts_through_aliases():
    levels = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 80)]
    assert "levels of nesting" in failure("\n".join(levels)).message


def test_alias_expansion_is_bounded():
    laughs = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    laughs += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "with aliases expanded" in failure("\n".join(laughs)).message


def test_nodes_and_bytes_are_bounded():
    assert "values" in failure("[" + "1," * 30_000 + "]").message
    assert "at most" in failure("#" * (2**20 + 1)).message


def test_an_alias_gives_the_value_and_its_own_place():
    document = yaml12.load("a: &x {b: [1, 2]}\nc: *x\n", "f.yaml")
    assert document.value == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}
    assert document.value["a"] is not document.value["c"]


def test_positions_of_keys_and_values_are_kept():
    document = yaml12.load("a: 1\nb:\n  - x\n  - {c: 2}\n", "f.yaml")
    assert document.keys[("b",)] == (2, 1)
    assert document.values[("b", 1, "c")] == (4, 9)
    assert document.position(("b", 1, "missing")) == (4, 5)


def test_a_byte_order_mark_and_windows_line_ends_are_fine():
    assert load(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


def test_nothing_at_all_is_null():
    assert load("") is None
    assert load("# only a comment\n") is None


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_any_input_gives_a_value_or_an_error_of_ours(source):
    with contextlib.suppress(SweepFileError):
        yaml12.load(source, "f.yaml")


@settings(max_examples=300)
@given(st.text(alphabet="ab:-[]{}&*!<>|'\"\\ \n\t#%@,?.1e0xuU~", max_size=60))
def test_any_yaml_like_input_gives_a_value_or_an_error_of_ours(source):
    with contextlib.suppress(SweepFileError):
        yaml12.load(source, "f.yaml")
