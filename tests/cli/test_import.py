"""`import`: what other tools and spreadsheets know, brought into a sweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store.sweep import Sweep

Command = Callable[..., Any]
SOURCE = """
command: python -c pass ${args}
metric: val_loss
parameters:
  epochs: 3
  lr: {min: 1e-5, max: 1e-1, log: true}
  layers: [2, 4, 8]
algorithm: random
budget: 6
"""
TABLE = """lr,layers,val_loss,note
0.01,4,0.5,first
1e-3,8,0.25,second
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo.yaml").write_text(SOURCE)
    (tmp_path / "old.csv").write_text(TABLE)
    return tmp_path


def trials(name: str = "demo") -> list[Any]:
    return Sweep(Path("sweeps") / name).trials()


def test_earlier_results_make_the_sweep_of_a_file_and_are_in_it(place: Path, sweeprun: Command) -> None:
    done = sweeprun("import", "csv", "old.csv", "demo.yaml")
    assert (done.code, done.out) == (0, "")
    assert [(trial.params, trial.values["val_loss"]) for trial in trials()] == [
        ({"epochs": 3, "lr": 0.01, "layers": 4}, 0.5),
        ({"epochs": 3, "lr": 0.001, "layers": 8}, 0.25),
    ]
    assert "created" in done.err
    assert "ignored columns, no parameter or metric of this sweep: note" in done.err
    assert "old.csv: 2 brought in as trials 0 to 1" in done.err
    assert done.err.endswith("the search knows them, and they count against no budget\n")


def test_the_sweep_goes_on_with_them_and_its_budget_is_untouched(place: Path, sweeprun: Command) -> None:
    sweeprun("import", "csv", "old.csv", "demo.yaml")
    status = sweeprun("status", "--json").document
    assert status["budget"]["trials"] == {"used": 0.0, "limit": 6.0}
    assert status["best"]["values"] == {"val_loss": 0.25}
    assert status["state"] == "stopped"
    best = sweeprun("best", "--json").document["trials"][0]
    assert (best["params"]["lr"], best["command"]) == (0.001, None)


def test_the_same_table_again_adds_nothing(place: Path, sweeprun: Command) -> None:
    sweeprun("import", "csv", "old.csv", "demo.yaml")
    with (place / "old.csv").open("a") as file:
        file.write("0.1,2,0.75,third\n")
    done = sweeprun("import", "csv", "old.csv", "demo.yaml")
    assert "1 brought in as trials 2 to 2; 2 were there already" in done.err
    assert len(trials()) == 3


def test_what_was_exported_can_be_imported(build: Command, sweeprun: Command, place: Path) -> None:
    sweep = build("first", SOURCE)
    sweep.params = {"epochs": 3, "lr": 0.1, "layers": 2}
    sweep.ended(0.5, step=3)
    sweep.ended(0.25, lr=1e-05, layers=8)
    sweep.failed()
    sweeprun("export", "first", "csv", "-o", "out.csv")
    done = sweeprun("import", "csv", "out.csv", "demo.yaml")
    assert done.code == 0
    assert "ignored" not in done.err
    assert "out.csv:4: skipped: its state is failed" in done.err
    assert [(trial.params, trial.step) for trial in trials()] == [
        ({"epochs": 3, "lr": 0.1, "layers": 2}, 3),
        ({"epochs": 3, "lr": 1e-05, "layers": 8}, 3),
    ]


def test_json_says_all_of_it(place: Path, sweeprun: Command) -> None:
    (place / "old.csv").write_text("lr,layers,val_loss,note\n0.01,4,0.5,\n0.01,3,0.5,\n\n,4,,\n0.01,4,0.5,again\n")
    document = sweeprun("import", "csv", "old.csv", "demo.yaml", "--json").document
    assert document == {
        "schema": "sweeprun.import/1",
        "sweep": "demo",
        "dir": str(place / "sweeps" / "demo"),
        "imported": [
            {"number": 0, "line": 2, "outside": None},
            {"number": 1, "line": 3, "outside": "layers = 3 is not in the space"},
        ],
        "known": 1,
        "skipped": [{"line": 5, "reason": "it has no val_loss"}],
        "ignored": ["note"],
    }


