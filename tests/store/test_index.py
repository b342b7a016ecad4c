"""The trials in memory: fresh, whatever other processes do and whatever lies among them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.errors import StoreError
from sweeprun.store import durable, records
from sweeprun.store.sweep import Superseded, Sweep
from sweeprun.trials import Trial, TrialState

WORKER, OTHER = "a" * 32, "b" * 32
Make = Callable[..., Trial]


@pytest.fixture
def log(sweep: Sweep) -> Path:
    """The log of a worker, as `join` would have it."""
    sweep.layout.worker(WORKER).mkdir()
    return sweep.layout.worker_log(WORKER)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the records that are read."""
    found: list[str] = []
    real = durable.read_record

    def watched(path: Path, *rest: Any) -> dict[str, Any]:
        record = real(path, *rest)
        found.append(f"{path.parent.name}/{path.name}")
        return record

    monkeypatch.setattr(durable, "read_record", watched)
    return found


def scan(sweep: Sweep) -> list[Trial]:
    return Sweep(sweep.layout.directory).trials()


def states(trials: list[Trial]) -> list[str]:
    return [trial.state.value for trial in trials]


# ---- freshness


def test_what_other_processes_created_and_moved_is_found(sweep: Sweep, log: Path, start: Make, finish: Make) -> None:
    other = Sweep(sweep.layout.directory)
    for n in range(3):
        trial = start(sweep, log=log)
        assert other.trials() == sweep.trials()
        finish(sweep, trial, log=log)
        assert states(other.trials()) == ["complete"] * (n + 1)


def test_a_refresh_reads_what_changed_and_nothing_else(
    sweep: Sweep, log: Path, start: Make, finish: Make, reads: list[str]
) -> None:
    trials = [start(sweep, log=log) for _ in range(20)]
    other = Sweep(sweep.layout.directory)
    other.trials()
    reads.clear()
    other.trials()
    assert reads == []
    sweep.advance(trials[7], TrialState.PAUSED, "rung", log, **records.left(trials[7]))
    reads.clear()
    assert other.trials()[7].state is TrialState.PAUSED
    assert reads == ["00000007/state.0002.json"]


def test_opening_reads_each_record_once(sweep: Sweep, log: Path, start: Make, finish: Make, reads: list[str]) -> None:
    for _ in range(3):
        finish(sweep, start(sweep, log=log), log=log)
    reads.clear()
    Sweep(sweep.layout.directory).trials()
    assert len(reads) == len(set(reads)) == 7  # the manifest too


def test_a_move_while_we_open_is_not_missed(
    sweep: Sweep, log: Path, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [start(sweep, log=log) for _ in range(3)]
    real = durable.read_record

    def meanwhile(path: Path, *rest: Any) -> dict[str, Any]:
        if path.parent.name == "00000002":
            monkeypatch.undo()
            finish(sweep, trials[0], log=log)
        return real(path, *rest)

    monkeypatch.setattr(durable, "read_record", meanwhile)
    assert states(Sweep(sweep.layout.directory).trials()) == ["complete", "running", "running"]


def test_a_new_trial_is_found_without_any_log(sweep: Sweep, start: Make) -> None:
    other = Sweep(sweep.layout.directory)
    assert other.trials() == []
    start(sweep)
    start(sweep)
    assert len(other.trials()) == 2


def test_a_move_that_no_log_names_is_found_when_it_is_contended_for_or_at_opening(
    sweep: Sweep, start: Make, finish: Make
) -> None:
    trial, other = start(sweep), Sweep(sweep.layout.directory)
    assert states(other.trials()) == ["running"]
    finish(sweep, trial)
    assert states(other.trials()) == ["running"]
    assert states(scan(sweep)) == ["complete"]
    with pytest.raises(Superseded):
        other.advance(trial, TrialState.PRUNED, "")
    assert states(other.trials()) == ["complete"]


def test_half_a_line_of_a_log_waits_for_its_other_half(sweep: Sweep, log: Path, start: Make, finish: Make) -> None:
    trials = [start(sweep) for _ in range(13)]
    other = Sweep(sweep.layout.directory)
    other.trials()
    finish(sweep, trials[12])
    with log.open("a") as file:
        file.write("1")
        file.flush()
        assert states(other.trials())[12] == "running"
        file.write("2\n")
    assert states(other.trials())[12] == "complete"


@pytest.mark.parametrize("line", [b"x\n", b"-1\n", b"1" * 5000 + b"\n", b"999999999999\n", "٣\n".encode(), b"\xff\0\n"])
def test_garbage_in_a_log_is_passed_over(sweep: Sweep, log: Path, start: Make, finish: Make, line: bytes) -> None:
    trial, other = start(sweep), Sweep(sweep.layout.directory)
    other.trials()
    finish(sweep, trial)
    log.write_bytes(line + b"0\n" + line)
    assert states(other.trials()) == ["complete"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "huge"])
def test_a_log_that_is_none_costs_only_its_hints(
    sweep: Sweep, log: Path, start: Make, tmp_path: Path, kind: str
) -> None:
    if kind == "link":
        (tmp_path / "elsewhere").write_text("0\n" * 100)
        log.symlink_to(tmp_path / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(log)
    elif kind == "folder":
        log.mkdir()
    else:
        with log.open("wb") as file:
            file.truncate(durable.MAX_RECORD_BYTES + 1)
    other = Sweep(sweep.layout.directory)
    start(sweep)
    assert len(other.trials()) == 1


def test_a_read_that_fails_leaves_the_hints_for_the_next_refresh(
    sweep: Sweep, log: Path, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [start(sweep) for _ in range(3)]
    other = Sweep(sweep.layout.directory)
    other.trials()
    for trial in trials:
        finish(sweep, trial, log=log)
    real, failures = durable.read_record, [1]

    def stale(path: Path, *rest: Any) -> dict[str, Any]:
        if path.parent.name == "00000001" and failures:
            failures.pop()
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), str(path))
        return real(path, *rest)

    monkeypatch.setattr(durable, "read_record", stale)
    with pytest.raises(StoreError, match=r"cannot read .*00000001.*errno 116"):
        other.trials()
    assert states(other.trials()) == ["complete"] * 3


def test_a_trial_that_appears_while_we_look_is_not_taken_for_damaged(
    sweep: Sweep, new: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We find no first record, it is created, we find its directory full."""
    other = Sweep(sweep.layout.directory)
    other.trials()
    real = os.listdir

    def late(path: Path) -> list[str]:
        if path == sweep.layout.trial(0) and not path.exists():
            monkeypatch.undo()
            sweep.create_trial(new(0), TrialState.RUNNING)
        return real(path)

    monkeypatch.setattr(os, "listdir", late)
    (trial,) = other.trials()
    assert (trial.damaged, trial.state) == (False, TrialState.RUNNING)
