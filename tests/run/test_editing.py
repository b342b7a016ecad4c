"""A changed file: what of it trials that have reported forbid, and what workers that run make of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.editing import check_comparable
from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.sweep import Sweep
from sweeprun.trials import TrialState

FILE = """\
command: [program, "${args}"]
metric: loss
parameters: {x: {min: 0.0, max: 1.0}}
algorithm: random
budget: 4
"""


def parse(*overrides):
    return SweepFile.parse(FILE, Path("demo.yaml"), overrides)


def check(trials, *overrides, was=(), alive=()):
    check_comparable(parse(*was), parse(*overrides), trials, alive)


@pytest.fixture
def trained(make_trial):
    """Two trials that reported a loss and an accuracy, three times and once."""
    three = make_trial(0, [3.0, 1.0, 2.0], first=1)._replace(values={"loss": 1.0, "acc": 0.5})
    return [three, make_trial(1, [1.5], first=1)._replace(values={"loss": 1.5, "acc": 0.7})]


@pytest.mark.parametrize(
    ("change", "key"),
    [("metric=acc", "metric"), ("metric={name: loss, goal: maximize}", "metric"), ("reduce=last", "reduce")],
)
def test_values_of_another_step_would_not_compare(trained, change, key):
    with pytest.raises(SweepFileError) as refused:
        check(trained, change)
    said = str(refused.value)
    assert f"{key}: the values of trial 0 are those of the step at which loss was best" in said
    assert "--set name=demo-2" in refused.value.hint


@pytest.mark.parametrize("change", ["metric=acc", "metric={name: loss, goal: maximize}", "reduce=last"])
def test_where_every_trial_reported_one_step_there_was_no_choice_of_it(trained, change):
    check(trained[1:], change)


@pytest.mark.parametrize("change", ["metric=acc", "metric={name: loss, goal: maximize}"])
def test_the_last_step_is_the_last_one_by_any_metric(trained, change):
    check(trained, "reduce=last", change, was=["reduce=last"])


def test_a_metric_that_no_trial_reported_would_leave_all_without_a_value(trained):
    with pytest.raises(SweepFileError, match="none of the trials that have values, trial 1, has reported f1"):
        check(trained[1:], "metric=f1")


def test_a_second_metric_must_have_been_reported_and_leaves_the_values_as_they_are(trained):
    check(trained, "metric=null", "metrics=[loss, acc]")
    with pytest.raises(SweepFileError, match=r"metrics: none of the trials that have values, .*, has reported f1"):
        check(trained, "metric=null", "metrics=[loss, f1]")


def test_another_limit_asks_nothing_of_trials(trained):
    check(trained, "metric={name: loss, limit: 3}")


def test_a_metric_that_never_came_may_be_given_its_right_name(make_trial):
    failed = make_trial(0, [0.3, 0.5], TrialState.FAILED, metric="acc")._replace(values={"acc": 0.5})
    check([failed], "metric=acc", was=["metric=accuracy"])


@pytest.mark.parametrize("change", ["step=iteration", "step={name: epoch, first: 0}"])
def test_steps_that_were_counted_in_another_way_would_not_compare(trained, change):
    with pytest.raises(SweepFileError, match="step: the steps of trials 0, 1 were counted in another way"):
        check(trained, change)


def test_what_the_first_step_is_called_may_be_said_as_it_was_found(trained):
    check(trained, "step={name: epoch, first: 1}")


def test_nothing_that_is_read_at_this_moment_is_read_in_another_way(make_trial):
    running = make_trial(0, state=TrialState.RUNNING)._replace(worker="w1")
    with pytest.raises(SweepFileError, match="metric: cannot change while trial 0 is running"):
        check([running], "metric=acc", alive={"w1"})
    check([running], "metric=acc")  # its worker is dead: who takes it over reads it from the beginning


@pytest.mark.parametrize("change", ["seed=3", "pruner=median", "algorithm=sobol", "parameters.x.max=9.0", "budget=1"])
def test_whatever_does_not_say_how_values_are_read_may_change(trained, change):
    check(trained, change)


def edit(stage, *overrides):
    """A changed file is accepted while others work."""
    sweep = Sweep(stage.directory)
    file = SweepFile.model_validate(sweep.resolved)
    changed = SweepFile.parse(FILE, Path(file.workdir) / "s.yaml", overrides)
    sweep.edit(resolved=changed.resolved(), source=FILE)


def test_a_worker_that_runs_goes_by_the_changed_file_from_the_next_trial_on(stage):
    acts = {1: stage.Act([lambda job: edit(stage, "parameters.x.min=0.999", "budget=4"), {"epoch": 1, "loss": 1.0}])}
    stage.sweep("budget: 2", "parameters.x.max=0.5")
    events = list(stage.worker(stage.by_trial(acts)).work())
    params = [trial.params["x"] for trial in stage.trials]
    assert len(params) == 4
    assert max(params[:2]) <= 0.5 < 0.999 <= min(params[2:])
    said = [event.said["text"] for event in events if event.name == "notice"]
    assert said == [f"the sweep was changed, and goes by {Sweep(stage.directory).layout.edit(1)} from now on"]
    assert events[-1].said["reason"] == "trials"


def test_a_second_worker_adopts_what_was_changed_under_the_first(stage):
    acts = {1: stage.Act([{}, lambda job: edit(stage, "parameters.x.min=0.999", "budget=8"), {"loss": 1.0}])}
    stage.sweep("budget: 3", "parameters.x.max=0.5")
    works = [stage.worker(stage.by_trial(acts)).work() for _ in range(2)]
    stage.interleave(*works)
    assert stage.states == ["complete"] * 8
    assert all(trial.params["x"] >= 0.999 for trial in stage.trials[4:])
    assert len({trial.worker for trial in stage.trials[4:]}) == 2


def test_a_worker_that_lacks_what_the_change_needs_leaves_and_its_trial_waits(stage, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    acts = {0: stage.Act([lambda job: edit(stage, "env.TOKEN=${env:NOT_SET}")], code=None)}
    stage.sweep("budget: 2")
    with pytest.raises(SweepFileError, match="NOT_SET is not set"):
        list(stage.worker(stage.by_trial(acts)).work())
    assert stage.states == ["waiting"]
    assert stage.executors[0].closed


@pytest.mark.parametrize("algorithm", ["random", "grid", "sobol"])
def test_a_widened_space_is_searched_on_without_repeating_what_was_tried(stage, algorithm):
    stage.sweep("", "parameters={a: [1, 2, 3], b: [1, 2]}", f"algorithm={algorithm}")
    stage.run(lambda job: stage.losses(1.0))
    old = stage.trials
    edit(stage, "parameters={a: [1, 2, 3, 4], b: [0, 1, 2]}", f"algorithm={algorithm}", "budget=99")
    stage.run(lambda job: stage.losses(1.0))
    configurations = [(trial.params["a"], trial.params["b"]) for trial in stage.trials]
    assert len(old) == 6
    assert stage.trials[:6] == old, "nothing of the old trials is touched"
    assert sorted(configurations) == [(a, b) for a in (1, 2, 3, 4) for b in (0, 1, 2)]


def test_a_sequence_goes_on_where_it_was_in_a_widened_range(stage):
    stage.run(lambda job: stage.losses(1.0), "seed: 1\nbudget: 4")
    edit(stage, "parameters.x.max=2.0", "algorithm=sobol", "budget=8")
    stage.run(lambda job: stage.losses(1.0))
    edit(stage, "parameters.x.max=4.0", "algorithm=sobol", "budget=12")
    stage.run(lambda job: stage.losses(1.0))
    points = [trial.notes.get("point") for trial in stage.trials]
    assert points == [None] * 4 + list(range(8))


def test_a_narrowed_space_leaves_old_trials_in_the_record_and_out_of_the_search(stage):
    stage.sweep("", "parameters={a: [1, 2, 3]}", "algorithm=grid")
    stage.run(lambda job: stage.losses(1.0))
    edit(stage, "parameters={a: [2, 3, 5]}", "algorithm=grid")
    plan = Plan.load(Sweep(stage.directory))
    outside = {trial.params["a"] for trial in stage.trials if plan.space.misfit(trial.params)}
    stage.run(lambda job: stage.losses(1.0))
    assert outside == {1}
    assert [trial.params["a"] for trial in stage.trials[3:]] == [5]
