"""A cache of finished trials: never wrong, at worst not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun.store import durable, records, snapshot
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Curve, Failure, FailureClass, Run, Trial, TrialState

Make = Callable[..., Trial]

FLOATS = st.floats()
TRIALS = st.builds(
    Trial,
    number=st.integers(0, 5),
    uid=st.uuids().map(str),
    state=st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED]),
    why=st.text(),
    params=st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans(), max_size=2), max_size=3),
    notes=st.dictionaries(st.text(), st.integers(), max_size=2),
    origin=st.text(max_size=5),
    configuration=st.integers(0, 9),
    repeat=st.integers(0, 3),
    seed=st.integers(0, 2**63),
    until=st.none() | st.integers(1, 9),
    parent=st.none() | st.integers(0, 9),
    worker=st.text(max_size=5),
    n=st.integers(2, 9),
    run=st.integers(0, 9),
    deaths=st.integers(0, 3),
    retries=st.integers(0, 3),
    preemptions=st.integers(0, 3),
    values=st.dictionaries(st.text(), FLOATS, max_size=3),
    step=st.none() | st.integers(0, 9),
    last_step=st.integers(0, 9),
    curve=st.builds(lambda v: Curve((1, 5), {"loss": (v, v)}, {"loss": {5: v}}), FLOATS),
    failure=st.none()
    | st.builds(Failure, st.sampled_from(FailureClass), st.text(), st.none() | st.integers(), st.none() | st.text()),
    runs=st.lists(
        st.builds(Run, st.floats(0, 9), st.none() | st.floats(0, 9), st.floats(0, 9), st.integers(0)), max_size=2
    ).map(tuple),
    first=st.none() | st.integers(0, 1),
    created=st.floats(0, 2e9),
    changed=st.floats(0, 2e9),
    reason=st.none(),
    damaged=st.just(False),
)


@settings(max_examples=25)
@given(trial=TRIALS)
def test_any_final_trial_survives(trial: Trial, tmp_path_factory: pytest.TempPathFactory) -> None:
    layout = Sweep.create(tmp_path_factory.mktemp("root") / "s", b"", {}, "0").layout
    assert snapshot.save(layout, "uid", [trial]) == 1
    assert repr(snapshot.load(layout, "uid")) == repr({trial.number: trial})


def fill(sweep: Sweep, start: Make, finish: Make) -> list[Trial]:
    """A sweep with a trial of every kind, and a snapshot of it."""
    finish(sweep, start(sweep))
    failure = Failure(FailureClass.OOM, "exit code 1", 1, None, ("a",))
    failed = start(sweep)
    sweep.advance(failed, TrialState.FAILED, "oom", **records.left(failed._replace(failure=failure)))
    start(sweep)
    finish(sweep, start(sweep), value=float("inf"))
    trials = sweep.trials()
    snapshot.save(sweep.layout, sweep.uid, trials)
    return trials


def test_opening_with_a_snapshot_finds_what_a_full_scan_finds(
    sweep: Sweep, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = fill(sweep, start, finish)
    read: list[Path] = []
    real = durable.read_record
    monkeypatch.setattr(durable, "read_record", lambda path, *rest: (read.append(path), real(path, *rest))[1])
    assert Sweep(sweep.layout.directory).trials() == trials
    assert sweep.layout.state(0, 1) not in read
    assert sweep.layout.state(2, 1) in read
    finish(sweep, trials[2])
    assert Sweep(sweep.layout.directory).trials() == sweep.trials(), "a snapshot is short, never stale"
    monkeypatch.undo()
    sweep.layout.snapshot(3).unlink()
    assert Sweep(sweep.layout.directory).trials() == sweep.trials()


def test_only_trials_that_are_final_and_whole_are_kept(sweep: Sweep, start: Make, finish: Make) -> None:
    trials = fill(sweep, start, finish)
    snapshot.save(sweep.layout, sweep.uid, [*trials, trials[0]._replace(number=9, damaged=True)])
    assert sorted(snapshot.load(sweep.layout, sweep.uid)) == [0, 1, 3]


def rewritten(path: Path, **said: Any) -> None:
    path.write_bytes(durable.encode(durable.read_record(path) | said))


def with_column(path: Path, name: str, column: object) -> None:
    rewritten(path, columns=durable.read_record(path)["columns"] | {name: column})


BREAKS: dict[str, Callable[[Path], object]] = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "empty": lambda path: path.write_bytes(b""),
    "zeroed": lambda path: path.write_bytes(bytes(4096)),
    "garbage": lambda path: path.write_bytes(b"\xff" * 100),
    "newer": lambda path: rewritten(path, format=snapshot.FORMAT + 1),
    "of another sweep": lambda path: rewritten(path, sweep="other"),
    "without trials": lambda path: rewritten(path, columns=None),
    "of another shape": lambda path: rewritten(path, columns={"number": 0}),
    "of lists": lambda path: rewritten(path, columns=[[]]),
    "with a short column": lambda path: with_column(path, "uid", ["u"]),
    "with another kind of column": lambda path: with_column(path, "curve", "curves"),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("kind", list(BREAKS))
def test_a_snapshot_that_is_broken_foreign_or_newer_is_passed_over(
    sweep: Sweep, start: Make, finish: Make, kind: str
) -> None:
    trials = fill(sweep, start, finish)
    BREAKS[kind](sweep.layout.snapshot(3))
    assert snapshot.load(sweep.layout, sweep.uid) == {}
    assert Sweep(sweep.layout.directory).trials() == trials


def test_behind_a_broken_snapshot_the_one_before_serves(sweep: Sweep, start: Make, finish: Make) -> None:
    trials = fill(sweep, start, finish)
    for n, name in ((9, "9.json"), (0, "²"), (0, "².json"), (0, "-1.json"), (0, "x.json")):
        (sweep.layout.snapshots / name).write_bytes(b"" if n else b"junk")
    assert sorted(snapshot.load(sweep.layout, sweep.uid)) == [0, 1, 3]
    assert Sweep(sweep.layout.directory).trials() == trials


def test_a_broken_snapshot_is_written_anew(sweep: Sweep, start: Make, finish: Make) -> None:
    trials = fill(sweep, start, finish)
    sweep.layout.snapshot(3).write_bytes(b"")
    snapshot.save(sweep.layout, sweep.uid, trials)
    assert len(snapshot.load(sweep.layout, sweep.uid)) == 3


def test_the_newest_two_are_kept(sweep: Sweep, start: Make, finish: Make) -> None:
    for _ in range(4):
        finish(sweep, start(sweep))
        snapshot.save(sweep.layout, sweep.uid, sweep.trials())
    assert sorted(os.listdir(sweep.layout.snapshots)) == ["3.json", "4.json"]


@pytest.mark.parametrize(
    ("n_final", "n_saved", "due"),
    [(999, 0, False), (1000, 0, True), (1999, 1000, False), (21_999, 20_000, False), (22_000, 20_000, True)],
)
def test_a_snapshot_is_due_every_thousand_trials_or_tenth(n_final: int, n_saved: int, due: bool) -> None:
    assert snapshot.due(n_final, n_saved) is due


def test_tidying_saves_one_when_it_is_due(
    sweep: Sweep, start: Make, finish: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(sweep, start(sweep))
    sweep.tidy()
    assert os.listdir(sweep.layout.snapshots) == []
    monkeypatch.setattr(snapshot, "due", lambda n_final, n_saved: n_final > n_saved)
    sweep.tidy()
    assert os.listdir(sweep.layout.snapshots) == ["1.json"]
    before = sweep.layout.snapshot(1).stat().st_ino
    sweep.tidy()
    assert sweep.layout.snapshot(1).stat().st_ino == before
