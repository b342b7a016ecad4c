"""The two recorded logs are of wandb 0.15.12, in Python, and 0.31.0, in Go: history and summary of the same program."""

import json
import math
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.store.wandb import MAX_MESSAGE_BYTES, Log, Runs

RECORDED = Path(__file__).with_name("wandb")
HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32 << 10
HISTORY, SUMMARY = 2, 3


def varint(value):
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def field(number, data):
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def item(name, value):
    return field(1, field(1, name.encode()) + field(16, json.dumps(value).encode()))


def message(kind=HISTORY, **values):
    return field(1, 7) + field(kind, b"".join(item(name, value) for name, value in values.items()))


def record(kind, data):
    return struct.pack("<IHB", zlib.crc32(bytes([kind]) + data), len(data), kind) + data


def framed(messages):
    """As LevelDB writes a log: records never cross the border of a block."""
    log = HEADER
    for data in messages:
        first = True
        while True:
            left = BLOCK - len(log) % BLOCK
            if left < 7:
                log += bytes(left)
                continue
            part, data = data[: left - 7], data[left - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not data]
            log += record(kind, part)
            first = False
            if not data:
                break
    return log


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run-abc.wandb"


def read(path, data, final=True):
    path.write_bytes(data)
    return Log(path).read(final)


@pytest.mark.parametrize("version", ["0.15.12", "0.31.0"])
def test_what_a_program_logs_is_read_alike_whatever_wandb_wrote_it(version):
    together = {}
    log = Log(RECORDED / f"{version}.wandb")
    for row in log.read(final=True):
        together.setdefault(row.get("_step", "end"), {}).update(row)
    last = together.pop(5) | together.pop("end", {})
    assert together == {
        0: {"_step": 0, "train/loss": 2},
        1: {"_step": 1, "val/loss": 1, "epoch": 0, "eval.acc": 0, "eval.deep.n": 0, "note": "text", "lr": 0.1},
        2: {"_step": 2, "train/loss": 1},
        3: {"_step": 3, "val/loss": 0.5, "epoch": 1, "eval.acc": 0.25, "eval.deep.n": 1, "note": "text", "lr": 0.1},
        4: {"_step": 4, "train/loss": 2 / 3},
    }
    assert math.isnan(last.pop("lr"))
    assert last == {
        "_step": 5,
        "val/loss": 1 / 3,
        "epoch": 2,
        "eval.acc": 0.5,
        "eval.deep.n": 2,
        "note": "text",
        "best_acc": 0.5,
    }
    assert (log.n_skipped, log.n_cut) == (0, 0)


@pytest.mark.parametrize("version", ["0.15.12", "0.31.0"])
def test_a_log_that_grows_byte_by_byte_is_read_as_it_is_at_once(version, path):
    data = (RECORDED / f"{version}.wandb").read_bytes()
    at_once = Log(RECORDED / f"{version}.wandb").read(final=True)
    log, rows = Log(path), []
    for size in range(0, len(data) + 1, 37):
        path.write_bytes(data[:size])
        rows += log.read()
    path.write_bytes(data)
    rows += log.read(final=True)
    assert repr(rows) == repr(at_once)
    assert log.n_skipped == 0


