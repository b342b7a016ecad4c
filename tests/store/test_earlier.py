"""What earlier sweeps have shown, in the directory of the sweep that learns from them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.errors import StoreError
from sweeprun.store import durable, earlier, snapshot
from sweeprun.store.earlier import EarlierSweep
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Failure, FailureClass, Trial, TrialState

Make = Callable[..., Trial]


@pytest.fixture
def known(sweep: Sweep, start: Make, finish: Make) -> tuple[EarlierSweep, ...]:
    """Two sweeps: one with three trials, not all of them finite, and one with a trial."""
    first, second = finish(sweep, start(sweep)), finish(sweep, start(sweep), float("nan"))
    failure = Failure(FailureClass.OOM, "too much", None, "SIGKILL", ("a line",))
    failed = first._replace(number=7, state=TrialState.FAILED, failure=failure)
    return EarlierSweep("u1", "a", (first, second, failed)), EarlierSweep("u2", "b", (first._replace(number=3),))


@pytest.fixture
def learner(tmp_path: Path, known: tuple[EarlierSweep, ...]) -> Sweep:
    return Sweep.create(tmp_path / "learner", b"name: learner\n", {"name": "learner"}, "0", known)


def trial_with(**said: Any) -> dict[str, Any]:
    return snapshot.to_json(Trial(0, "uid", TrialState.COMPLETE)) | said


def spoil(sweep: Sweep, line: int, change: Callable[[bytes], bytes]) -> None:
    lines = sweep.layout.earlier.read_bytes().splitlines(keepends=True)
    lines[line] = change(lines[line])
    sweep.layout.earlier.write_bytes(b"".join(lines))


def test_every_trial_is_kept_as_it_was(learner: Sweep, known: tuple[EarlierSweep, ...]) -> None:
    found = earlier.read(learner.layout)
    assert found.damage is None
    assert repr(found.sweeps) == repr(known)  # NaN is not equal to itself


def test_it_appears_with_the_sweep_and_through_to_the_disk(
    tmp_path: Path, known: tuple[EarlierSweep, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = durable.write_new
    monkeypatch.setattr(durable, "write_new", lambda path, data: (written.append(path.name), write(path, data))[1])
    Sweep.create(tmp_path / "learner", b"", {"name": "learner"}, "0", known)
    assert written[-3:] == ["sweep.yaml", "earlier.jsonl", "sweep.json"]
    Sweep.create(tmp_path / "other", b"", {"name": "other"}, "0")
    assert not Sweep(tmp_path / "other").layout.earlier.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b"0.5", b"0.6"),
        lambda line: line[:40] + b"\n",
        lambda line: b"",
        lambda line: durable.encode({"sweep": "u1", "name": "a", "trial": {"number": 0}}),
        lambda line: durable.encode({"sweep": "u1", "name": "a", "trial": trial_with(values=[])}),
        lambda line: durable.encode({"sweep": ["u1"], "name": "a", "trial": trial_with(params=[])}),
        lambda line: b"\xff\x00\r\x0b\n",
    ],
)
def test_a_damaged_line_costs_that_trial_and_is_named(learner: Sweep, change: Callable[[bytes], bytes]) -> None:
    spoil(learner, 1, change)
    found = earlier.read(learner.layout)
    assert [[trial.number for trial in sweep.trials] for sweep in found.sweeps] == [[1, 7], [3]]
    assert found.damage == f"{learner.layout.earlier}: 1 of 4 trials cannot be read, and informs nothing"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda line: b"{}\n", "checksum does not match"),
        (lambda line: durable.encode({"format": 2, "trials": 4}), "of a kind that this sweeprun does not know"),
    ],
)
def test_a_file_whose_first_line_says_nothing_is_damaged(learner: Sweep, change: Any, why: str) -> None:
    spoil(learner, 0, change)
    found = earlier.read(learner.layout)
    assert (found.sweeps, found.damage) == ((), f"{learner.layout.earlier}: {why}")


def test_a_file_that_is_gone_empty_or_none_is_damaged(learner: Sweep) -> None:
    path = learner.layout.earlier
    path.write_bytes(b"")
    assert earlier.read(learner.layout).damage == f"{path}: empty file"
    path.unlink()
    assert earlier.read(learner.layout).damage == f"{path}: missing"
    path.symlink_to(learner.layout.manifest)
    assert "not a regular file" in str(earlier.read(learner.layout).damage)


def refusing(number: int) -> Callable[..., bytes]:
    def read(path: Path, **_: Any) -> bytes:
        raise OSError(number, os.strerror(number), str(path))

    return read


def test_a_file_that_may_not_be_read_is_damaged(learner: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "read", refusing(errno.EIO))
    assert earlier.read(learner.layout).damage == f"{learner.layout.earlier}: {os.strerror(errno.EIO)}"


def test_a_file_system_that_does_not_answer_is_no_damage(learner: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "read", refusing(errno.ESTALE))
    with pytest.raises(StoreError, match=os.strerror(errno.ESTALE)):
        earlier.read(learner.layout)
