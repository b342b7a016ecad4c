"""`resume --edit`: a changed file for a sweep that has trials."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store.sweep import Sweep
from sweeprun.trials import TrialState

Command = Callable[..., Any]

FILE = """\
command: [python, train.py, "${args}"]
metric: loss
parameters:
  lr: {min: 1e-4, max: 1e-1, log: true}
  opt: [sgd, adam]
algorithm: random
budget: 4
resources: {gpus: 0, slots: 2}
"""
REPORTS = "import sweeprun\nsweeprun.report(epoch=1, loss=0.5, acc=0.75)\n"
COMMAND = [sys.executable, "-c", "from sweeprun.cli import main; main()"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep file beside its program, in a current directory of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(REPORTS)
    (tmp_path / "demo.yaml").write_text(FILE)
    return Path("demo.yaml")


@pytest.fixture
def swept(file: Path, sweeprun: Command) -> Path:
    """The file of a sweep whose budget is used up."""
    assert sweeprun("start", file).code == 0
    return file


def change(file: Path, *replaced: tuple[str, str]) -> Path:
    text = file.read_text()
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return file


def there(name: str = "demo") -> Sweep:
    return Sweep(Path("sweeps") / name)


WIDER = ("min: 1e-4", "min: 1e-6")
MORE = ("budget: 4", "budget: 6")


def test_a_widened_range_keeps_every_trial_and_is_said_in_one_table(swept: Path, sweeprun: Command) -> None:
    before = there().trials()
    done = sweeprun("resume", "--edit", change(swept, WIDER, MORE))
    assert done.code == 0
    lines = [line.split() for line in done.err.splitlines()]
    assert "sweeps/demo: goes by demo.yaml from now on" in done.err
    row = "parameters.lr float from 0.0001 to 0.1, logarithmic float from 1e-06 to 0.1, logarithmic range widened"
    assert row.split() in lines
    assert ["budget.trials", "4", "6", "2", "more"] in lines
    assert "4 of 4 trials lie inside the space and go on informing the search" in done.err
    assert "in the record only" not in done.err
    assert there().trials()[:4] == before
    assert len(there().trials()) == 6


def test_the_change_is_one_accepted_edit_with_the_file_as_it_was_written(swept: Path, sweeprun: Command) -> None:
    change(swept, WIDER).write_text("# why: it was at the edge\n" + swept.read_text())
    sweeprun("resume", "--edit", swept)
    [edit] = there().edits
    assert edit["source"] == swept.read_text()
    assert edit["resolved"]["parameters"]["lr"] == {"min": 1e-6, "max": 0.1, "log": True}
    assert there().resolved == edit["resolved"]
    assert (there().layout.directory / "sweep.yaml").read_text() == FILE, "how it began stays"


def test_trials_outside_the_new_space_are_counted_with_an_example(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for lr in (1e-2, 5e-5, 2e-2):
        sweep.ended(0.5, lr=lr)
    sweep.waiting(lr=3e-5)
    change(Path("demo.yaml"), ("min: 1e-5", "min: 1e-3"), ("budget: 6", "budget: 4"))
    Path("train.py").write_text(REPORTS.replace("loss=", "val_loss="))
    done = sweeprun("resume", "--edit", "demo.yaml")
    assert "2 of 4 trials lie inside the space" in done.err
    assert "2 stay in the record only: trial 1 has lr=5e-05, and lr is now: float from 0.001 to 0.1" in done.err
    assert "1 of those waits and is run all the same, unless: sweeprun stop --trial 3" in done.err
    assert Sweep(sweep.directory).trials()[3].state is TrialState.COMPLETE


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  opt: [sgd, adam]\n", "", "has opt="),
        ("  opt: [sgd, adam]\n", "  opt: [sgd, adam]\n  wd: 0.1\n", "has no wd, and wd is now: fixed, 0.1"),
        ("  opt: [sgd, adam]\n", "  opt: [lion, adam]\n", "has opt=sgd, and opt is now: choice of"),
    ],
)
def test_what_keeps_a_trial_out_is_said_of_one(swept: Path, sweeprun: Command, old: str, new: str, said: str) -> None:
    done = sweeprun("resume", "--edit", change(swept, (old, new)))
    assert done.code == 0
    assert said in done.err
    assert "in the record only" in done.err


def test_a_new_parameter_that_is_not_active_in_old_trials_keeps_them_inside(swept: Path, sweeprun: Command) -> None:
    added = "  opt: [sgd, adam, lion]\n  beta: {min: 0.5, max: 0.9, when: {opt: lion}}\n"
    done = sweeprun("resume", "--edit", change(swept, ("  opt: [sgd, adam]\n", added)))
    assert "4 of 4 trials lie inside" in done.err


def test_a_value_that_is_computed_may_come_without_putting_a_trial_outside(swept: Path, sweeprun: Command) -> None:
    added = "  opt: [sgd, adam]\n  warmup: {expr: lr / 10}\n"
    done = sweeprun("resume", "--edit", change(swept, ("  opt: [sgd, adam]\n", added)))
    assert "4 of 4 trials lie inside" in done.err


def test_a_file_that_changes_nothing_says_so_and_the_sweep_goes_on(swept: Path, sweeprun: Command) -> None:
    done = sweeprun("resume", "--edit", swept)
    assert done.code == 0
    assert "demo.yaml changes nothing" in done.err
    assert there().edits == []
    assert "going on" in done.err


def test_the_budget_and_other_keys_may_be_given_beside_the_file(swept: Path, sweeprun: Command) -> None:
    done = sweeprun("resume", "--edit", swept, "--trials", 5, "--set", "parameters.lr.max=0.5")
    assert done.code == 0
    assert "float from 0.0001 to 0.5" in done.err
    assert len(there().trials()) == 5
    assert there().resolved["budget"]["trials"] == 5
    assert there().resolved["parameters"]["lr"]["max"] == 0.5


def test_fewer_trials_than_there_are_is_refused_before_anything_is_changed(swept: Path, sweeprun: Command) -> None:
    done = sweeprun("resume", "--edit", change(swept, WIDER), "--trials", 2)
    assert (done.code, "the sweep has 4 configurations already" in done.err) == (2, True)
    assert there().edits == []


def test_a_key_without_a_file_is_refused(swept: Path, sweeprun: Command) -> None:
    done = sweeprun("resume", "--set", "budget.trials=9")
    assert (done.code, "--edit FILE --set budget.trials=9" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        (("metric: loss", "metric: f1"), "demo.yaml:2:1: metric: none of the trials that have values"),
        (("algorithm: random", "algorithm: grid"), "a grid needs finitely many values, and lr is continuous"),
        (("algorithm: random", "algorithm: randm"), "did you mean 'random'?"),
        (("command: [python", "command: [no-such-program"), "there is no program 'no-such-program'"),
        (("algorithm: random", "algorithm: random\nrepeats: {seeds: 3}"), "not supported yet: repeats"),
        (("algorithm: random", "algorithm: random\nenv: {X: '${env:NOT_SET_AT_ALL}'}"), "NOT_SET_AT_ALL is not set"),
        (("max: 1e-1", "max: 1e-5"), "min 0.0001 is above max 1e-05"),
        (
            ("metric: loss", "name: other\nmetric: loss"),
            "name: the sweep keeps its name, demo, and the file says other",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_changed(
    swept: Path, sweeprun: Command, replaced: tuple[str, str], said: str
) -> None:
    done = sweeprun("resume", "--edit", change(swept, replaced))
    assert done.code == 2
    assert said in done.err
    assert there().edits == []
    assert len(there().trials()) == 4


def test_the_goal_may_be_turned_where_each_trial_reported_once(swept: Path, sweeprun: Command) -> None:
    turned = ("metric: loss", "metric: {name: acc, goal: maximize}")
    done = sweeprun("resume", "--edit", change(swept, turned))
    assert done.code == 0
    assert "loss (goal: minimize)" in done.err
    assert json.loads(sweeprun("best", "--json").out)["trials"][0]["values"]["acc"] == 0.75


def test_the_file_may_have_another_name_than_the_sweep(swept: Path, sweeprun: Command) -> None:
    swept.rename("wider.yaml")
    assert sweeprun("resume", "demo", "--edit", change(Path("wider.yaml"), WIDER)).code == 0
    assert there().resolved["name"] == "demo"


def test_what_auto_chose_stays_unless_the_file_names_another(file: Path, sweeprun: Command) -> None:
    change(file, ("algorithm: random\n", ""), ("lr: {min: 1e-4, max: 1e-1, log: true}", "lr: [1, 2]"))
    assert sweeprun("start", file).code == 0
    assert there().resolved["algorithm"]["name"] == "grid"
    done = sweeprun("resume", "--edit", change(file, ("lr: [1, 2]", "lr: [1, 2, 3]"), ("budget: 4", "budget: 5")))
    assert "algorithm" not in done.err
    assert there().resolved["algorithm"]["name"] == "grid"
    assert len({(trial.params["lr"], trial.params["opt"]) for trial in there().trials()}) == 5
    named = change(file, ("budget: 5", "budget: 6\nalgorithm: random"))
    assert "grid" in sweeprun("resume", "--edit", named).err
    assert there().resolved["algorithm"]["name"] == "random"


def test_start_joins_with_the_file_that_was_taken_and_refuses_the_one_before(swept: Path, sweeprun: Command) -> None:
    before = swept.read_text()
    sweeprun("resume", "--edit", change(swept, WIDER))
    assert sweeprun("start", swept).code == 0
    swept.write_text(before)
    done = sweeprun("start", swept)
    assert done.code == 2
    assert "range narrowed" in done.err
    assert "sweeprun resume sweeps/demo --edit demo.yaml" in done.err


def test_an_edit_and_what_failed_again_go_together(file: Path, sweeprun: Command) -> None:
    Path("train.py").write_text("raise SystemExit('not yet')")
    assert sweeprun("start", file, "--set", "budget.trials=2").code == 4
    Path("other.py").write_text(REPORTS)
    done = sweeprun("resume", "--edit", change(file, ("train.py", "other.py")), "--trials", 2, "--retry", "failed")
    assert done.code == 0
    assert [trial.state.value for trial in there().trials()] == ["failed", "failed", "complete", "complete"]


FIRST_WAITS = """
import pathlib, time, sweeprun
while sweeprun.trial() == 0 and not pathlib.Path("on").exists():
    time.sleep(0.01)
