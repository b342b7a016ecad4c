"""A sweep directory appears whole under its name, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.errors import Damaged, StoreError, SweepExists, SweepNotFound, SweeprunError
from sweeprun.store import durable
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

Make = Callable[..., Trial]
Create = Callable[..., Sweep]
AtOnce = Callable[[int, Callable[[int], Any]], list[Any]]


def rewrite_manifest(sweep: Sweep, **said: Any) -> None:
    sweep.layout.manifest.write_bytes(durable.encode(sweep.manifest | said))


def test_a_new_sweep_holds_the_users_file_and_what_was_understood(tmp_path: Path, create: Create) -> None:
    sweep = create(tmp_path / "deep" / "er" / "s", "name: s # é\n")
    assert sweep.layout.source.read_bytes() == "name: s # é\n".encode()
    assert sweep.manifest["sha256"] == hashlib.sha256("name: s # é\n".encode()).hexdigest()
    assert (sweep.name, sweep.resolved, sweep.trials(), sweep.edits) == ("s", {"name": "s"}, [], [])
    assert Sweep(tmp_path / "deep" / "er" / "s").uid == sweep.uid
    for path in (sweep.layout.directory, sweep.layout.trials, sweep.layout.manifest):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_new_sweep_is_on_the_disk_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create: Create
) -> None:
    steps: list[str] = []
    sync, move = durable.fsync_directory, os.rename
    monkeypatch.setattr(durable, "fsync_directory", lambda path: (steps.append(path.name), sync(path))[1])
    monkeypatch.setattr(os, "rename", lambda old, new: (steps.append("rename"), move(old, new))[1])
    (tmp_path / "root").mkdir()
    create(tmp_path / "root" / "s")
    built = next(i for i, step in enumerate(steps) if step.startswith(".s."))
    assert steps[built + 1 :] == ["rename", "root"]


def test_a_name_that_is_taken_is_said_and_leaves_no_debris(tmp_path: Path, create: Create) -> None:
    first = create(tmp_path / "s")
    with pytest.raises(SweepExists, match="there already"):
        create(tmp_path / "s")
    (tmp_path / "file").touch()
    with pytest.raises(SweepExists):
        create(tmp_path / "file")
    assert Sweep(tmp_path / "s").uid == first.uid
    assert sorted(os.listdir(tmp_path)) == ["file", "s"]


def test_of_many_founders_one_wins_and_all_see_its_sweep(tmp_path: Path, create: Create, at_once: AtOnce) -> None:
    def found(i: int) -> tuple[bool, str]:
        try:
            return True, create(tmp_path / "x" / "s", f"name: s # {i}\n").uid
        except SweepExists:
            return False, Sweep(tmp_path / "x" / "s").uid

    answers = at_once(16, found)
    assert sum(won for won, _ in answers) == 1
    assert len({uid for _, uid in answers}) == 1
    assert os.listdir(tmp_path / "x") == ["s"]


def test_a_rename_that_worked_and_reports_failure_is_a_founded_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create: Create
) -> None:
    real = os.rename

    def lying(source: Path, target: Path) -> None:
        real(source, target)
        if target == tmp_path / "s":
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))

    monkeypatch.setattr(os, "rename", lying)
    assert create(tmp_path / "s").name == "s"


@pytest.mark.parametrize("call", ["link", "rename", "fsync", "write"])
def test_a_disk_that_refuses_while_founding_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, create: Create
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(StoreError, match="No space left on device"):
        create(tmp_path / "s")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


def test_what_killed_founders_left_is_collected_an_hour_later(tmp_path: Path, create: Create) -> None:
    old, young, foreign = (tmp_path / name for name in (f".s.{'0' * 32}", f".s.{'1' * 32}", ".s.notes"))
    for path in (old, young, foreign):
        (path / "trials").mkdir(parents=True)
    for path in (old, foreign):
        os.utime(path, (0, 0))
    create(tmp_path / "s")
    assert sorted(os.listdir(tmp_path)) == sorted([young.name, foreign.name, "s"])


LIES = {
    "make a hard link": ("link", errno.EPERM),
    "refuse a second hard link": ("link", None),
    "refuse to rename": ("rename", None),
    "fsync a directory": ("open", errno.EINVAL),
}


@pytest.mark.parametrize("step", list(LIES))
def test_a_file_system_that_will_not_do_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, create: Create
) -> None:
    call, error = LIES[step]
    real = getattr(os, call)

    def lying(*args: Any, **options: Any) -> Any:
        if error is None or (call == "open" and args[1] & os.O_DIRECTORY and args[0].name == "tmp"):
            if error:
                raise OSError(error, os.strerror(error))
            with_target_gone = args[1]
            shutil.rmtree(with_target_gone, ignore_errors=True)
            Path(with_target_gone).unlink(missing_ok=True)
        elif call == "link":
            raise OSError(error, os.strerror(error))
        return real(*args, **options)

    monkeypatch.setattr(os, call, lying)
    with pytest.raises(StoreError, match=f"cannot {step}") as raised:
        create(tmp_path / "s")
    assert "--root" in str(raised.value.hint)
    assert os.listdir(tmp_path) == []


def test_what_is_no_sweep_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "file"):
        with pytest.raises(SweepNotFound, match=str(path)):
            Sweep(path)


def test_a_torn_manifest_is_damage_not_absence(sweep: Sweep) -> None:
    sweep.layout.manifest.write_bytes(b"")
    with pytest.raises(Damaged, match=r"sweep\.json"):
        Sweep(sweep.layout.directory)


def test_a_manifest_that_the_disk_does_not_give_is_neither_damage_nor_absence(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, n: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "read", refuse)
    with pytest.raises(StoreError, match=r"sweep\.json.*errno 5"):
        Sweep(sweep.layout.directory)


def test_a_sweep_that_only_newer_readers_understand_is_refused(sweep: Sweep) -> None:
    rewrite_manifest(sweep, min_reader=2, version="9.0")
    with pytest.raises(SweeprunError, match=r"sweeprun 9\.0.*too old to read") as raised:
        Sweep(sweep.layout.directory)
    assert raised.value.exit_code == 2


def test_a_sweep_that_only_newer_writers_may_change_can_be_read(sweep: Sweep, start: Make, new: Make) -> None:
    trial = start(sweep)
    rewrite_manifest(sweep, min_writer=2, format=2, version="9.0")
    newer = Sweep(sweep.layout.directory)
    assert newer.trials() == [trial]
    changes: list[Callable[[], object]] = [
        lambda: newer.create_trial(new(1), TrialState.RUNNING),
        lambda: newer.advance(trial, TrialState.PRUNED, ""),
        lambda: newer.edit(),
        lambda: newer.request_stop(),
        newer.tidy,
    ]
    for change in changes:
        with pytest.raises(SweeprunError, match="too old to change"):
            change()
