"""Damage costs what is damaged and is named; junk costs nothing; reading changes nothing."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.errors import Damaged, StoreError
from sweeprun.store import durable
from sweeprun.store.index import Index
from sweeprun.store.sweep import NumberTaken, Sweep
from sweeprun.trials import Trial, TrialState

WORKER, OTHER = "a" * 32, "b" * 32
Make = Callable[..., Trial]


@pytest.fixture
def log(sweep: Sweep) -> Path:
    """The log of a worker, as `join` would have it."""
    sweep.layout.worker(WORKER).mkdir()
    return sweep.layout.worker_log(WORKER)


def scan(sweep: Sweep) -> list[Trial]:
    return Sweep(sweep.layout.directory).trials()


def states(trials: list[Trial]) -> list[str]:
    return [trial.state.value for trial in trials]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def zero(path: Path) -> None:
    path.write_bytes(bytes(4096))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [cut, zero, flip, empty, link, fifo, folder]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("n", [1, 2])
def test_a_damaged_record_costs_its_trial_alone_and_is_named(
    sweep: Sweep, start: Make, finish: Make, new: Make, n: int, damage: Callable[[Path], None]
) -> None:
    for _ in range(3):
        finish(sweep, start(sweep))
    damage(sweep.layout.state(1, n))
    again = Sweep(sweep.layout.directory)
    first, broken, last = again.trials()
    assert [first, last] == [sweep.trials()[0], sweep.trials()[2]]
    assert broken.damaged
    assert broken.number == 1
    assert f"00000001/state.000{n}.json" in broken.why
    assert again.create_trial(new(3), TrialState.RUNNING).number == 3
    with pytest.raises(ValueError, match="cannot go from failed"):
        again.advance(broken, TrialState.RUNNING, "again")


def test_a_trial_whose_last_record_is_damaged_keeps_what_came_before(sweep: Sweep, start: Make, finish: Make) -> None:
    trial = finish(sweep, start(sweep))
    empty(sweep.layout.state(0, 2))
    (broken,) = scan(sweep)
    assert (broken.uid, broken.params, broken.n) == (trial.uid, trial.params, 1)


def test_a_trial_that_was_removed_is_damaged_and_its_number_not_given_again(
    sweep: Sweep, start: Make, new: Make
) -> None:
    for _ in range(3):
        start(sweep)
    shutil.rmtree(sweep.layout.trial(1))
    again = Sweep(sweep.layout.directory)
    assert [trial.damaged for trial in again.trials()] == [False, True, False]
    assert "00000001" in again.trials()[1].why
    assert again.create_trial(new(3), TrialState.RUNNING).number == 3


def test_a_trial_that_was_copied_to_another_number_is_damaged(sweep: Sweep, start: Make) -> None:
    start(sweep)
    shutil.copytree(sweep.layout.trial(0), sweep.layout.trial(1))
    trials = scan(sweep)
    assert [trial.number for trial in trials] == [0, 1]
    assert [trial.damaged for trial in trials] == [False, True]
    assert "the record of trial 0" in trials[1].why


def test_a_record_of_another_trial_is_damage(sweep: Sweep, start: Make, finish: Make) -> None:
    finish(sweep, start(sweep))
    start(sweep)
    shutil.copy(sweep.layout.state(0, 2), sweep.layout.state(1, 2))
    assert [trial.damaged for trial in scan(sweep)] == [False, True]


def test_a_record_that_the_disk_does_not_give_costs_its_trial_alone(
    sweep: Sweep, start: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        start(sweep)
    real = os.open

    def bad_sector(path: Any, *rest: Any, **options: Any) -> int:
        if str(path).endswith("00000001/state.0001.json"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(path, *rest, **options)

    monkeypatch.setattr(os, "open", bad_sector)
    assert [trial.damaged for trial in scan(sweep)] == [False, True, False]


def test_a_full_directory_without_a_first_record_holds_its_number(sweep: Sweep, start: Make, new: Make) -> None:
    start(sweep)
    (sweep.layout.trial(1) / "run1").mkdir(parents=True)
    with pytest.raises(NumberTaken):
        sweep.create_trial(new(1), TrialState.RUNNING)
    assert [trial.damaged for trial in sweep.trials()] == [False, True]
    assert sweep.create_trial(new(2), TrialState.RUNNING).number == 2
    assert [trial.damaged for trial in scan(sweep)] == [False, True, False]


# ---- strangers


def test_junk_is_reported_never_followed_and_shifts_no_number(
    sweep: Sweep, start: Make, new: Make, tmp_path: Path
) -> None:
    start(sweep)
    elsewhere, layout = tmp_path / "elsewhere", sweep.layout
    shutil.copytree(layout.trials, elsewhere)
    bucket = layout.bucket(0)
    folders = [layout.trials / "foo", bucket / "00000005~", bucket / "000000005", bucket / "00001007", bucket / "7"]
    folders += [layout.trials / "000001", bucket / "٠٠٠٠٠٠٠٥", bucket / "00000020"]
    for path in folders:
        path.mkdir()
        (path / "state.1.json").touch()
    others = [bucket / ".nfs0001", bucket / "00000030", bucket / "00000040", layout.trials / "00009", bucket / "big"]
    os.mkfifo(bucket / "00000030")
    (bucket / "00000040").symlink_to(elsewhere / "00000" / "00000000")
    (layout.trials / "00009").symlink_to(elsewhere / "00000")
    (bucket / ".nfs0001").touch()
    with (bucket / "big").open("wb") as file:
        file.truncate(1 << 30)
    (bucket / "00000007").mkdir()

    again = Sweep(layout.directory)
    assert len(again.trials()) == 1
    assert sorted(again.strangers) == sorted([*folders, *others, bucket / "00000007"])
    for number in range(1, 12):  # over the empty 7 too
        assert again.create_trial(new(number), TrialState.RUNNING).number == number
    assert not any(trial.damaged for trial in scan(sweep))
    assert set(folders) <= set(Sweep(layout.directory).strangers), "also beside the trial whose number they mimic"


def test_a_link_in_the_place_of_the_next_trial_is_refused_by_name(
    sweep: Sweep, start: Make, new: Make, tmp_path: Path
) -> None:
    start(sweep)
    shutil.copytree(sweep.layout.trial(0), tmp_path / "elsewhere")
    sweep.layout.trial(1).symlink_to(tmp_path / "elsewhere")
    again = Sweep(sweep.layout.directory)
    assert len(again.trials()) == 1
    with pytest.raises(StoreError, match="00000001"):
        again.create_trial(new(1), TrialState.RUNNING)


def test_a_bucket_that_is_a_link_is_not_followed(sweep: Sweep, start: Make, tmp_path: Path) -> None:
    start(sweep)
    sweep.layout.bucket(0).rename(tmp_path / "elsewhere")
    sweep.layout.bucket(0).symlink_to(tmp_path / "elsewhere")
    again = Sweep(sweep.layout.directory)
    assert again.trials() == []
    assert again.strangers == [sweep.layout.bucket(0)]


def test_a_directory_that_is_no_directory_is_an_error_with_its_name(sweep: Sweep) -> None:
    sweep.layout.workers.rmdir()
    sweep.layout.workers.touch()
    with pytest.raises(StoreError, match=r"workers.*errno 20"):
        scan(sweep)


def test_reading_changes_nothing_and_locks_nothing(
    sweep: Sweep, log: Path, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(sweep, start(sweep, log=log), log=log)
    sweep.edit(set=[(["a"], 1)])
    flags: list[int] = []
    real = os.open

    def watched(path: Any, how: int, *rest: Any, **options: Any) -> int:
        flags.append(how)
        return real(path, how, *rest, **options)

    def never(*args: Any, **options: Any) -> None:
        pytest.fail("reading wrote")

    monkeypatch.setattr(os, "open", watched)
    for call in ("mkdir", "rename", "link", "unlink", "write", "fsync", "utime", "rmdir", "pwrite"):
        monkeypatch.setattr(os, call, never)
    monkeypatch.setattr("fcntl.flock", never)
    again = Sweep(sweep.layout.directory)
    assert len(again.trials()) == 1
    assert (again.strangers, again.stop_request(), len(again.edits), again.resolved["a"]) == ([], None, 1, 1)
    assert flags
    assert not any(how & (os.O_CREAT | os.O_WRONLY | os.O_RDWR | os.O_TRUNC) for how in flags)


def test_a_damage_says_where_it_is(sweep: Sweep, start: Make) -> None:
    start(sweep)
    empty(sweep.layout.state(0, 1))
    index = Index(sweep.layout, sweep.uid)
    assert index.trials[0].why == str(Damaged(sweep.layout.state(0, 1), "empty file"))


def test_a_trial_that_can_be_read_again_is_whole_again(
    sweep: Sweep, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [finish(sweep, start(sweep)) for _ in range(2)]
    real = durable.read_record

    def bad_sector(path: Path, *rest: Any) -> dict[str, Any]:
        if path.parent.name == "00000001":
            raise Damaged(path, "cannot be read: Input/output error")
        return real(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "read_record", bad_sector)
        again = Sweep(sweep.layout.directory)
        for _ in range(2):
            assert [trial.damaged for trial in again.trials()] == [False, True]
        broken = again.trials()[1]
        assert again.trials()[1] is broken, "what has not changed stays the same object"
    assert again.trials() == trials


def test_a_record_of_ours_that_cannot_be_read_back_is_not_acknowledged(
    sweep: Sweep, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = start(sweep)
    with monkeypatch.context() as patch:

        def bad_sector(path: Path, *rest: Any) -> dict[str, Any]:
            raise Damaged(path, "cannot be read: Input/output error")

        patch.setattr(durable, "read_record", bad_sector)
        with pytest.raises(StoreError, match=r"read back.*state\.0002"):
            finish(sweep, trial)
    assert finish(sweep, trial).state is TrialState.COMPLETE
    assert states(sweep.trials()) == ["complete"]


@pytest.mark.parametrize("n", [1, 2])
def test_a_disk_that_does_not_answer_for_what_is_not_there_makes_no_damaged_trial(
    sweep: Sweep, start: Make, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    """Else the number of a trial that nobody created would be skipped."""
    start(sweep)
    absent = sweep.layout.state(2 - n, n)
    real = os.open

    def bad_sector(path: Any, *rest: Any, **options: Any) -> int:
        if path == absent:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return real(path, *rest, **options)

    again = Sweep(sweep.layout.directory)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", bad_sector)
        with pytest.raises(StoreError, match=absent.name):
            again.trials()
    assert [trial.damaged for trial in again.trials()] == [False]
