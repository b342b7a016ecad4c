"""What lies in tmp/: files on their way to a name, what crashed writers left, and a reserve for a full disk."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sweeprun.store import durable
from sweeprun.store.layout import Layout

MAX_AGE_S = 3600.0
RESERVE_BYTES = 256 << 10  # freed for final records when the disk is full


def collect(layout: Layout) -> None:
    """Remove what crashed writers left: a live one holds its entry for milliseconds, or as long as a checkpoint takes
    to be copied."""
    entries = [entry for entry in os.scandir(layout.scratch) if entry.name != layout.reserve.name]
    if not entries:
        return
    probe = durable.scratch_name(layout.scratch)
    durable.write_new(probe, b"")
    now = probe.stat().st_mtime  # the file system's own clock
    os.unlink(probe)
    for entry in entries:
        with suppress(OSError):
            if now - entry.stat(follow_symlinks=False).st_mtime > MAX_AGE_S:
                if entry.is_dir(follow_symlinks=False):
                    durable.discard_directory(Path(entry.path))
                else:
                    os.unlink(entry.path)


def keep_reserve(layout: Layout) -> None:
    """Make the reserve file where it is missing."""
    if not layout.reserve.exists():
        with suppress(FileExistsError):
            durable.write_new(layout.reserve, bytes(RESERVE_BYTES))
