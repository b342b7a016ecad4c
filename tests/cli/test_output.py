"""Where what a command makes is put: all of it or nothing."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_a_file_is_written_instead_of_stdout(build: Command, sweeprun: Command, tmp_path: Path) -> None:
    build().ended(0.5)
    printed = sweeprun("export", "csv").out
    done = sweeprun("export", "csv", "-o", tmp_path / "out.csv")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "out.csv").read_text() == printed
    assert sweeprun("export", "csv", "-o", "-").out == printed


def test_a_new_file_has_the_usual_mode_and_an_old_one_keeps_its_own(
    build: Command, sweeprun: Command, tmp_path: Path
) -> None:
    build().ended(0.5)
    mask = os.umask(0o027)
    try:
        sweeprun("export", "csv", "-o", tmp_path / "new.csv")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640
    (tmp_path / "new.csv").chmod(0o600)
    sweeprun("export", "csv", "-o", tmp_path / "new.csv")
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o600


def test_a_link_is_followed_and_stays(build: Command, sweeprun: Command, tmp_path: Path) -> None:
    build().ended(0.5)
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    sweeprun("export", "csv", "-o", tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert "val_loss" in (tmp_path / "real.csv").read_text()


def test_a_write_that_fails_leaves_the_old_file_and_no_debris(
    build: Command, sweeprun: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build().ended(0.5)
    target = tmp_path / "place" / "out.csv"
    target.parent.mkdir()
    target.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = sweeprun("export", "csv", "-o", target)
    assert done.code == 75
    assert f"cannot write {target}: No space left on device" in done.err
    assert target.read_text() == "old"
    assert os.listdir(target.parent) == ["out.csv"]


@pytest.mark.parametrize(("place", "why"), [("nowhere/out.csv", "No such file"), ("sweeps", "Is a directory")])
def test_a_place_that_cannot_hold_it_is_said(build: Command, sweeprun: Command, place: str, why: str) -> None:
    build().ended(0.5)
    done = sweeprun("export", "csv", "-o", place)
    assert (done.code, done.out) == (2, "")
    assert f"cannot write {place}: {why}" in done.err


def test_a_pipe_is_written_into_and_not_replaced(build: Command, sweeprun: Command, tmp_path: Path) -> None:
    build().ended(0.5)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    assert sweeprun("export", "csv", "-o", pipe).code == 0
    reader.join()
    assert read[0].startswith("number,state,val_loss")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
