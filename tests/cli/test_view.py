"""What is printed: harmless whatever it holds, no wider than the terminal, JSON that any parser takes."""

from __future__ import annotations

import json
import math
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.cli import view

Command = Callable[..., Any]
EVIL = [
    "[/x]",
    "[link=https://example.com]here[/link]",
    ":smile:",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b[2J",
    "\x9b31m",
    "a\u202eb\u2066c",
    "a\rb\nc\td",
    "\ud800",
]


@given(st.text(st.characters()))
def test_a_safe_text_is_one_line_without_control_characters_or_overrides(text: str) -> None:
    shown = view.safe(text)
    assert not view.unsafe(shown)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


def test_what_is_harmless_stays_as_it_is() -> None:
    text = "[bold]lr[/bold] :smile: ü ☃ 日本 λ=1e-05 –"
    assert view.safe(text) == text


@pytest.mark.parametrize("evil", EVIL)
def test_tables_and_lines_show_markup_and_drop_control_characters(evil: str) -> None:
    for text in (view.table([evil], [[evil]]), view.tsv([evil], [[evil]]), view.pairs([(evil, evil)])):
        assert text.count("\n") == len(text.splitlines()) <= 2
        assert view.safe(evil).strip() in text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (0.1 + 0.2, "0.3"),
        (1e-05, "1e-05"),
        (123456789.0, "1.2346e+08"),
        (math.nan, "nan"),
        (3, "3"),
        (True, "true"),
        ([64, 32], "[64, 32]"),
        ("text", "text"),
    ],
)
def test_values_are_shown_with_five_digits(value: Any, shown: str) -> None:
    assert view.short(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.7, "1m 00s"),
        (61, "1m 01s"),
        (3599.6, "1h 00m"),
        (7320, "2h 02m"),
        (200_000, "2d 07h"),
    ],
)
def test_durations_are_shown_in_their_two_largest_units(seconds: float, shown: str) -> None:
    assert view.span(seconds) == shown


def test_a_table_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = view.table([f"parameter_{i}" for i in range(20)], [["0.123456789"] * 20] * 3)
    assert max(map(len, text.splitlines())) <= 40


def test_what_is_counted_is_one_thing_or_several() -> None:
    assert [view.counted(n, "trial") for n in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]


def test_a_short_table_that_is_too_wide_lies_on_its_side_and_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [[f"{row}.123456789"] * 20 for row in range(9)]
    lines = view.table([f"parameter_{i}" for i in range(20)], rows).splitlines()
    assert lines[0].split() == ["parameter_0", "0.123456789", "1.123456789"], "as many as have room"
    assert [line.split()[0] for line in lines] == [f"parameter_{i}" for i in range(20)]


@pytest.mark.parametrize("rows", [3, 30])
def test_a_sentence_is_cut_before_any_number_is(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    said = "exit code 1: ValueError: there is no such activation, and the sentence goes on"
    lines = view.table(["number", "state", "lr", "reason"], [["7", "complete", "0.00033771", said]] * rows).splitlines()
    assert len(lines) == rows + 1
    assert lines[1].startswith("7       complete  0.00033771  exit code 1: ValueError")
    assert (len(lines[1]), lines[1][-1]) == (60, "…")


def test_a_long_table_stays_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert len(view.table(["parameter"] * 20, [["0.123456789"] * 20] * 30).splitlines()) == 31


def test_of_a_long_table_columns_are_left_out_before_a_number_is_cut(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    text = view.table(["number", "lr", "reason", "step"], [["0", "0.00033771", "a reason of many words", "5"]] * 30)
    assert text.splitlines()[1].split() == ["0", "0.00033771", "5"]
    assert capfd.readouterr().err == "no room here for reason; a wider terminal or a pipe shows all\n"


def test_a_wide_character_takes_its_two_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert "日本" in view.table(["a", "b"], [["日本", "x"]])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_null_and_named(value: float) -> None:
    body = {"a": [1.0, {"b": value}], "c": value, "d": "NaN"}
    assert view.document("x", body) == {
        "schema": "sweeprun.x/1",
        "a": [1.0, {"b": None}],
        "c": None,
        "d": "NaN",
        "nonfinite": ["a.1.b", "c"],
    }


def test_a_document_of_finite_numbers_has_no_list_of_others() -> None:
    assert "nonfinite" not in view.document("x", {"a": 1.0})


def test_a_printed_document_is_ascii(capfd: pytest.CaptureFixture[str]) -> None:
    view.write_document("x", {"text": "\x1b[2J\u202e ü \ud800"})
    out = capfd.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out)["text"] == "\x1b[2J\u202e ü \ud800"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1"}])
def test_styles_appear_only_where_they_are_wanted(variables: dict[str, str]) -> None:
    styled = "FORCE_COLOR" in variables
    assert ("\x1b[1m" in on_a_terminal("print_table", **variables)) is styled


def test_a_pipe_gets_no_styles_whatever_force_color_says() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS["print_table"]],
        capture_output=True,
        check=True,
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"},
    )
    assert b"\x1b" not in done.stdout


def test_a_terminal_gets_no_escape_that_is_not_ours() -> None:
    shown = on_a_terminal("print_evil", NO_COLOR="1")
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "boom" in shown


def test_a_stream_that_cannot_say_a_character_shows_its_number() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from sweeprun.cli import view; view.write('lr ☃\\n'); view.say('☃')"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.stdout, done.stderr) == (b"lr \\u2603\n", b"\\u2603\n")


PROGRAMS = {
    "print_table": "from sweeprun.cli import view; view.write(view.table(['a'], [['b']]))",
    "print_evil": (
        "from sweeprun.cli import view\n"
        "evil = '\\x1b]52;c;cHduZWQ=\\x07 boom \\x9b31m'\n"
        "view.write_bytes(evil.encode('latin-1') + b'\\n' + evil.encode())\n"
        "view.write(view.table([evil], [[evil]]))\nview.say(evil)\n"
    ),
}


def on_a_terminal(program: str, **variables: str) -> str:
    """What a program prints to a terminal of its own."""
    ours, its = pty.openpty()
    env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CI", "FORCE_COLOR")}
    env |= {"TERM": "xterm-256color", **variables}
    subprocess.run([sys.executable, "-c", PROGRAMS[program]], stdout=its, stderr=its, check=True, env=env, timeout=60)
    os.close(its)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # the other end is closed: all is read
        pass
    os.close(ours)
    return shown.decode(errors="replace")
