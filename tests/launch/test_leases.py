"""Leases exclude each other on a machine and live as long as anything that holds them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sweeprun.launch.devices import Device
from sweeprun.launch.leases import Holder, LeaseDirectoryError, LeaseFiles, Part, lease_directory

GPU = Device(0, "GPU-aaaa-1", "A", 80)


def holder(hundredths: int = 100, trial: int | None = None) -> Holder:
    return Holder("cifar", os.getpid(), hundredths, 0, 0, trial)


def take(files: LeaseFiles, hundredths: int) -> Part | None:
    part = files.take(GPU, hundredths, holder(hundredths))
    if part is not None:
        files.write(part)
    return part


@pytest.fixture
def files(tmp_path: Path) -> LeaseFiles:
    return LeaseFiles(tmp_path / "leases")


def test_a_whole_device_is_leased_once(files: LeaseFiles) -> None:
    part = take(files, 100)
    assert part is not None
    assert take(files, 100) is None
    assert take(files, 1) is None
    part.close()
    assert take(files, 100) is not None


def test_parts_share_a_device_up_to_the_whole(files: LeaseFiles) -> None:
    parts = [take(files, 33) for _ in range(4)]
    assert [part is not None for part in parts] == [True, True, True, False]
    assert files.held_hundredths(GPU) == 99
    assert parts[1] is not None
    parts[1].close()
    assert take(files, 34) is not None  # bytes need not be neighbours


def test_a_failed_attempt_holds_nothing(files: LeaseFiles) -> None:
    take(files, 60)
    before = len(os.listdir("/proc/self/fd"))
    assert take(files, 50) is None
    assert (files.held_hundredths(GPU), len(os.listdir("/proc/self/fd"))) == (60, before)


def test_a_lease_lives_as_long_as_a_process_that_inherited_it(files: LeaseFiles) -> None:
    part = take(files, 100)
    assert part is not None
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    part.close()
    assert take(files, 100) is None
    os.close(writer)
    os.waitpid(pid, 0)
    assert take(files, 100) is not None


def test_holders_are_believed_only_while_their_part_is_locked(files: LeaseFiles) -> None:
    first, second = take(files, 50), take(files, 30)
    assert files.holders(GPU) == [holder(50), holder(30)]
    assert first is not None
    assert second is not None
    first.close()
    assert files.holders(GPU) == [holder(30)]


def test_a_torn_holder_file_costs_its_name_alone(files: LeaseFiles, tmp_path: Path) -> None:
    take(files, 50)
    (tmp_path / "leases" / "GPU-aaaa-1.00.json").write_text('{"sweep": ')
    assert files.holders(GPU) == []
    assert take(files, 60) is None


def test_the_directory_is_private_and_that_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LeaseFiles(tmp_path / "leases").close()
    assert (tmp_path / "leases").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert lease_directory() == Path(f"/tmp/sweeprun-{os.getuid()}")


def test_a_directory_that_others_may_write_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "leases").mkdir()
    (tmp_path / "leases").chmod(0o777)
    with pytest.raises(LeaseDirectoryError, match=r"leases: must belong to user \d+ with mode 0700.*0777"):
        LeaseFiles(tmp_path / "leases")


@pytest.mark.parametrize("planted", ["symlink", "file"])
def test_what_is_no_directory_of_its_own_is_refused(tmp_path: Path, planted: str) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    if planted == "symlink":
        (tmp_path / "leases").symlink_to(tmp_path / "other")
    else:
        (tmp_path / "leases").touch()
    with pytest.raises(LeaseDirectoryError, match="leases: cannot be opened as a directory"):
        LeaseFiles(tmp_path / "leases")
    assert os.listdir(tmp_path / "other") == []