@given(st.lists(st.integers(0, 3 * BLOCK), max_size=5))
def test_messages_of_any_size_come_over_the_borders_of_blocks(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("log") / "run.wandb"
    messages = [message(a=i, text="x" * size) for i, size in enumerate(sizes)]
    assert [row["a"] for row in read(path, framed(messages))] == list(range(len(sizes)))


def test_a_record_counts_when_all_of_it_is_there(path):
    data = framed([message(a=1), message(a=2)])
    assert read(path, data[:-1]) == [{"a": 1}]
    assert read(path, data) == [{"a": 1}, {"a": 2}]
    assert read(path, data[:3]) == []


def test_a_log_that_is_not_there_yet_has_nothing(path):
    log = Log(path)
    assert log.read() == []
    path.write_bytes(framed([message(a=1)]))
    assert log.read() == [{"a": 1}]
    assert log.read() == []


def test_damage_costs_the_block_that_it_is_in(path):
    filling = [message(a=i, text="x" * 1000) for i in range(100)]
    data = bytearray(framed(filling))
    data[5000] ^= 1
    path.write_bytes(data)
    log = Log(path)
    found = [row["a"] for row in log.read(final=True)]
    assert found[:3] == [0, 1, 2]
    assert found[-1] == 99
    assert log.n_skipped == 1
    assert 60 < len(found) < 100


def test_the_parts_around_a_damaged_one_are_no_message(path):
    data = bytearray(framed([message(a=0, text="x" * 3 * BLOCK), message(a=1)]))
    data[BLOCK + 5000] ^= 1  # in a middle part
    path.write_bytes(data)
    log = Log(path)
    assert log.read(final=True) == [{"a": 1}]
    assert log.n_skipped == 1


def test_after_damage_in_the_last_block_the_next_one_is_waited_for(path):
    data = bytearray(framed([message(a=i, text="x" * 1000) for i in range(100)]))
    data[BLOCK + 100] ^= 1
    path.write_bytes(data[: BLOCK + 3000])
    log = Log(path)
    before = log.read()
    path.write_bytes(data)
    after = log.read()
    assert before[-1]["a"] < after[0]["a"]
    assert after[-1]["a"] == 99
    assert log.n_skipped == 1


def test_a_message_that_is_none_is_skipped(path):
    path.write_bytes(framed([message(a=1), field(HISTORY, b"\xff"), field(HISTORY, field(1, 5)), message(a=2)]))
    log = Log(path)
    assert log.read() == [{"a": 1}, {"a": 2}]
    assert log.n_skipped == 2


def test_a_huge_message_is_left_out_and_counted(path):
    data = framed([message(text="x" * (MAX_MESSAGE_BYTES + 1)), message(a=2)])
    path.write_bytes(data)
    log = Log(path)
    assert log.read(final=True) == [{"a": 2}]
    assert log.n_cut == 1


def test_what_the_summary_alone_has_is_told_and_what_it_repeats_is_not(path):
    messages = [message(loss=1.0, _step=0), message(SUMMARY, loss=1.0, _step=0, _runtime=3), message(SUMMARY, best=0.5)]
    assert read(path, framed(messages)) == [{"loss": 1.0, "_step": 0}, {"best": 0.5}]


def test_mappings_have_dotted_names_and_media_are_one_value(path):
    messages = [message(eval={"acc": 1, "of": {"n": 2}}, picture={"_type": "image-file", "size": 3}, empty={})]
    [row] = read(path, framed(messages))
    assert row == {"eval.acc": 1, "eval.of.n": 2, "picture": {"_type": "image-file", "size": 3}}


def test_values_that_are_not_json_are_read_too(path):
    """Newer versions of the protocol have room for them."""
    number = field(1, field(2, b"a") + field(2, b"b") + varint(6 << 3 | 1) + struct.pack("<d", 0.5))
    integer = field(1, field(1, b"n") + field(5, 5))
    assert read(path, framed([field(HISTORY, number + integer)])) == [{"a.b": 0.5, "n": -3}]


def test_other_records_are_passed_over(path):
    fixed = varint(30 << 3 | 5) + b"\0\0\0\0"
    assert read(path, framed([field(17, b"a run"), fixed + message(a=1), b""])) == [{"a": 1}]


def test_all_runs_of_a_program_are_read_in_the_order_in_which_they_began(tmp_path):
    for name, value in (("offline-run-20260102_000000-b", 2), ("offline-run-20260101_000000-a", 1), ("run-2027-c", 3)):
        directory = tmp_path / "wandb" / name
        directory.mkdir(parents=True)
        (directory / f"run-{name[-1]}.wandb").write_bytes(framed([message(a=value)]))
    (tmp_path / "wandb" / "latest-run").symlink_to("offline-run-20260102_000000-b")
    runs = Runs(tmp_path)
    assert runs.read() == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert len(runs.paths) == 3
    assert runs.read() == []


def test_a_link_in_the_place_of_a_log_is_not_read(tmp_path, path):
    path.symlink_to(RECORDED / "0.31.0.wandb")
    assert Log(path).read() == []


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_record_is_read_or_skipped(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("log") / "run.wandb"
    read(path, framed([data, field(HISTORY, data), field(HISTORY, field(1, data)), message(a=1)]))
    assert Log(path).read()[-1] == {"a": 1}


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_file_is_read_or_skipped(tmp_path_factory, data):
    read(tmp_path_factory.mktemp("log") / "run.wandb", HEADER + data)
