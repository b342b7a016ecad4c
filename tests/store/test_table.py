"""CSV files as Lightning and Keras write them: rows with holes, a file that is written anew, one that goes on."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun.errors import SweepFileError
from sweeprun.store.metrics import Row
from sweeprun.store.table import LOOK_EVERY_S, NewestTable, Table, newest, place

HEADER = b"epoch,step,loss\r\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.csv"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def read_all(path: Path, data: bytes) -> tuple[list[Row], Table]:
    path.write_bytes(data)
    table = Table(path)
    return table.read(final=True), table


class Lightning:
    """Writes as Lightning's CSVLogger does: rows are appended, and when a column comes the file is written anew with
    all of its rows, the columns in order of their names. After each write that others can see it yields."""

    def __init__(self, path: Path):
        self.path = path
        self.names: list[str] = []

    def log(self, **row: float) -> Iterator[None]:
        names = sorted({*self.names, *row})
        if names != self.names and self.path.exists():
            with self.path.open(newline="") as file:
                before = list(csv.DictReader(file))
            with self.path.open("w", newline="") as file:
                yield  # empty
                writer = csv.DictWriter(file, fieldnames=names)
                writer.writeheader()
                for old in before:
                    writer.writerow(old)
                    file.flush()
                    yield
        self.names = names
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=names)
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        yield


class OldLightning:
    """As its versions before 2.0 did: the whole file is written anew with every row."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: list[dict[str, float]] = []

    def log(self, **row: float) -> Iterator[None]:
        self.rows.append(row)
        names = list(dict.fromkeys(name for each in self.rows for name in each))
        with self.path.open("w", newline="") as file:
            yield
            writer = csv.DictWriter(file, fieldnames=names)
            writer.writeheader()
            file.flush()
            yield
            for each in self.rows:
                writer.writerow(each)
                file.flush()
                yield


TRAINING: list[dict[str, float]] = [
    *({"epoch": 0, "step": step, "train_loss_step": 1.0 / step} for step in (1, 3, 5)),
    {"epoch": 0, "step": 9, "val_loss": 0.9},
    {"epoch": 0, "step": 9, "train_loss_epoch": 1.1},
    *({"epoch": 1, "step": step, "train_loss_step": 1.0 / step} for step in (11, 13)),
    {"epoch": 1, "step": 19, "val_loss": 0.8, "val_acc": 0.5},
    {"epoch": 1, "step": 19, "train_loss_epoch": 1.0},
]


# ---- what is in it


def test_a_row_holds_the_numbers_that_stand_in_it(path: Path) -> None:
    found, _ = read_all(path, b"epoch,note,loss,acc\n0,first,0.5,\n1,second,,0.9\n2,,nan,inf\n")
    assert found[:2] == [{"epoch": 0.0, "loss": 0.5}, {"epoch": 1.0, "acc": 0.9}]
    assert math.isnan(found[2]["loss"])
    assert found[2]["acc"] == math.inf


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(path: Path, delimiter: str) -> None:
    text = "epoch,loss\r\n0,0.5\r\n".replace(",", delimiter)
    assert read_all(path, text.encode())[0] == [{"epoch": 0.0, "loss": 0.5}]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_comma_that_may_be_a_decimal_point_makes_no_number(path: Path, delimiter: str) -> None:
    text = "epoch|loss|acc\n1|1,234|0.5\n".replace("|", delimiter)
    assert read_all(path, text.encode())[0] == [{"epoch": 1.0, "acc": 0.5}]


def test_marks_quotes_blanks_and_unnamed_columns_are_no_matter(path: Path) -> None:
    data = b'\xef\xbb\xbf,"epoch", loss ,"a,b"\n\n0,1,0.5,"2,000.5"\n'
    assert read_all(path, data)[0] == [{"epoch": 1.0, "loss": 0.5, "a,b": 2000.5}]
    assert read_all(path, b"# epoch,loss\n1,0.5\n")[0] == [{"epoch": 1.0, "loss": 0.5}]


