"""CSV for spreadsheets, and back."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.cli.sheet import sheet, unguarded
from sweeprun.cli.view import unsafe


@given(st.text(min_size=1).filter(lambda text: not unsafe(text)) | st.text("'=+-@x", min_size=1))
def test_text_comes_back_as_it_was_and_never_as_a_formula(text: str) -> None:
    [heading, cell] = next(csv.reader(sheet([text, text], []).splitlines()))
    assert heading[0] not in "=+-@\t\r"
    assert unguarded(cell) == text


@pytest.mark.parametrize("text", ["'quoted'", "it's", "'", "''"])
def test_an_apostrophe_that_guards_nothing_stays_as_it_is(text: str) -> None:
    assert sheet([text], []) == f"{text}\n"
    assert unguarded(text) == text
