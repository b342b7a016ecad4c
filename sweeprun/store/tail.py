"""Reading what a running program writes: whole lines, each once, whatever it does to the file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_LINE_BYTES = 1 << 20
READ_BYTES = 4 << 20  # a poll reads no more than this, so that a flood cannot starve the other trials
KNOWN_BYTES = 256  # at the start and before the place that was reached, by which a file is known again

READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Tail:
    """The whole lines of a growing file, as bytes without their ends.

    Lines over 1 MiB are left out and counted in `n_cut`. A file that shrank, was replaced or was rewritten is read
    from its start again, which `n_starts` counts; a link or a FIFO in its place is not read. `returns`: a carriage
    return ends a line too, as progress bars use it.
    """

    def __init__(self, path: Path, returns: bool = False):
        self.path = path
        self.n_cut = 0
        self.n_starts = 0
        self._returns = returns
        self._place = (0, 0, 0)  # inode, bytes read, time of the newest change that was looked at
        self._head = self._before = b""
        self._partial = b""
        self._cutting = False

    def read(self, everything: bool = False) -> list[bytes]:
        """The lines that came to their end since the last call: a bounded part of them, or `everything`."""
        lines: list[bytes] = []
        while chunk := self._bytes():
            lines += self._whole_lines(chunk)
            if not everything:
                break
        return lines

    def unfinished(self) -> list[bytes]:
        """What stands behind the last line end, taken out: the last line of a program that is gone, or nothing."""
        rest, self._partial = self._partial, b""
        return [rest] if rest else []

    def _whole_lines(self, chunk: bytes) -> list[bytes]:
        if self._returns:
            chunk = chunk.replace(b"\r", b"\n")
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
            fd = os.open(self.path, READING)
        except OSError:
            return b""  # not there yet, or not a file of ours
        try:
            status = os.fstat(fd)
            place = status.st_ino, status.st_size, status.st_mtime_ns
            if not stat.S_ISREG(status.st_mode) or place == self._place:
                return b""
            if not self._goes_on(fd, status):
                self._start()
            offset = self._place[1]
            data = os.pread(fd, READ_BYTES, offset)
        except OSError:
            return b""  # the next poll tries again
        finally:
            os.close(fd)
        self._place = status.st_ino, offset + len(data), status.st_mtime_ns
        self._head = (self._head + data[:KNOWN_BYTES])[:KNOWN_BYTES]
        self._before = (self._before + data[-KNOWN_BYTES:])[-KNOWN_BYTES:]
        return data

    def _goes_on(self, fd: int, status: os.stat_result) -> bool:
        """Whether the file still begins, and stands at the place that was reached, as it did: it has only grown."""
        inode, offset, _ = self._place
        if self.n_starts == 0 or status.st_ino != inode or status.st_size < offset:
            return False
        begins = os.pread(fd, len(self._head), 0) == self._head
        return begins and os.pread(fd, len(self._before), offset - len(self._before)) == self._before

    def _start(self) -> None:
        self.n_starts += 1
        self._place = (0, 0, 0)
        self._head = self._before = self._partial = b""
        self._cutting = False


def last_lines(path: Path, n: int, max_bytes: int = 64 << 10) -> tuple[str, ...]:
    """The last `n` lines of a log, as text; none where there is no such regular file."""
    try:
        fd = os.open(path, READING)
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