def test_a_row_of_another_length_is_counted_and_its_neighbours_are_kept(path: Path) -> None:
    found, table = read_all(path, b'a,b\n1,2\n1\n1,2,3\n"1,2\n3,4\n')
    assert found == [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]
    assert table.n_skipped == 3


def test_a_header_that_stands_again_is_no_row(path: Path) -> None:
    assert read_all(path, b"a,b\n1,2\na,b\n3,4\n")[0] == [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]


# ---- how it grows


def test_each_row_is_read_once(path: Path) -> None:
    table = Table(path)
    assert table.read() == []
    append(path, HEADER)
    assert table.read() == []
    append(path, b"0,9,0.5\r\n1,19,0.4\r\n2,2")
    assert table.read() == [{"epoch": 0, "step": 9, "loss": 0.5}, {"epoch": 1, "step": 19, "loss": 0.4}]
    assert table.read() == []
    append(path, b"9,0.3\r\n")
    assert table.read() == [{"epoch": 2, "step": 29, "loss": 0.3}]


def test_a_row_that_a_kill_cut_off_is_none(path: Path) -> None:
    found, _ = read_all(path, HEADER + b"0,9,0.5\r\n1,19,1.2")
    assert found == [{"epoch": 0, "step": 9, "loss": 0.5}]  # it may have been going to be 1.2e-05


@pytest.mark.parametrize("logger", [Lightning, OldLightning])
def test_a_file_that_is_written_anew_for_a_column_tells_each_row_once(path: Path, logger: type) -> None:
    """Read at every moment at which the file is another one, the empty and half-written ones included."""
    log, table, found = logger(path), Table(path), []
    for row in TRAINING:
        for _ in log.log(**row):
            found += table.read()
    found += table.read(final=True)
    assert found == TRAINING


@pytest.mark.parametrize("logger", [Lightning, OldLightning])
@settings(max_examples=30)
@given(moments=st.lists(st.booleans(), min_size=60, max_size=60))
def test_whenever_it_is_read_each_row_is_told_once(
    logger: type, moments: list[bool], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("csv") / "metrics.csv"
    log, table, found, looks = logger(path), Table(path), [], iter(moments)
    for row in TRAINING:
        for _ in log.log(**row):
            found += table.read() if next(looks, False) else []
    found += table.read(final=True)
    assert found == TRAINING


def test_a_row_that_was_changed_is_told_again_and_no_other(path: Path) -> None:
    table = Table(path)
    path.write_bytes(b"a,b\n1,2\n3,4\n5,6\n")
    table.read()
    path.write_bytes(b"a,b\n1,2\n3,9\n5,6\n7,8\n")
    assert table.read() == [{"a": 3.0, "b": 9.0}, {"a": 7.0, "b": 8.0}]


def test_a_training_that_begins_anew_in_the_same_file_is_told(path: Path) -> None:
    table = Table(path)
    path.write_bytes(HEADER + b"0,9,0.5\r\n1,19,0.4\r\n")
    table.read()
    path.write_bytes(HEADER + b"0,9,0.7\r\n")
    assert table.read() == [{"epoch": 0, "step": 9, "loss": 0.7}]


def test_keras_goes_on_in_its_file_and_writes_NA_for_what_it_does_not_know(path: Path) -> None:  # noqa: N802
    table = Table(path)
    append(path, b"epoch,loss,mae,val_loss,val_mae\n0,1.13,0.88,1.65,1.06\n1,1.12,0.88,1.67,1.07\n")
    assert [row["epoch"] for row in table.read()] == [0, 1]
    append(path, b'2,1.10,0.87,NA,NA\n3,1.09,"""[0.1, 0.2]""",1.5,1.0\n')
    assert table.read() == [
        {"epoch": 2.0, "loss": 1.10, "mae": 0.87},
        {"epoch": 3.0, "loss": 1.09, "val_loss": 1.5, "val_mae": 1.0},
    ]


# ---- where it is


@pytest.fixture
def began(tmp_path: Path) -> Path:
    """What was written when the run began: an hour ago."""
    file = tmp_path / "command.json"
    file.touch()
    os.utime(file, (3600, 3600))
    return file


def written(path: Path, data: bytes, at: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))
    return path


