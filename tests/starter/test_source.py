"""A script as text: values told without running it, local modules followed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.errors import UsageError
from sweeprun.starter.source import Source, Unknown, value

Read = Callable[..., Any]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-3", 1e-3),
        ("-0.5", -0.5),
        ("2 ** 7", 128),
        ("64 * 1024 // 2", 32768),
        ("(0.9, 0.95)", [0.9, 0.95]),
        ("['a', None, True]", ["a", None, True]),
        ("Path('data')", "data"),
        ("sorted(['b'])", ["b"]),
        ("{'a': f, 'b': g}.keys()", ["a", "b"]),
    ],
)
def test_plain_values_are_told_from_the_text(written: str, meant: Any) -> None:
    assert value(ast.parse(written, mode="eval").body, {}) == meant


@pytest.mark.parametrize(
    "written", ["f(3)", "lr", "float('1')", "[1, x]", "1 / 0", "10 ** 1000", "'a' + 1", "os.environ['X']", "-x"]
)
def test_what_only_a_run_would_tell_stays_as_it_is_written(written: str) -> None:
    assert value(ast.parse(written, mode="eval").body, {}) == Unknown(ast.unparse(ast.parse(written)))


def test_names_of_the_module_and_of_its_classes_are_resolved() -> None:
    source = Source.parse("LR = 1e-3\nSMALL: float = LR / 10\nclass Config:\n    width = 64\nx = f()\n", "train.py")
    assert source.constants == {"LR": 1e-3, "SMALL": 1e-4, "Config.width": 64}


def test_local_modules_are_followed_with_their_constants(parsed: Read) -> None:
    found = parsed(
        "from package.options import LR\nimport package.model, numpy\n",
        package__options="from . import defaults\nfrom .defaults import BASE\nLR = 3e-4\n",
        package__defaults="BASE = 2\n",
        package__model="import package.options\n",
    )
    assert [source.name for source in found] == [
        "train.py", "package/options.py", "package/model.py", "package/defaults.py"
    ]  # fmt: skip
    assert found[0].constants["LR"] == 3e-4
    assert found[0].constants["options.LR"] == 3e-4


def test_what_a_module_does_only_when_it_is_run_itself_is_left_out(parsed: Read) -> None:
    _, module = parsed("import tool\n", tool="A = 1\ndef main():\n    f()\nif __name__ == '__main__':\n    main()\n")
    assert ast.unparse(module.tree) == "A = 1"


@pytest.mark.parametrize(
    ("text", "line"), [("x = 1\nprint 'python 2'\n", 2), ("def f(:\n    pass\n", 1), ("a = '\0'\n", 1)]
)
def test_what_is_no_python_is_an_error_with_its_line(text: str, line: int) -> None:
    with pytest.raises(UsageError, match=rf"^train\.py:{line}: "):
        Source.parse(text, "train.py")


def test_a_module_that_is_no_python_is_named(parsed: Read) -> None:
    with pytest.raises(UsageError, match=r"^options\.py:1: this is no Python 3"):
        parsed("from options import parser\n", options="print 'x'\n")


def test_warnings_about_the_text_of_others_are_not_shown() -> None:
    Source.parse("pattern = '\\d'\n", "train.py")  # warnings are errors in tests
