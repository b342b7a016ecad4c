"""The directory of a run, and the checkpoint that is handed on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeprun.store import runs
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

Make = Callable[..., Trial]


@pytest.fixture
def trial(sweep: Sweep, start: Make) -> Trial:
    return start(sweep)


def later(trial: Trial, run: int) -> Trial:
    return trial._replace(run=run)


def test_a_run_has_its_parameters_and_an_empty_checkpoint(sweep: Sweep, trial: Trial) -> None:
    files, checkpoint = runs.prepare(sweep.layout, trial)
    assert files.directory == sweep.layout.trial(0) / "run1"
    assert json.loads(files.params.read_text()) == trial.params == runs.read_json(files.params)
    assert checkpoint == sweep.layout.trial(0) / "checkpoint.1"
    assert os.listdir(checkpoint) == []
    assert not files.metrics.exists()


def test_a_checkpoint_is_handed_over_by_its_name(sweep: Sweep, trial: Trial) -> None:
    _, first = runs.prepare(sweep.layout, trial)
    (first / "weights").write_text("epoch 3")
    _, second = runs.prepare(sweep.layout, later(trial, 2))
    assert second.name == "checkpoint.2"
    assert (second / "weights").read_text() == "epoch 3"
    assert not first.exists()
    with pytest.raises(FileNotFoundError):
        (first / "weights").write_text("of a stray process")


def test_the_newest_checkpoint_is_handed_over_also_past_runs_that_never_began(sweep: Sweep, trial: Trial) -> None:
    _, first = runs.prepare(sweep.layout, trial)
    (first / "weights").write_text("epoch 3")
    _, fourth = runs.prepare(sweep.layout, later(trial, 4))
    assert (fourth / "weights").read_text() == "epoch 3"


def test_what_a_stray_process_makes_under_the_old_name_is_never_taken(sweep: Sweep, trial: Trial) -> None:
    _, first = runs.prepare(sweep.layout, trial)
    (first / "weights").write_text("epoch 3")
    for _ in range(2):  # the second try of a preparation that failed half-way
        _, second = runs.prepare(sweep.layout, later(trial, 2))
        first.mkdir(exist_ok=True)
        (first / "weights").write_text("of a stray process")
        assert (second / "weights").read_text() == "epoch 3"
    _, third = runs.prepare(sweep.layout, later(trial, 3))
    assert (third / "weights").read_text() == "epoch 3"


def test_a_second_try_writes_its_documents_anew(sweep: Sweep, trial: Trial) -> None:
    files, _ = runs.prepare(sweep.layout, trial)
    runs.write_json(files.command, {"argv": ["a"]})
    files.params.write_text("{")
    runs.prepare(sweep.layout, trial)
    assert runs.read_json(files.params) == trial.params
    assert runs.read_json(files.command) is None


def test_no_document_is_written_over_another(tmp_path: Path) -> None:
    runs.write_json(tmp_path / "x.json", {"a": "é"})
    with pytest.raises(FileExistsError):
        runs.write_json(tmp_path / "x.json", {})
    assert runs.read_json(tmp_path / "x.json") == {"a": "é"}


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff", b"17"])
def test_a_document_that_cannot_be_read_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "exit.json"
    assert runs.read_json(path) is None
    path.write_bytes(data)
    assert runs.read_json(path) is None
    path.unlink()
    os.mkfifo(path)
    assert runs.read_json(path) is None


def test_the_files_of_a_run_are_those_of_the_record(sweep: Sweep, trial: Trial) -> None:
    moved = sweep.advance(trial, TrialState.RUNNING, "taken over", worker="b" * 32, run=2)
    assert runs.files(sweep.layout, moved).exit == sweep.layout.trial(0) / "run2" / "exit.json"
