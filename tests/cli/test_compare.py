"""`compare`: two trials, two sweeps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.store import records
from sweeprun.trials import Curve, Trial, TrialState
from tests.cli.conftest import SOURCE
from tests.cli.test_main import HEAVY, imported_by

Command = Callable[..., Any]


def lines(done: Any) -> dict[str, list[str]]:
    """The rows of what was printed, by their first cell."""
    assert done.code == 0, done.err
    cells = [[cell for cell in line.split("  ") if cell] for line in done.out.splitlines()]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in cells if row}


def with_curve(sweep: Any, values: list[float], first: int = 1, **params: Any) -> None:
    """One more trial, complete, with these values at the steps from `first` on."""
    trial = sweep.running(**params)
    steps = tuple(range(first, first + len(values)))
    said = records.left(trial) | {"seconds": 2.0, "step": steps[-1], "last_step": steps[-1], "first": 1}
    curve = Curve(steps, {"val_loss": tuple(values)})
    said |= {"values": {"val_loss": values[-1]}, "curve": records.curve_record(curve)}
    sweep.sweep.advance(trial, TrialState.COMPLETE, "", **said)


# ---- trials


def test_of_two_trials_what_differs_is_shown(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5, lr=0.1, layers=2, seed=3)
    sweep.ended(0.25, lr=0.01, layers=2, seed=3, seconds=90.0)
    shown = lines(sweeprun("compare", 0, 1))
    assert shown["trial 0"] == ["trial 1", "difference"]
    assert shown["lr"] == ["0.1", "0.01", "-0.09"]
    assert shown["2 other parameters"] == ["the same", "the same"]
    assert shown["state"] == ["complete", "complete"]
    assert shown["val_loss"] == ["0.5", "0.25", "-0.25"]
    assert shown["time"] == ["10s", "1m 30s"]
    assert "layers" not in shown


def test_a_parameter_that_one_of_them_lacks_is_a_difference(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5, optimizer="sgd", momentum=0.9)
    sweep.ended(0.5, optimizer="adam")
    shown = lines(sweeprun("compare", "demo", 0, 1))
    assert shown["optimizer"] == ["sgd", "adam"]
    assert shown["momentum"] == ["0.9", "-"]


def test_why_a_trial_ended_as_it_did_is_shown(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.failed("exit code 1: boom")
    sweep.waiting(preempted="the machine was wanted")
    shown = lines(sweeprun("compare", 0, 1))
    assert shown["state"] == ["failed", "waiting"]
    assert shown["reason"] == ["exit code 1: boom", "preempted: the machine was wanted"]
    assert shown["val_loss"] == ["-", "-"]


def test_curves_are_shown_at_a_few_of_the_steps_that_both_have(build: Command, sweeprun: Command) -> None:
    sweep = build()
    with_curve(sweep, [1.0 - 0.01 * step for step in range(30)])
    with_curve(sweep, [0.5] * 20, first=11)
    found = sweeprun("compare", 0, 1, "--json").document["curves"]
    steps = [point["step"] for point in found]
    assert (len(steps), steps[0], steps[-1]) == (6, 11, 30)
    assert found[0]["values"] == [pytest.approx(0.9), 0.5]
    assert lines(sweeprun("compare", 0, 1))["val_loss at step 30"] == ["0.71", "0.5", "-0.21"]


def test_a_step_without_a_number_is_no_common_step(build: Command, sweeprun: Command) -> None:
    sweep = build()
    with_curve(sweep, [0.5, math.nan, 0.3])
    with_curve(sweep, [0.5, 0.4, 0.3])
    assert [point["step"] for point in sweeprun("compare", 0, 1, "--json").document["curves"]] == [1, 3]


def test_trials_without_a_common_step_have_no_curve_to_show(build: Command, sweeprun: Command) -> None:
    sweep = build()
    with_curve(sweep, [0.5, 0.4])
    with_curve(sweep, [0.5, 0.4], first=5)
    assert sweeprun("compare", 0, 1, "--json").document["curves"] == []
    assert "at step 1" not in sweeprun("compare", 0, 1).out


def test_a_running_trial_is_compared_as_far_as_it_is(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.report(sweep.running(), {"epoch": 1, "val_loss": 0.75})
    with_curve(sweep, [0.5])
    assert lines(sweeprun("compare", 0, 1))["val_loss at step 1"] == ["0.75", "0.5", "-0.25"]


def test_two_trials_as_json(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5, lr=0.1)
    sweep.ended(0.25, lr=0.01)
    document = sweeprun("compare", 0, 1, "--json").document
    assert (document["schema"], document["sweep"], document["metric"]) == ("sweeprun.compare/1", "demo", "val_loss")
    assert [trial["number"] for trial in document["trials"]] == [0, 1]
    assert document["differing"] == ["lr"]


def test_two_trials_are_compared_without_reading_sweep_files(build: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    sweep.ended(0.25)
    assert not imported_by("compare", "0", "1") & (HEAVY | {"yaml"})


# ---- sweeps


def test_of_two_sweeps_what_came_of_them_is_shown(build: Command, sweeprun: Command) -> None:
    first = build("first")
    for value in (0.5, 0.75, 0.25):
        first.ended(value, seconds=60.0)
    second = build("second")
    second.ended(0.4, lr=0.1)
    second.failed()
    shown = lines(sweeprun("compare", "first", "second"))
    assert shown["first"] == ["second"]
    assert shown["trials"] == ["3 complete", "1 complete, 1 failed"]
    assert shown["best val_loss"] == ["0.25 (trial 2)", "0.4 (trial 0)"]
    assert shown["lr"] == ["1e-05", "0.1"]
    assert "layers" not in shown
    assert shown["best after 1"] == ["0.5", "0.4"]
    assert shown["best after 2"] == ["0.5", "0.4"]
    assert "best after 5" not in shown
    assert shown["time of all trials"] == ["3m 00s", "20s"]
    assert "the files say the same" in shown


def test_the_best_after_so_many_configurations_is_for_those_that_came_so_far(build: Command, sweeprun: Command) -> None:
    first, second = build("first"), build("second")
    for value in (0.5, 0.75, 0.25, 0.6, 0.1):
        first.ended(value)
    second.ended(0.4)
    second.ended(0.01, TrialState.PRUNED)  # a value of one that was cut short is no result, yet it took its place
    after = [each["after"] for each in sweeprun("compare", "first", "second", "--json").document["sweeps"]]
    assert after == [{"1": 0.5, "2": 0.5, "5": 0.1}, {"1": 0.4, "2": 0.4, "5": None}]


def test_what_was_brought_in_is_no_step_of_the_search(build: Command, sweeprun: Command) -> None:
    first, second = build("first"), build("second")
    brought = Trial(0, "uid0", TrialState.RUNNING, params=second.params, worker=second.worker, origin="import")
    brought = second.sweep.create_trial(brought, TrialState.RUNNING)
    said = records.left(brought._replace(values={"val_loss": 0.01}))
    second.sweep.advance(brought, TrialState.COMPLETE, "", **said)
    for sweep in (first, second):
        sweep.ended(0.5)
    document = sweeprun("compare", "first", "second", "--json").document
    assert [each["after"] for each in document["sweeps"]] == [{"1": 0.5}, {"1": 0.5}]
    assert document["sweeps"][1]["best"]["number"] == 0


def test_what_is_better_follows_the_goal(build: Command, sweeprun: Command) -> None:
    source = SOURCE.replace("metric: val_loss", "metric: {name: val_loss, goal: maximize}")
    for name in ("first", "second"):
        sweep = build(name, source)
        for value in (0.5, 0.75, 0.25):
            sweep.ended(value)
    shown = lines(sweeprun("compare", "first", "second"))
    assert shown["best after 2"] == ["0.75", "0.75"]


def test_what_differs_in_the_files_is_shown(build: Command, sweeprun: Command) -> None:
    build("first")
    build("second", SOURCE.replace("max: 1e-1", "max: 1.0").replace("budget: 6", "budget: 8"))
    shown = lines(sweeprun("compare", "first", "second"))
    assert shown["in the file"] == ["first", "second"]
    assert shown["budget.trials"] == ["6", "8"]
    assert "to 1" in shown["parameters.lr"][1]
    changes = sweeprun("compare", "first", "second", "--json").document["changes"]
    assert {"key": "budget.trials", "values": ["6", "8"]} in changes


def test_sweeps_with_other_objectives_are_not_compared_by_value(build: Command, sweeprun: Command) -> None:
    build("first").ended(0.5)
    build("second", SOURCE.replace("metric: val_loss", "metric: {name: val_loss, goal: maximize}")).ended(0.5)
    done = sweeprun("compare", "first", "second")
    assert "one looks for val_loss (minimize), the other for val_loss (maximize)" in done.err
    assert lines(done)["objective"] == ["val_loss (minimize)", "val_loss (maximize)"]
    assert sweeprun("compare", "first", "second", "--json").document["comparable"] is False


def test_sweeps_without_a_trial_can_be_compared(build: Command, sweeprun: Command) -> None:
    build("first")
    build("second")
    assert lines(sweeprun("compare", "first", "second"))["best val_loss"] == ["-", "-"]


@pytest.mark.parametrize("words", [["1"], ["demo"], ["demo", "0"], ["demo", "0", "x"], ["demo", "0", "1", "2"]])
def test_other_words_are_refused(build: Command, sweeprun: Command, words: list[str]) -> None:
    build().ended(0.5)
    done = sweeprun("compare", *words)
    assert (done.code, done.out) == (2, "")


def test_a_trial_that_is_not_there_is_refused(build: Command, sweeprun: Command) -> None:
    build().ended(0.5)
    assert "demo has no trial 7" in sweeprun("compare", 0, 7).err
