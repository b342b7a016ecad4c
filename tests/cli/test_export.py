"""`export`: every trial, as a spreadsheet and as JSON lines."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sweeprun.trials import TrialState

Command = Callable[..., Any]


def rows(done: Any) -> list[dict[str, str]]:
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out)))


def objects(done: Any) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture
def filled(build: Command) -> Any:
    """Trials 0 to 3: complete, complete, failed, waiting."""
    sweep = build()
    sweep.ended(0.5, lr=0.1, layers=2)
    sweep.ended(0.25, values={"acc": 0.9}, seconds=2.5, lr=1e-3, layers=8)
    sweep.failed("exit code 1: boom")
    sweep.waiting()
    return sweep


def test_csv_has_a_line_a_trial_and_a_column_for_everything(filled: Any, sweeprun: Command) -> None:
    done = sweeprun("export", "csv")
    assert done.out.splitlines()[0] == (
        "number,state,val_loss,acc,lr,layers,step,seconds,origin,seed,failure,started,finished"
    )
    first, second, failed, waiting = rows(done)
    assert (first["number"], first["state"], first["lr"], first["acc"], first["failure"]) == (
        "0", "complete", "0.1", "", ""
    )  # fmt: skip
    assert (second["val_loss"], second["acc"], second["seconds"], second["step"]) == ("0.25", "0.9", "2.5", "3")
    assert (failed["state"], failed["failure"], failed["val_loss"]) == ("failed", "crash", "")
    assert (waiting["state"], waiting["finished"]) == ("waiting", "")


def test_points_in_time_say_their_zone(filled: Any, sweeprun: Command) -> None:
    first = rows(sweeprun("export", "csv"))[0]
    started, finished = (datetime.fromisoformat(first[name]) for name in ("started", "finished"))
    assert started.tzinfo is not None
    assert started <= finished


def test_a_running_trial_has_what_it_has_reported_so_far(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.report(sweep.running(), {"epoch": 1, "val_loss": 0.75})
    assert rows(sweeprun("export", "csv"))[0]["val_loss"] == "0.75"
    assert objects(sweeprun("export", "jsonl"))[0]["values"] == {"val_loss": 0.75}


def test_a_name_that_several_columns_would_have_says_what_it_is(build: Command, sweeprun: Command) -> None:
    build().ended(0.5, values={"lr": 7.0, "seconds": 9.0}, lr=0.1, seed=5)
    [trial] = rows(sweeprun("export", "csv"))
    assert (trial["metrics.lr"], trial["params.lr"]) == ("7.0", "0.1")
    assert (trial["metrics.seconds"], trial["seconds"]) == ("9.0", "10.0")
    assert (trial["params.seed"], trial["seed"]) == ("5", "0")


def test_every_value_of_a_parameter_can_be_told_from_the_cell(build: Command, sweeprun: Command) -> None:
    build().ended(0.5, a=None, b=True, c=[1, 2], d={"x": 1}, e="a,b\nc", f=0.1 + 0.2)
    [trial] = rows(sweeprun("export", "csv"))
    assert [trial[name] for name in "abcd"] == ["null", "true", "[1,2]", '{"x":1}']
    assert trial["e"] == "a,b c"
    assert float(trial["f"]) == 0.1 + 0.2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@SUM(A1)"])
def test_a_spreadsheet_finds_no_formula(build: Command, sweeprun: Command, text: str) -> None:
    sweep = build()
    sweep.params = {text: text}
    sweep.ended(-0.5)
    [trial] = rows(sweeprun("export", "csv"))
    assert trial[f"'{text}"] == f"'{text}"
    assert trial["val_loss"] == "-0.5"


def test_json_lines_hold_the_curve_the_runs_and_the_failure(filled: Any, sweeprun: Command) -> None:
    first, _, failed, _ = objects(sweeprun("export", "jsonl"))
    assert (first["number"], first["params"]) == (0, {"lr": 0.1, "layers": 2})
    assert first["curve"] == {"steps": [3], "val_loss": [0.5]}
    assert first["runs"][0]["seconds"] == 10.0
    assert failed["failure"]["message"] == "exit code 1: boom"
    assert "nonfinite" not in first


def test_what_json_cannot_say_is_null_and_named(build: Command, sweeprun: Command) -> None:
    build().ended(math.nan, TrialState.PRUNED, values={"acc": math.inf})
    [trial] = objects(sweeprun("export", "jsonl"))
    assert trial["values"] == {"val_loss": None, "acc": None}
    assert trial["nonfinite"] == ["values.val_loss", "values.acc", "curve.val_loss.0"]
    [trial] = rows(sweeprun("export", "csv"))
    assert (trial["val_loss"], trial["acc"]) == ("nan", "inf")


def test_a_damaged_trial_is_exported_as_one(build: Command, sweeprun: Command) -> None:
    sweep = build()
    trial = sweep.ended(0.5)
    sweep.sweep.layout.state(trial.number, 2).write_bytes(b"junk")
    assert rows(sweeprun("export", "csv"))[0]["state"] == "damaged"


def test_a_sweep_is_named_before_the_format(build: Command, sweeprun: Command) -> None:
    build("one").ended(0.5, a="one")
    build("two")
    assert rows(sweeprun("export", "one", "csv"))[0]["a"] == "one"
    assert sweeprun("export", "jsonl").out == ""


def test_words_in_another_order_or_unknown_are_refused_with_what_was_meant(build: Command, sweeprun: Command) -> None:
    build("one")
    done = sweeprun("export", "csv", "one")
    assert (done.code, done.out) == (2, "")
    assert "sweeprun export one csv" in done.err
    assert "did you mean 'jsonl'?" in sweeprun("export", "json").err
    assert sweeprun("export", "a", "b", "csv").code == 2
