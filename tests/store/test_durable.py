"""Files that appear whole or not at all, names that can be taken once."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.errors import Damaged, StoreError
from sweeprun.store import durable

PATH = Path("record.json")
ROOM = dict[str, Path]


class Calls:
    """System calls, in order, with the paths of the descriptors; any of them can be made to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.made: list[tuple[str, str]] = []
        self.failures: dict[tuple[str, int], int] = {}
        for name in ("fsync", "link", "rename", "write", "close", "unlink"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def fail(self, name: str, nth: int, error: int) -> None:
        self.failures[name, nth] = error

    def of(self, name: str) -> list[str]:
        return [path for call, path in self.made if call == name]

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            target = args[1] if name in ("link", "rename") else args[0]
            path = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else os.fspath(target)
            self.made.append((name, path))
            error = self.failures.get((name, len(self.of(name))))
            if error is not None:
                if name == "close":
                    call(*args)
                raise OSError(error, os.strerror(error))
            return call(*args, **options)

        return watched


@pytest.fixture
def room(tmp_path: Path) -> ROOM:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "to").mkdir()
    return {"scratch": tmp_path / "tmp", "target": tmp_path / "to" / "name"}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
RECORDS = st.dictionaries(st.text(), JSON, min_size=1, max_size=4)


@given(RECORDS)
def test_a_record_reads_back_as_it_was_and_is_one_line_of_strict_json(record: dict[str, Any]) -> None:
    data = durable.encode(record)
    assert durable.decode(data, PATH) == record
    assert data.count(b"\n") == 1
    assert data.isascii()
    strict = json.loads(data, parse_constant=pytest.fail)
    assert record.keys() <= strict.keys()


@given(RECORDS, st.data())
def test_a_record_with_any_one_byte_changed_or_cut_off_is_damaged(record: dict[str, Any], data: st.DataObject) -> None:
    written = durable.encode(record)
    at = data.draw(st.integers(0, len(written) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = written[:at] + bytes([written[at] ^ 1 << bit]) + written[at + 1 :]
    for torn in (flipped, written[:at], written + b"x"):
        with pytest.raises(Damaged):
            durable.decode(torn, PATH)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_json_is_never_written(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        durable.encode({"x": value})


@pytest.mark.parametrize(
    ("body", "why"),
    [(b'{"a":' + b"[" * 100_000, "not JSON"), (b'{"a":' + b"1" * 5000, "not JSON"), (b"[1", "not JSON")],
    ids=["nested", "long number", "open"],
)
def test_nonsense_with_a_right_checksum_is_damaged(body: bytes, why: str) -> None:
    forged = body + b',"crc32":"%08x"}\n' % zlib.crc32(body)
    with pytest.raises(Damaged, match=why):
        durable.decode(forged, PATH)


@pytest.mark.parametrize("data", [b"", bytes(4096), b"hello\n", b"\xff\xfe" * 20])
def test_an_empty_zeroed_or_foreign_file_is_damaged_and_named(room: ROOM, data: bytes) -> None:
    room["target"].write_bytes(data)
    with pytest.raises(Damaged, match="to/name"):
        durable.read_record(room["target"])


def test_a_link_a_fifo_a_socket_and_a_directory_are_refused_at_once(room: ROOM) -> None:
    there = room["scratch"]
    (there / "real").write_bytes(durable.encode({"x": 1}))
    (there / "link").symlink_to(there / "real")
    os.mkfifo(there / "fifo")
    (there / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(there / "socket"))
    for name in ("link", "fifo", "folder", "socket"):
        with pytest.raises(Damaged, match="not a regular file"):
            durable.read_record(there / name)


def test_a_file_larger_than_the_limit_is_refused_unread(room: ROOM) -> None:
    with room["target"].open("wb") as file:
        file.truncate(durable.MAX_RECORD_BYTES + 1)
    with pytest.raises(Damaged, match="larger than"):
        durable.read_record(room["target"])


def test_no_file_is_told_from_a_bad_one(room: ROOM) -> None:
    with pytest.raises(FileNotFoundError):
        durable.read_record(room["target"])
    room["target"].touch()
    with pytest.raises(NotADirectoryError):
        durable.read_record(room["target"] / "inside")


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES])
def test_a_file_that_the_disk_does_not_give_is_named(room: ROOM, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    room["target"].write_bytes(durable.encode({"x": 1}))

    def refuse(fd: int, n: int) -> bytes:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "read", refuse)
    with pytest.raises(StoreError, match=rf"cannot read .*to/name.*errno {error}"), durable.reading(PATH):
        durable.read_record(room["target"])


def test_too_many_open_files_are_not_blamed_on_the_file(room: ROOM, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, flags: int, mode: int = 0) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"to/name.*errno 24"), durable.reading(PATH):
        durable.read_record(room["target"])


