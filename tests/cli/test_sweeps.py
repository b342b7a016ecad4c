"""Which sweep a command means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_a_sweep_is_named_by_its_directory_or_by_its_name_under_the_root(
    build: Command, sweeprun: Command, tmp_path: Path
) -> None:
    sweep = build("one")
    build("two")
    for words in (["one"], ["sweeps/one"], [sweep.directory], ["one", "--root", tmp_path / "sweeps"]):
        assert sweeprun("status", *words, "--json").document["sweep"] == "one"


def test_without_a_name_it_is_the_newest_one(build: Command, sweeprun: Command) -> None:
    for name in ("b", "c", "a"):
        build(name)
    assert sweeprun("status", "--json").document["sweep"] == "a"


def test_the_root_may_come_from_the_environment(
    build: Command, sweeprun: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    (tmp_path / "sweeps").rename(tmp_path / "elsewhere")
    assert sweeprun("status").code == 2
    monkeypatch.setenv("SWEEPRUN_ROOT", str(tmp_path / "elsewhere"))
    assert sweeprun("status", "--json").document["sweep"] == "demo"


def test_an_unknown_name_is_refused_with_what_there_is(build: Command, sweeprun: Command) -> None:
    build("digits")
    done = sweeprun("status", "digit")
    assert done.code == 2
    assert "there: digits" in done.err
    assert "did you mean 'digits'?" in done.err


def test_a_sweep_that_cannot_be_read_is_passed_over_with_a_message_and_refused_when_it_is_named(
    build: Command, sweeprun: Command, tmp_path: Path
) -> None:
    build("good")
    build("broken")
    manifest = tmp_path / "sweeps" / "broken" / "sweep.json"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    done = sweeprun("status", "--json")
    assert done.document["sweep"] == "good"
    assert "passed over sweeps/broken" in done.err
    done = sweeprun("status", "broken")
    assert done.code == 2
    assert "checksum" in done.err


def test_what_is_no_sweep_is_passed_over(build: Command, sweeprun: Command, tmp_path: Path) -> None:
    build()
    (tmp_path / "sweeps" / "notes.txt").write_text("mine")
    (tmp_path / "sweeps" / "empty").mkdir()
    assert sweeprun("status", "--json").document["sweep"] == "demo"


@pytest.mark.parametrize("words", [["x"], ["-1"], ["1.5"], ["demo", "x"], ["demo", "1", "2"], ["²"]])
def test_a_trial_is_named_by_a_number_after_the_sweep(build: Command, sweeprun: Command, words: list[str]) -> None:
    build().ended(0.5)
    assert sweeprun("show", *words).code == 2


def test_a_trial_that_is_not_there_is_refused_with_those_that_are(build: Command, sweeprun: Command) -> None:
    build().ended(0.5)
    done = sweeprun("show", 7)
    assert done.code == 2
    assert "demo has no trial 7; there are 0 to 0" in done.err
