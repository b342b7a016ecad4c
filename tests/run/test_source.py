"""`metrics_from`, from the sweep file to the record: in the loop, read along by another worker, after a death."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.followed import Followed
from sweeprun.run.plan import Plan
from sweeprun.run.progress import Reporting
from sweeprun.run.readiness import check_environment
from sweeprun.run.source import Source
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.layout import RunFiles
from sweeprun.store.sweep import Sweep
from sweeprun.trials import FailureClass, TrialState

SMALL = """
command: [python, "${env:SWEEPRUN_DIR}", "${args}"]
env: {LOGS: "${env:SWEEPRUN_DIR}"}
metric: loss
"""
REGEX = """
metrics_from: {regex: ['Epoch (?P<epoch>\\d+)', 'loss (?P<loss>\\S+)']}
budget: 1
"""
CSV = """
metrics_from: {csv: 'logs/*/metrics.csv'}
budget: 1
"""


def prints(text, log="stdout.log"):
    """A turn in which the program prints."""

    def act(job):
        with open(job.run_dir / log, "a") as file:
            file.write(text)

    return act


def writes(text, name="logs/version_0/metrics.csv", mode="w"):
    """A turn in which the program writes a file."""

    def act(job):
        path = job.run_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, mode) as file:
            file.write(text)

    return act


def steps(events):
    return [(event.said["step"], event.said["values"]) for event in events if event.name == "metric"]


# ---- in the loop


def test_what_a_program_prints_is_told_as_it_comes_and_becomes_its_values(stage):
    turns = [prints("Epoch 1\nloss 3.0\n"), prints("\x1b[1mEpoch 2\x1b[0m\nloss 2.0,\n"), prints("loss", "stderr.log")]
    events = stage.run(lambda job: stage.Act(turns), REGEX)
    assert steps(events) == [(1, {"loss": 3.0}), (2, {"loss": 2.0})]
    assert (stage.states, stage.trials[0].values, stage.trials[0].curve.steps) == (["complete"], {"loss": 2.0}, (1, 2))


def test_what_it_logs_on_stderr_counts_and_a_last_line_without_its_end(stage):
    stage.run(lambda job: stage.Act([prints("\rEpoch 1: 50%\rEpoch 1: loss 0.5", "stderr.log")]), REGEX)
    assert stage.trials[0].values == {"loss": 0.5}


def test_steps_of_both_streams_are_one_step_of_the_trial(stage):
    """Whichever is read first: the objective of a step is not lost to another metric of it that comes later."""
    text = "metrics_from: {regex: ['E(?P<epoch>.) loss (?P<loss>.*)', 'E(?P<epoch>.) acc (?P<acc>.*)']}\nbudget: 1"
    turn = [prints("E1 loss 1.0\nE2 loss 2.0\n"), prints("E1 acc 0.9\nE2 acc 0.8\n", "stderr.log")]
    stage.run(lambda job: stage.Act(turn, together=True), text)
    assert stage.trials[0].values == {"loss": 1.0, "acc": 0.9}


def test_lines_that_matched_without_a_number_are_counted(stage):
    stage.run(lambda job: stage.Act([prints("loss none\nloss 1.0\n")]), REGEX)
    assert stage.trials[0].runs[0].skipped == 1


def test_rows_of_a_csv_file_are_told_as_they_come_and_become_its_values(stage):
    head = "epoch,loss,acc\n"
    turns = [writes(head + "0,3.0,\n"), writes("0,,0.5\n1,2.", mode="a"), writes("0,\n", mode="a")]
    events = stage.run(lambda job: stage.Act(turns), CSV)
    assert steps(events) == [(1, {"loss": 3.0}), (1, {"acc": 0.5}), (2, {"loss": 2.0})]
    assert (stage.states, stage.trials[0].first, stage.trials[0].curve.steps) == (["complete"], 0, (1, 2))


def test_a_program_that_reports_nothing_for_too_long_hangs_wherever_it_reports(stage):
    turns = [writes("epoch,loss\n0,3.0\n"), writes("1,2.0\n", mode="a")]
    act = stage.Act([*turns, *[{}] * 40], code=None)
    text = CSV.replace("budget: 1", "budget: {trials: 1, no_progress: 2s}")
    stage.run(lambda job: act, text)
    assert stage.trials[0].failure.kind is FailureClass.HANG
    assert stage.trials[0].last_step == 2


def test_a_run_that_goes_on_is_read_from_its_own_directory(stage):
    acts = [stage.Act([writes("epoch,loss\n1,3.0\n2,2.0\n")], code=75), stage.Act([writes("epoch,loss\n3,1.0\n")])]
    stage.run(stage.by_trial({0: acts}), CSV)
    [trial] = stage.trials
    assert (trial.values, trial.last_step, trial.run) == ({"loss": 1.0}, 3, 2)


def test_the_program_is_told_where_json_lines_would_be_read(stage):
    stage.run(lambda job: stage.Act([prints("loss 1\n")]), REGEX)
    assert stage.jobs[0].env["SWEEPRUN_METRICS"] == str(stage.jobs[0].run_dir / "metrics.jsonl")


def test_the_record_of_a_start_says_where_a_csv_file_is_looked_for(stage, monkeypatch):
    monkeypatch.setenv("LOGS", "/data/logs[1]")
    stage.run(lambda job: stage.Act(code=1), "metrics_from: {csv: '${env:LOGS}/*.csv'}\nbudget: 1")
    said = json.loads((stage.jobs[0].run_dir / "command.json").read_text())
    assert said["csv"] == "/data/logs[[]1]/*.csv"


# ---- by others


@pytest.mark.parametrize(
    ("text", "name", "lines"),
    [(REGEX, "stdout.log", "Epoch 2\nloss 0.5\n"), (CSV, "logs/v/metrics.csv", "epoch,loss\n2,0.5\n")],
)
def test_another_worker_reads_along(stage, text, name, lines):
    sweep, seen = stage.sweep(text), []

    def look(job):
        followed = Followed(sweep.layout, Reporting.of(sweep.resolved))
        running = [trial for trial in Sweep(sweep.layout.directory).trials() if trial.state is TrialState.RUNNING]
        seen.append(followed.read(running, None)[0])

    stage.run(lambda job: stage.Act([writes(lines, name), look]))
    [trial] = seen
    assert (trial.values, trial.last_step) == ({"loss": 0.5}, 2)


@pytest.mark.parametrize("now", ["stdout", "wandb", "{csv: '*.csv'}", "{regex: '(?P<loss>x)'}"])
@pytest.mark.parametrize(
    ("text", "name", "lines"),
    [
        (REGEX, "stdout.log", "Epoch 2\nloss 0.5\n"),
        (CSV, "logs/v/metrics.csv", "epoch,loss\n2,0.5\n"),
        ("budget: 1", "metrics.jsonl", '{"epoch": 2, "loss": 0.5}\n'),
    ],
)
def test_a_run_is_read_where_it_was_started_to_report_though_the_file_says_otherwise_by_now(
    stage, text, name, lines, now
):
    sweep, seen = stage.sweep(text), []
    changed = SweepFile.parse(SMALL + f"metrics_from: {now}\nstep: epoch", Path("s.yaml"))

    def look(job):
        followed = Followed(sweep.layout, Reporting.of(changed.resolved()))
        running = [trial for trial in Sweep(sweep.layout.directory).trials() if trial.state is TrialState.RUNNING]
        seen.append(followed.read(running, None)[0])

    stage.run(lambda job: stage.Act([writes(lines, name), look]))
    [trial] = seen
    assert (trial.values, trial.last_step) == ({"loss": 0.5}, 2)


def test_a_run_whose_program_overwrote_the_record_of_its_start_is_not_read_along(stage):
    sweep, seen = stage.sweep("budget: 1"), []

    def look(job):
        (job.run_dir / "command.json").write_text('{"lr": 0.1}')
        running = Sweep(sweep.layout.directory).trials()
        seen.append(Followed(sweep.layout, Reporting.of(sweep.resolved)).read(running, None))

    stage.run(lambda job: stage.Act([{"epoch": 1, "loss": 0.5}, look]))
    assert seen == [{}]
    assert stage.trials[0].values == {"loss": 0.5}


# ---- before anything runs


def test_what_each_trial_is_given_need_not_be_set_before():
    file = SweepFile.parse(SMALL + "metrics_from: {csv: '${env:SWEEPRUN_CHECKPOINT}/*.csv'}", Path("s.yaml"))
    check_environment(Plan.of(file))


def test_a_place_that_needs_a_variable_which_is_not_set_is_refused(monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    file = SweepFile.parse(SMALL + "metrics_from: {csv: '${env:NOT_SET}/*.csv'}", Path("s.yaml"))
    with pytest.raises(SweepFileError, match="NOT_SET is not set"):
        check_environment(Plan.of(file))


# ---- what the file says


def test_the_source_follows_from_what_is_written():
    assert Source.of("stdout").kind == "stdout"
    assert [pattern.pattern for pattern in Source.of({"regex": "(?P<a>.)"}).patterns] == ["(?P<a>.)"]
    assert len(Source.of({"regex": ["(?P<a>.)", "(?P<b>.)"]}).patterns) == 2
    assert Source.of({"csv": "a.csv"}).csv == "a.csv"


@pytest.mark.parametrize("written", ["file", "stdout", "wandb", {"csv": "*.csv"}, {"regex": ["(?P<a>.)", "(?P<b>.)"]}])
def test_what_is_written_follows_from_the_source(written):
    assert Source.of(written).written == written


@pytest.mark.parametrize(
    ("kind", "name"), [("file", "metrics.jsonl"), ("stdout", "stdout.log"), ("regex", "metrics.jsonl")]
)
def test_json_lines_have_a_place_whatever_is_read(kind, name):
    assert Source(kind).metrics_file(RunFiles(Path("/run1"))) == Path("/run1") / name


def test_without_a_record_of_its_start_there_is_no_csv_file(tmp_path):
    (tmp_path / "a.csv").write_text("loss\n1\n")
    assert Source.of({"csv": "a.csv"}).reader(RunFiles(tmp_path), "epoch", {}).read(final=True) == []