# ---- put_if_absent


def put(room: ROOM, data: bytes = b"mine", identity: bytes = b"mine") -> bool:
    return durable.put_if_absent(room["scratch"], room["target"], data, identity)


def put_directory(room: ROOM, data: bytes = b"mine", identity: bytes = b"mine") -> bool:
    return durable.put_directory_if_absent(room["scratch"], room["target"], "first", data, identity)


PUTS = [(put, ""), (put_directory, "first")]
both = pytest.mark.parametrize(("put", "inside"), PUTS, ids=["file", "directory"])


@both
def test_the_first_gets_the_name_and_the_second_changes_nothing(room: ROOM, put: Callable[..., bool], inside: str):
    assert put(room)
    assert not put(room, b"yours", b"yours")
    assert (room["target"] / inside).read_bytes() == b"mine"
    assert os.listdir(room["scratch"]) == []


@both
def test_a_second_try_of_our_own_is_known_by_what_it_wrote(room: ROOM, put: Callable[..., bool], inside: str):
    assert put(room)
    assert put(room)
    assert os.listdir(room["scratch"]) == []


def working_and_failing(call: Callable[..., None], error: int) -> Callable[..., None]:
    def lying(*args: Any, **options: Any) -> None:
        call(*args, **options)
        raise OSError(error, os.strerror(error))

    return lying


