"""A program that uses W&B: what it finds, and how what it logs is read. The stage's programs write W&B's log."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from sweeprun.run.plan import Plan
from sweeprun.run.wandb import grouped
from sweeprun.spec.sweepfile import SweepFile

RECORDED = Path(__file__).parents[1] / "store" / "wandb" / "0.31.0.wandb"
FILE = """
program: train.py
method: random
metric: {name: val/loss}
run_cap: 1
parameters:
  lr: {min: 0.1, max: 0.2}
  model: {parameters: {depth: {value: 3}, head: {parameters: {width: {value: 4}}}}}
  data.path: {value: here}
"""


def work(stage):
    """A sweep of one trial whose program writes its log at once."""

    def act(job):
        directory = Path(job.env["WANDB_DIR"]) / "wandb" / "offline-run-20260101_000000-abc"
        directory.mkdir(parents=True)
        shutil.copy(RECORDED, directory / "run-abc.wandb")
        return stage.losses()

    stage.sweep("metrics_from: wandb\nbudget: 1", "metric=val/loss")
    stage.run(act)


@pytest.fixture
def ran(stage, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.delenv(name, raising=False)
    work(stage)
    return stage


def test_values_and_steps_are_those_of_the_log(ran):
    (trial,) = ran.trials
    assert trial.state == "complete"
    assert trial.values["val/loss"] == pytest.approx(1 / 3)
    assert trial.values["eval.acc"] == 0.5
    assert (trial.step, trial.last_step) == (6, 6)  # calls of wandb.log


def test_a_program_finds_its_configuration_and_needs_no_account(ran):
    (job,), (trial,) = ran.jobs, ran.trials
    assert job.env["WANDB_MODE"] == "offline"
    assert job.env["WANDB_DIR"] == str(job.run_dir)
    assert job.env["WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL"] == "1"
    config = json.loads(Path(job.env["WANDB_SWEEP_PARAM_PATH"]).read_text())
    assert config == {"x": {"value": trial.params["x"]}}
    assert json.loads((job.run_dir / "command.json").read_text())["env"]["WANDB_SWEEP_PARAM_PATH"]


def test_runs_are_online_where_the_environment_says_so(stage, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    work(stage)
    assert stage.jobs[0].env["WANDB_MODE"] == "online"


def test_a_program_that_is_none_of_wandb_is_given_nothing_of_it(stage):
    stage.run(lambda job: stage.losses(1.0), "budget: 1")
    assert not {name for name in stage.jobs[0].env.keys() - os.environ.keys() if name.startswith("WANDB_")}
    assert not (stage.jobs[0].run_dir / "wandb-config.json").exists()


def test_a_program_that_never_calls_wandb_is_told_so(stage):
    stage.sweep("metrics_from: wandb\nbudget: 1")
    stage.run(lambda job: stage.losses())
    assert "wandb.init was not called, or is disabled" in stage.trials[0].failure.message


def test_groups_are_mappings_in_the_configuration():
    plan = Plan.of(SweepFile.parse(FILE, Path("/somewhere/f.yaml")))
    params = plan.space.decode(np.array([0.5]))
    assert params.keys() == {"lr", "model.depth", "model.head.width", "data.path"}
    assert grouped(plan.declared, params) == {
        "lr": params["lr"],
        "model": {"depth": 3, "head": {"width": 4}},
        "data.path": "here",
    }


def test_what_is_not_declared_by_its_name_keeps_it():
    assert grouped({"a": {"values": [1]}}, {"a": 1, "linked.b": 2}) == {"a": 1, "linked.b": 2}
    assert grouped({"g": {"parameters": {"a": {"values": [1]}}}}, {}) == {}


def test_steps_are_counted_as_the_file_says():
    spec = FILE.replace("run_cap", "x").replace("x: 1", "description: d")
    by_default = Plan.of(SweepFile.parse(spec, Path("f.yaml"))).reporting
    assert (by_default.step, by_default.first) == ("_step", 0)
    said = Plan.of(SweepFile.parse(spec, Path("f.yaml"), ["step=epoch"])).reporting
    assert (said.step, said.first) == ("epoch", None)
    lines = Plan.of(SweepFile.parse(spec, Path("f.yaml"), ["metrics_from=file"])).reporting
    assert (lines.step, lines.first) == ("epoch", None)
