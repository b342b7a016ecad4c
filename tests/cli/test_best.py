"""`best`: which trials, in which form, with which exit code."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from sweeprun.cli import ranking
from sweeprun.run.followed import Followed
from sweeprun.trials import TrialState

Command = Callable[..., Any]


def test_the_best_complete_trial_comes_first(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for value in (0.5, 0.3, 0.4):
        sweep.ended(value)
    trials = sweeprun("best", "--json", "-n", 2).document["trials"]
    assert [trial["number"] for trial in trials] == [1, 2]


def test_what_is_maximised_is_ranked_from_the_top(build: Command, sweeprun: Command) -> None:
    source = "command: python t.py\nmetric: {name: val_loss, goal: maximize}\nparameters: {lr: [1, 2]}\n"
    sweep = build(source=source)
    for value in (0.5, 0.3, 0.9):
        sweep.ended(value)
    assert sweeprun("best", "-f", "value").out == "0.9\n"


def test_equal_values_are_ranked_by_number(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for _ in range(3):
        sweep.ended(0.5)
    assert [trial["number"] for trial in sweeprun("best", "--json", "-n", 3).document["trials"]] == [0, 1, 2]


def test_an_infinite_value_is_no_result_and_comes_last(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(-math.inf)
    sweep.ended(0.5)
    assert [trial["number"] for trial in sweeprun("best", "--json", "-n", 2).document["trials"]] == [1, 0]


def test_a_complete_trial_beats_a_better_one_that_was_pruned(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.1, TrialState.PRUNED, step=9)
    sweep.ended(0.5)
    done = sweeprun("best", "-f", "value")
    assert done.out == "0.5\n"
    assert done.err == ""


def test_without_a_complete_trial_those_that_came_furthest_are_ranked_and_it_says_so(
    build: Command, sweeprun: Command
) -> None:
    sweep = build()
    sweep.ended(0.1, TrialState.PRUNED, step=1)
    sweep.ended(0.5, TrialState.PRUNED, step=4)
    sweep.ended(0.4, TrialState.PAUSED, step=4)
    done = sweeprun("best", "--json", "-n", 5)
    assert [trial["number"] for trial in done.document["trials"]] == [2, 1]
    assert "no trial is complete" in done.err
    assert "step 4" in done.err


def test_a_running_trial_counts_with_what_it_has_reported(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.report(sweep.running(), {"epoch": 1, "val_loss": 0.9}, {"epoch": 2, "val_loss": 0.7})
    [trial] = sweeprun("best", "--json").document["trials"]
    assert (trial["state"], trial["values"], trial["step"]) == ("running", {"val_loss": 0.7}, 2)


def test_a_program_that_reports_faster_than_it_is_read_holds_nobody_up(
    build: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = build()
    trial, steps = sweep.running(), itertools.count(1)
    read = Followed.read

    def flooded(followed: Followed, *given: Any) -> Any:
        sweep.report(trial, {"epoch": next(steps), "val_loss": 0.5})
        return read(followed, *given)

    monkeypatch.setattr(Followed, "read", flooded)
    monkeypatch.setattr(ranking, "READING_S", 0.1)
    [said] = sweeprun("best", "--json").document["trials"]
    assert said["step"] is not None


def test_a_failed_trial_is_never_the_best(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.1, TrialState.FAILED)
    assert sweeprun("best").code == 4


@pytest.mark.parametrize("values", [[], [None], [math.nan]])
def test_exit_code_4_where_no_trial_has_a_value(build: Command, sweeprun: Command, values: list[float | None]) -> None:
    sweep = build()
    for value in values:
        sweep.ended(value)
    done = sweeprun("best")
    assert done.code == 4
    assert done.out == ""
    assert "no trial has a value of val_loss" in done.err
    as_json = sweeprun("best", "--json")
    assert (as_json.code, as_json.document["trials"]) == (4, [])


def test_a_requirement_that_holds_is_silent(build: Command, sweeprun: Command) -> None:
    build().ended(0.3)
    done = sweeprun("best", "-f", "value", "--require", "val_loss < 0.4 and layers == 4")
    assert (done.code, done.out, done.err) == (0, "0.3\n", "")


def test_a_requirement_that_does_not_hold_is_exit_code_1_after_the_output(build: Command, sweeprun: Command) -> None:
    build().ended(0.3)
    done = sweeprun("best", "-f", "value", "--require", "val_loss < 0.2")
    assert (done.code, done.out) == (1, "0.3\n")
    assert "val_loss is 0.3" in done.err


def test_a_requirement_with_an_unknown_name_is_bad_usage(build: Command, sweeprun: Command) -> None:
    build().ended(0.3)
    done = sweeprun("best", "--require", "val_los < 0.2")
    assert done.code == 2
    assert "did you mean 'val_loss'?" in done.err


def test_a_requirement_is_read_before_anything_else(build: Command, sweeprun: Command) -> None:
    build().ended(0.3)
    done = sweeprun("best", "--require", "val_loss.__class__(")
    assert (done.code, done.out) == (2, "")


def test_json_says_all_that_is_promised(build: Command, sweeprun: Command) -> None:
    sweep = build()
    trial = sweep.ended(0.3, step=7, seconds=12.5)
    (sweep.sweep.layout.checkpoint(trial.number, 1) / "model").write_text("x")
    document = sweeprun("best", "--json").document
    assert document == {
        "schema": "sweeprun.best/1",
        "sweep": "demo",
        "dir": str(sweep.directory),
        "metric": "val_loss",
        "goal": "minimize",
        "metrics": [{"name": "val_loss", "goal": "minimize", "limit": None}],
        "trials": [
            {
                "number": 0,
                "state": "complete",
                "params": {"lr": 1e-05, "layers": 4},
                "values": {"val_loss": 0.3},
                "feasible": True,
                "step": 7,
                "repeats": None,
                "checkpoint": str(sweep.sweep.layout.checkpoint(0, 1)),
                "command": None,
                "seconds": 12.5,
            }
        ],
    }


def test_yaml_is_the_same_document(build: Command, sweeprun: Command) -> None:
    build().ended(0.3)
    assert yaml.safe_load(sweeprun("best", "-f", "yaml").out) == sweeprun("best", "-f", "json").document


def test_nan_and_infinities_are_null_in_json_and_named(build: Command, sweeprun: Command) -> None:
    build().ended(0.3, values={"grad/norm": math.inf, "aux": math.nan})
    document = sweeprun("best", "--json").document
    assert document["trials"][0]["values"] == {"val_loss": 0.3, "grad/norm": None, "aux": None}
    assert sorted(document["nonfinite"]) == ["trials.0.values.aux", "trials.0.values.grad/norm"]


def test_arguments_are_what_the_trial_was_given(build: Command, sweeprun: Command) -> None:
    build().ended(0.3, optimizer=None, sizes=[64, 32], flag=True)
    assert sweeprun("best", "-f", "args").out == "--lr=1.0e-05 --layers=4 --sizes=[64,32] --flag=true\n"


def test_arguments_that_a_shell_would_split_are_quoted_with_a_message(build: Command, sweeprun: Command) -> None:
    build().ended(0.3, note="a b; $(touch pwned)")
    done = sweeprun("best", "-f", "args")
    assert done.out == "--lr=1.0e-05 --layers=4 '--note=a b; $(touch pwned)'\n"
    assert "eval" in done.err


def test_the_environment_format_has_names_that_a_shell_takes(build: Command, sweeprun: Command) -> None:
    build().ended(0.3, **{"model.depth": 3, "name": "a b"})
    assert sweeprun("best", "-f", "env").out == "lr=1.0e-05\nlayers=4\nmodel_depth=3\nname='a b'\n"


def test_a_table_shows_parameters_that_vary(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5, lr=0.1)
    sweep.ended(0.3, lr=0.2)
    heading, first, second = sweeprun("best").out.splitlines()
    assert heading.split() == ["trial", "val_loss", "lr", "step", "time", "state"]
    assert first.split() == ["1", "0.3", "0.2", "3", "10s", "complete"]
    assert second.split()[0] == "0"


@pytest.mark.parametrize("evil", ["=1+1", "@SUM(A1)", "-2+3", "+1", "=\tcmd"])
def test_csv_cells_that_a_spreadsheet_would_compute_are_quoted(build: Command, sweeprun: Command, evil: str) -> None:
    build().ended(-0.5, note=evil)
    [row] = csv.DictReader(io.StringIO(sweeprun("best", "-f", "csv").out))
    assert row["note"] == f"'{evil}".replace("\t", " ")
    assert row["val_loss"] == "-0.5"
    assert row["lr"] == "1.0e-05"


def test_an_unknown_format_is_refused_with_those_that_there_are(build: Command, sweeprun: Command) -> None:
    build().ended(0.3)
    done = sweeprun("best", "-f", "xml")
    assert done.code == 2
    assert "yaml" in done.err


@pytest.mark.parametrize("n", ["0", "-1", "x"])
def test_less_than_one_trial_is_refused(build: Command, sweeprun: Command, n: str) -> None:
    build().ended(0.3)
    assert sweeprun("best", "-n", n).code == 2
