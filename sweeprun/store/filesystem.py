"""What a file system must be able to do to hold a sweep."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sweeprun.errors import StoreError
from sweeprun.store import durable

_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)  # say how the disk is now, not what it can do


def self_test(scratch: Path) -> None:
    """Ten calls on which everything here stands. Raises StoreError naming the one that this file system cannot do,
    OSError where it is full or broken."""
    first, link, full, other = (durable.scratch_name(scratch) for _ in range(4))
    step = "create a file and fsync it"
    try:
        durable.write_new(first, b"x")
        step = "make a hard link"
        os.link(first, link, follow_symlinks=False)
        step = "refuse a second hard link of the same name"
        _must_fail(lambda: os.link(first, link, follow_symlinks=False), durable.TAKEN)
        step = "rename a directory"
        for directory in (full, other):
            os.mkdir(directory, durable.DIRECTORY_MODE)
            durable.write_new(directory / "x", b"x")
        step = "refuse to rename a directory onto a full one"
        _must_fail(lambda: os.rename(other, full), durable.TAKEN)
        step = "fsync a directory"
        durable.fsync_directory(scratch)
    except OSError as error:
        if error.errno in _PASSING:
            raise
        raise StoreError(
            f"the file system of {scratch} ({file_system(scratch)}) cannot {step}: {error.strerror}",
            "choose another place with --root or `root:`; any local file system, NFS and Lustre will do",
        ) from None
    finally:
        for path in (first, link):
            with suppress(OSError):
                os.unlink(path)
        for directory in (full, other):
            durable.discard_directory(directory)


def _must_fail(call: Callable[[], None], expected: tuple[int, ...]) -> None:
    try:
        call()
    except OSError as error:
        if error.errno in expected:
            return
        raise
    raise OSError(errno.ENOTSUP, "it did it all the same")


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`, as the kernel names it."""
    target, best = os.path.realpath(path), ("", "unknown")
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return "unknown"
    for line in mounts:
        _, mount, kind, *_ = line.split(" ")
        if len(mount) >= len(best[0]) and (target + "/").startswith(mount.rstrip("/") + "/"):
            best = (mount, kind)
    return best[1]