"""


@pytest.fixture
def worker(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process at work on the sweep; its first trial runs until the file `on` is there."""
    Path("train.py").write_text(FIRST_WAITS + REPORTS)
    change(file, ("slots: 2", "slots: 1"))
    other = subprocess.Popen(
        [*COMMAND, "start", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    )
    yield other
    Path("on").touch()
    other.communicate(timeout=60)


def test_a_worker_in_another_process_goes_by_the_changed_file(
    file: Path, worker: subprocess.Popen[str], sweeprun: Command
) -> None:
    assert worker.stdout is not None
    assert any("trial 0 started" in line for line in worker.stdout)
    change(file, ("min: 1e-4, max: 1e-1", "min: 1.0, max: 10.0"), ("budget: 4", "budget: 9"), ("slots: 1", "slots: 2"))
    Path("lets_go.py").write_text("import pathlib\npathlib.Path('on').touch()\n" + REPORTS)
    change(file, ("train.py", "lets_go.py"))
    assert sweeprun("resume", "--edit", file).code == 0
    said = worker.communicate(timeout=60)[0]
    trials = there().trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 9, said
    assert trials[0].params["lr"] <= 0.1
    assert all(trial.params["lr"] >= 1.0 for trial in trials[1:])
    assert "ended: all 9 configurations of the budget are tried" in said


def test_what_is_added_while_another_process_works_is_run_by_it(
    file: Path, worker: subprocess.Popen[str], sweeprun: Command
) -> None:
    assert worker.stdout is not None
    assert any("trial 0 started" in line for line in worker.stdout)
    assert "the workers of the sweep run it" in sweeprun("add", "lr=0.01").err
    Path("on").touch()
    worker.communicate(timeout=60)
    trials = there().trials()
    assert [trial.origin for trial in trials] == ["search", "add", "search", "search", "search"]
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
