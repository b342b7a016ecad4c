"""A parameter that is raised from rung to rung: each level is a run of its own, and counts as one step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.plan import Plan
from sweeprun.run.worker import Switch
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.sweep import Sweep
from tests.run.conftest import SMALLEST

FILE = "fidelity: {share: [0.25, 0.5, 1.0]}\npruner: {name: asha, eta: 2}\n"


def trains(stage, epochs=2, **rest):
    """A program that reports a loss of its number over its share, twice, and saves something."""

    def script(job):
        share = json.loads(Path(job.env["SWEEPRUN_PARAMS"]).read_text())["share"]

        def save(job):
            memory = Path(job.env["SWEEPRUN_CHECKPOINT"], "shares")
            memory.write_text(memory.read_text() + f" {share}" if memory.exists() else f"{share}")

        reports = [{"epoch": epoch, "loss": (1 + job.trial) / share / epoch} for epoch in range(1, epochs + 1)]
        return stage.Act([save, *reports], **rest)

    return script


def shares(stage):
    """The values of the parameter in the jobs that were started, by trial."""
    found = {}
    for job in stage.jobs:
        found.setdefault(job.trial, []).append(json.loads((job.run_dir / "params.json").read_text())["share"])
    return found


def test_the_better_half_begins_again_with_the_next_value(stage):
    stage.run(trains(stage), FILE + "budget: 4")
    assert shares(stage) == {0: [0.25, 0.5, 1.0], 1: [0.25, 0.5], 2: [0.25], 3: [0.25]}
    assert [(trial.state.value, trial.last_step) for trial in stage.trials] == [
        ("complete", 3),
        ("paused", 2),
        ("paused", 1),
        ("paused", 1),
    ]


def test_the_program_gets_the_value_among_its_arguments_and_is_not_told_to_leave(stage):
    stage.run(trains(stage), FILE + "budget: 1")
    (job,) = stage.jobs
    assert "--share=0.25" in job.argv
    assert "SWEEPRUN_UNTIL" not in job.env
    assert stage.executors[0].stops == []


def test_a_configuration_is_the_same_at_every_level(stage):
    stage.run(trains(stage), FILE + "budget: 2")
    assert [set(trial.params) for trial in stage.trials] == [{"x"}, {"x"}]
    assert stage.trials[0].run == 2


def test_a_trial_has_one_step_for_each_level_and_the_values_of_the_last(stage):
    stage.run(trains(stage), FILE + "budget: 4")
    best = stage.trials[0]
    assert best.curve.steps == (1, 2, 3)
    assert best.curve.values["loss"] == (2.0, 1.0, 0.5)
    assert (best.values["loss"], best.step) == (0.5, 3)


def test_the_values_of_a_higher_level_count_even_where_they_are_worse(stage):
    def script(job):
        share = json.loads(Path(job.env["SWEEPRUN_PARAMS"]).read_text())["share"]
        return stage.losses(share + job.trial)

    stage.run(script, FILE + "budget: 2")
    assert stage.trials[0].values["loss"] == 0.5


def test_a_level_begins_with_an_empty_checkpoint(stage):
    stage.run(trains(stage), FILE + "budget: 4")
    sweep = Sweep(stage.directory)
    assert (sweep.layout.checkpoint(0, 3) / "shares").read_text() == "1.0"
    assert not sweep.layout.checkpoint(0, 2).exists()


@pytest.mark.parametrize("on_stop", ["SIGTERM", 0])
def test_a_level_that_was_interrupted_goes_on_from_its_checkpoint(stage, on_stop):
    switch = Switch()

    def script(job):
        act = trains(stage)(job)
        return stage.Act([*act.lines[:2], lambda job: switch.turn(2, "we were told to")], code=None, on_stop=on_stop)

    stage.run(script, FILE + "budget: 1", switch=switch)
    assert stage.states == ["waiting"]
    assert stage.trials[0].curve.steps == ()
    list(stage.worker(trains(stage)).work())
    assert (Sweep(stage.directory).layout.checkpoint(0, 2) / "shares").read_text() == "0.25 0.25"
    assert [(trial.state.value, trial.last_step) for trial in stage.trials] == [("paused", 1)]


def test_a_level_that_ends_without_the_metric_has_failed(stage):
    stage.run(lambda job: stage.Act([{"epoch": 1, "other": 1.0}]), FILE + "budget: 1")
    assert stage.trials[0].failure.kind == "no_metric"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fidelity: {a: [1, 2], b: [1, 2]}\npruner: {name: asha}", "must have one parameter as fidelity"),
        ("fidelity: {a: [1]}\npruner: {name: asha}", "must have two values of fidelity.a or more"),
        ("fidelity: {x: [1, 2]}\npruner: {name: asha}", "must not have 'x' in parameters too"),
        ("fidelity: {a: [1, 2]}", "must have pruner asha or hyperband, not none"),
        ("fidelity: {a: [1, 2]}\npruner: {name: asha, max: 9}", "s.yaml:7:22: pruner.max: pruner asha must not"),
    ],
)
def test_what_makes_no_sense_is_refused(text, said):
    with pytest.raises(SweepFileError) as caught:
        Plan.of(SweepFile.parse(SMALLEST + text, Path("s.yaml")))
    assert said in str(caught.value)


def test_a_program_that_saves_nothing_is_as_good_as_one_that_does(stage):
    """A level is begun from the beginning."""
    events = stage.run(lambda job: stage.losses(1.0 + job.trial), FILE + "budget: 4")
    assert "notice" not in stage.names(events)
