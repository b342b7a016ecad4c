"""Copies of checkpoints: whole, apart from what they are copies of, and sharing blocks where that can be."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeprun.errors import StoreError
from sweeprun.store import checkpoints, copying, runs
from sweeprun.store.checkpoints import NothingSaved
from sweeprun.store.copying import copy_directory
from sweeprun.store.sweep import Superseded, Sweep
from sweeprun.trials import Trial, TrialState

Make = Callable[..., Trial]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint of some kinds of files."""
    directory = tmp_path / "checkpoint.3"
    (directory / "step10" / "shards").mkdir(parents=True)
    (directory / "step10" / "shards" / "0.bin").write_bytes(os.urandom(3 << 20))
    (directory / "resume.sh").write_text("#!/bin/sh\n")
    (directory / "resume.sh").chmod(0o755)
    (directory / "last").symlink_to("step10")
    (directory / "broken").symlink_to("nowhere")
    os.utime(directory / "step10", ns=(7_000_000_000, 8_000_000_123))
    os.utime(directory / "resume.sh", ns=(5_000_000_000, 6_000_000_123))
    return directory


def test_a_copy_has_the_files_links_modes_and_times_of_the_original(saved: Path, tmp_path: Path) -> None:
    copy_directory(saved, tmp_path / "copy")
    copy = tmp_path / "copy"
    assert (copy / "last" / "shards" / "0.bin").read_bytes() == (saved / "step10" / "shards" / "0.bin").read_bytes()
    assert [os.readlink(copy / name) for name in ("last", "broken")] == ["step10", "nowhere"]
    assert (copy / "resume.sh").stat().st_mode & 0o777 == 0o755
    assert [(copy / name).stat().st_mtime_ns for name in ("step10", "resume.sh")] == [8_000_000_123, 6_000_000_123]


def test_what_is_saved_in_place_afterwards_changes_the_one_and_not_the_other(saved: Path, tmp_path: Path) -> None:
    copy_directory(saved, tmp_path / "copy")
    with open(saved / "resume.sh", "r+") as file:
        file.write("changed")
    assert (tmp_path / "copy" / "resume.sh").read_text() == "#!/bin/sh\n"
    assert (tmp_path / "copy" / "resume.sh").stat().st_nlink == 1


def test_sockets_and_pipes_are_left_out_and_wait_for_nobody(saved: Path, tmp_path: Path) -> None:
    os.mkfifo(saved / "pipe")
    copy_directory(saved, tmp_path / "copy")
    assert not (tmp_path / "copy" / "pipe").exists()


def test_blocks_are_shared_where_the_file_system_can(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clone(target: int, request: int, source: int) -> None:
        asked.append(request)
        os.write(target, b"shared")

    asked: list[int] = []
    monkeypatch.setattr(copying.fcntl, "ioctl", clone)
    copy_directory(saved, tmp_path / "copy")
    assert asked == [0x40049409] * 2
    assert (tmp_path / "copy" / "resume.sh").read_bytes() == b"shared"


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL])
def test_where_it_cannot_bytes_are_copied(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(copying.fcntl, "ioctl", refuse)
    copy_directory(saved, tmp_path / "copy")
    assert (tmp_path / "copy" / "resume.sh").read_text() == "#!/bin/sh\n"


def test_a_disk_that_fails_is_no_file_system_that_cannot_share(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(copying.fcntl, "ioctl", fail)
    with pytest.raises(OSError, match="No space left"):
        copy_directory(saved, tmp_path / "copy")


# ---- trials that are born with one


@pytest.fixture
def donor(sweep: Sweep, start: Make) -> Trial:
    """A trial that was paused with a checkpoint."""
    trial = start(sweep)
    _, checkpoint = runs.prepare(sweep.layout, trial)
    (checkpoint / "weights").write_text("step 10")
    return sweep.advance(trial, TrialState.PAUSED, "ready", reason=None)


def child(number: int = 1) -> Trial:
    return Trial(number, "b" * 32, TrialState.RUNNING, params={"lr": 0.1}, parent=0, worker="a" * 32)


def test_a_trial_is_born_with_the_checkpoint_of_another_one_as_that_of_its_first_run(
    sweep: Sweep, donor: Trial
) -> None:
    born = sweep.create_trial(child(), TrialState.RUNNING, donor=donor)
    _, checkpoint = runs.prepare(sweep.layout, born)
    assert (checkpoint / "weights").read_text() == "step 10"
    (checkpoint / "weights").write_text("step 11")
    assert (sweep.layout.checkpoint(0, 1) / "weights").read_text() == "step 10"


def test_it_is_not_born_of_one_that_has_moved_since(sweep: Sweep, donor: Trial) -> None:
    sweep.advance(donor, TrialState.RUNNING, "promoted", reason="promoted", run=2, worker="c" * 32)
    with pytest.raises(Superseded):
        sweep.create_trial(child(), TrialState.RUNNING, donor=donor)
    assert len(sweep.trials()) == 1
    assert list(sweep.layout.scratch.iterdir()) == []


def goes_on(sweep: Sweep, donor: Trial) -> None:
    """What another worker does that was asked to promote it: its next run takes its checkpoint over."""
    promoted = sweep.advance(donor, TrialState.RUNNING, "promoted", reason="promoted", run=2, worker="c" * 32)
    runs.prepare(sweep.layout, promoted)


def test_it_is_not_born_of_one_whose_next_run_has_taken_its_checkpoint_over(sweep: Sweep, donor: Trial) -> None:
    goes_on(sweep, donor)
    with pytest.raises(Superseded):
        sweep.create_trial(child(), TrialState.RUNNING, donor=donor)
    assert len(sweep.trials()) == 1


def test_it_is_not_born_of_one_whose_next_run_takes_its_checkpoint_over_while_it_is_copied(
    sweep: Sweep, donor: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = copying._copy_file

    def copy_file(source: Path, target: Path) -> None:
        goes_on(sweep, donor)
        whole(source, target)

    monkeypatch.setattr(copying, "_copy_file", copy_file)
    with pytest.raises(Superseded) as moved:
        sweep.create_trial(child(), TrialState.RUNNING, donor=donor)
    assert moved.value.trial.run == 2
    assert len(sweep.trials()) == 1
    assert list(sweep.layout.scratch.iterdir()) == []


def test_a_copy_that_fails_of_one_that_stands_still_is_the_failure_that_it_is(
    sweep: Sweep, donor: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_file(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(copying, "_copy_file", copy_file)
    with pytest.raises(StoreError, match="No space left"):
        sweep.create_trial(child(), TrialState.RUNNING, donor=donor)


def test_it_is_not_born_of_one_that_has_saved_nothing(sweep: Sweep, donor: Trial) -> None:
    checkpoints.discard(sweep.layout, donor)
    with pytest.raises(NothingSaved):
        sweep.create_trial(child(), TrialState.RUNNING, donor=donor)
    assert len(sweep.trials()) == 1
