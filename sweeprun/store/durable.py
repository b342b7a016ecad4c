"""System calls that survive a crash: files that appear whole or not at all, names that can be taken once.

A write is acknowledged only after the file and then its directory were fsynced. A descriptor whose fsync failed is
never fsynced again (the kernel may have dropped the dirty pages and would report success): the bytes go to a new
file, once. After an error from rename or link the target is read back, because on a network file system a
retransmitted call that worked is reported as a failure.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from sweeprun.errors import Damaged, StoreError

FILE_MODE, DIRECTORY_MODE = 0o600, 0o700
MAX_RECORD_BYTES = 64 << 20
MAX_SNAPSHOT_BYTES = 2 << 30  # it holds every final record, curves included

_CRC_BYTES = len(',"crc32":"00000000"}\n')
TAKEN = (errno.EEXIST, errno.ENOTEMPTY)  # what a name that is taken answers
_NO_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO)
_synced = ContextVar("synced", default=True)
UNREADABLE = (errno.EIO, errno.EACCES, errno.EPERM)  # this one file; other errors are of more than one


def encode(record: dict[str, Any]) -> bytes:
    """One line of strict JSON whose last key is a CRC-32 over everything before it; `record` is not empty."""
    body = json.dumps(record, separators=(",", ":"), allow_nan=False).encode()[:-1]
    return body + b',"crc32":"%08x"}\n' % zlib.crc32(body)


def decode(data: bytes, path: Path) -> dict[str, Any]:
    """The record in `data`, which came from `path`. Raises Damaged."""
    body, tail = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    if tail != b',"crc32":"%08x"}\n' % zlib.crc32(body):
        raise Damaged(path, "empty file" if not data else "checksum does not match")
    try:
        record = json.loads(body + b"}")
    except (ValueError, RecursionError) as error:
        raise Damaged(path, f"not JSON: {error}") from None
    if not isinstance(record, dict):
        raise Damaged(path, "not a record")
    return record


def read(path: Path, offset: int = 0, limit: int = MAX_RECORD_BYTES) -> bytes:
    """The bytes of a regular file from `offset` on. Never follows a link, never waits on a FIFO.

    Raises Damaged where this is no regular file or a larger one than `limit`, OSError."""
    try:
        return _read(path, offset, limit)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise Damaged(path, f"not a regular file ({errno.errorcode[error.errno]})") from None
        error.filename = error.filename or os.fspath(path)
        raise


def _read(path: Path, offset: int, limit: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise Damaged(path, "not a regular file")
        if status.st_size - offset > limit:
            raise Damaged(path, f"larger than {limit} bytes")
        if offset:
            os.lseek(fd, offset, os.SEEK_SET)
        chunks = []
        while chunk := os.read(fd, 1 << 20):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def read_record(path: Path, limit: int = MAX_RECORD_BYTES) -> dict[str, Any]:
    """The record at `path`. Raises what `read` raises."""
    return decode(read(path, limit=limit), path)


@contextmanager
def unsynced() -> Iterator[None]:
    """Nothing that is written in the block waits for the disk: for files that end with this process."""
    token = _synced.set(False)
    try:
        yield
    finally:
        _synced.reset(token)


def _fsync(fd: int) -> None:
    if _synced.get():
        os.fsync(fd)


def fsync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _fsync(fd)
    finally:
        os.close(fd)


def make_directories(path: Path) -> None:
    """Make `path` and what is missing above it, through to the disk."""
    if path.is_dir():
        return
    make_directories(path.parent)
    with suppress(FileExistsError):  # another process makes them too; a file in the way is met by who uses the path
        os.mkdir(path, DIRECTORY_MODE)
    fsync_directory(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that did not exist, through to the disk. A failed one is removed again."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            _fsync(fd)
        finally:
            os.close(fd)  # a quota may be reported only here
    except OSError:
        with suppress(OSError):
            os.unlink(path)
        raise


def scratch_name(scratch: Path) -> Path:
    return scratch / uuid.uuid4().hex


def _once_more_after_eio(write: Callable[[], Path]) -> Path:
    try:
        return write()
    except OSError as error:
        if error.errno != errno.EIO:
            raise
    return write()


def _written(scratch: Path, data: bytes) -> Path:
    def write() -> Path:
        path = scratch_name(scratch)
        write_new(path, data)
        return path

    return _once_more_after_eio(write)


def _written_directory(scratch: Path, name: str, data: bytes, fill: Callable[[Path], None] | None) -> Path:
    with ExitStack() as undo:
        path = scratch_name(scratch)
        os.mkdir(path, DIRECTORY_MODE)
        undo.callback(discard_directory, path)
        if fill is not None:
            fill(path)
        write_new(path / name, data)
        fsync_directory(path)
        undo.pop_all()
    return path


def _holds(path: Path, identity: bytes) -> bool:
    try:
        return identity in read(path)
    except (OSError, Damaged):
        return False


def _take(move: Callable[[], None], witness: Path, identity: bytes) -> bool:
    """Whether `witness` is ours after `move`, now or by an earlier try; False where somebody else has the name."""
    try:
        move()
    except OSError as error:
        if _holds(witness, identity):
            return True
        if error.errno in TAKEN:
            return False
        raise
    return True


def put_if_absent(scratch: Path, target: Path, data: bytes, identity: bytes) -> bool:
    """Make `target` hold `data` if nothing has that name yet; whether it is ours.

    `identity` is a part of `data` that nobody else writes: by it a name that an earlier try of ours took is known.
    """
    temporary = _written(scratch, data)
    try:
        won = _take(lambda: os.link(temporary, target, follow_symlinks=False), target, identity)
    finally:
        with suppress(OSError):  # debris; collected at the next start
            os.unlink(temporary)
    if won:
        fsync_directory(target.parent)
    return won


def put_directory_if_absent(
    scratch: Path,
    target: Path,
    name: str,
    data: bytes,
    identity: bytes,
    fill: Callable[[Path], None] | None = None,
) -> bool:
    """Make `target` a directory whose file `name` holds `data`, if no directory with contents is there yet; whether
    it is ours, by the `identity` in that file. `fill` puts into it, through to the disk, what else it is born with.

    Raises StoreError when something that is no directory squats on the name, and what `fill` raises.
    """
    temporary = _once_more_after_eio(lambda: _written_directory(scratch, name, data, fill))
    try:
        won = _take(lambda: os.rename(temporary, target), target / name, identity)
    except OSError as error:
        if error.errno == errno.ENOTDIR:
            message = f"{target} has the name of a directory of ours, and is none"
            raise StoreError(message, f"move it away: {target}") from None
        raise
    finally:
        discard_directory(temporary)  # unless it was moved
    if won:
        fsync_directory(target.parent)
    return won


def discard_directory(path: Path) -> None:
    """Remove a scratch directory as far as it can be; what stays is collected at the next start."""
    shutil.rmtree(path, ignore_errors=True)


def replace(scratch: Path, target: Path, data: bytes) -> None:
    """Make `target` hold `data`, whatever was there. For requests and caches, never for records."""
    temporary = _written(scratch, data)
    try:
        os.rename(temporary, target)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    fsync_directory(target.parent)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns an OSError of the block into a StoreError that names the file and what to do."""
    try:
        yield
    except OSError as error:
        message = f"cannot read {error.filename or path}: {error.strerror} (errno {error.errno})"
        raise StoreError(message, "when the file system answers again, repeat the command") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError of the block into a StoreError that names the file and what to do."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write {error.filename or path}: {error.strerror} (errno {error.errno})",
            "make room or give permission, then repeat the command",
        ) from error