def test_what_is_outside_the_space_is_kept_and_said(place: Path, sweeprun: Command) -> None:
    (place / "old.csv").write_text("lr,layers,val_loss\n0.5,4,0.1\n")
    done = sweeprun("import", "csv", "old.csv", "demo.yaml")
    assert "trial 0 (line 2) is kept and does not inform the search: lr = 0.5 is not in the space" in done.err
    assert trials()[0].params["lr"] == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "\ufefflr,layers,val_loss\r\n0.01,4,0.5\r\n",
        "lr;layers;val_loss\n0.01;4;0.5\n",
        "lr\tlayers\tval_loss\n0.01\t4\t0.5\n",
        " lr , layers , val_loss \n 0.01 , 4 , 0.5 \n",
        '"lr","layers","val_loss"\n"0.01","4","0.5"',
        "lr,val_loss,layers,note\n0.01,0.5,4\n",
        ",lr,val_loss,layers,,\n0,0.01,0.5,4,,\n",
    ],
)
def test_a_table_may_come_from_any_spreadsheet(place: Path, sweeprun: Command, text: str) -> None:
    (place / "old.csv").write_text(text)
    assert sweeprun("import", "csv", "old.csv", "demo.yaml").code == 0
    assert trials()[0].params == {"epochs": 3, "lr": 0.01, "layers": 4}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"", "old.csv is empty"),
        (b"lr,layers\n1,2\n", "there is no column val_loss, which is what counts; there are: lr, layers"),
        (b"lr,lr,val_loss\n", "old.csv has two columns 'lr'"),
        (b"lr,val_loss\n", "old.csv holds no result of this sweep"),
        (b"lr,val_loss\n0.1,\n", "old.csv:2: skipped: it has no val_loss"),
        (b"lr,val_loss\n0.1,0.5,7\n", "old.csv:2: skipped: it has 3 cells, and there are 2 headings"),
        (b"lr,val_loss\n\xff,1\n", "old.csv is no UTF-8 text"),
        (b'lr,val_loss\n"' + b"1" * 200_000 + b'",1\n', "old.csv is no CSV: field larger"),
    ],
)
def test_a_table_without_a_result_is_refused_and_nothing_is_made(
    place: Path, sweeprun: Command, table: bytes, message: str
) -> None:
    (place / "old.csv").write_bytes(table)
    done = sweeprun("import", "csv", "old.csv", "demo.yaml")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not (place / "sweeps").exists()


def test_a_table_that_is_not_there_is_said(place: Path, sweeprun: Command) -> None:
    assert "nope.csv: No such file or directory" in sweeprun("import", "csv", "nope.csv", "demo.yaml").err


def test_many_skipped_lines_are_counted(place: Path, sweeprun: Command) -> None:
    (place / "old.csv").write_text(TABLE + "0.1,2,,\n" * 7)
    done = sweeprun("import", "csv", "old.csv", "demo.yaml")
    assert done.err.count("skipped: it has no val_loss") == 5
    assert "and 2 more were skipped" in done.err


def test_a_sweep_that_another_file_made_is_left_alone(place: Path, sweeprun: Command) -> None:
    sweeprun("import", "csv", "old.csv", "demo.yaml")
    (place / "demo.yaml").write_text(SOURCE.replace("1e-1", "1.0"))
    (place / "old.csv").write_text("lr,layers,val_loss\n0.5,4,0.1\n")
    done = sweeprun("import", "csv", "old.csv", "demo.yaml")
    assert done.code == 2
    assert len(trials()) == 2


def test_import_alone_says_what_there_is_to_import(sweeprun: Command) -> None:
    done = sweeprun("import")
    assert "csv" in done.out + done.err
    assert "wandb" in done.out + done.err
    assert sweeprun("import", "optuna").code == 2


WANDB = """
program: train.py
method: random
metric: {name: val_loss}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
"""


def test_a_sweep_file_of_wandb_is_written_as_one_of_our_own(place: Path, sweeprun: Command) -> None:
    (place / "theirs.yaml").write_text(WANDB)
    (place / "train.py").write_text("")
    done = sweeprun("import", "wandb", "theirs.yaml")
    assert done.code == 0, done.err
    assert sweeprun("import", "wandb", "theirs.yaml", "-o", "ours.yaml").out == ""
    assert (place / "ours.yaml").read_text() == done.out
    assert sweeprun("check", "ours.yaml").code == 0


def test_what_is_no_sweep_file_of_wandb_is_refused_and_nothing_is_written(place: Path, sweeprun: Command) -> None:
    done = sweeprun("import", "wandb", "demo.yaml", "-o", "ours.yaml")
    assert (done.code, done.out) == (2, "")
    assert not (place / "ours.yaml").exists()
