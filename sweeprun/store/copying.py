"""Copies of checkpoints: blocks are shared where the file system can, names never, as programs save in place too."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from pathlib import Path

from sweeprun.store import durable

_FICLONE = 0x40049409  # of <linux/fs.h>
_CANNOT_SHARE = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS, errno.EPERM, errno.ETXTBSY)
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def copy_directory(source: Path, target: Path) -> None:
    """Make `target` a copy of what is below the directory `source`, through to the disk: files and links, with their
    modes and times. What else a program may have left there, such as a socket, is no part of what it saved."""
    os.mkdir(target, durable.DIRECTORY_MODE)
    with os.scandir(source) as entries:
        for entry in entries:
            copy = target / entry.name
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), copy)
            elif entry.is_dir():
                copy_directory(Path(entry.path), copy)
            elif entry.is_file():
                _copy_file(Path(entry.path), copy)
    durable.fsync_directory(target)
    _keep_times(source.stat(), target)


def _copy_file(source: Path, target: Path) -> None:
    with open(os.open(source, _READING), "rb") as read:
        status = os.fstat(read.fileno())
        with open(os.open(target, _WRITING, durable.FILE_MODE), "wb") as written:
            os.fchmod(written.fileno(), stat.S_IMODE(status.st_mode))
            if not _shared(read.fileno(), written.fileno()):
                shutil.copyfileobj(read, written, 1 << 20)
                written.flush()
            os.fsync(written.fileno())
    _keep_times(status, target)


def _shared(source: int, target: int) -> bool:
    """Whether the two files share their blocks now, of which each keeps its own as soon as one is written."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _CANNOT_SHARE:
            return False
        raise
    return True


def _keep_times(status: os.stat_result, target: Path) -> None:
    """Programs choose the newest of several files by them."""
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
