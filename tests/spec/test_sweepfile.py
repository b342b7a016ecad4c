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
    assert [metric.name for metric in sweep.derived] == ["utility"]
    assert sweep.objectives[1] == Objective("latency_ms", "minimize", 100)
    assert sweep.space.size is None


@pytest.mark.parametrize("path", [EVERYTHING], ids=["everything"])
def test_what_is_resolved_is_strict_json_and_gives_the_same_sweep_again(path):
    resolved = SweepFile.load(path).resolved()
    stored = json.loads(json.dumps(resolved, allow_nan=False))
    again = SweepFile.model_validate(stored)
    assert again.resolved() == resolved == stored
    assert again.space.parameters == SweepFile.load(path).space.parameters


def test_a_resolved_sweep_resolves_to_itself():
    resolved = parse(SMALL).resolved()
    assert SweepFile.model_validate(resolved).resolved() == resolved


def test_workdir_is_relative_to_the_sweep_file():
    assert parse(SMALL).workdir == "/somewhere"
    assert with_line("workdir: sub").workdir == "/somewhere/sub"
    assert with_line("workdir: /absolute").workdir == "/absolute"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SweepFileError, match=r"none\.yaml: cannot be read: No such file"):
        SweepFile.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("budgt: 30", "unknown key budgt", "did you mean 'budget'?"),
        ("budget: {trails: 30}", "unknown key budget.trails", "did you mean 'trials'?"),
        ("metrics: [{name: a, gaol: minimize}]", "unknown key metrics.0.gaol", "did you mean 'goal'?"),
        (
            "program: train.py",
            "unknown key program; allowed: ",
            "W&B's program is command here; a W&B sweep file has words of W&B's alone, and --set ours on top",
        ),
        ("method: bayes", "unknown key method; allowed: ", None),
        ("phase: []", "name, on_nonfinite, parameters, preload, pruner, reduce, resources, resumes, retry, root", None),
        ("budget: {x: 1}", "allowed: deadline, failures, no_progress, plateau, target, trial_wall, trials, wall", None),
        ("executor: slrum", "executor must be local, not 'slrum'", None),
        ("budget: -3", "budget.trials must be a whole number, at least 1, not -3", None),
        ("budget: {wall: 3x}", "budget.wall must be a duration such as 90", None),
        ("args: equal", "args must be equals, space, hydra, flags, json, file, wandb or none, not 'equal'", None),
        ("version: 2", "version must be 1, not 2", None),
        ("seed: 1.5", "seed must be a whole number", None),
        ("seed: -1", "seed must be a whole number, at least 0, not -1", None),
        ("resources: 3", "resources must be a mapping, not 3", None),
        ("linked: [1]", "linked must be a mapping, not [1]", None),
        ("constraints: a < 1", "constraints must be a list, not 'a < 1'", None),
        ("description: 3", "description must be text, not 3", None),
        ("name: ../x", "name must be 1 to 100 letters", None),
        ("name: .hidden", "name must be 1 to 100 letters", None),
        ("metric: {goal: minimize}", "metric.name is missing", "add `name: ...`"),
        ("metric: {name: x, goal: min}", "metric.goal must be minimize or maximize, not 'min'", None),
        ("metric: {name: x, expr: 'a >'}", "expr: this is no expression", None),
        ("metric: {name: x, expr: a}", "must have a metric to go by, for example metric: val_loss", None),
        ("metric: {name: x, expr: a, limit: 3}", "metric must have a goal beside its limit", None),
        ("budget: {target: {acc: 0.9}}", "a budget.target for 'acc', which is no metric that counts", None),
        ("budget: {target: {valloss: 0.9}}", "which is no metric that counts; did you mean 'val_loss'?", None),
        ("metrics: [other]", "must have metric or metrics, not both", None),
        ("command: []", "command must be text, or a list of texts", None),
        ("command: 'a \"b'", "command cannot be split into words", None),
        ("command: [a, 3]", "command must be text, or a list of texts", None),
        ("command: a ${args} ${args}", "command may hold ${args} once", None),
        ("command: a --x=${args}", "command must have ${args} as a word of its own", None),
        ("command: a ${arg}", "not ${arg}; did you mean 'args'?", None),
        ("command: a ${program}", "not ${program}; $${program} is ${program} for the program itself", None),
        ("args: none", "must not have ${args} in its command where args is none", None),
        ("env: {SWEEPRUN_X: 1}", "none of them SWEEPRUN_*", None),
        ("env: {A: [1]}", "env must give A a text or a number", None),
        ("env: {A: '${args}'}", "env must hold no other macro", None),
        ("metrics_from: {regex: '('}", "metrics_from regex '(' cannot be read", None),
        ("metrics_from: {regex: 'a'}", "names no group", None),
        ("metrics_from: log", "metrics_from must be file, stdout", None),
        ("metrics_from: stdot", "not 'stdot'; did you mean 'stdout'?", None),
        ("metrics_from: {regex: []}", "metrics_from regex must be a pattern, or a list of them, not []", None),
        ("metrics_from: {regex: ['(?P<a>.)', 3]}", "regex must be a pattern, or a list of them, not 3", None),
        ("metrics_from: {regex: ['(?P<a>.)', '(']}", "metrics_from regex '(' cannot be read", None),
        ("metrics_from: {regex: '(?P<a>.)'}", "a group for its metric in metrics_from.regex: (?P<val_loss>", None),
        ("metrics_from: {csv: 3}", "metrics_from csv must be a path, not 3", None),
        ("metrics_from: {csv: [a.csv]}", "metrics_from csv must be a path, not ['a.csv']", None),
        ("metrics_from: {csv: '${args}'}", "metrics_from must hold no other macro than ${env:NAME}, not ${args}", None),
        ("command: a ${env:SWEEPRUN_DRI}", "not SWEEPRUN_DRI; did you mean 'SWEEPRUN_DIR'?", None),
        ("command: a ${env:SWEEPRUN_UNTIL}", "not SWEEPRUN_UNTIL; only some trials have it", None),
        ("env: {A: '${env:SWEEPRUN_SEEED}'}", "not SWEEPRUN_SEEED; did you mean 'SWEEPRUN_SEED'?", None),
        ("preload: 3", "preload must be auto, none or a list", None),
        ("resumes: maybe", "resumes must be auto, true or false, not 'maybe'", None),
        ("stop: {signal: SIGKILL}", "stop.signal must be", None),
        ("retry: {on: [ooms]}", "retry.on.0 must be", None),
        ("resources: {gpus: 1.5}", "resources.gpus must be 0, a whole number", None),
        ("budget: {target: {acc: x}}", "budget.target.acc must be a finite number", None),
        ("budget: {failures: {fraction: 2}}", "budget.failures.fraction must be a number above 0 and at most 1", None),
        ("checkpoints: {max_disk: much}", "checkpoints.max_disk must be a size", None),
        ("step: {name: epoch, first: 2}", "step.first must be 0, 1 or None, not 2", None),
    ],
)
def test_a_fault_names_the_key_path_the_value_and_what_is_allowed(line, message, hint):
    error = failure(line)
    assert message in error.message
    assert "Input should" not in error.message
    assert error.line >= 1
    assert hint is None or error.hint == hint


