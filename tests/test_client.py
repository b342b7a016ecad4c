"""What a training program gets from `import sweeprun`, inside a trial and alone."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sweeprun import client


class TrialDirectory:
    """The files of one trial, as the worker lays them out, and the environment of its newest run."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        self.root, self.monkeypatch = root, monkeypatch
        self.checkpoint = root / "checkpoint.1"
        self.checkpoint.mkdir()
        monkeypatch.setenv("SWEEPRUN_TRIAL", "7")
        monkeypatch.setenv("SWEEPRUN_CHECKPOINT", str(self.checkpoint))
        self.start(run=1)

    def start(self, run: int) -> None:
        self.run = self.root / f"run{run}"
        self.run.mkdir()
        self.metrics = self.run / "metrics.jsonl"
        self.monkeypatch.setenv("SWEEPRUN_DIR", str(self.run))
        self.monkeypatch.setenv("SWEEPRUN_METRICS", str(self.metrics))

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.metrics.read_text().splitlines()]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SWEEPRUN_") or name in ("RANK", "LOCAL_RANK"):
            monkeypatch.delenv(name)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialDirectory:
    return TrialDirectory(tmp_path, monkeypatch)


def in_a_program(code: str, **env: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SWEEPRUN_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | env, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


# parameters


def test_alone_the_defaults_are_the_parameters() -> None:
    params = client.params(lr=3e-4, batch_size=32)
    assert params.lr == 3e-4
    assert dict(params) == {"lr": 3e-4, "batch_size": 32}


def test_in_a_trial_the_sweeps_values_win_and_defaults_fill_what_is_inactive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.json").write_text('{"lr": 0.1, "width": [64, 32]}')
    monkeypatch.setenv("SWEEPRUN_PARAMS", str(tmp_path / "params.json"))
    assert client.params(lr=3e-4, momentum=0.9) == {"lr": 0.1, "width": [64, 32], "momentum": 0.9}


def test_a_dotted_name_is_a_key_and_a_chain_of_attributes() -> None:
    params = client.params(**{"model.depth": 4, "model.head.width": 8, "lr": 1})
    assert params["model.depth"] == params.model.depth == 4
    assert params.model.head.width == 8
    assert dict(params.model) == {"depth": 4, "head.width": 8}


def test_an_unknown_parameter_names_those_there_are() -> None:
    params = client.params(lr=1, **{"model.depth": 4})
    with pytest.raises(AttributeError, match=r"no parameter 'lrr'; there are: lr, model\.depth"):
        _ = params.lrr
    assert not hasattr(params, "mod")
    assert getattr(params, "momentum", 0.9) == 0.9


def test_parameters_cannot_be_written() -> None:
    params = client.params(lr=1)
    with pytest.raises(AttributeError):
        params.lr = 2
    with pytest.raises(TypeError):
        params["lr"] = 2  # type: ignore[index]


def test_parameters_survive_pickle_and_copy_as_data_loader_workers_need() -> None:
    params = client.params(lr=1)
    assert pickle.loads(pickle.dumps(params)) == copy.deepcopy(params) == params


def test_parameters_do_not_change_with_the_defaults_they_were_made_from() -> None:
    defaults = {"lr": 1}
    params = client.Params(defaults)
    defaults["lr"] = 2
    assert params.lr == 1


def test_a_parameter_file_that_is_not_there_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPRUN_PARAMS", "/nowhere/params.json")
    with pytest.raises(FileNotFoundError, match=r"/nowhere/params\.json"):
        client.params(lr=1)


# reports


def test_alone_a_report_is_printed_and_says_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert client.report(epoch=1, val_loss=0.5) is False
    assert json.loads(capsys.readouterr().out) == {"epoch": 1, "val_loss": 0.5}


def test_in_a_trial_each_report_is_one_line_of_the_metrics_file_and_nothing_is_printed(
    trial: TrialDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client.report(epoch=1, val_loss=0.5, note="two\nlines") is False
    client.report(epoch=2, **{"val/acc": 0.25})
    assert trial.lines() == [{"epoch": 1, "val_loss": 0.5, "note": "two\nlines"}, {"epoch": 2, "val/acc": 0.25}]
    assert trial.metrics.read_bytes().endswith(b"\n")
    assert capsys.readouterr().out == ""


def test_numpy_scalars_and_tensors_of_one_element_are_reported_as_numbers(trial: TrialDirectory) -> None:
    client.report(epoch=np.int64(1), loss=np.float32(0.5), ok=np.bool_(True), acc=np.array([0.25]))
    assert trial.lines() == [{"epoch": 1, "loss": 0.5, "ok": True, "acc": 0.25}]


def test_nan_and_infinity_are_reported_as_they_are(trial: TrialDirectory) -> None:
    client.report(epoch=1, a=float("nan"), b=np.float32("inf"))
    assert trial.metrics.read_text() == '{"epoch": 1, "a": NaN, "b": Infinity}\n'


def test_a_value_that_is_no_number_is_an_error_that_names_it_and_writes_nothing(trial: TrialDirectory) -> None:
    with pytest.raises(TypeError, match=r"cannot report model=<object object at .*>: a object is no number"):
        client.report(epoch=1, model=object())
    with pytest.raises(ValueError, match="array"):
        client.report(epoch=1, losses=np.zeros(2))
    assert not trial.metrics.exists()


def test_a_report_is_a_single_write_even_when_many_processes_report_at_once(trial: TrialDirectory) -> None:
    code = "import sweeprun\nfor i in range(200): sweeprun.report(epoch=i + 1, padding='x' * 5000)"
    programs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [program.wait(60) for program in programs] == [0, 0, 0]
    assert len(trial.lines()) == 600


def test_a_line_that_was_written_in_part_is_an_error(trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda descriptor, data: 3)
    with pytest.raises(OSError, match=r"in part only: '.*metrics\.jsonl'"):
        client.report(epoch=1)


def test_reporting_leaves_no_descriptor_open(trial: TrialDirectory) -> None:
    before = len(os.listdir("/proc/self/fd"))
    client.report(epoch=1)
    assert len(os.listdir("/proc/self/fd")) == before


# when to leave


@pytest.mark.parametrize(("epoch", "leave"), [(2, False), (3, True), (4, True), (np.int32(3), True)])
def test_report_says_leave_when_until_is_reached(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch, epoch: int, leave: bool
) -> None:
    monkeypatch.setenv("SWEEPRUN_UNTIL", "3")
    assert client.report(epoch=epoch, loss=1.0) is leave


def test_a_program_that_counts_from_zero_has_finished_one_step_more_than_it_reports(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPRUN_UNTIL", "3")
    assert [client.report(epoch=epoch) for epoch in range(3)] == [False, False, True]


def test_the_first_step_counted_from_zero_may_be_the_last(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPRUN_UNTIL", "1")
    monkeypatch.setenv("RANK", "1")  # which may ask before rank 0 has written
    assert client.report(epoch=0) is True


def test_a_continued_program_still_counts_from_zero(trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    client.report(epoch=0)
    client.report(epoch=1)
    trial.start(run=2)
    monkeypatch.setenv("SWEEPRUN_UNTIL", "4")
    assert [client.report(epoch=2), client.report(epoch=3)] == [False, True]


@pytest.mark.parametrize(("first", "leave"), [("0", True), ("1", False)])
def test_what_the_sweep_knows_of_the_first_step_goes_before_a_guess(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch, first: str, leave: bool
) -> None:
    monkeypatch.setenv("SWEEPRUN_STEP_FIRST", first)
    monkeypatch.setenv("SWEEPRUN_UNTIL", "5")
    assert client.report(epoch=4) is leave


def test_the_sweep_says_which_name_counts_the_steps(trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPRUN_STEP", "iteration")
    monkeypatch.setenv("SWEEPRUN_UNTIL", "100")
    assert not client.report(epoch=100, iteration=50)
    assert client.report(epoch=1, iteration=100)
    assert not client.report(loss=1.0)


def test_report_says_leave_when_a_stop_is_asked_for(trial: TrialDirectory) -> None:
    assert client.report(epoch=1) is False
    (trial.run / "stop").touch()
    assert client.report(epoch=2) is True


def test_other_ranks_write_nothing_and_get_the_same_answer(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPRUN_UNTIL", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert [client.report(epoch=1), client.report(epoch=2)] == [False, True]
    assert not trial.metrics.exists()


def test_the_first_rank_of_the_second_machine_is_not_rank_0(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "8")
    monkeypatch.setenv("LOCAL_RANK", "0")
    client.report(epoch=1)
    assert not trial.metrics.exists()
    monkeypatch.setenv("RANK", "0")
    client.report(epoch=1)
    assert len(trial.lines()) == 1


# checkpoints and where to go on


def test_the_checkpoint_directory_is_the_one_the_sweep_gives_and_is_there(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPRUN_CHECKPOINT", str(trial.root / "checkpoint.2"))
    assert client.checkpoint_dir() == trial.root / "checkpoint.2"
    assert client.checkpoint_dir().is_dir()


def test_alone_the_checkpoint_directory_is_empty_stays_the_same_and_goes_with_the_program() -> None:
    code = (
        "import sweeprun; d = sweeprun.checkpoint_dir(); assert d == sweeprun.checkpoint_dir();"
        "assert not list(d.iterdir()); (d / 'last.pt').touch(); assert sweeprun.start_step() == 0; print(d)"
    )
    first, second = (Path(in_a_program(code).strip()) for _ in range(2))
    assert first != second
    assert not first.exists()


def test_a_first_run_starts_at_step_0(trial: TrialDirectory) -> None:
    (trial.checkpoint / "last.pt").touch()
    assert client.start_step() == 0


def test_a_later_run_starts_after_the_last_reported_step(trial: TrialDirectory) -> None:
    (trial.checkpoint / "last.pt").touch()
    client.report(epoch=1)
    client.report(epoch=2)
    trial.start(run=2)
    client.report(epoch=3)
    trial.start(run=3)
    assert client.start_step() == 3


def test_reports_among_other_output_count_where_the_sweep_reads_standard_output(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trial.checkpoint / "last.pt").touch()
    (trial.run / "stdout.log").write_text('loading\n{"epoch": 1, "loss": 2}\nsaving\n{"epoch": 2, "loss": 1}\ndone\n')
    trial.start(run=2)
    monkeypatch.setenv("SWEEPRUN_METRICS", str(trial.run / "stdout.log"))
    assert client.start_step() == 2


def test_a_copy_of_another_trial_starts_after_the_steps_that_it_was_given(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPRUN_FROM_STEP", "20")
    assert client.start_step() == 0  # nothing was saved
    (trial.checkpoint / "last.pt").touch()
    assert client.start_step() == 20
    client.report(epoch=21)
    trial.start(run=2)
    assert client.start_step() == 21


def test_without_a_checkpoint_a_later_run_starts_over(trial: TrialDirectory) -> None:
    client.report(epoch=5)
    trial.start(run=2)
    assert client.start_step() == 0


def test_a_run_that_ended_before_its_first_report_does_not_hide_the_one_before(trial: TrialDirectory) -> None:
    (trial.checkpoint / "last.pt").touch()
    client.report(epoch=5)
    trial.start(run=2)
    trial.start(run=3)
    assert client.start_step() == 5


def test_the_newest_run_counts_when_it_went_back(trial: TrialDirectory) -> None:
    (trial.checkpoint / "last.pt").touch()
    client.report(epoch=9)
    trial.start(run=2)
    client.report(epoch=4)
    trial.start(run=10)
    assert client.start_step() == 4


def test_lines_that_are_no_report_of_a_step_are_skipped(trial: TrialDirectory) -> None:
    (trial.checkpoint / "last.pt").touch()
    trial.metrics.write_bytes(
        b'{"epoch": 4}\n[5]\nhello\n\xff\n{"loss": 1}\n{"epoch": null}\n{"epoch": Infinity}\n{"epoch": 6, "lo'
    )
    trial.start(run=2)
    assert client.start_step() == 4


def test_a_program_that_counts_from_zero_starts_after_the_step_it_finished(trial: TrialDirectory) -> None:
    (trial.checkpoint / "last.pt").touch()
    client.report(epoch=0)
    client.report(epoch=1)
    trial.start(run=2)
    assert client.start_step() == 2


@pytest.mark.parametrize(("first", "finished"), [("0", 5), ("1", 4)])
def test_a_program_that_skips_its_first_steps_starts_after_what_the_sweep_counts(
    trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch, first: str, finished: int
) -> None:
    (trial.checkpoint / "last.pt").touch()
    client.report(epoch=4)
    trial.start(run=2)
    monkeypatch.setenv("SWEEPRUN_STEP_FIRST", first)
    assert client.start_step() == finished


# what the trial is


def test_alone_there_is_no_trial_no_end_and_seed_0() -> None:
    assert (client.active(), client.trial(), client.until(), client.seed()) == (False, None, None, 0)


def test_in_a_trial_the_environment_says_what_it_is(trial: TrialDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPRUN_UNTIL", "27")
    monkeypatch.setenv("SWEEPRUN_SEED", "12345")
    assert (client.active(), client.trial(), client.until(), client.seed()) == (True, 7, 27, 12345)


def test_every_name_of_the_helper_is_reached_through_the_package() -> None:
    code = "import sweeprun; print([getattr(sweeprun, name).__name__ for name in sweeprun.__all__] == sweeprun.__all__)"
    assert in_a_program(code) == "True\n"


def test_the_package_knows_its_version_and_refuses_other_names() -> None:
    code = "import sweeprun; print(sweeprun.__version__); sweeprun.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("0.")
    assert "module 'sweeprun' has no attribute 'nothing'" in done.stderr
