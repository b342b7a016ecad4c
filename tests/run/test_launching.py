"""What a program is given."""

from __future__ import annotations

import json
import os

import pytest

from sweeprun.launch.devices import cores
from sweeprun.macros import GIVEN


@pytest.fixture
def job(stage, monkeypatch):
    """The one job of a sweep whose file declares an environment, with an outer sweep and launcher around."""
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("SWEEPRUN_UNTIL", "9")
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    stage.run(lambda job: stage.losses(1.0), "env: {TOKEN_COPY: '${env:TOKEN}', CUDA_X: '${env:TOKEN}'}\nbudget: 1")
    return stage.jobs[0]


def test_the_environment_is_that_of_the_protocol(stage, job):
    (trial,) = stage.trials
    protocol = {name: value for name, value in job.env.items() if name.startswith("SWEEPRUN_")}
    assert protocol == {
        "SWEEPRUN_PROTOCOL": "1",
        "SWEEPRUN_SWEEP": "s",
        "SWEEPRUN_TRIAL": "0",
        "SWEEPRUN_TRIAL_UID": trial.uid,
        "SWEEPRUN_DIR": str(job.run_dir),
        "SWEEPRUN_PARAMS": str(job.run_dir / "params.json"),
        "SWEEPRUN_METRICS": str(job.run_dir / "metrics.jsonl"),
        "SWEEPRUN_CHECKPOINT": str(job.run_dir.parent / "checkpoint.1"),
        "SWEEPRUN_SEED": str(trial.seed),
        "SWEEPRUN_STEP": "epoch",
    }
    assert set(protocol) == set(GIVEN) - {"MASTER_PORT"}
    assert "RANK" not in job.env
    assert 1024 <= int(job.env["MASTER_PORT"]) < 65536
    assert job.env["OMP_NUM_THREADS"] == str(cores())
    assert job.env["TOKEN_COPY"] == "secret"


def test_what_is_set_in_the_worker_while_it_works_is_not_the_trials(stage, monkeypatch):
    def script(job):
        monkeypatch.setenv("SET_BY_A_LIBRARY", "1")
        return stage.losses(1.0)

    stage.run(script, "budget: 2")
    first, second = ({name: job.env.get(name) for name in ("PATH", "SET_BY_A_LIBRARY")} for job in stage.jobs)
    assert first == second
    assert second["SET_BY_A_LIBRARY"] is None


def test_the_run_directory_holds_the_parameters_and_the_checkpoint_stands_beside_it(stage, job):
    (trial,) = stage.trials
    assert json.loads((job.run_dir / "params.json").read_text()) == trial.params
    assert (job.run_dir.parent / "checkpoint.1").is_dir()
    assert job.run_dir.name == "run1"


def test_the_arguments_are_those_of_the_template(stage, job):
    (trial,) = stage.trials
    assert job.argv == ("program", f"--x={trial.params['x']!r}")


def test_the_record_of_the_command_shows_no_secret(stage, job):
    said = json.loads((job.run_dir / "command.json").read_text())
    assert "secret" not in json.dumps(said)
    assert said["env"]["TOKEN_COPY"] == said["env"]["CUDA_X"] == "${env:TOKEN}"
    assert said["env"]["SWEEPRUN_SEED"] == job.env["SWEEPRUN_SEED"]
    assert said["argv"] == list(job.argv)
    assert said["launcher"][0] == os.getpid()
    assert (said["continues"], said["gpus"]) == (False, 0.5)


def test_the_command_and_the_environment_may_name_what_the_trial_is_given(stage, monkeypatch):
    monkeypatch.setenv("SWEEPRUN_SEED", "of an outer sweep")
    command = "[program, '${env:SWEEPRUN_DIR}', '--seed=${env:SWEEPRUN_SEED}', '${env:MASTER_PORT}', '${args}']"
    stage.sweep("env: {LOGS: '${env:SWEEPRUN_DIR}/logs'}\nbudget: 1", f"command={command}")
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    [job] = stage.jobs
    program, directory, seed, port, _ = job.argv
    assert (program, directory, seed) == ("program", str(job.run_dir), f"--seed={stage.trials[0].seed}")
    assert port == job.env["MASTER_PORT"]
    assert job.env["LOGS"] == f"{job.run_dir}/logs"
    said = json.loads((job.run_dir / "command.json").read_text())
    assert said["argv"][1] == "${env:SWEEPRUN_DIR}"


def test_a_file_of_parameters_is_that_of_the_run(stage):
    stage.run(lambda job: stage.losses(1.0), "args: file\nbudget: 1")
    [job] = stage.jobs
    assert job.argv == ("program", str(job.run_dir / "params.json"))


@pytest.mark.parametrize(("quota", "threads"), [(None, "2"), (3.5, "1"), (6.0, "2"), (32.0, "2")])
def test_threads_are_the_cores_that_are_ours_divided_by_the_slots(stage, monkeypatch, quota, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr("sweeprun.launch.devices.cpu_quota", lambda: quota)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    stage.run(lambda job: stage.losses(1.0), "budget: 1", slots=3)
    assert stage.jobs[0].env["OMP_NUM_THREADS"] == threads


def test_a_later_run_knows_whether_it_continues(stage):
    def save(job):
        with open(job.env["SWEEPRUN_CHECKPOINT"] + "/model", "w") as file:
            file.write("x")

    acts = {0: [stage.Act([save], code=75), stage.losses(1.0)], 1: [stage.Act(code=75), stage.losses(1.0)]}
    stage.run(stage.by_trial(acts), "budget: 2")
    said = [json.loads((job.run_dir / "command.json").read_text())["continues"] for job in stage.jobs]
    assert said == [False, True, False, False]


def test_what_the_file_says_the_first_step_is_called_is_handed_over(stage):
    stage.run(lambda job: stage.losses(1.0), "step: {name: epoch, first: 0}\nbudget: 1")
    assert stage.jobs[0].env["SWEEPRUN_STEP_FIRST"] == "0"


def test_what_the_first_report_of_the_sweep_decided_is_handed_over_from_then_on(stage):
    acts = {0: [stage.Act([{"epoch": 0, "loss": 1.0}])], 1: [stage.losses(1.0)]}
    stage.run(stage.by_trial(acts), "budget: 2")
    assert [job.env.get("SWEEPRUN_STEP_FIRST") for job in stage.jobs] == [None, "0"]