@both
@pytest.mark.parametrize("error", [errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT, errno.ESTALE, errno.EIO])
def test_a_call_that_worked_and_reports_failure_is_recognised(
    room: ROOM, put: Callable[..., bool], inside: str, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("link", "rename"):
        monkeypatch.setattr(os, name, working_and_failing(getattr(os, name), error))
    assert put(room)
    assert (room["target"] / inside).read_bytes() == b"mine"


@both
def test_an_error_that_means_no_name_was_taken_is_raised_and_leaves_nothing(
    room: ROOM, put: Callable[..., bool], inside: str, calls: Calls
) -> None:
    calls.fail("link", 1, errno.EPERM)
    calls.fail("rename", 1, errno.EPERM)
    with pytest.raises(PermissionError):
        put(room)
    assert os.listdir(room["scratch"]) == os.listdir(room["target"].parent) == []


def test_the_file_and_then_its_directory_are_on_the_disk_before_it_counts(room: ROOM, calls: Calls) -> None:
    put(room)
    ((written, taken),) = [calls.of("fsync")]
    assert Path(written).parent == room["scratch"]
    assert Path(taken) == room["target"].parent
    order = [name for name, _ in calls.made if name in ("write", "fsync", "link")]
    assert order == ["write", "fsync", "link", "fsync"]


def test_a_directory_its_file_and_its_parent_are_on_the_disk_before_it_counts(room: ROOM, calls: Calls) -> None:
    put_directory(room)
    written, made, taken = calls.of("fsync")
    assert Path(written).name == "first"
    assert made == os.path.dirname(written)
    assert Path(taken) == room["target"].parent
    order = [name for name, _ in calls.made if name in ("write", "fsync", "rename")]
    assert order == ["write", "fsync", "fsync", "rename", "fsync"]


def test_a_loser_acknowledges_nothing_and_syncs_no_target(room: ROOM, calls: Calls) -> None:
    put(room, b"yours", b"yours")
    before = len(calls.of("fsync"))
    put(room)
    assert len(calls.of("fsync")) == before + 1


def test_after_an_earlier_try_the_directory_is_synced_again(room: ROOM, calls: Calls) -> None:
    calls.fail("fsync", 2, errno.EIO)  # the directory's, after the name was taken
    with pytest.raises(OSError, match="Input/output"):
        put(room)
    assert put(room)
    assert calls.of("fsync")[-1] == str(room["target"].parent)


@both
def test_after_a_failed_fsync_the_bytes_go_to_a_new_file(
    room: ROOM, put: Callable[..., bool], inside: str, calls: Calls
) -> None:
    calls.fail("fsync", 1, errno.EIO)
    assert put(room)
    synced = [path for path in calls.of("fsync") if str(room["scratch"]) in path]
    assert len(synced) == len(set(synced)) > 1, "no descriptor is synced twice"
    assert (room["target"] / inside).read_bytes() == b"mine"
    assert os.listdir(room["scratch"]) == []


@both
def test_a_second_failed_fsync_is_the_end_of_it(
    room: ROOM, put: Callable[..., bool], inside: str, calls: Calls
) -> None:
    calls.fail("fsync", 1, errno.EIO)
    calls.fail("fsync", 2, errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        put(room)
    assert not room["target"].exists()
    assert os.listdir(room["scratch"]) == []


def test_a_quota_that_shows_at_close_is_an_error_and_leaves_no_file(room: ROOM, calls: Calls) -> None:
    calls.fail("close", 1, errno.EDQUOT)
    with pytest.raises(OSError, match="quota"):
        durable.write_new(room["target"], b"x")
    assert not room["target"].exists()


def test_short_writes_are_continued(room: ROOM, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    durable.write_new(room["target"], b"0123456789")
    assert room["target"].read_bytes() == b"0123456789"


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_a_new_file_never_goes_over_or_through_what_is_there(room: ROOM, kind: str) -> None:
    elsewhere = room["scratch"] / "elsewhere"
    if kind == "file":
        room["target"].write_bytes(b"old")
    else:
        room["target"].symlink_to(elsewhere)
    if kind == "link":
        elsewhere.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        durable.write_new(room["target"], b"new")
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"old"


def test_what_is_written_is_for_its_owner_alone(room: ROOM) -> None:
    put_directory(room)
    assert stat.S_IMODE(room["target"].stat().st_mode) == 0o700
    assert stat.S_IMODE((room["target"] / "first").stat().st_mode) == 0o600


@pytest.mark.parametrize("squatter", ["file", "link"])
def test_a_file_that_squats_on_a_directory_is_refused_by_name(room: ROOM, squatter: str) -> None:
    room["target"].touch() if squatter == "file" else room["target"].symlink_to(room["scratch"])
    with pytest.raises(StoreError, match="to/name") as raised:
        put_directory(room)
    assert "move it away" in str(raised.value.hint)
    assert os.listdir(room["scratch"]) == []


def test_an_empty_directory_does_not_hold_a_name(room: ROOM) -> None:
    room["target"].mkdir()
    assert put_directory(room)


def test_replace_leaves_the_old_contents_or_the_new_and_no_debris(room: ROOM, calls: Calls) -> None:
    durable.replace(room["scratch"], room["target"], b"old")
    calls.fail("rename", 1, errno.EIO)
    calls.fail("rename", 2, errno.EIO)
    calls.made.clear()
    with pytest.raises(OSError, match="Input/output"):
        durable.replace(room["scratch"], room["target"], b"new")
    assert room["target"].read_bytes() == b"old"
    assert os.listdir(room["scratch"]) == []


def test_a_replaced_file_is_on_the_disk_before_it_counts(room: ROOM, calls: Calls) -> None:
    durable.replace(room["scratch"], room["target"], b"x")
    assert [name for name, _ in calls.made if name in ("fsync", "rename")] == ["fsync", "rename", "fsync"]


def test_every_directory_that_is_made_is_on_the_disk(tmp_path: Path, calls: Calls) -> None:
    durable.make_directories(tmp_path / "a" / "b")
    assert calls.of("fsync") == [str(tmp_path), str(tmp_path / "a")]
    durable.make_directories(tmp_path / "a" / "b")
    assert len(calls.of("fsync")) == 2


def test_what_need_not_outlive_the_process_waits_for_no_disk(calls: Calls, tmp_path: Path) -> None:
    with durable.unsynced():
        durable.make_directories(tmp_path / "a")
        durable.write_new(tmp_path / "a" / "b", b"1")
    assert calls.of("fsync") == []
    durable.write_new(tmp_path / "a" / "c", b"1")
    assert len(calls.of("fsync")) == 1
