"""Metrics in what a program prints."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import pytest

from sweeprun.store.matches import MAX_MATCHED, Matches, plain
from sweeprun.store.metrics import Lines, Row
from sweeprun.store.tail import Tail

NUMBER = r"[-+.\w]+"


def matches(*patterns: str, step: str = "epoch") -> Matches:
    return Matches([re.compile(pattern) for pattern in patterns], step)


def rows(text: str, *patterns: str) -> list[Row]:
    """What the patterns find in a log."""
    found = matches(*patterns)
    return [row for line in text.splitlines() if (row := found.row(line.encode())) is not None]


def test_named_groups_are_the_metrics() -> None:
    text = "start\nEpoch 1/10 loss 0.5 acc 61.2%\nEpoch 2/10 loss 4e-1 acc 70.9%\n"
    assert rows(text, r"Epoch (?P<epoch>\d+)/\d+ loss (?P<loss>\S+) acc (?P<acc>\S+)") == [
        {"epoch": 1.0, "loss": 0.5, "acc": 61.2},
        {"epoch": 2.0, "loss": 0.4, "acc": 70.9},
    ]


def test_a_heading_gives_its_step_to_the_lines_after_it() -> None:
    text = "Epoch 1\n loss 3\n acc 0.1\nEpoch 2\nnothing\n loss 2\n"
    assert rows(text, r"Epoch (?P<epoch>\d+)", r"loss (?P<loss>\S+)", r"acc (?P<acc>\S+)") == [
        {"epoch": 1.0, "loss": 3.0},
        {"epoch": 1.0, "acc": 0.1},
        {"epoch": 2.0, "loss": 2.0},
    ]


def test_a_line_that_names_a_step_and_metrics_is_a_heading_too() -> None:
    text = "epoch 4 train 0.9\nval 0.8\n"
    found = rows(text, r"epoch (?P<epoch>\d+) train (?P<train>\S+)", r"val (?P<val>\S+)")
    assert found == [{"epoch": 4.0, "train": 0.9}, {"epoch": 4.0, "val": 0.8}]


def test_without_any_step_there_is_none() -> None:
    assert rows("loss 3\n", r"loss (?P<loss>\S+)") == [{"loss": 3.0}]


def test_several_patterns_may_match_one_line() -> None:
    text = "{'loss': 0.5, 'epoch': 3}"
    assert rows(text, r"'epoch': (?P<epoch>\d+)", r"'loss': (?P<loss>[\d.]+)") == [{"epoch": 3.0, "loss": 0.5}]


def test_colours_are_no_part_of_a_line() -> None:
    coloured = "\x1b[1;32mloss:\x1b[0m \x1b[38;5;9m0.5\x1b[0m\x1b]8;;http://x\x07"
    assert plain(coloured.encode()) == "loss: 0.5"
    assert rows(coloured, r"^loss: (?P<loss>\S+)$") == [{"loss": 0.5}]


@pytest.mark.parametrize(("said", "value"), [("98.2%", 98.2), ("1,234.5", 1234.5), ("0.5,", 0.5), ("inf", math.inf)])
def test_numbers_may_be_written_for_people(said: str, value: float) -> None:
    assert rows(f"loss {said} end", r"loss (?P<loss>\S+)") == [{"loss": value}]


def test_a_nan_is_told() -> None:
    [row] = rows("loss nan", r"loss (?P<loss>\S+)")
    assert math.isnan(row["loss"])


def test_a_group_that_is_no_number_is_counted_and_the_others_count() -> None:
    found = matches(r"(?P<epoch>\S+) loss (?P<loss>\S+) acc (?P<acc>\S+)")
    assert found.row(b"3/10 loss 0.5 acc n/a") == {"loss": 0.5}
    assert found.row(b"hello") is None
    assert found.n_skipped == 1


def test_a_group_that_took_no_part_is_not_missed() -> None:
    found = matches(r"loss (?P<loss>\S+)( acc (?P<acc>\S+))?")
    assert found.row(b"loss 0.5") == {"loss": 0.5}
    assert found.n_skipped == 0


def test_the_last_state_of_a_progress_bar_is_a_line(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    log.write_bytes(b"\r 0%|  | 0/2\r 50%|# | 1/2, loss=0.7\r100%|##| 2/2, loss=0.6\nval_loss=0.5\n")
    reader = Lines((Tail(log, returns=True), matches(r"\bloss=(?P<loss>\S+)", r"val_loss=(?P<val_loss>\S+)")))
    assert reader.read() == [{"loss": 0.7}, {"loss": 0.6}, {"val_loss": 0.5}]


def test_of_a_long_line_the_beginning_is_looked_at() -> None:
    found = matches(r"loss (?P<loss>\S+)")
    assert found.row(b"loss 0.5 " + b"x" * MAX_MATCHED) == {"loss": 0.5}
    assert found.row(b"x" * MAX_MATCHED + b" loss 0.5") is None
    assert found.n_cut == 2


def test_a_pattern_whose_cost_grows_with_the_square_costs_what_a_short_line_can_cost() -> None:
    found = matches(r"(?P<a>\d+)=(?P<b>\d+)$")
    began = time.process_time()
    found.row(b"1" * (1 << 20))
    assert time.process_time() - began < 2.0


def test_bytes_that_are_no_text_are_no_error() -> None:
    assert rows("loss 0.5", r"loss (?P<loss>\S+)") == [{"loss": 0.5}]
    assert matches(r"loss (?P<loss>\S+)").row(b"\xff\xfe loss 0.5") == {"loss": 0.5}
