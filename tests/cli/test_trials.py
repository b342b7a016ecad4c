"""`trials`: which are listed, in which order, with which columns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.trials import Failure, FailureClass, TrialState

Command = Callable[..., Any]


def listed(done: Any) -> list[int]:
    return [trial["number"] for trial in done.document["trials"]]


@pytest.fixture
def filled(build: Command) -> Any:
    """Trials 0 to 5: three complete, one pruned, one failed, one running."""
    sweep = build()
    sweep.ended(0.5, lr=0.1, layers=2)
    sweep.ended(0.3, lr=0.001, layers=8)
    sweep.ended(0.4, lr=0.01, layers=4)
    sweep.ended(0.9, TrialState.PRUNED, lr=0.05)
    sweep.failed("exit code 1: boom", ["Traceback", "boom"])
    sweep.report(sweep.running(lr=0.02), {"epoch": 1, "val_loss": 0.6})
    return sweep


def test_all_trials_are_listed_by_number(filled: Any, sweeprun: Command) -> None:
    assert listed(sweeprun("trials", "--json")) == [0, 1, 2, 3, 4, 5]


def test_json_says_all_that_is_promised(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5, step=7, seconds=2.5)
    sweep.ended(state=TrialState.FAILED, failure=Failure(FailureClass.GPU_OOM, "out of memory"))
    first, second = sweeprun("trials", "--json").document["trials"]
    assert first == {
        "number": 0,
        "state": "complete",
        "damaged": False,
        "params": {"lr": 1e-05, "layers": 4},
        "values": {"val_loss": 0.5},
        "feasible": True,
        "step": 7,
        "failure": None,
        "reason": None,
        "why": "",
        "parent": None,
        "origin": "search",
        "seconds": 2.5,
        "started": first["started"],
        "finished": first["finished"],
    }
    assert first["started"] <= first["finished"]
    assert (second["failure"], second["why"]) == ("gpu_oom", "out of memory")


def test_an_open_trial_has_no_end(build: Command, sweeprun: Command) -> None:
    build().waiting()
    [trial] = sweeprun("trials", "--json").document["trials"]
    assert (trial["state"], trial["finished"], trial["seconds"]) == ("waiting", None, 0.0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--state", "complete"], [0, 1, 2]),
        (["--state", "failed", "--state", "pruned"], [3, 4]),
        (["--where", "val_loss < 0.45"], [1, 2]),
        (["--where", "layers > 2 and lr < 0.005"], [1, 4]),
        (["--where", "metrics.val_loss > 0.5"], [3, 5]),
        (["--where", "number > 0 and state == 'complete' and seconds > 0"], [1, 2]),
        (["--sort", "val_loss"], [1, 2, 0, 5, 3, 4]),
        (["--sort", "-val_loss"], [3, 5, 0, 2, 1, 4]),
        (["--sort", "lr", "--state", "complete"], [1, 2, 0]),
        (["--sort", "state", "--where", "lr < 0.05"], [1, 2, 4, 5]),
    ],
)
def test_trials_are_chosen_and_ordered(filled: Any, sweeprun: Command, words: list[str], expected: list[int]) -> None:
    assert listed(sweeprun("trials", "--json", *words)) == expected


def test_a_condition_on_a_name_that_no_trial_has_is_refused(filled: Any, sweeprun: Command) -> None:
    done = sweeprun("trials", "--where", "val_los < 1")
    assert done.code == 2
    assert "did you mean 'val_loss'?" in done.err


def test_a_text_without_quotes_in_a_condition_is_told_of_them(build: Command, sweeprun: Command) -> None:
    build().ended(0.5, layers="deep")
    assert "texts stand in quotes: 'deep'\n" in sweeprun("trials", "--where", "layers == deep").err


def test_an_unknown_column_is_refused_with_those_that_there_are(filled: Any, sweeprun: Command) -> None:
    for option in ("--sort", "--columns"):
        done = sweeprun("trials", option, "laers")
        assert done.code == 2
        assert "did you mean 'layers'?" in done.err


def test_an_unknown_state_is_refused_with_those_that_there_are(filled: Any, sweeprun: Command) -> None:
    done = sweeprun("trials", "--state", "done")
    assert done.code == 2
    assert "complete" in done.err


def test_columns_are_those_that_were_asked_for(filled: Any, sweeprun: Command) -> None:
    done = sweeprun("trials", "--plain", "--columns", "number,layers,params.lr,metrics.val_loss,failure")
    assert done.out.splitlines()[:2] == ["number\tlayers\tparams.lr\tmetrics.val_loss\tfailure", "0\t2\t0.1\t0.5\t"]
    assert done.out.splitlines()[5] == "4\t4\t1.0e-05\t\tcrash"


def test_a_table_has_the_parameters_that_vary(filled: Any, sweeprun: Command) -> None:
    heading = sweeprun("trials", "--state", "complete").out.splitlines()[0]
    assert heading.split() == ["number", "state", "val_loss", "lr", "layers", "step", "seconds", "reason"]


def test_a_name_that_is_parameter_and_metric_can_be_settled(build: Command, sweeprun: Command) -> None:
    build().ended(0.5, values={"lr": 7.0}, lr=0.1)
    out = sweeprun("trials", "--plain", "--columns", "params.lr,metrics.lr").out
    assert out.splitlines()[1] == "0.1\t7.0"


def test_a_parameter_named_like_a_fact_is_reached_by_its_prefix(build: Command, sweeprun: Command) -> None:
    build().ended(0.5, seed=5, state_="x")
    assert sweeprun("trials", "--plain", "--columns", "seed,params.seed").out.splitlines()[1] == "0\t5"


def test_a_damaged_trial_is_listed_as_damaged(build: Command, sweeprun: Command) -> None:
    sweep = build()
    trial = sweep.ended(0.5)
    sweep.sweep.layout.state(trial.number, 2).write_bytes(b"junk")
    [entry] = sweeprun("trials", "--json").document["trials"]
    assert (entry["damaged"], entry["state"]) == (True, "failed")
    assert "damaged" in sweeprun("trials").out
    assert listed(sweeprun("trials", "--json", "--state", "failed")) == []


def test_values_of_several_kinds_can_be_sorted(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for value in ("b", 2, True, "a", None, [1]):
        sweep.ended(0.5, mixed=value)
    assert listed(sweeprun("trials", "--json", "--sort", "mixed")) == [2, 1, 5, 3, 0, 4]


def test_plain_and_json_exclude_each_other(filled: Any, sweeprun: Command) -> None:
    assert sweeprun("trials", "--plain", "--json").code == 2


def test_a_sweep_without_trials_lists_none(build: Command, sweeprun: Command) -> None:
    build()
    assert json.loads(sweeprun("trials", "--json").out) == {"schema": "sweeprun.trials/1", "trials": []}
    assert sweeprun("trials").out.count("\n") == 1
