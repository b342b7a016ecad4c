"""`start`: how a whole sweep ends, and the exit code that says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store import founding
from sweeprun.store.layout import Layout

Command = Callable[..., Any]

FILE = """
command: [python, train.py]
args: none
metric: loss
parameters: {x: {min: 0.0, max: 1.0}}
algorithm: random
budget: 1
resources: {gpus: 0, slots: 1}
"""
REPORTS = "import sweeprun\nsweeprun.report(epoch=1, loss=0.5)\n"
REPORTS_NOTHING = "raise SystemExit(0)\n"
STOPS_ITS_SWEEP = """
import os, time
from pathlib import Path
from sweeprun.store.sweep import Sweep
Sweep(Path(os.environ["SWEEPRUN_DIR"]).parents[3]).request_stop(now=True)
time.sleep(60)
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A sweep file beside its program, in a current directory of their own."""
    monkeypatch.chdir(tmp_path)

    def written(program: str, more: str = "") -> Path:
        (tmp_path / "train.py").write_text(program)
        (tmp_path / "demo.yaml").write_text(FILE + more)
        return tmp_path / "demo.yaml"

    return written


def test_a_sweep_that_ends_well_is_exit_code_0_and_its_best_trials_are_on_stdout(
    write: Command, sweeprun: Command
) -> None:
    done = sweeprun("start", write(REPORTS))
    assert done.code == 0
    assert done.out.split()[:2] == ["trial", "loss"]
    assert "to try more: sweeprun resume sweeps/demo --trials 11\n" in done.err


def test_a_configuration_that_cannot_be_computed_is_passed_over(write: Command, sweeprun: Command) -> None:
    space = "parameters: {n: {min: 1, max: 3}, y: {expr: 1 / (n - 2)}, z: {values: [1], when: 1 / (n - 2) > 0}}"
    file = write(REPORTS)
    file.write_text(file.read_text().replace("parameters: {x: {min: 0.0, max: 1.0}}", space).replace("budget: 1\n", ""))
    done = sweeprun("start", file)
    assert done.code == 0
    assert "2 complete" in sweeprun("status").out
    assert "ended: every configuration of the space has been tried" in done.err


def test_a_sweep_without_any_value_is_exit_code_4(write: Command, sweeprun: Command) -> None:
    done = sweeprun("start", write(REPORTS_NOTHING))
    assert (done.code, done.out) == (4, "")
    assert "no trial has a value of loss yet" in done.err


def test_a_sweep_that_is_stopped_before_any_value_did_what_was_asked(write: Command, sweeprun: Command) -> None:
    done = sweeprun("start", write(STOPS_ITS_SWEEP))
    assert (done.code, done.out) == (0, "")
    assert "sweeprun stop was typed" in done.err


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT is heeded, also where the tests run in the background of a shell that has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_what_the_next_ctrl_c_would_do_is_said_while_it_can_be_typed(write: Command, sweeprun: Command) -> None:
    interrupts = f"import os, signal\nos.kill({os.getpid()}, signal.SIGINT)\n"
    done = sweeprun("start", write(interrupts + REPORTS), "--set", "budget.trials=9")
    assert done.code == 130
    asked = "SIGINT: running trials finish, no more are started"
    assert f"{asked} (Ctrl-C again to stop them)\n" in done.err
    assert f"ended: {asked}\n" in done.err


def test_a_requirement_is_not_met_by_a_sweep_that_was_stopped_without_a_value(
    write: Command, sweeprun: Command
) -> None:
    assert sweeprun("start", write(STOPS_ITS_SWEEP), "--require", "loss < 1").code == 4


@pytest.mark.parametrize(("requirement", "code"), [("loss < 0.6", 0), ("loss < 0.4", 1)])
def test_a_requirement_decides_the_exit_code_also_where_stdout_is_for_events(
    write: Command, sweeprun: Command, requirement: str, code: int
) -> None:
    done = sweeprun("start", write(REPORTS), "--require", requirement, "--events", "-")
    assert done.code == code
    assert json.loads(done.out.splitlines()[-1])["event"] == "sweep_finished"


@pytest.mark.parametrize("names", ["los < 1 and x < 2", "metrics.los < 1"])
def test_a_requirement_that_names_what_nobody_reports_is_doubted_once_a_trial_is_complete(
    write: Command, sweeprun: Command, names: str
) -> None:
    done = sweeprun("start", write(REPORTS), "--require", names, "--set", "budget.trials=3")
    assert done.code == 2
    doubt = "--require: 'los' is no parameter, and trial 0 reported no such metric; did you mean 'loss'?\n"
    assert done.err.count("is no parameter") == 1
    assert done.err.index(doubt) < done.err.index("trial 1")


def test_a_requirement_may_name_what_linked_rows_hold(write: Command, sweeprun: Command) -> None:
    linked = "linked: {augment: [{aug: none, mixup: 0.0}, {aug: mix, mixup: 0.4}]}\n"
    file = write("print('loss 0.5')", "metrics_from: {regex: 'loss (?P<loss>\\S+)'}\n" + linked)
    assert sweeprun("start", file, "--require", "loss < 1 and mixup < 1").code == 0


def test_a_requirement_of_an_inactive_parameter_is_not_doubted(write: Command, sweeprun: Command) -> None:
    space = "parameters={kind: a, x: {value: 1, when: {kind: b}}}"
    done = sweeprun("start", write(REPORTS), "--set", space, "--require", "loss < 1 or x < 2")
    assert (done.code, "--require" in done.err) == (0, False)


def test_a_requirement_is_refused_at_once_where_the_patterns_say_what_is_read(
    write: Command, sweeprun: Command
) -> None:
    file = write("print('loss 0.5, lr 0.1')", "metrics_from: {regex: 'loss (?P<loss>\\S+), lr (?P<lr>\\S+)'}\n")
    done = sweeprun("start", file, "--require", "los < 1")
    assert (done.code, Path("sweeps").exists()) == (2, False)
    assert "--require: 'los' is no parameter, and no metric that is read\n" in done.err
    assert "did you mean 'loss'?" in done.err
    assert sweeprun("start", file, "--require", "loss < 1 and lr < 1 and x < 2").code == 0


CRASHES = "raise RuntimeError('no such layer: conv9')\n"


def test_what_fails_is_said_with_its_last_words_once_and_added_up(write: Command, sweeprun: Command) -> None:
    done = sweeprun("start", write(CRASHES), "--set", "budget.trials=3")
    assert done.code == 4
    assert done.err.count("  | RuntimeError: no such layer: conv9\n") == 1
    assert "3 failed (crash 3 times); why: sweeprun show sweeps/demo 0" in done.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("constraints: [x > 5]\n", "x > 5"),
        ("env: {TOKEN: '${env:NO_SUCH_VARIABLE}'}\n", "NO_SUCH_VARIABLE"),
        ("pruner: medain\n", "did you mean 'median'"),
        ("workdir: nowhere\n", "nowhere is no directory"),
        ("repeats: {seeds: 3}\n", "not supported yet: repeats"),
    ],
)
def test_a_start_that_cannot_begin_creates_nothing(
    write: Command, sweeprun: Command, tmp_path: Path, more: str, said: str
) -> None:
    done = sweeprun("start", write(REPORTS, more))
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "sweeps").exists()


def test_a_changed_file_is_refused_with_what_changed_and_the_ways_on(write: Command, sweeprun: Command) -> None:
    file = write(REPORTS)
    assert sweeprun("start", file).code == 0
    done = sweeprun("start", file, "--set", "parameters.x.max=2.0", "--set", "budget.trials=2")
    assert done.code == 2
    words = [line.split() for line in done.err.splitlines()]
    widened = "parameters.x float from 0 to 1 float from 0 to 2 range widened"
    assert [widened.split(), ["budget.trials", "1", "2", "1", "more"]] == words[2:4]
    same = f"{file} --set parameters.x.max=2.0 --set budget.trials=2"
    assert f"sweeprun resume sweeps/demo --edit {same}\n" in done.err
    assert f"sweeprun start {same} --set name=demo-2\n" in done.err
    assert "--trials" not in done.err


def test_what_the_file_is_taken_for_is_said_once_and_not_to_each_worker(write: Command, sweeprun: Command) -> None:
    file = write(REPORTS)
    file.write_text(file.read_text().replace("args: none\n", ""))
    assert sweeprun("start", file).err.startswith("note: the command has no ${args}")
    assert "note:" not in sweeprun("start", file).err


def test_where_only_the_budget_differs_resume_is_offered_with_it(write: Command, sweeprun: Command) -> None:
    file = write(REPORTS)
    sweeprun("start", file)
    done = sweeprun("start", file, "--set", "budget.trials=2")
    assert "sweeprun resume sweeps/demo --trials 2\n" in done.err
    assert sweeprun("resume", "demo", "--trials", 2).code == 0
    assert sweeprun("start", file).code == 0, "as it was started"
    assert sweeprun("start", file, "--set", "budget.trials=2").code == 0, "as it is now"


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program"])
def test_a_program_that_is_not_there_is_found_before_anything_is_created(
    write: Command, sweeprun: Command, tmp_path: Path, program: str
) -> None:
    file = write(REPORTS)
    file.write_text(file.read_text().replace("[python, train.py]", f"[{program}]"))
    done = sweeprun("start", file)
    assert done.code == 2
    assert f"there is no program '{program}'" in done.err
    assert not (tmp_path / "sweeps").exists()


def test_a_program_is_looked_for_from_the_directory_of_the_trials(write: Command, sweeprun: Command) -> None:
    file = write(REPORTS)
    program = file.parent / "inside" / "run"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec python ../train.py\n")
    program.chmod(0o755)
    file.write_text(file.read_text().replace("[python, train.py]", "[./run]") + "workdir: inside\n")
    assert sweeprun("start", file).code == 0


def test_a_file_that_says_the_same_in_another_way_is_not_another(write: Command, sweeprun: Command) -> None:
    file = write(REPORTS)
    sweeprun("start", file)
    said = file.read_text().replace("{min: 0.0, max: 1.0}", "{max: 1.0, min: 0.0, log: false}")
    file.write_text(said + "description: the same\npruner: {name: none}\nversion: 1\n")
    assert sweeprun("start", file).code == 0


def test_a_key_that_came_with_an_upgrade_does_not_make_a_file_another(
    write: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(REPORTS)
    assert sweeprun("start", file).code == 0
    read = founding.read_manifest

    def older(layout: Layout) -> dict[str, Any]:
        manifest = read(layout)
        del manifest["resolved"]["stop"]["grace"]
        return manifest

    monkeypatch.setattr(founding, "read_manifest", older)
    assert sweeprun("start", file).code == 0


def test_the_file_is_kept_byte_for_byte(write: Command, sweeprun: Command, tmp_path: Path) -> None:
    file = write(REPORTS)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    sweeprun("start", file)
    assert (tmp_path / "sweeps" / "demo" / "sweep.yaml").read_bytes() == file.read_bytes()


def test_a_finished_sweep_says_so_and_resume_extends_it_by_what_is_missing(write: Command, sweeprun: Command) -> None:
    file = write(REPORTS)
    sweeprun("start", file)
    again = sweeprun("start", file)
    assert again.code == 0
    assert "to try more: sweeprun resume sweeps/demo --trials 11\n" in again.err
    assert sweeprun("resume", "demo", "--trials", "3").code == 0
    assert len(json.loads(sweeprun("trials", "demo", "--json").out)["trials"]) == 3
    refused = sweeprun("resume", "demo", "--trials", "2")
    assert (refused.code, "has 3 configurations already" in refused.err) == (2, True)


def test_a_timeout_stops_the_trials_and_is_exit_code_124(write: Command, sweeprun: Command) -> None:
    done = sweeprun("start", write("import time\ntime.sleep(60)\n"), "--timeout", "1s")
    assert done.code == 124
    assert "1 waiting" in sweeprun("status").out


def test_smoke_runs_one_step_and_keeps_nothing(write: Command, sweeprun: Command, tmp_path: Path) -> None:
    endless = "import sweeprun, time\nsweeprun.report(epoch=1, loss=0.5)\ntime.sleep(60)\n"
    done = sweeprun("start", write(endless), "--smoke")
    assert done.code == 0
    started, works = done.err.splitlines()
    assert started.startswith("trial 0 started: x=")
    assert works == "it works: step 1 reported loss 0.5; nothing of it is kept"
    assert not (tmp_path / "sweeps").exists()


def test_a_smoke_that_fails_sends_nobody_to_what_is_gone(write: Command, sweeprun: Command) -> None:
    done = sweeprun("start", write(CRASHES), "--smoke")
    assert done.code == 4
    assert "  | RuntimeError: no such layer: conv9\n" in done.err
    assert "sweeprun show" not in done.err
    assert done.err.splitlines()[-1] == "nothing was reported, and nothing of it is kept"


def test_a_smoke_whose_trial_fails_though_it_reported_does_not_say_that_it_works(
    write: Command, sweeprun: Command
) -> None:
    done = sweeprun("start", write("import sweeprun\nsweeprun.report(epoch=1, lsos=0.5)\n"), "--smoke")
    assert done.code == 4
    assert "did you mean 'lsos'?" in done.err
    said = "it does not work yet: step 1 reported lsos 0.5, and the trial failed; nothing of it is kept"
    assert done.err.splitlines()[-1] == said


def test_events_are_json_lines_in_order_of_what_happened(write: Command, sweeprun: Command, tmp_path: Path) -> None:
    reports = "import sweeprun\nsweeprun.report(epoch=1, loss=float('nan'), extra=1)\n"
    sweeprun("start", write(reports, "on_nonfinite: ignore\n"), "--events", tmp_path / "events.jsonl")
    told = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    names = [event["event"] for event in told]
    assert names == ["sweep_started", "trial_started", "metric", "trial_completed", "sweep_finished"]
    metric = told[2]
    assert (metric["trial"], metric["values"], metric["nonfinite"]) == (0, {"loss": None, "extra": 1.0}, ["loss"])


def test_a_reader_of_events_may_leave(build: Command, write: Command, tmp_path: Path) -> None:
    sweeprun = f"{sys.executable} -c 'from sweeprun.cli import main; main()'"
    file = write(REPORTS)
    command = f"{sweeprun} start {file} --set budget.trials=5 --events - 2>/dev/null | head -n 1; {sweeprun} trials"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.count("complete") == 5
