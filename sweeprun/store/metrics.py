"""Reading what a running program appends: whole lines, each once, whatever else it writes there."""

from __future__ import annotations

import codecs
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

MAX_LINE_BYTES = 1 << 20
READ_BYTES = 4 << 20  # a poll reads no more than this, so that a flood cannot starve the other trials

_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Tail:
    """The JSON objects of a growing file of lines.

    A line counts when its newline is there; the last one also once the program is gone (`final`). Lines that are no
    JSON object are counted in `n_skipped`, lines over 1 MiB in `n_cut`. A file that shrank or was replaced is read
    from its start again; a link or a FIFO in its place is not read.
    """

    def __init__(self, path: Path):
        self.path = path
        self.n_skipped = 0
        self.n_cut = 0
        self._offset = 0
        self._inode = 0
        self._partial = b""
        self._cutting = False

    def read(self, final: bool = False) -> list[dict[str, Any]]:
        """The objects appended since the last call; all that are left when `final`."""
        lines: list[bytes] = []
        while chunk := self._bytes():
            lines += self._whole_lines(chunk)
            if not final:
                break
        if final and self._partial:
            lines.append(self._partial)
            self._partial = b""
        return [found for line in lines if (found := self._object(line)) is not None]

    def _whole_lines(self, chunk: bytes) -> list[bytes]:
        if self._cutting:
            _, newline, chunk = chunk.partition(b"\n")
            self._cutting = not newline
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        if len(self._partial) > MAX_LINE_BYTES:
            self._partial, self._cutting = b"", True
            self.n_cut += 1
        fitting = [line for line in lines if len(line) <= MAX_LINE_BYTES]
        self.n_cut += len(lines) - len(fitting)
        return fitting

    def _bytes(self) -> bytes:
        try:
            fd = os.open(self.path, _READING)
        except OSError:
            return b""  # not there yet, or not a file of ours
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return b""
            if status.st_ino != self._inode or status.st_size < self._offset:
                self._inode, self._offset, self._partial, self._cutting = status.st_ino, 0, b"", False
            data = os.pread(fd, READ_BYTES, self._offset)
        except OSError:
            return b""  # the next poll tries again
        finally:
            os.close(fd)
        self._offset += len(data)
        return data

    def _object(self, line: bytes) -> dict[str, Any] | None:
        line = line.removeprefix(codecs.BOM_UTF8).strip()
        if not line:
            return None
        with suppress(ValueError, RecursionError):  # a UnicodeError is a ValueError
            text = line.decode()  # strictly UTF-8: json would guess others, and let lone surrogates through
            found = json.loads(text)
            if "\\u" in text:
                json.dumps(found, ensure_ascii=False).encode()
            if isinstance(found, dict):
                return found
        self.n_skipped += 1
        return None


def last_lines(path: Path, n: int, max_bytes: int = 64 << 10) -> tuple[str, ...]:
    """The last `n` lines of a log, as text; none where there is no such regular file."""
    try:
        fd = os.open(path, _READING)
    except OSError:
        return ()
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return ()
        data = os.pread(fd, max_bytes, max(0, status.st_size - max_bytes))
    except OSError:
        return ()
    finally:
        os.close(fd)
    return tuple(data.decode(errors="replace").splitlines()[-n:])