def test_of_several_the_newest_counts(tmp_path: Path, began: Path) -> None:
    first = written(tmp_path / "logs" / "version_0" / "metrics.csv", b"a\n1\n", 4000)
    second = written(tmp_path / "logs" / "version_1" / "metrics.csv", b"a\n2\n", 5000)
    for wildcard in ("logs/*/metrics.csv", "**/metrics.csv", "logs/version_*/*.csv"):
        table = NewestTable(place(wildcard, tmp_path, {}), began)
        assert table.read() == [{"a": 2.0}]
        assert table.paths == (second,)
    assert first.exists()


def test_a_newer_one_takes_over_when_the_rest_of_the_older_is_read(tmp_path: Path, began: Path) -> None:
    now = [0.0]
    table = NewestTable(place("*/m.csv", tmp_path, {}), began, clock=lambda: now[0])
    assert table.read() == []
    old = written(tmp_path / "0" / "m.csv", b"a\n1\n", 4000)
    assert table.read() == [{"a": 1.0}]
    written(old, b"a\n1\n2\n", 4500)
    written(tmp_path / "1" / "m.csv", b"a\n3\n", 5000)
    now[0] += LOOK_EVERY_S
    assert table.read() == [{"a": 2.0}, {"a": 3.0}]
    assert table.read(final=True) == []


def test_what_an_earlier_program_left_is_not_read_until_it_is_written_to(tmp_path: Path, began: Path) -> None:
    file = written(tmp_path / "m.csv", b"a\n1\n", 3599)
    table = NewestTable(place("m.csv", tmp_path, {}), began)
    assert table.read() == []
    written(file, b"a\n1\n2\n", 3601)
    assert table.read() == [{"a": 1.0}, {"a": 2.0}]


def test_only_a_star_that_is_written_is_a_wildcard(tmp_path: Path, began: Path) -> None:
    base = tmp_path / "a[b]*c?"
    written(base / "x[1].csv", b"a\n1\n", 4000)
    written(base / "x1.csv", b"a\n2\n", 5000)
    assert NewestTable(place("x[1].csv", base, {}), began).read() == [{"a": 1.0}]
    assert NewestTable(place("${env:X}/x[1].csv", tmp_path, {"X": "a[b]*c?"}), began).read() == [{"a": 1.0}]
    assert NewestTable(place("*.csv", base, {}), began).read() == [{"a": 2.0}]


def test_links_to_folders_are_not_followed_where_any_folders_are_meant(tmp_path: Path, began: Path) -> None:
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / "up_too").symlink_to("..")
    file = written(tmp_path / "logs" / "m.csv", b"a\n1\n", 4000)
    assert newest(place("**/m.csv", tmp_path, {}), began) == file
    assert newest(place("up/logs/m.csv", tmp_path, {}), began) == tmp_path / "up" / "logs" / "m.csv"


@pytest.mark.parametrize("written_", ["log**.csv", "**.csv", "logs**/l*.csv", "lo***/*.csv", "**/**", "***/log.csv"])
def test_stars_beside_other_characters_are_one(tmp_path: Path, began: Path, written_: str) -> None:
    found = [written(tmp_path / name, b"a\n1\n", 4000) for name in ("log.csv", "logs/log.csv")]
    assert newest(place(written_, tmp_path, {}), began) in found


def test_an_absolute_place_is_not_relative_to_the_run(tmp_path: Path) -> None:
    assert place("/x/m.csv", tmp_path, {}) == "/x/m.csv"
    assert place("${env:D}/m.csv", tmp_path, {"D": "/y"}) == "/y/m.csv"


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(SweepFileError, match="D is not set"):
        place("${env:D}/m.csv", tmp_path, {})


def test_what_is_no_file_is_not_found(tmp_path: Path, began: Path) -> None:
    (tmp_path / "m.csv").mkdir()
    assert newest(place("m.csv", tmp_path, {}), began) is None
    assert newest(place("nothing.csv", tmp_path, {}), tmp_path / "not there") is None
