import contextlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.errors import SweeprunError
from sweeprun.expressions import Expression, ExpressionError, MissingNameError


def value_of(text, params=None, metrics=None):
    return Expression.parse(text).evaluate(params or {}, metrics)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("-2 ** 2", -4),
        ("7 // 2 + 7 % 2", 4),
        ("2 <= 3 < 4", True),
        ("2 < 3 < 3", False),
        ("1 == 1.0 and not false", True),
        ("'a' in ['a', 'b']", True),
        ("3 not in (1, 2)", True),
        ("min(3, 1, 2) + max([4, 5])", 6),
        ("abs(-1.5)", 1.5),
        ("round(2.567, 1)", 2.6),
        ("round(0.1 * 30)", 3),
        ("floor(1.9) + ceil(1.1)", 3),
        ("log10(1000) + sqrt(16) + exp(0) + log(1)", 8.0),
        ("'run-' + 'a'", "run-a"),
        ("null == null", True),
        ("  1\n + 1 ", 2),
    ],
)
def test_the_language_computes_as_arithmetic_does(text, expected):
    assert value_of(text) == expected


def test_round_without_digits_gives_an_integer():
    assert isinstance(value_of("round(2.4)"), int)


def test_names_may_be_dotted_quoted_and_prefixed():
    expression = Expression.parse("model.depth * `val/acc` + params.lr + `optimizer.lr` + metrics.lr")
    assert expression.names == {"model.depth", "val/acc", "lr", "optimizer.lr"}
    assert expression.metric_names == {"lr"}
    params = {"model.depth": 2, "lr": 10, "optimizer.lr": 100}
    assert expression.evaluate(params, {"val/acc": 0.5, "lr": 1000}) == 1111


def test_a_quoted_name_after_a_prefix_is_one_name():
    assert value_of("metrics.`val/acc` > params.`a b`", {"a b": 1}, {"val/acc": 2}) is True


def test_function_names_are_no_names_but_a_parameter_may_be_called_like_one():
    assert Expression.parse("max(exp, 2)").names == {"exp"}
    assert value_of("max(exp, 2)", {"exp": 3}) == 3


def test_backticks_and_names_within_strings_are_text():
    assert Expression.parse("'`a` b' == x").names == {"x"}


def test_a_quoted_constant_word_is_a_name():
    assert value_of("`true` + 1", {"true": 4}) == 5


def test_a_name_without_a_value_raises_missing_name_and_tells_its_column():
    with pytest.raises(MissingNameError) as caught:
        value_of("1 + momentum", {})
    assert caught.value.column == 5


def test_and_and_or_look_only_as_far_as_they_must():
    assert value_of("a == 1 or missing > 2", {"a": 1}) is True
    assert value_of("a == 2 and missing > 2", {"a": 1}) is False


def test_a_name_that_is_a_parameter_and_a_metric_must_say_which():
    with pytest.raises(ExpressionError, match=r"is a parameter and a metric") as caught:
        value_of("lr > 1", {"lr": 1}, {"lr": 2})
    assert caught.value.hint == "write params.lr or metrics.lr"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("__import__('os')", "a call"),
        ("a.b()", "a call"),
        ("'x'.upper", "an attribute"),
        ("[x for x in y]", "a comprehension"),
        ("x[0]", "an index"),
        ("lambda: 1", "a lambda"),
        ("1 if a else 2", "if/else"),
        ("f'{a}'", "an f-string"),
        ("{'a': 1}", "a mapping"),
        ("a @ b", "this operator"),
        ("~a", "this operator"),
        ("a is b", "this comparison"),
        ("max(*a)", "a named or starred"),
        ("round(a, ndigits=2)", "a named or starred"),
        ("min()", "without an argument"),
        ("b'x'", "this"),
        ("2j", "this"),
        ("(a := 1)", "an assignment"),
        ("1 <", "this is no expression"),
        ("", "is empty"),
        ("``", "in backticks is empty"),
    ],
)
def test_everything_else_is_refused(text, what):
    with pytest.raises(ExpressionError, match=what):
        Expression.parse(text)


def test_a_refusal_names_the_column_and_what_is_allowed():
    with pytest.raises(ExpressionError) as caught:
        Expression.parse("`é` + x[0]")
    assert caught.value.column == 7
    assert "sqrt" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "9 ** 9 ** 9",
        "2 ** 5000",
        "(2 ** 1000) ** 1000",
        "round(3, -999999999)",
        "1 / 0",
        "log(0)",
        "(-1) ** 0.5",
        "'a' * 1000000",
        "'a' < 1",
        "1 in 2",
        "exp(1e6)",
        "2 ** 2000 / 1.5",
    ],
)
def test_arithmetic_that_fails_or_runs_away_is_an_expression_error(text):
    with pytest.raises(ExpressionError, match="cannot compute"):
        value_of(text)


def test_length_parts_and_nesting_are_bounded():
    for text in ("1" * 2000, "+".join(["1"] * 300), "(" * 400 + "1" + ")" * 400, "-" * 900 + "1"):
        with pytest.raises(ExpressionError):
            Expression.parse(text)


def test_a_string_cannot_grow_without_bound():
    with pytest.raises(ExpressionError, match="at most"):
        value_of("s + s", {"s": "x" * 6000})


def test_an_expression_can_be_pickled():
    assert pickle.loads(pickle.dumps(Expression.parse("a + 1"))).evaluate({"a": 1}) == 2


@given(st.text(alphabet="ab1.+-*/%() <>=!`'[],notinrmxé\\\n", max_size=40))
def test_any_text_is_an_expression_or_an_error_of_ours(text):
    with contextlib.suppress(SweeprunError):
        Expression.parse(text).evaluate({"a": 1, "b": "x"})


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_comparisons_agree_with_python(a, b):
    for operator in ("<", "<=", "==", "!=", ">", ">="):
        assert value_of(f"a {operator} b", {"a": a, "b": b}) == eval(f"{a} {operator} {b}")
