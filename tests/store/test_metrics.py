"""Lines that a running program appends: each whole one once, whatever else it writes."""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.store import tail as tailing
from sweeprun.store.metrics import JsonObjects, Lines, number
from sweeprun.store.tail import MAX_LINE_BYTES, Tail, last_lines

Object = dict[str, Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def reader(path: Path) -> Lines:
    return Lines((Tail(path), JsonObjects()))


def read_all(path: Path, data: bytes) -> tuple[list[Object], Lines]:
    path.write_bytes(data)
    reading = reader(path)
    return reading.read(final=True), reading


# ---- M02: how it is cut


def test_each_whole_line_is_read_once(path: Path) -> None:
    reading = reader(path)
    assert reading.read() == []
    append(path, b'{"a": 1}\n{"a": 2}\n{"a"')
    assert reading.read() == [{"a": 1}, {"a": 2}]
    assert reading.read() == []
    append(path, b": 3}\n")
    assert reading.read() == [{"a": 3}]


def test_a_last_line_without_its_newline_counts_once_the_program_is_gone(path: Path) -> None:
    reading = reader(path)
    append(path, b'{"a": 1}')
    assert reading.read() == []
    assert reading.read(final=True) == [{"a": 1}]
    assert reading.read(final=True) == []


def test_a_line_torn_by_a_kill_is_counted_and_ends_nothing(path: Path) -> None:
    found, reading = read_all(path, '{"a": 1}\n{"name": "grü'.encode()[:-1])
    assert (found, reading.n_skipped) == ([{"a": 1}], 1)


def test_windows_line_ends_marks_and_blank_lines_are_no_matter(path: Path) -> None:
    data = b'\xef\xbb\xbf{"a": 1}\r\n\r\n   \n{"a": 2}\r\n\xef\xbb\xbf{"a": 3}\n\t{"a": 4} \n'
    found, reading = read_all(path, data)
    assert [line["a"] for line in found] == [1, 2, 3, 4]
    assert reading.n_skipped == 0


LINES = st.one_of(
    st.builds(lambda text, n: json.dumps({"t": text, "n": n}, ensure_ascii=False).encode(), st.text(), st.integers()),
    st.sampled_from([b"", b"[1]", b"oops", b"\xff\xfe", b'{"a": NaN}', b"{", '{"ü": "\U0001f600"}'.encode()]),
    st.binary(max_size=8).filter(lambda data: b"\n" not in data),
)


@given(lines=st.lists(LINES, max_size=8), ended=st.booleans(), data=st.data())
def test_any_chunking_gives_the_same_objects(
    lines: list[bytes], ended: bool, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = b"\n".join(lines) + (b"\n" if ended else b"")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    folder = tmp_path_factory.mktemp("chunks")
    at_once, reference = read_all(folder / "whole", whole)
    reading, found = reader(folder / "pieces"), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        append(folder / "pieces", whole[start:end])
        found += reading.read()
    found += reading.read(final=True)
    assert repr(found) == repr(at_once)
    assert (reading.n_skipped, reading.n_cut) == (reference.n_skipped, reference.n_cut)


def test_byte_by_byte_gives_the_same_objects(path: Path) -> None:
    data = '{"name": "grüß \U0001f600", "v": 1e-3}\r\n{"v": -2}\n'.encode()
    reading, found = reader(path), []
    for i in range(len(data)):
        append(path, data[i : i + 1])
        found += reading.read()
    assert found == [{"name": "grüß \U0001f600", "v": 1e-3}, {"v": -2}]
    assert reading.n_skipped == 0


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), poll=st.integers(1, 25))
def test_long_lines_are_cut_and_counted_alike_however_they_are_read(
    sizes: list[int], poll: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("long") / "metrics.jsonl"
    lines = [json.dumps({"a": "x" * size}) for size in sizes]
    path.write_text("".join(line + "\n" for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tailing, "MAX_LINE_BYTES", 30)
        patch.setattr(tailing, "READ_BYTES", poll)
        reading = reader(path)
        found = reading.read(final=True)
    assert found == [json.loads(line) for line in lines if len(line) <= 30]
    assert reading.n_cut == sum(len(line) > 30 for line in lines)


# ---- M01, M03: what is in it


def test_every_number_that_programs_write_is_read(path: Path) -> None:
    data = b'{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999, "e": null, "f": true, "g": {"h": [1]}}\n'
    (found,), _ = read_all(path, data)
    assert math.isnan(found["a"])
    assert (found["b"], found["c"], found["d"]) == (math.inf, -math.inf, math.inf)
    assert (found["e"], found["f"], found["g"]) == (None, True, {"h": [1]})


GARBAGE = {
    "no json": b"epoch 1 loss 0.5",
    "a list": b"[1, 2]",
    "a number": b"17",
    "binary": bytes(range(11, 256)),
    "zeros": bytes(100),
    "a string with a zero": b'{"a": "\0"}',
    "a surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "an escaped surrogate": b'{"a": "\\ud800"}',
    "an escaped surrogate in a name": b'{"\\uDFFF": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32-be"),
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "nested": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "nested deeper": b"[" * 900_000,
    "a long number": b'{"a": ' + b"9" * 5000 + b"}",
    "two objects": b'{"a": 1}{"a": 2}',
}


@pytest.mark.parametrize("kind", list(GARBAGE))
def test_garbage_is_counted_and_its_neighbours_are_kept(path: Path, kind: str) -> None:
    began = time.process_time()
    found, reading = read_all(path, b'{"n": 1}\n' + GARBAGE[kind].replace(b"\n", b"") + b'\n{"n": 2}\n')
    assert found == [{"n": 1}, {"n": 2}]
    assert (reading.n_skipped, reading.n_cut) == (1, 0)
    assert time.process_time() - began < 1.0


def test_a_pair_of_escapes_is_a_character(path: Path) -> None:
    found, _ = read_all(path, b'{"a": "\\ud83d\\ude00"}\n')
    assert found == [{"a": "\U0001f600"}]


def test_a_line_of_50_megabytes_costs_little_and_hides_nothing(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'{"n": 1}\n{"a": "')
        file.write(b"x" * (50 << 20))
        file.write(b'"}\n{"n": 2}\n')
    began, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading = reader(path)
    assert reading.read(final=True) == [{"n": 1}, {"n": 2}]
    assert (reading.n_skipped, reading.n_cut) == (0, 1)
    assert time.process_time() - began < 1.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 40 << 10


def test_a_line_of_exactly_the_limit_is_read_and_one_more_byte_is_not(path: Path) -> None:
    room = MAX_LINE_BYTES - len(b'{"a": ""}')
    found, reading = read_all(path, b'{"a": "%s"}\n' % (b"x" * room))
    assert (len(found), reading.n_cut) == (1, 0)
    found, reading = read_all(path, b'{"a": "%s"}\n' % (b"x" * (room + 1)))
    assert (len(found), reading.n_cut) == (0, 1)


def test_a_flood_is_read_a_piece_a_poll_and_wholly_in_the_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "READ_BYTES", 100)
    path.write_bytes(b"".join(b'{"n": %d}\n' % n for n in range(100)))
    reading = reader(path)
    first = reading.read()
    assert 5 < len(first) < 15
    assert [line["n"] for line in first + reading.read(final=True)] == list(range(100))


# ---- M04: what happens to the file


def test_a_file_that_was_emptied_is_read_from_its_start(path: Path) -> None:
    reading = reader(path)
    append(path, b'{"n": 1}\n{"n": 2}\n{"to')
    reading.read()
    path.write_bytes(b'{"n": 3}\n')
    assert reading.read() == [{"n": 3}]


def test_a_file_that_was_rotated_is_read_from_its_start(path: Path) -> None:
    reading = reader(path)
    append(path, b'{"n": 1}\n{"to')
    reading.read()
    path.rename(path.with_suffix(".1"))
    assert reading.read() == []
    append(path, b'{"n": 2, "longer": "than before"}\n')
    assert reading.read() == [{"n": 2, "longer": "than before"}]


def test_a_file_that_was_removed_is_no_error(path: Path) -> None:
    reading = reader(path)
    append(path, b'{"n": 1}\n')
    reading.read()
    path.unlink()
    assert reading.read(final=True) == []


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "device"])
def test_what_is_no_file_is_not_read_and_holds_nobody_up(path: Path, kind: str) -> None:
    if kind == "link":
        path.with_name("secret").write_text('{"n": 1}\n')
        path.symlink_to("secret")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif os.geteuid() == 0:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero: endless
    assert reader(path).read(final=True) == []
    assert last_lines(path, 5) == ()


