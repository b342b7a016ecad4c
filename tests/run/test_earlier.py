"""Which column of a table is what, and which of its lines is a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.errors import UsageError
from sweeprun.run.earlier import Headings, NoResultError, Result
from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile

PLAN = Plan.of(
    SweepFile.parse(
        "command: a ${args}\nmetrics: [loss, {name: lr, expr: rate}, {name: half, expr: loss / 2}]\n"
        "parameters: {lr: {min: 0.0, max: 1.0}, step: [1, 2], model: {parameters: {depth: [2, 4]}}}",
        Path("sweep.yaml"),
    )
)


def result(headings: str, cells: str) -> Result:
    return Headings.of(headings.split(","), PLAN).result(cells.split(","), 7, PLAN)


def test_parameters_and_metrics_are_found_by_name() -> None:
    found = result("model.depth,loss,half,params.lr,params.step", "4,0.5,0.25,0.1,2")
    assert found == Result({"lr": 0.1, "step": 2, "model.depth": 4}, {"loss": 0.5, "half": 0.25}, None, 7, "")


def test_a_prefix_settles_what_is_both_and_wins_over_the_bare_name() -> None:
    found = result("loss,params.lr,metrics.lr,params.step,step,model.depth", "0.5,0.1,0.9,2,12,4")
    assert (found.params["lr"], found.values["lr"]) == (0.1, 0.9)
    assert (found.params["step"], found.step) == (2, 12)


def test_a_metric_that_the_file_does_not_name_may_be_called_one() -> None:
    assert result("loss,metrics.acc,params.lr,acc", "0.5,0.9,0.1,0.8").values == {"loss": 0.5, "acc": 0.9, "half": 0.25}


def test_columns_that_are_nothing_are_named() -> None:
    columns = Headings.of(["loss", "params.lr", "number", "seed", "started", "note", "params.nope"], PLAN)
    assert columns.ignored == ("note", "params.nope")


def test_a_column_without_a_heading_is_nothing_to_speak_of() -> None:
    assert Headings.of(["", "loss", "params.lr"], PLAN).ignored == ()


@pytest.mark.parametrize(("step", "known"), [("12", 12), ("", None), ("-1", None), ("two", None), ("9" * 5000, None)])
def test_a_step_is_a_count_or_not_known(step: str, known: int | None) -> None:
    assert result("loss,params.lr,step,params.step,model.depth", f"0.5,0.1,{step},2,4").step == known


def test_an_empty_cell_is_one_that_is_not_there() -> None:
    found = result("loss,acc,metrics.acc,params.lr,params.step,model.depth", "0.5,0.9,,0.1,2,")
    assert "acc" not in found.values
    assert found.outside == "model.depth is not given"


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (",complete,0.1", "it has no loss"),
        ("nan,complete,0.1", "loss is nan"),
        ("inf,,0.1", "loss is inf"),
        ("low,,0.1", "loss is 'low', which is no number"),
        ("0.5,failed,0.1", "its state is failed"),
        ("0.5,,high", "lr is 'high', which is no number"),
    ],
)
def test_a_line_that_is_no_result_says_why(cells: str, why: str) -> None:
    with pytest.raises(NoResultError) as caught:
        result("loss,state,params.lr", cells)
    assert str(caught.value) == why


@pytest.mark.parametrize("state", ["", "complete", "COMPLETE"])
def test_only_what_is_complete_is_a_result(state: str) -> None:
    assert result("loss,state,params.lr", f"0.5,{state},0.1").values["loss"] == 0.5


def test_a_derived_metric_is_computed_where_the_table_does_not_have_it() -> None:
    assert result("loss,params.lr", "0.5,0.1").values == {"loss": 0.5, "half": 0.25}
    assert result("loss,half,params.lr", "0.5,0.3,0.1").values == {"loss": 0.5, "half": 0.3}


def test_of_several_objectives_a_result_has_all() -> None:
    metrics = "metrics: [loss, ms, {name: sum, expr: loss + ms, goal: minimize}]"
    plan = Plan.of(SweepFile.parse(f"command: a\nargs: none\n{metrics}\nparameters: {{lr: [1]}}", Path("sweep.yaml")))
    meant = Headings.of(["loss", "ms", "lr"], plan)
    assert meant.result(["0.5", "3", "1"], 2, plan).values == {"loss": 0.5, "ms": 3.0, "sum": 3.5}
    with pytest.raises(NoResultError, match="it has no ms"):
        meant.result(["0.5", "", "1"], 3, plan)
    with pytest.raises(UsageError, match="no column ms"):
        Headings.of(["loss", "lr"], plan)


def test_a_table_without_the_objective_is_refused_with_its_columns() -> None:
    with pytest.raises(UsageError, match=r"no column loss, .*; there are: Loss, params\.lr") as caught:
        Headings.of(["Loss", "params.lr"], PLAN)
    assert caught.value.hint == "did you mean 'Loss'?"


def test_a_table_without_a_parameter_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no column of a parameter; parameters are: lr, step, model\.depth"):
        Headings.of(["loss", "learning_rate"], PLAN)