def test_a_fault_has_file_line_and_column():
    with pytest.raises(SweepFileError) as caught:
        parse(SMALL + "resources:\n  slots: 4\n  gpu: 1\n")
    assert str(caught.value).startswith("/somewhere/my-sweep.yaml:9:3: unknown key resources.gpu; allowed: ")
    assert "gpus" in caught.value.message


def test_of_several_faults_the_first_in_the_file_is_told():
    with pytest.raises(SweepFileError, match=r":7:1: unknown key zzz"):
        parse(SMALL + "zzz: 1\naaa: 2\n")


@pytest.mark.parametrize("text", ["", "- 1", "3", "text"])
def test_a_file_that_is_no_mapping_is_refused(text):
    with pytest.raises(SweepFileError, match="a sweep file is a mapping"):
        parse(text)


def test_a_misspelt_key_goes_before_what_is_missing_for_it():
    with pytest.raises(SweepFileError, match=r":1:1: unknown key comand") as caught:
        parse("comand: a\nmetric: loss\n")
    assert caught.value.hint == "did you mean 'command'?"


def test_a_missing_command_is_said():
    with pytest.raises(SweepFileError, match="command is missing"):
        parse("metric: loss")


def test_a_huge_value_does_not_make_a_huge_message():
    assert len(failure(f"seed: {'x' * 5000}").message) < 300


def test_spaces_in_a_name_become_dashes_with_a_note():
    sweep = with_line("name: my long  name")
    assert sweep.name == "my-long-name"
    assert sweep.notes == ("the name 'my long  name' is written 'my-long-name'",)


def test_a_command_without_args_is_noted():
    assert "the command has no ${args}" in with_line("command: [python, train.py]").notes[0]
    silent = parse(SMALL.replace(" ${args}", "") + "args: none")
    assert silent.notes == ()


def test_environment_values_are_text():
    assert with_line("env: {A: 2, B: true, C: 0.5, D: 'x ${env:HOME}'}").env == {
        "A": "2",
        "B": "true",
        "C": "0.5",
        "D": "x ${env:HOME}",
    }


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
        "preload: [torch]",
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
