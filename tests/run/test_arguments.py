"""How parameters become arguments. What the words mean to their readers was found with hydra-core, omegaconf and
argparse themselves."""

from __future__ import annotations

import argparse
import ast
import json

import pytest

from sweeprun.run.arguments import STYLES


def words(style, **params):
    return STYLES[style](params)


# ---- hydra


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *((1e-05, "1.0e-05"), (3, "3"), (0.5, "0.5"), (True, "true"), (False, "false"), ("adam", "adam")),
        *(([64, 128], "[64,128]"), ([], "[]"), ({"a": 1, "b": [True, None]}, "{a:1,b:[true,null]}")),
        *((["a b", "c"], "['a b',c]"), ({"a b": "x"}, "{'a b':x}")),
    ],
)
def test_hydra_reads_values_as_what_they_are(value, written):
    assert words("hydra", x=value) == [f"x={written}"]


QUOTED = ["", "1e-5", "12", "true", "NULL", "nan", "Inf", "a,b", "[a]", "a:b", "/p/q", "~", "ü"]


@pytest.mark.parametrize("text", QUOTED)
def test_text_that_hydra_would_take_for_something_else_is_quoted(text):
    assert words("hydra", x=text) == [f"x='{text}'"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("it's", r"'it\'s'"),
        ("\\", r"'\\'"),
        ("a\\b", r"'a\b'"),
        ("a\\'b", r"'a\\\'b'"),
        ("end\\\\", r"'end\\\\'"),
        ("${env:HOME}", r"'\${env:HOME}'"),
        ("\\${x}", r"'\\\${x}'"),
    ],
)
def test_quotes_backslashes_and_interpolations_mean_themselves(text, written):
    assert words("hydra", x=text) == [f"x={written}"]


def test_nested_names_stay_dotted_and_null_is_left_out():
    assert words("hydra", **{"model.depth": 2, "none": None}) == ["model.depth=2"]


# ---- flags


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--amp", action="store_true")
    parser.add_argument("--augment", action=argparse.BooleanOptionalAction, default=False)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--name")
    parser.add_argument("--n", type=int)
    return parser


def test_a_true_flag_is_there_and_a_false_one_is_not(parser):
    assert words("flags", amp=True, augment=False, lr=0.1) == ["--amp", "--lr=0.1"]
    given = parser.parse_args(words("flags", amp=True, augment=True, lr=1e-5, n=0, name="-x y", z=None))
    assert vars(given) == {"amp": True, "augment": True, "lr": 1e-5, "n": 0, "name": "-x y"}
    assert not any([(given := parser.parse_args(words("flags", amp=False, augment=False))).amp, given.augment])


def test_numbers_that_equal_true_and_false_are_no_flags():
    assert words("flags", a=1, b=0, c=1.0) == ["--a=1", "--b=0", "--c=1.0"]


# ---- W&B


def test_wandb_style_writes_booleans_and_lists_as_python_does():
    written = words("wandb", on=True, off=False, width=[64, 64], names=["a"], nested={"a": None}, lr=1e-5, n=None)
    assert written == [
        *("--on=True", "--off=False", "--width=[64, 64]", "--names=['a']", "--nested={'a': None}", "--lr=1.0e-05")
    ]
    assert ast.literal_eval(written[3].removeprefix("--names=")) == ["a"]


# ---- all


@pytest.mark.parametrize("style", STYLES)
def test_a_null_value_is_in_no_word(style):
    assert words(style, a=None) == ([json.dumps({"a": None}, separators=(",", ":"))] if style == "json" else [])


@pytest.mark.parametrize("style", ["equals", "space", "hydra", "flags", "wandb"])
def test_every_style_keeps_the_order_of_the_parameters(style):
    named = [word.strip("-")[0] for word in words(style, b=1.5, a=2.5, c=3.5) if not word[0].isdigit()]
    assert named == ["b", "a", "c"]
