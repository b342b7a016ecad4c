"""`check`: what was understood, what would be started."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeprun.history import History
from sweeprun.run.plan import Plan
from sweeprun.run.settling import as_chosen, settled
from sweeprun.spec.sweepfile import SweepFile

Command = Callable[..., Any]
SOURCE = """
command: python train.py ${args}
metric: {name: val_acc, goal: maximize}
parameters:
  epochs: 30
  optimizer: [sgd, adam]
  lr: {min: 1e-5, max: 1e-1, log: true}
  hidden: {min: 64, max: 512, step: 64}
  momentum: {min: 0.0, max: 0.99, when: {optimizer: sgd}}
  nesterov: {values: [true, false], when: "optimizer == 'sgd' and momentum > 0.5"}
  decay: {any: [0.0, {min: 1e-6, max: 1e-2, log: true}]}
  warmup: {expr: "round(0.1 * epochs)"}
  sizes: {values: [16, 32], repeat: 2}
linked:
  augment: [{aug: none, mixup: 0.0}, {aug: rand, mixup: 0.2}]
constraints: ["hidden >= 128"]
pruner: {name: median, startup: 4}
budget: {trials: 12, wall: 2h}
resources: {slots: 3}
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a sweep file into a current directory of its own, beside the scripts that such files name."""
    monkeypatch.chdir(tmp_path)
    for script in ("a.py", "train.py"):
        (tmp_path / script).touch()

    def writes(source: str) -> Path:
        path = tmp_path / "demo.yaml"
        path.write_text(source)
        return path

    return writes


def test_every_parameter_has_a_line_that_says_what_it_is(write: Command, sweeprun: Command) -> None:
    lines = [" ".join(line.split()) for line in sweeprun("check", write(SOURCE)).out.splitlines()]
    for line in (
        "epochs fixed, 30",
        'optimizer choice of "sgd", "adam"',
        "lr float from 1e-05 to 0.1, logarithmic",
        "hidden integer from 64 to 512, step 64",
        'momentum float from 0 to 0.99; when optimizer is "sgd"',
        "nesterov choice of true, false; when optimizer == 'sgd' and momentum > 0.5",
        "decay any of: fixed, 0.0; float from 1e-06 to 0.01, logarithmic",
        "warmup computed, round(0.1 * epochs)",
        "sizes list of 2 elements, each ordered choice of 16, 32",
        "augment 2 linked rows of aug, mixup",
        "constraint hidden >= 128",
        "metric val_acc, maximize",
        "pruner median (startup: 4)",
        "slots at most 3 trials at once from each worker",
        "configurations infinite",
    ):
        assert line in lines


def test_a_finite_space_is_counted_and_auto_says_what_it_chose(write: Command, sweeprun: Command) -> None:
    file = write("command: python t.py ${args}\nmetric: x\nparameters: {a: [1, 2], b: [1, 2, 3]}\nbudget: 6\n")
    out = sweeprun("check", file).out
    assert "configurations  6\n" in out
    assert "auto chose grid: the budget of 6 trials covers all 6 configurations" in out
    assert sweeprun("check", file, "--json").document["configurations"] == 6


def test_json_says_the_same(write: Command, sweeprun: Command) -> None:
    document = sweeprun("check", write(SOURCE), "--json", "--draw", 2).document
    assert document["schema"] == "sweeprun.check/1"
    assert (document["name"], document["metric"], document["goal"]) == ("demo", "val_acc", "maximize")
    parameters = {each["name"]: each for each in document["parameters"]}
    assert parameters["lr"] == {"name": "lr", "kind": "float from 1e-05 to 0.1, logarithmic", "when": None}
    assert parameters["momentum"]["when"] == 'optimizer is "sgd"'
    assert document["resolved"]["budget"]["wall"] == 7200
    assert document["configurations"] == "infinite"
    assert len(document["commands"]) == 2


def test_drawn_commands_are_exact_and_the_same_every_time(write: Command, sweeprun: Command) -> None:
    file = write(SOURCE)
    first, second = (sweeprun("check", file, "--draw", 3, "--json").document["commands"] for _ in range(2))
    assert first == second
    assert len(set(first)) == 3
    for line in first:
        program, script, *words = shlex.split(line)
        assert program.endswith("python")
        assert script == "train.py"
        assert "--epochs=30" in words
        assert "--warmup=3" in words


def test_a_drawn_command_is_what_start_would_run(build: Command, sweeprun: Command) -> None:
    sweep = build()
    plan = Plan.load(sweep.sweep)
    suggestion = plan.sampler.suggest(History(plan.space, plan.objectives, []), np.random.default_rng([plan.seed, 0]))
    [line] = sweeprun("check", "demo.yaml", "--draw", 1, "--json").document["commands"]
    assert float(shlex.split(line)[2].removeprefix("--lr=")) == suggestion.params["lr"]


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("hydra", "lr=0.1 on=true"),
        ("flags", "--lr=0.1 --on"),
        ("wandb", "--lr=0.1 --on=True"),
        ("file", '"$SWEEPRUN_PARAMS"'),
    ],
)
def test_a_drawn_command_shows_its_style(write: Command, sweeprun: Command, style: str, words: str) -> None:
    source = 'command: [a, "${env:SWEEPRUN_DIR}/x", "${args}"]\nmetric: x\nparameters: {lr: 0.1, on: true, z: null}\n'
    drawn = sweeprun("check", write(source), "--draw", 1, "--json", "--set", f"args={style}").document["commands"]
    assert drawn == [f'a "$SWEEPRUN_DIR"/x {words}']


LOGS = "lines of stdout and stderr that match "


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{regex: '(?P<val_acc>.)'}", "metrics from " + LOGS + "(?P<val_acc>.)"),
        ("{regex: ['(?P<a>)', '(?P<val_acc>.)']}", "metrics from " + LOGS + "(?P<a>) or (?P<val_acc>.)"),
        ("{csv: logs/m.csv}", "metrics from the newest CSV file logs/m.csv, relative to the directory of the run"),
        ("stdout", "metrics from JSON lines on stdout"),
    ],
)
def test_where_metrics_are_read_is_said(write: Command, sweeprun: Command, written: str, shown: str) -> None:
    out = sweeprun("check", write(SOURCE + f"metrics_from: {written}\n")).out
    assert shown in [" ".join(line.split()) for line in out.splitlines()]
    assert "metrics from" not in sweeprun("check", write(SOURCE)).out


def test_a_seed_changes_what_is_drawn(write: Command, sweeprun: Command) -> None:
    file = write(SOURCE)
    drawn = [sweeprun("check", file, "--draw", 1, "--json", "--set", f"seed={n}").document["commands"] for n in (1, 2)]
    assert drawn[0] != drawn[1]


def test_no_more_commands_are_drawn_than_there_are_configurations(write: Command, sweeprun: Command) -> None:
    file = write("command: python t.py ${args}\nmetric: x\nparameters: {a: [1, 2]}\nalgorithm: grid\n")
    done = sweeprun("check", file, "--draw", 5)
    assert sum("--a=" in line for line in done.out.splitlines()) == 2
    assert "only 2 of 5" in done.err


def test_a_key_can_be_changed_for_the_occasion(write: Command, sweeprun: Command) -> None:
    document = sweeprun("check", write(SOURCE), "--json", "--set", "budget.trials=99").document
    assert document["resolved"]["budget"]["trials"] == 99


def test_what_is_worth_knowing_is_a_note_and_no_warning(write: Command, sweeprun: Command) -> None:
    done = sweeprun("check", write("{program: a.py, method: grid, metric: loss, parameters: {x: {values: [1, 2]}}}"))
    assert done.code == 0
    assert "note: line 1: method grid -> algorithm grid\n" in done.err
    assert "warning: " not in done.err
    assert "metrics from    what wandb.log tells, in the log that W&B keeps" in done.out


@pytest.mark.parametrize(("space", "warned"), [("{}", 1), ("{x: 3}", 1), ("{x: [3]}", 1), ("{x: [3, 4]}", 0)])
def test_a_space_of_one_configuration_is_warned_of(write: Command, sweeprun: Command, space: str, warned: int) -> None:
    done = sweeprun("check", write(f"command: [python]\nargs: none\nmetric: loss\nparameters: {space}\n"))
    assert done.code == 0
    assert done.err.count("warning: nothing is searched: every trial is of the one configuration") == warned


@pytest.mark.parametrize("command", ["check", "start"])
def test_what_is_not_built_yet_is_refused_where_it_is_said(write: Command, sweeprun: Command, command: str) -> None:
    for line, words in (("phases: [{name: a, trials: 3}]\n", ()), ("", ("--set", "phases=[{name: a, trials: 3}]"))):
        done = sweeprun(command, write(SOURCE + line), *words)
        assert done.code == 2
        assert done.err.endswith(": not supported yet: phases\n")
        assert ("algorithm" in done.out) is (command == "check"), "it says before what it understood"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (SOURCE.replace("metric:", "metrik:"), ":3:"),
        (SOURCE + "budget: 3\n", "budget"),
        ("- 1\n", ":1:1"),
        (SOURCE.replace("min: 1e-5, max: 1e-1", "min: 1, max: 0.1"), "lr"),
    ],
)
def test_a_bad_file_is_exit_code_2_with_its_place(write: Command, sweeprun: Command, source: str, place: str) -> None:
    done = sweeprun("check", write(source))
    assert (done.code, done.out) == (2, "")
    assert "demo.yaml" in done.err
    assert place in done.err


@pytest.mark.parametrize("named", ["algorithm: rndom", "pruner: medain", "pruner: {name: median, quantile: 2}"])
def test_an_algorithm_that_there_is_not_has_a_place(write: Command, sweeprun: Command, named: str) -> None:
    done = sweeprun("check", write(f"command: python a.py\nmetric: loss\n{named}\n"))
    assert done.code == 2
    assert "demo.yaml:3:1: " in done.err


def test_what_cannot_be_computed_for_some_configurations_is_said_with_an_example(
    write: Command, sweeprun: Command
) -> None:
    source = "command: python a.py\nmetric: l\nparameters: {n: {min: 1, max: 5}, x: {expr: 1 / (n - 3)}, m: [1, 2]}\n"
    done = sweeprun("check", write(source), "--draw", 8)
    assert (done.code, len(done.out.strip().split("\n\n")[2].splitlines())) == (0, 8)
    assert "'1 / (n - 3)' cannot be computed for n=3; such configurations are not tried" in done.err
    assert sweeprun("check", write(source), "--json").document["configurations"] == 8


def test_a_list_is_there_with_its_length_without_saying_so(write: Command, sweeprun: Command) -> None:
    source = "command: python a.py\nmetric: l\nparameters: {n: {min: 1, max: 2}, w: {values: [1, 2], repeat: n}}\n"
    assert "w list of n elements, each ordered choice of 1, 2" in [
        " ".join(line.split()) for line in sweeprun("check", write(source)).out.splitlines()
    ]


@pytest.mark.parametrize("words", [["--set", "algorithm=nope"], ["--set", "algorithm={name: grid, x: 1}"]])
def test_an_unknown_algorithm_or_option_is_refused(write: Command, sweeprun: Command, words: list[str]) -> None:
    assert sweeprun("check", write(SOURCE), *words).code == 2


def test_a_file_that_is_not_there_is_named(write: Command, sweeprun: Command, tmp_path: Path) -> None:
    write(SOURCE)
    done = sweeprun("check", "nope.yaml")
    assert done.code == 2
    assert "nope.yaml" in done.err
    assert "sweeprun init" in done.err


def test_who_names_the_script_is_told_how_a_file_for_it_is_made(write: Command, sweeprun: Command) -> None:
    write(SOURCE)
    done = sweeprun("check", "train.py")
    assert done.code == 2
    assert "sweeprun init --from-argparse train.py\n" in done.err


def test_nothing_is_written(write: Command, sweeprun: Command, tmp_path: Path) -> None:
    file = write(SOURCE)
    before = sorted(tmp_path.iterdir())
    sweeprun("check", file, "--draw", 3)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("algorithm", ["random", "sobol", "grid"])
def test_drawn_commands_differ_as_those_of_a_sweep_would(algorithm: str, write: Command, sweeprun: Command) -> None:
    source = "command: echo ${args}\nmetric: loss\nparameters: {x: {min: 0.0, max: 1.0, step: 0.125}}\n"
    file = write(f"{source}algorithm: {algorithm}\n")
    drawn = sweeprun("check", file, "--draw", 4, "--json").document["commands"]
    assert len(set(drawn)) == 4


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("command: no-such-program", "there is no program 'no-such-program'"),
        ("command: python a.py\nenv: {X: '${env:NOT_SET_AT_ALL}'}", "NOT_SET_AT_ALL is not set"),
        ("command: python a.py\nworkdir: nowhere", "nowhere is no directory"),
        ("command: python a.py\nalgorithm: grid", "a grid needs finitely many values"),
    ],
)
def test_what_start_would_refuse_is_refused_when_all_that_was_understood_is_said(
    write: Command, sweeprun: Command, more: str, said: str
) -> None:
    file = write(f"metric: loss\nparameters: {{lr: {{min: 0.0, max: 1.0}}}}\n{more}\n")
    checked, started = sweeprun("check", file), sweeprun("start", file)
    assert (checked.code, started.code) == (2, 2)
    assert said in checked.err
    assert said in started.err
    assert "lr  float from 0 to 1\n" in checked.out


PLANNED = (
    "command: python train.py ${args}\nmetric: loss\nparameters: {x: {min: 0.0, max: 1.0}}\nresources: {slots: 2}\n"
)


def said(done: Any) -> list[str]:
    return [" ".join(line.split()) for line in done.out.splitlines()]


def test_the_plan_is_a_table_of_rungs_and_their_cost(write: Command, sweeprun: Command) -> None:
    file = write(PLANNED + "pruner: {name: asha, max: 81}\nbudget: {trials: 30, wall: 9h, trial_wall: 1h}\n")
    lines = said(sweeprun("check", file, "--plan"))
    for line in (
        "trials 30, the budget, unless budget.wall ends it before",
        "simulated with 2 slots and curves that are made up, where no trial fails",
        *("step trials steps", "5 30 150", "15 10 100", "45 3 90", "81 1 36"),
        "in all 376 steps, 4.6 full trainings",
        "without pruner 2430 steps, 30 full trainings",
        "time a run takes at most 1h 00m (budget.trial_wall), 44 runs together 44h 00m",
    ):
        assert line in lines
    assert "in all" not in sweeprun("check", file).out


def test_json_has_the_plan_where_it_was_asked_for(write: Command, sweeprun: Command) -> None:
    file = write(PLANNED + "pruner: {name: hyperband, max: 27}\nbudget: 17\n")
    plan = sweeprun("check", file, "--plan", "--json").document["plan"]
    assert plan["rungs"][1] == {"at": 9, "trials": 8, "begin": 5, "steps": 63}
    assert (plan["trials"], plan["steps"], plan["without_pruner"]["steps"]) == (17, 207, 459)
    assert "plan" not in sweeprun("check", file, "--json").document


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("parameters: {a: [1, 2, 3]}", "trials all 3 configurations"),
        ("parameters: {a: [1, 2, 3]}\nbudget: 2", "trials 2 of 3 configurations"),
        ("budget: 2", "in all 2 full trainings; each trial runs to its end"),
        ("budget: {wall: 2h}", "trials as many as there are until budget.wall ends it"),
        ("pruner: median", "trials as many as there are until it is stopped"),
        (
            "pruner: median\nbudget: 4",
            "in all at most 4 full trainings; how many median stops, and when, follows from real curves alone",
        ),
        ("algorithm: {name: pbt, members: 4, max: 20, interval: 5}", "trials 4 members x 4 generations, to step 20"),
        (
            "pruner: asha\nbudget: 9\nfidelity: {n: [1, 10]}",
            "in all 12 runs; 3.9 full trainings if a run costs in proportion to n",
        ),
        ("pruner: asha\nbudget: 9\nfidelity: {n: [few, all]}", "in all 12 runs; what each costs is not known"),
    ],
)
def test_the_plan_says_what_is_known_and_what_is_not(write: Command, sweeprun: Command, more: str, line: str) -> None:
    source = PLANNED if "parameters" not in more else PLANNED.replace("parameters: {x: {min: 0.0, max: 1.0}}\n", "")
    assert line in said(sweeprun("check", write(f"{source}{more}\n"), "--plan"))


def test_a_plan_leaves_nothing_behind(write: Command, sweeprun: Command, tmp_path: Path, monkeypatch: Any) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    file = write(PLANNED + "pruner: {name: asha, max: 9}\nbudget: 4\n")
    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(temporary))
        assert sweeprun("check", file, "--plan").code == 0
    assert (sorted(tmp_path.iterdir()), list(temporary.iterdir())) == (before, [])
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(tmp_path / "missing"))
        done = sweeprun("check", file, "--plan")
    assert done.code == 75
    assert "TMPDIR" in done.err


def test_a_first_rung_that_is_later_for_a_warmup_is_said_and_stays_when_the_space_changes(
    write: Command, sweeprun: Command
) -> None:
    text = "command: python -c 0\nmetric: loss\npruner: {name: asha, max: 81}\nbudget: 1\nparameters: {x: [1, 2]"
    plain, warm = f"{text}}}\n", f"{text}, warmup: {{min: 0, max: 9}}}}\n"
    line = "rungs the first one is at 8, a tenth of a training, as a warmup is searched"
    assert line in said(sweeprun("check", write(warm)))
    was = settled(SweepFile.load(write(warm)))
    assert was.pruner.options["min"] == 8
    assert line not in said(sweeprun("check", write(plain)))
    assert as_chosen(SweepFile.load(write(plain)), was).pruner == was.pruner
    assert "min" not in as_chosen(SweepFile.load(write(plain.replace("max: 81", "max: 90"))), was).pruner.options
    assert as_chosen(SweepFile.load(write(warm)), settled(SweepFile.load(write(plain)))).pruner.options == {"max": 81}


@pytest.mark.parametrize(
    ("parameter", "more", "who"),
    [
        ("epochs", "pruner: {name: asha, max: 81}", "asha"),
        ("train.max_steps", "algorithm: {name: bohb, max: 81}", "bohb"),
        ("epochs", "pruner: {name: asha, length: epochs}", None),
        ("warmup_steps", "pruner: {name: asha, max: 81}", None),
        ("n_steps", "pruner: {name: asha, max: 81}", None),
        ("epochs", "pruner: median", None),
    ],
)
def test_who_searches_the_length_of_trainings_is_told_to_compare_shares_of_it(
    write: Command, sweeprun: Command, parameter: str, more: str, who: str | None
) -> None:
    text = f"command: python train.py ${{args}}\nmetric: loss\nparameters: {{{parameter}: {{min: 9, max: 81}}}}\n"
    *_, warnings = sweeprun("check", write(text + more)).err.partition("warning: ")
    fixed = text.replace("{min: 9, max: 81}", "30").replace("parameters: {", "parameters: {x: [1, 2], ")
    assert "is searched" not in sweeprun("check", write(fixed + more.replace("length: epochs", "max: 30"))).err
    said = f"{parameter} is searched, and {who} compares trials of all lengths at the same steps"
    assert warnings.startswith(said) if who else warnings == ""


@pytest.mark.parametrize(
    ("algorithm", "pruner"),
    [
        ("{name: bohb, max: 81}", "hyperband, brought by bohb"),
        ("{name: pbt, max: 81}", "pbt itself decides how far each trial goes"),
        ("random", "none"),
    ],
)
def test_the_pruner_that_an_algorithm_brings_is_said(
    write: Command, sweeprun: Command, algorithm: str, pruner: str
) -> None:
    file = write(f"{PLANNED}algorithm: {algorithm}\n")
    assert f"pruner {pruner}" in said(sweeprun("check", file))
    assert sweeprun("check", file, "--json").document["pruner"] == pruner
