"""`warm_start` as a user meets it: check, start, show, status, resume --edit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeprun.run.plan import Plan
from sweeprun.store.sweep import Sweep

Command = Callable[..., Any]

PROGRAM = """
import sweeprun
params = sweeprun.params()
sweeprun.report(epoch=1, loss=abs(params["lr"] - 0.01), acc=0.5)
"""
FILE = """\
command: [python, train.py, "${args}"]
metric: loss
parameters:
  lr: {min: 1e-4, max: 1e-1, log: true}
  opt: [sgd, adam]
algorithm: random
budget: 6
resources: {gpus: 0, slots: 2}
"""


def write(name: str, *more: str, **replaced: str) -> Path:
    text = FILE
    for key, value in replaced.items():
        text = "".join(f"{key}: {value}\n" if line.startswith(f"{key}:") else f"{line}\n" for line in text.splitlines())
    path = Path(f"{name}.yaml")
    path.write_text("\n".join([text, *more]))
    return path


@pytest.fixture
def taught(build: Command) -> Sweep:
    """A sweep of six trials beside its program."""
    made = build("a", FILE)
    Path("train.py").write_text(PROGRAM)
    for lr in (2e-4, 0.02, 5e-4, 0.03, 0.004, 0.09):
        made.params = {"lr": lr, "opt": "sgd"}
        made.ended(values={"loss": abs(lr - 0.01), "acc": 0.5})
    return there("a")


def there(name: str) -> Sweep:
    return Sweep(Path("sweeps") / name)


NARROWER = "parameters: {lr: {min: 1e-3, max: 1e-1, log: true}, opt: [sgd, adam]}"


def learner(*more: str, warm_start: str = "{from: [a]}", algorithm: str = "tpe") -> Path:
    """A file in whose space only some of the six trials lie."""
    head, _, rest = FILE.partition("parameters:")
    tail = rest.partition("algorithm: random")[2]
    path = Path("b.yaml")
    path.write_text(f"{head}{NARROWER}\nalgorithm: {algorithm}{tail}warm_start: {warm_start}\n" + "\n".join(more))
    return path


def inside(sweep: Sweep) -> list[int]:
    return [trial.number for trial in sweep.trials() if trial.params["lr"] >= 1e-3]


def test_first_configurations_are_understood_run_and_told_of(taught: Sweep, sweeprun: Command) -> None:
    file = write("b", "warm_start: {first: [{lr: 0.05}, {}]}", budget="3")
    checked = sweeprun("check", file, "--draw", "2")
    assert "first           warm_start.first: lr=0.05\n" in checked.out
    assert "python train.py --lr=0.05 --opt=" in checked.out
    assert sweeprun("check", file, "--json").document["first"] == ["warm_start.first: lr=0.05", "warm_start.first: any"]
    assert sweeprun("start", file).code == 0
    assert [trial.origin for trial in there("b").trials()] == ["first", "first", "search"]
    assert there("b").trials()[0].params["lr"] == 0.05
    assert "from   warm_start.first: lr=0.05\n" in sweeprun("show", "b", "0").out
    assert "from" not in sweeprun("show", "b", "2").out.split("\n\n")[0]


def test_more_configurations_than_the_budget_are_warned_of(taught: Sweep, sweeprun: Command) -> None:
    done = sweeprun("check", write("b", "warm_start: {first: [{lr: 0.05}, {}]}", budget="1"))
    assert "warning: warm_start gives 2 configurations to run first, and the budget ends after 1" in done.err
    assert "warning" not in sweeprun("check", write("b", "warm_start: {first: [{}, {lr: 0.05}]}", budget="2")).err


def test_a_value_outside_the_space_is_refused_where_it_stands(taught: Sweep, sweeprun: Command) -> None:
    file = write("b", "warm_start: {first: [{lr: 5}]}")
    for command in ("check", "start"):
        done = sweeprun(command, file)
        assert done.code == 2
        assert "b.yaml:10:23: warm_start.first.0.lr: lr = 5 is not allowed" in done.err
        assert "lr is {'min': 0.0001, 'max': 0.1, 'log': True}" in done.err
    assert not Path("sweeps/b").exists()


def test_an_algorithm_that_does_not_learn_from_earlier_sweeps_says_so(taught: Sweep, sweeprun: Command) -> None:
    said = sweeprun("check", learner(algorithm="random")).out
    assert f"{len(inside(taught))} of 6 trials of a lie in this space and random does not learn from them" in said


def test_an_earlier_sweep_informs_the_search_as_far_as_it_lies_in_the_space(taught: Sweep, sweeprun: Command) -> None:
    numbers = inside(taught)
    assert 0 < len(numbers) < 6
    outside = next(trial for trial in taught.trials() if trial.number not in numbers)
    said = f"{len(numbers)} of 6 trials of a lie in this space and inform the search"
    why = f"; trial {outside.number} has lr={outside.params['lr']:.5g}, which is not allowed here"
    file = learner()
    assert f"from            {said}{why}\n" in sweeprun("check", file).out
    assert sweeprun("check", file, "--json").document["from"] == [said + why]
    assert f"warm start: {said}{why}\n" in sweeprun("start", file).err
    assert "warm start" not in sweeprun("start", file).err  # joining
    plan = Plan.load(there("b"))
    history = plan.history(there("b").trials())
    [earlier] = history.earlier
    assert [trial.number for trial in earlier.trials] == list(range(6))
    assert [trial.params for trial in earlier.inside] == [taught.trials()[number].params for number in numbers]
    assert [earlier.loss(trial) for trial in earlier.trials] == [trial.values["loss"] for trial in taught.trials()]
    assert history.number == 6
    assert len(history.keys) == 6
    assert history.points[0].shape == (6, 2)


@pytest.mark.parametrize("name", ["a", "sweeps/a", "elsewhere/../sweeps/a", "{tmp}/sweeps/a"])
def test_a_sweep_is_named_or_found_from_where_the_file_lies(
    taught: Sweep, sweeprun: Command, name: str, tmp_path: Path
) -> None:
    Path("elsewhere").mkdir()
    file = learner(warm_start=f"{{from: ['{name.format(tmp=tmp_path)}']}}")
    assert "of 6 trials of a lie in" in sweeprun("check", file).out
    Path("sub").mkdir()
    moved = Path("sub/b.yaml")
    moved.write_text(learner(warm_start="{from: [../sweeps/a]}").read_text() + "workdir: ..\n")
    assert "of 6 trials of a lie in" in sweeprun("check", moved).out


def test_under_another_root_a_sweep_is_found_by_name(taught: Sweep, sweeprun: Command, tmp_path: Path) -> None:
    (tmp_path / "sweeps").rename(tmp_path / "other")
    assert "there is no sweep at a nor at sweeps/a; under sweeps there are: none" in sweeprun("check", learner()).err
    assert "of 6 trials of a" in sweeprun("check", learner(), "--root", "other").out
    assert sweeprun("start", learner("root: other")).code == 0


def test_a_sweep_that_cannot_teach_is_refused_where_it_is_named(taught: Sweep, sweeprun: Command) -> None:
    def refused(file: Path) -> str:
        done = sweeprun("start", file)
        assert done.code == 2
        assert not Path("sweeps/b").exists()
        return str(done.err)

    missing = refused(learner(warm_start="{from: [a, aa]}"))
    assert "b.yaml:7:24: warm_start.from.1: there is no sweep at aa nor at sweeps/aa; under sweeps there are" in missing
    assert "did you mean 'a'?" in missing
    twice = refused(learner(warm_start="{from: [a, sweeps/a]}"))
    assert "warm_start.from.1: sweeps/a is the sweep a, which is there already" in twice
    other = write("b", "warm_start: {from: [a]}", metric="f1")
    assert "warm_start.from.0: the trials of a have no metric f1; there are: loss, acc" in refused(other)
    upside_down = write("b", "warm_start: {from: [a]}", metric="{name: loss, goal: maximize}")
    assert "a has the goal to minimize loss, and this sweep to maximize it" in refused(upside_down)
    assert sweeprun("start", write("none", budget="1"), "--set", "command=[/bin/false]").code != 0
    empty = refused(learner(warm_start="{from: [none]}"))
    assert "the trials of none have no metric loss; there are: none" in empty


def test_a_sweep_in_which_nothing_has_ended_is_refused(build: Command, sweeprun: Command) -> None:
    build("a").running()
    Path("b.yaml").write_text(Path("a.yaml").read_text() + "warm_start: {from: [a]}\n")
    done = sweeprun("check", "b.yaml")
    assert (done.code, "no trial of a has ended: there is nothing to learn from" in done.err) == (2, True)


def test_the_best_of_the_earlier_sweeps_are_run_again_after_the_first(taught: Sweep, sweeprun: Command) -> None:
    best = sorted(inside(taught), key=lambda number: taught.trials()[number].values["loss"])[:2]
    file = learner(warm_start="{first: [{lr: 0.05}], from: [a], top: 2}")
    assert f"first           trial {best[0]} of a, one of the best there\n" in sweeprun("check", file).out
    assert sweeprun("start", file).code == 0
    trials = there("b").trials()
    assert [trial.origin for trial in trials] == ["first"] * 3 + ["search"] * 3
    assert [trial.params for trial in trials[1:3]] == [taught.trials()[number].params for number in best]
    assert [dict(trial.notes) for trial in trials[1:3]] == [{"sweep": "a", "trial": number} for number in best]
    assert f"from   trial {best[1]} of a, one of the best there\n" in sweeprun("show", "b", "2").out


def test_the_earlier_sweep_may_be_deleted(taught: Sweep, sweeprun: Command) -> None:
    assert sweeprun("start", learner(warm_start="{from: [a], top: 2}"), "--set", "budget=1").code == 0
    before = Plan.load(there("b"))
    suggested = before.suggest(before.history(there("b").trials()))
    shutil.rmtree("sweeps/a")
    after = Plan.load(there("b"))
    assert after.suggest(after.history(there("b").trials())) == suggested
    np.testing.assert_equal(after.history([]).earlier[0].points, before.history([]).earlier[0].points)
    assert sweeprun("resume", "--trials", "3").code == 0
    assert [trial.origin for trial in there("b").trials()] == ["first", "first", "search"]
    assert sweeprun("start", learner(warm_start="{from: [a], top: 2}"), "--set", "budget=3").code == 0


def test_damage_to_what_is_known_is_named_and_costs_what_was_in_it(taught: Sweep, sweeprun: Command) -> None:
    assert sweeprun("start", learner()).code == 0
    path = there("b").layout.earlier
    assert sweeprun("status", "--json").document["earlier_damage"] is None
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[3][:-5] + b"!\n", *lines[4:]]))
    damage = f"{path}: 1 of 6 trials cannot be read, and informs nothing"
    assert f"damaged    what earlier sweeps have shown: {damage}\n" in sweeprun("status").out
    assert sweeprun("status", "--json").document["earlier_damage"] == damage
    resumed = sweeprun("resume", "--trials", "7")
    assert (resumed.code, damage in resumed.err) == (0, True)
    path.unlink()
    assert f"{path}: missing" in sweeprun("status").out
    assert sweeprun("best").code == 0
    assert sweeprun("resume", "--trials", "8").code == 0


def test_a_changed_list_runs_what_is_new_in_it(taught: Sweep, sweeprun: Command) -> None:
    assert sweeprun("start", write("b", "warm_start: {first: [{lr: 0.05}]}", budget="2")).code == 0
    changed = write("b", "warm_start: {first: [{lr: 0.02}, {lr: 0.05}]}", budget="4")
    done = sweeprun("resume", "--edit", changed)
    assert done.code == 0
    assert "warm_start.first" in done.err
    assert "what is new in first and top is run next; from cannot change" in done.err
    trials = there("b").trials()
    assert [trial.origin for trial in trials] == ["first", "search", "first", "search"]
    assert trials[2].params["lr"] == 0.02


def test_a_sweep_learns_only_from_those_that_it_was_made_with(taught: Sweep, sweeprun: Command) -> None:
    assert sweeprun("start", write("b")).code == 0
    done = sweeprun("resume", "b", "--edit", learner())
    assert done.code == 2
    assert "warm_start.from: a sweep learns from those that its file named when it was made: none" in done.err
    assert "begin anew, from this one too: from: [sweeps/b]" in done.err
    assert there("b").edits == []


def test_a_file_whose_warm_start_is_the_same_can_be_changed_elsewhere(taught: Sweep, sweeprun: Command) -> None:
    assert sweeprun("start", learner(), "--set", "budget=1").code == 0
    shutil.rmtree("sweeps/a")
    assert sweeprun("resume", "--edit", learner(), "--set", "budget=2").code == 0
    assert len(there("b").trials()) == 2


def test_a_smoke_test_runs_the_first_of_them(taught: Sweep, sweeprun: Command) -> None:
    done = sweeprun("start", learner(warm_start="{first: [{lr: 0.05}], from: [a]}"), "--smoke")
    assert (done.code, "it works: step 1 reported loss 0.04" in done.err) == (0, True)
