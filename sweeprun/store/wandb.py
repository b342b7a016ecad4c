"""What a program tells W&B, read from the log that W&B keeps of each of its runs on disk, with an account or without.

The file `run-<id>.wandb` has 7 bytes of header and then, in blocks of 32 KiB from its start, LevelDB's log records: a
CRC, a length, a kind (a whole message, or its first, middle or last part), the data. A message is a protobuf `Record`;
fields 2 and 3 of it are a row of the history and a change of the summary. Checked with wandb 0.15 to 0.31, which write
it alike; the newer ones flush it every so many seconds, the older ones with every block and at the end.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from pathlib import Path
from typing import Any

from sweeprun.store.metrics import Row
from sweeprun.store.tail import READ_BYTES, READING

MAX_MESSAGE_BYTES = 16 << 20
STEP = "_step"  # W&B's count of the calls of wandb.log, unless the program gives one; from 0

_HEADER_BYTES = 7
_BLOCK_BYTES = 32 << 10
_RECORD = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _SUMMARY = _TOLD = (2, 3)  # fields of a Record
_ITEM = 1  # of both of these
_FIXED_BYTES = {1: 8, 5: 4}


class _Item(IntEnum):
    """The fields of an item that matter: it has a key, or the parts of one, and one of the values."""

    KEY = 1
    NESTED_KEY = 2
    INTEGER = 5
    NUMBER = 6
    VALUE_JSON = 16


class Runs:
    """The metrics of all W&B runs below a directory that is given to the program as WANDB_DIR."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._logs: dict[Path, Log] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(self._logs)

    @property
    def n_skipped(self) -> int:
        return sum(log.n_skipped for log in self._logs.values())

    @property
    def n_cut(self) -> int:
        return sum(log.n_cut for log in self._logs.values())

    def read(self, final: bool = False) -> list[Row]:
        # Their folders begin with the time; `latest-run` is a link to one of them.
        for path in sorted(self._directory.glob("wandb/*run-*-*/run-*.wandb")):
            self._logs.setdefault(path, Log(path))
        return [row for log in self._logs.values() for row in log.read(final)]


class Log:
    """The metrics of one W&B run. Damaged records are counted in `n_skipped`, huge ones in `n_cut`."""

    def __init__(self, path: Path):
        self.path = path
        self.n_skipped = 0
        self.n_cut = 0
        self._at = _HEADER_BYTES
        self._parts: bytes | None = None
        self._in_history: set[str] = set()

    def read(self, final: bool = False) -> list[Row]:
        """What was logged since the last call; all that is left when `final`."""
        rows: list[Row] = []
        while data := self._bytes():
            before = self._at
            rows += [row for message in self._messages(data) for row in self._rows(message)]
            if not final or self._at == before:  # what is left is the beginning of a record
                break
        return rows

    def _bytes(self) -> bytes:
        with suppress(OSError):  # not there yet, or gone
            fd = os.open(self.path, READING)
            try:
                return os.pread(fd, READ_BYTES, self._at)
            finally:
                os.close(fd)
        return b""

    def _messages(self, data: bytes) -> Iterator[bytes]:
        start, at = self._at, 0
        while True:
            left = _BLOCK_BYTES - (start + at) % _BLOCK_BYTES
            if left < _RECORD.size:  # padding
                at += left
                continue
            if len(data) - at < _RECORD.size:
                break
            crc, length, kind = _RECORD.unpack_from(data, at)
            end = at + _RECORD.size + length
            if _RECORD.size + length <= left and end > len(data):
                break
            if _RECORD.size + length > left or zlib.crc32(data[at + 6 : end]) != crc:
                self.n_skipped += 1
                self._parts = None
                at += left  # the next block begins with a record
                continue
            yield from self._message(kind, data[at + _RECORD.size : end])
            at = end
        self._at = start + at

    def _message(self, kind: int, data: bytes) -> Iterator[bytes]:
        """A message, when its last part is there. Parts without a first one belong to a record that was damaged."""
        before = b"" if kind in (_WHOLE, _FIRST) else self._parts
        if before is None:
            return
        together = (before + data)[: MAX_MESSAGE_BYTES + 1]
        if len(before) <= MAX_MESSAGE_BYTES < len(together):
            self.n_cut += 1
        self._parts = together if kind in (_FIRST, _MIDDLE) else None
        if kind in (_WHOLE, _LAST) and len(together) <= MAX_MESSAGE_BYTES:
            yield together

    def _rows(self, message: bytes) -> Iterator[Row]:
        try:
            found = [(number, _row(_data(part))) for number, part in _fields(message) if number in _TOLD]
        except (ValueError, RecursionError):
            self.n_skipped += 1
            return
        for number, row in found:
            if number == _HISTORY:
                self._in_history |= row.keys() - {STEP}
            else:  # which repeats the history; what stands there alone is told by the program itself
                row = {name: value for name, value in row.items() if name not in self._in_history}
            if row.keys() - {STEP}:
                yield row


def _row(message: bytes) -> Row:
    items = (_item(_data(part)) for number, part in _fields(message) if number == _ITEM)
    return {name: value for item in items for name, value in item.items() if not name.startswith("_") or name == STEP}


def _item(message: bytes) -> Row:
    """One name with its value; a mapping is as many, with dotted names."""
    key, nested, value = "", [], None
    for number, found in _fields(message):
        match number:
            case _Item.KEY:
                key = _data(found).decode()
            case _Item.NESTED_KEY:
                nested.append(_data(found).decode())
            case _Item.INTEGER if isinstance(found, int):
                value = (found >> 1) ^ -(found & 1)
            case _Item.NUMBER if len(_data(found)) == 8:
                [value] = struct.unpack("<d", _data(found))
            case _Item.VALUE_JSON:
                value = json.loads(_data(found))
    return dict(_flat(".".join(nested) or key, value))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and "_type" not in value:  # which pictures, tables and the like have
        for inner, part in value.items():
            yield from _flat(f"{name}.{inner}", part)
    else:
        yield name, value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message, numbers of variable length as numbers. Raises ValueError where it is none."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        size, at = _varint(message, at) if kind == 2 else (_FIXED_BYTES.get(kind, len(message)), at)
        if at + size > len(message):
            raise ValueError("a field is longer than its message")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, and where it ends."""
    value = 0
    for i, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("a number does not end")


def _data(field: int | bytes) -> bytes:
    if isinstance(field, int):
        raise ValueError("a number stands where data should")
    return field
