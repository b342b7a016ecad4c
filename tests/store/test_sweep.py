"""One sweep directory, many processes."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.errors import Damaged, StoreError
from sweeprun.store import durable, founding, records, scratch
from sweeprun.store.sweep import NumberTaken, StopRequest, Superseded, Sweep
from sweeprun.trials import Trial, TrialState

OTHER = "b" * 32
Make = Callable[..., Trial]
AtOnce = Callable[[int, Callable[[int], Any]], list[Any]]


def test_a_trial_that_was_created_is_there_for_everybody(sweep: Sweep, start: Make) -> None:
    trial = start(sweep, until=9, notes={"rung": 1}, parent=None)
    (other,) = Sweep(sweep.layout.directory).trials()
    assert other == trial
    assert (other.state, other.run, other.reason) == (TrialState.RUNNING, 1, "new")
    assert other.params == {"x": 0.0, "name": "ünï", "flags": [True, None]}


def test_a_trial_that_waits_has_no_run_yet(sweep: Sweep, new: Make) -> None:
    trial = sweep.create_trial(new(0), TrialState.WAITING)
    assert (trial.run, trial.runs) == (0, ())


def test_a_number_that_is_taken_is_said_and_its_trial_is_read(sweep: Sweep, start: Make, new: Make) -> None:
    other = Sweep(sweep.layout.directory)
    assert other.trials() == []
    trial = start(sweep)
    with pytest.raises(NumberTaken):
        other.create_trial(new(0), TrialState.RUNNING)
    assert other.trials() == [trial]
    assert os.listdir(sweep.layout.scratch) == []


def test_nobody_creates_a_trial_without_those_below(sweep: Sweep, new: Make) -> None:
    with pytest.raises(ValueError, match="trial 1 cannot come before trial 0"):
        sweep.create_trial(new(1), TrialState.RUNNING)


def test_numbers_are_unique_and_gap_free_and_the_budget_exact_without_any_lock(
    sweep: Sweep, new: Make, at_once: AtOnce
) -> None:
    def work(i: int) -> list[int]:
        mine, own = Sweep(sweep.layout.directory), []
        while (number := len(mine.trials())) < 40:
            try:
                own.append(mine.create_trial(new(number, f"{i:032x}"), TrialState.RUNNING).number)
            except NumberTaken:
                continue
        return own

    created = [number for numbers in at_once(8, work) for number in numbers]
    assert sorted(created) == list(range(40))
    trials = sweep.trials()
    assert [trial.number for trial in trials] == list(range(40))
    assert len({trial.uid for trial in trials}) == 40


def test_a_new_bucket_is_on_the_disk_with_the_one_below(
    sweep: Sweep, start: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeprun.store.layout.BUCKET_SIZE", 2)
    synced: list[Path] = []
    real = durable.fsync_directory
    monkeypatch.setattr(durable, "fsync_directory", lambda path: (synced.append(path), real(path))[1])
    for _ in range(2):
        start(sweep)
    synced.clear()
    trial = start(sweep)
    layout = sweep.layout
    assert synced[:2] == [layout.bucket(0), layout.trials]
    assert synced[-1] == layout.bucket(trial.number) == layout.trials / "00001"
    assert len(Sweep(layout.directory).trials()) == 3


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_bucket_that_leads_elsewhere_is_refused_and_nothing_is_written_there(
    sweep: Sweep, new: Make, tmp_path: Path, kind: str
) -> None:
    elsewhere, bucket = tmp_path / "elsewhere", sweep.layout.bucket(0)
    elsewhere.mkdir()
    bucket.symlink_to(elsewhere) if kind == "link" else bucket.touch()
    with pytest.raises(StoreError, match="trials/00000"):
        sweep.create_trial(new(0), TrialState.RUNNING)
    assert os.listdir(elsewhere) == []
    assert Sweep(sweep.layout.directory).strangers == [bucket]


def test_of_two_that_move_a_trial_one_wins_and_the_other_sees_what_it_is(
    sweep: Sweep, start: Make, finish: Make
) -> None:
    trial, other = start(sweep), Sweep(sweep.layout.directory)
    done = finish(sweep, trial)
    with pytest.raises(Superseded) as raised:
        other.advance(trial, TrialState.RUNNING, "taken over", worker=OTHER, run=2)
    assert raised.value.trial == done
    assert done.state is TrialState.COMPLETE
    assert done.values == {"loss": 0.5}


def test_of_two_that_say_the_same_of_a_trial_one_wins(sweep: Sweep, start: Make) -> None:
    """Neither changes whose trial it is, so only who says it tells them apart."""
    trial, other = start(sweep), Sweep(sweep.layout.directory)
    sweep.advance(trial, TrialState.PRUNED, "stop")
    with pytest.raises(Superseded):
        other.advance(trial, TrialState.PRUNED, "stop")


def test_who_says_two_things_of_a_trial_said_the_first(sweep: Sweep, start: Make) -> None:
    trial = start(sweep)
    sweep.advance(trial, TrialState.WAITING, "preempted")
    with pytest.raises(Superseded) as raised:
        sweep.advance(trial, TrialState.PRUNED, "stop")
    assert raised.value.trial.state is TrialState.WAITING


def test_a_second_try_after_a_failed_fsync_is_ours(
    sweep: Sweep, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, folder = start(sweep), sweep.layout.trial(0)
    real, failures = durable.fsync_directory, [OSError(errno.EIO, os.strerror(errno.EIO))]

    def once(path: Path) -> None:
        if path == folder and failures:
            raise failures.pop()
        real(path)

    monkeypatch.setattr(durable, "fsync_directory", once)
    with pytest.raises(StoreError, match=r"state\.0002\.json.*errno 5"):
        finish(sweep, trial)
    assert finish(sweep, trial).state is TrialState.COMPLETE


def test_of_many_takers_of_one_trial_one_wins(sweep: Sweep, start: Make, at_once: AtOnce) -> None:
    trial = start(sweep)

    def take(i: int) -> bool:
        try:
            Sweep(sweep.layout.directory).advance(trial, TrialState.RUNNING, "taken over", worker=f"{i:032x}", run=2)
        except Superseded:
            return False
        return True

    assert sum(at_once(16, take)) == 1
    assert len(sweep.trials()[0].runs) == 1  # nobody told this reader's log; the owner learns it when it speaks
    with pytest.raises(Superseded) as raised:
        sweep.advance(trial, TrialState.COMPLETE, "")
    assert raised.value.trial.run == 2


def test_a_takeover_makes_sure_of_the_trial_itself(sweep: Sweep, start: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = start(sweep)
    synced: list[Path] = []
    real = durable.fsync_directory
    monkeypatch.setattr(durable, "fsync_directory", lambda path: (synced.append(path), real(path))[1])
    sweep.advance(trial, TrialState.RUNNING, "taken over", worker=OTHER, run=2)
    assert synced == [sweep.layout.bucket(0), sweep.layout.trial(0)]


def test_a_transition_that_the_table_lacks_is_never_written(sweep: Sweep, start: Make, finish: Make) -> None:
    done = finish(sweep, start(sweep))
    with pytest.raises(ValueError, match="cannot go from complete"):
        sweep.advance(done, TrialState.RUNNING, "again")
    assert sorted(os.listdir(sweep.layout.trial(0))) == ["state.0001.json", "state.0002.json"]


def test_a_directory_that_went_away_is_an_error_and_no_half_sweep_is_made(sweep: Sweep, start: Make, new: Make) -> None:
    trial = start(sweep)
    sweep.layout.directory.rename(sweep.layout.directory.with_suffix(".bak"))
    for change in (
        lambda: sweep.create_trial(new(1), TrialState.RUNNING),
        lambda: sweep.advance(trial, TrialState.PRUNED, ""),
        sweep.request_stop,
    ):
        with pytest.raises(StoreError, match="errno 2"):
            change()
    assert not sweep.layout.directory.exists()


# ---- edits, stopping


def test_edits_add_up_in_order_for_everybody(sweep: Sweep) -> None:
    other = Sweep(sweep.layout.directory)
    assert other.edits == []
    assert sweep.edit(set=[(["budget", "trials"], 5), (["new", "deep", "key"], 1)]) == 1
    assert other.edit(set=[(["budget", "trials"], 9)]) == 2
    for found in (sweep, other, Sweep(sweep.layout.directory)):
        assert found.resolved == {"name": "s", "budget": {"trials": 9, "wall": None}, "new": {"deep": {"key": 1}}}
    sweep.edit(resolved={"name": "s", "other": True})
    sweep.edit(set=[(["budget", "trials"], 1)])
    assert other.resolved == {"name": "s", "other": True, "budget": {"trials": 1}}
    assert sweep.manifest["resolved"]["budget"]["trials"] == 3, "what was created stays"


def test_every_edit_of_many_editors_counts(sweep: Sweep, at_once: AtOnce) -> None:
    numbers = at_once(8, lambda i: Sweep(sweep.layout.directory).edit(set=[([f"k{i}"], i)]))
    assert sorted(numbers) == list(range(1, 9))
    assert {f"k{i}": i for i in range(8)}.items() <= sweep.resolved.items()


@pytest.mark.parametrize("torn", [b"", durable.encode({"format": 1, "n": 2, "unheard_of": 1})])
def test_an_edit_that_cannot_be_read_costs_itself_and_is_named(sweep: Sweep, torn: bytes) -> None:
    sweep.edit(set=[(["a"], 1)])
    sweep.edit(set=[(["a"], 2)])
    sweep.layout.edit(2).write_bytes(torn)
    reader = Sweep(sweep.layout.directory)
    assert reader.resolved["a"] == 1, "readers go by what came before"
    assert reader.broken_edit is not None
    assert "0002.json" in str(reader.broken_edit)
    with pytest.raises(Damaged, match=r"0002\.json"):
        reader.edit(set=[(["a"], 3)])


def test_a_name_with_a_dot_is_edited_as_one_name(sweep: Sweep) -> None:
    sweep.edit(set=[(["budget", "target", "val.loss"], 0.5)])
    assert sweep.resolved["budget"]["target"] == {"val.loss": 0.5}


def test_the_edits_that_were_read_are_the_callers_own(sweep: Sweep) -> None:
    sweep.edit(set=[(["a"], 1)])
    sweep.edits.clear()
    assert sweep.resolved["a"] == 1


def test_each_request_to_stop_is_a_new_one(sweep: Sweep, start: Make) -> None:
    assert sweep.stop_request() is None
    sweep.request_stop()
    first = sweep.stop_request()
    sweep.request_stop(now=True)
    second = Sweep(sweep.layout.directory).stop_request()
    assert isinstance(first, StopRequest)
    assert isinstance(second, StopRequest)
    assert (first.now, second.now) == (False, True)
    assert first.id != second.id
    start(sweep)
    sweep.request_stop(trial=0)
    assert sweep.layout.trial_stop(0).is_file()
    assert sweep.trials()[0].state is TrialState.RUNNING, "its worker is asked; the record is its worker's"


def test_a_torn_request_to_stop_is_none(sweep: Sweep) -> None:
    sweep.layout.stop.write_bytes(b"{")
    assert sweep.stop_request() is None


# ---- the lock


def test_the_lock_excludes_and_is_given_back(sweep: Sweep) -> None:
    other = Sweep(sweep.layout.directory)
    with sweep.lock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeprun.store.sweep.LOCK_TIMEOUT_S", 0.05)
        with other.lock():
            assert "going on without the lock" in (other.lock_trouble or "")
        patch.setattr("sweeprun.store.sweep.LOCK_TIMEOUT_S", 3600.0)
        with other.lock():
            assert other.lock_trouble is not None, "it is not waited for again at once"
    for free in (sweep, other):
        with free.lock():
            assert free.lock_trouble is None


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EROFS])
def test_without_locks_the_work_goes_on(sweep: Sweep, start: Make, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    def refuse(fd: int, operation: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("fcntl.flock", refuse)
    with sweep.lock():
        assert start(sweep).number == 0
    assert "going on without the lock" in (sweep.lock_trouble or "")


# ---- tidying


def test_tidying_collects_old_debris_and_leaves_young(sweep: Sweep) -> None:
    folder = sweep.layout.scratch
    for name, age in (("old", scratch.MAX_AGE_S + 60), ("young", 0.0)):
        (folder / f"{name}-directory").mkdir()
        (folder / f"{name}-directory" / "state.0001.json").touch()
        (folder / f"{name}-file").touch()
        os.mkfifo(folder / f"{name}-fifo")
        for path in folder.glob(f"{name}-*"):
            os.utime(path, (path.stat().st_mtime - age,) * 2)
    sweep.tidy()
    assert sorted(os.listdir(folder)) == ["reserve", "young-directory", "young-fifo", "young-file"]


def test_tidying_keeps_a_reserve_that_takes_real_room(sweep: Sweep) -> None:
    for _ in range(2):
        sweep.tidy()
        assert sweep.layout.reserve.stat().st_size == scratch.RESERVE_BYTES
        assert sweep.layout.reserve.stat().st_blocks * 512 >= scratch.RESERVE_BYTES
    sweep.layout.reserve.unlink()
    sweep.tidy()
    assert sweep.layout.reserve.exists()


def test_every_file_that_is_written_is_strict_json_of_one_line(sweep: Sweep, start: Make, finish: Make) -> None:
    finish(sweep, start(sweep), value=float("nan"))
    sweep.edit(set=[(["a"], 1)])
    sweep.request_stop()
    written = [*sweep.layout.directory.rglob("*.json"), sweep.layout.stop]
    assert len(written) == 5
    for path in written:
        (line,) = path.read_text().splitlines()
        json.loads(line, parse_constant=pytest.fail)


def test_the_formats_that_are_written_are_those_that_are_read(sweep: Sweep) -> None:
    assert sweep.manifest["format"] == sweep.manifest["min_reader"] == founding.FORMAT
    assert records.FORMAT == 1