@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE])
def test_a_read_that_fails_is_tried_again_at_the_next_poll(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(fd: int, n: int, offset: int) -> bytes:
        raise OSError(error, os.strerror(error))

    reading = reader(path)
    append(path, b'{"n": 1}\n')
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", refuse)
        assert reading.read() == []
        assert last_lines(path, 1) == ()
    assert reading.read() == [{"n": 1}]


def test_no_descriptor_stays_open(path: Path) -> None:
    append(path, b'{"n": 1}\n')
    before = os.listdir("/proc/self/fd")
    reader(path).read(final=True)
    last_lines(path, 3)
    assert os.listdir("/proc/self/fd") == before


# ---- logs


def test_the_last_lines_of_a_log_are_text_whatever_it_holds(path: Path) -> None:
    path.write_bytes(b"first\nsecond\r\n\xff third \xc3\xbc\n")
    assert last_lines(path, 2) == ("second", "\ufffd third ü")
    assert last_lines(path, 99) == ("first", "second", "\ufffd third ü")


def test_of_a_long_log_only_the_end_is_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast words\n")
    assert last_lines(path, 1) == ("last words",)


def test_of_no_log_there_are_no_lines(path: Path) -> None:
    assert last_lines(path, 3) == ()
    path.touch()
    assert last_lines(path, 3) == ()


# ---- numbers as people write them


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("3", 3.0), ("-0.5", -0.5), (".5", 0.5), ("1.", 1.0), ("1e-3", 1e-3), ("+2E5", 2e5), (" 7 ", 7.0)),
        *(("98.2%", 98.2), ("98.2 %", 98.2), ("1,234.5", 1234.5), ("12,345,678", 12345678.0)),
        *(("0.5,", 0.5), ("0.5.", 0.5), ("0.5;", 0.5), ("inf", math.inf), ("-Infinity", -math.inf)),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, value: float) -> None:
    assert number(text) == value


