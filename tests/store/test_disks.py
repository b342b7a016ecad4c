"""Disks that are full, read-only or closed to us."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sweeprun.errors import StoreError
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

Make = Callable[..., Trial]
Create = Callable[..., Sweep]


def fill(path: Path) -> None:
    """Write to `path` until the disk is full."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(fd, bytes(4096)):
            pass
    os.close(fd)


def fill_inodes(folder: Path) -> None:
    with suppress(OSError):
        for i in range(10_000):
            (folder / str(i)).touch()


@contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """A small file system at `place`."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting takes root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "mount", "size=1m") as place:
        yield place


def test_a_full_disk_is_named_with_its_errno_and_costs_nothing_that_was_said(
    small: Path, start: Make, finish: Make, create: Create
) -> None:
    sweep = create(small / "s")
    trial = start(sweep)
    fill(small / "filler")
    for change in (lambda: finish(sweep, trial), lambda: start(sweep), sweep.request_stop, lambda: sweep.edit()):
        with pytest.raises(StoreError, match=f"{small}.*No space left.*errno 28"):
            change()
    assert Sweep(small / "s").trials() == sweep.trials() == [trial]
    (small / "filler").unlink()
    assert finish(sweep, trial).state is TrialState.COMPLETE
    assert start(sweep).number == 1


def test_without_inodes_nothing_is_lost_either(tmp_path: Path, start: Make, finish: Make, create: Create) -> None:
    with mounted(tmp_path / "mount", "size=4m,nr_inodes=60") as small:
        sweep = create(small / "s")
        trial = start(sweep)
        fill_inodes(small)
        with pytest.raises(StoreError, match="errno 28"):
            start(sweep)
        for path in small.glob("[0-9]*"):
            path.unlink()
        finish(sweep, trial)
        assert Sweep(small / "s").trials() == sweep.trials()


def test_a_read_only_file_system_can_be_read_and_says_so_when_written(
    small: Path, start: Make, finish: Make, create: Create
) -> None:
    sweep = create(small / "s")
    trial = start(sweep)
    sweep.edit(set=[(["budget", "trials"], 9)])
    sweep.request_stop()
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    again = Sweep(small / "s")
    assert again.trials() == [trial]
    assert again.resolved["budget"] == {"trials": 9}
    assert again.stop_request() is not None
    assert again.strangers == []
    for change in (lambda: finish(again, trial), lambda: start(again), again.request_stop, lambda: again.edit()):
        with pytest.raises(StoreError, match="errno 30"):
            change()
    subprocess.run(["mount", "-o", "remount,rw", str(small)], check=True)


def test_permission_that_is_missing_is_named(sweep: Sweep, start: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *rest: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(StoreError, match=r"trials/00000: Permission denied \(errno 13\)"):
        start(sweep)


def test_a_log_that_cannot_be_written_does_not_undo_what_was_said(sweep: Sweep, start: Make) -> None:
    os.mkfifo(sweep.layout.directory / "log")
    assert start(sweep, log=sweep.layout.directory / "log").number == 0
    assert start(sweep, log=sweep.layout.directory / "nowhere" / "log").number == 1
