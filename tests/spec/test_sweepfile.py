import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun.errors import NotSupportedYet, SweepFileError
from sweeprun.spec.sweepfile import Objective, SweepFile, unsupported

SMALL = """\
command: python train.py ${args}
metric: val_loss
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  layers: [2, 4, 8]
budget: 30
"""
EVERYTHING = Path(__file__).with_name("everything.yaml")


def parse(text, *overrides):
    return SweepFile.parse(text, Path("/somewhere/my-sweep.yaml"), overrides)


def with_line(line):
    kept = [kept for kept in SMALL.splitlines() if not kept.startswith(line.split(":")[0] + ":")]
    return parse("\n".join([*kept, line]))


def failure(line):
    with pytest.raises(SweepFileError) as caught:
        with_line(line)
    return caught.value


def test_the_smallest_useful_file_has_every_default():
    sweep = parse(SMALL)
    assert sweep.name == "my-sweep"
    assert sweep.command == ("python", "train.py", "${args}")
    assert sweep.objectives == (Objective("val_loss", "minimize"),)
    assert (sweep.algorithm.name, sweep.pruner.name, sweep.seed, sweep.args) == ("auto", "none", 0, "equals")
    assert sweep.budget.trials == 30
    assert sweep.budget.failures.consecutive == 10
    assert (sweep.stop.signal, sweep.stop.grace) == ("SIGTERM", 15.0)
    assert sweep.notes == ()
    assert unsupported(sweep) == ()


def test_everything_that_the_language_has_is_understood():
    sweep = SweepFile.load(EVERYTHING)
    assert sweep.budget.wall == 12 * 3600
    assert sweep.resources.gpu_memory == 10 * 2**30
    assert sweep.pruner.options == {"metric": "val_acc", "goal": "maximize", "max": 81, "eta": 3, "compare": "value"}


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("budget: {gpu_hours: 3}", "budget.gpu_hours"),
        ("budget: {cost: 3}", "budget.cost"),
        ("resources: {share: {devices: 1}}", "resources.share"),
        ("resources: {priority: 1}", "resources.priority"),
        ("resources: {price: 1}", "resources.price"),
        ("repeats: {seeds: 3}", "repeats"),
        ("validate: {top: 5}", "validate"),
        ("phases: [{name: a, trials: 1}]", "phases"),
        ("executor: slurm", "executor"),
        ("preload: [torch]", "preload"),
        ("lint: {ignore: {a: b}}", "lint"),
    ],
)
def test_a_key_whose_machinery_comes_later_is_reported_in_place(line, key):
    metric = "" if line.startswith("metric:") else "metric: x"
    sweep = parse(f"command: a ${{args}}\n{metric}\n{line}")
    [error] = unsupported(sweep)
    assert isinstance(error, NotSupportedYet)
    assert error.message == f"not supported yet: {key}"
    assert error.line == 3


@pytest.mark.parametrize(
    "line",
    [
        "args: json",
        "args: hydra",
        "args: flags",
        "args: file",
        "args: wandb",
        "metrics_from: stdout",
        "metrics_from: {regex: '(?P<val_loss>.)'}",
        "metrics_from: {regex: ['(?P<epoch>.)', '(?P<val_loss>.)']}",
        "metrics_from: {csv: '${env:SWEEPRUN_DIR}/**/metrics.csv'}",
        "resumes: auto",
        "resumes: true",
        "resumes: false",
        "resources: {slots: 2, gpus: 0.5, gpu_memory: 1GiB, cpus: 2, priority: 0}",
        "budget: {trials: 1, wall: 1h, trial_wall: 1m, no_progress: 1m, target: {val_loss: 1}, plateau: {trials: 3}}",
        "checkpoints: {keep: all}",
        "checkpoints: {keep: best, top: 3, max_disk: 1GiB}",
        "retry: {max: 2, on: [oom]}",
        "executor: local",
        "preload: none",
        "algorithm: {name: grid}",
        "pruner: {name: median, startup: 3}",
    ],
)
def test_what_works_is_not_reported(line):
    assert unsupported(with_line(line)) == ()


def with_metrics(text):
    return parse(SMALL.replace("metric: val_loss", text))


def test_metrics_that_are_reported_and_derived_ones_with_a_goal_are_objectives():
    derived = "{name: b, expr: a + c}, {name: u, expr: -a, goal: maximize}"
    sweep = with_metrics(f"metrics: [{{name: a, limit: 3}}, {derived}, c]")
    assert unsupported(sweep) == ()
    assert sweep.objectives == (Objective("a", "minimize", 3), Objective("u", "maximize"), Objective("c"))
    assert [metric.name for metric in sweep.derived] == ["b", "u"]
    assert SweepFile.model_validate(sweep.resolved()).objectives == sweep.objectives


def test_a_derived_metric_may_be_all_that_counts():
    assert with_metrics("metric: {name: gap, expr: a - b, goal: minimize}").objectives == (Objective("gap"),)


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(SweepFileError, match="must not have two metrics 'a'"):
        with_metrics("metrics: [a, {name: a, goal: maximize}]")


def test_a_pattern_needs_a_group_for_each_metric_that_is_reported():
    pattern = "metrics_from: {regex: '(?P<a>.)(?P<c>.)'}"
    with_metrics(f"metrics: [a, c, {{name: b, expr: a + c, goal: minimize}}]\n{pattern}")
    with pytest.raises(SweepFileError, match=r"\(\?P<d>\.\.\.\)"):
        with_metrics(f"metrics: [a, d]\n{pattern}")


def test_unsupported_works_on_a_sweep_that_was_read_from_its_record():
    again = SweepFile.model_validate(with_line("executor: slurm").resolved())
    assert [error.message for error in unsupported(again)] == ["not supported yet: executor"]


lines = st.sampled_from([*SMALL.splitlines(), "stop: 3", "metrics: [a]", "linked: {a: [{b: 1}]}", "env: {A: 1}"])
junk = st.text(alphabet="abc:{}[],1- \n'&*.", max_size=12)


@settings(max_examples=200)
@given(
    st.lists(st.one_of(lines, junk, st.builds("{}: {}".format, st.sampled_from(list(SweepFile.model_fields)), junk)))
)
def test_any_file_is_a_sweep_or_an_error_of_ours(parts):
    with contextlib.suppress(SweepFileError):
        parse("\n".join(parts))