def test_nan_is_a_number() -> None:
    assert all(math.isnan(number(text) or 0.0) for text in ("nan", "NaN", "-nan"))


NO_NUMBERS = ["", "-", "3/10", "NA", "None", "1_000", "0x10", "1.2.3", "e5", "12s", "true", "\u0663"]
NO_NUMBERS += ["1,23", "0,512", "012,345"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_none(text: str) -> None:
    assert number(text) is None


# ---- a file that is written anew


def test_a_file_that_was_written_anew_and_is_longer_is_read_from_its_start(path: Path) -> None:
    tail = Tail(path)
    append(path, b"a\nb\n")
    assert tail.read() == [b"a", b"b"]
    path.write_bytes(b"c\nd\ne\n")
    assert tail.read() == [b"c", b"d", b"e"]
    assert tail.n_starts == 2


def test_a_file_whose_beginning_changed_is_another_one(path: Path) -> None:
    tail = Tail(path)
    append(path, b"one,two\n" + b"0,0\n" * 500)
    tail.read()
    path.write_bytes(b"six,two\n" + b"0,0\n" * 501)
    assert tail.read()[0] == b"six,two"


def test_a_file_that_changed_before_the_place_that_was_reached_is_another_one(path: Path) -> None:
    tail = Tail(path)
    append(path, b"head\n" * 100 + b"one\n")
    tail.read()
    path.write_bytes(b"head\n" * 100 + b"six\nsix\n")
    assert len(tail.read()) == 102


def test_a_file_that_only_grew_goes_on(path: Path) -> None:
    tail = Tail(path)
    for n in range(1000):
        append(path, b"%d\n" % n)
        assert tail.read() == [b"%d" % n]
    assert tail.n_starts == 1


def test_a_file_that_did_not_change_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = Tail(path)
    append(path, b"a\n")
    tail.read()
    monkeypatch.delattr(os, "pread")
    assert tail.read() == []


def test_a_carriage_return_ends_a_line_where_progress_bars_write(path: Path) -> None:
    append(path, b" 10%\r 50%\r100%\ndone\r\n")
    assert Tail(path, returns=True).read() == [b" 10%", b" 50%", b"100%", b"done", b""]
    assert Tail(path).read() == [b" 10%\r 50%\r100%", b"done\r"]


def test_what_has_no_line_end_is_handed_out_once(path: Path) -> None:
    tail = Tail(path)
    append(path, b"a\nb")
    assert tail.read(everything=True) == [b"a"]
    assert (tail.unfinished(), tail.unfinished()) == ([b"b"], [])


def test_each_stream_has_a_parser_of_its_own(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    append(path, b'{"a": 1}\nx\n')
    append(other, b'{"b": 2}\ny\n')
    both = Lines((Tail(path), JsonObjects()), (Tail(other), JsonObjects()))
    assert both.read() == [{"a": 1}, {"b": 2}]
    assert (both.n_skipped, both.paths) == (2, (path, other))
