"""How a sweep directory comes to be: whole under its name, or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sweeprun.errors import Damaged, SweepExists, SweepNotFound, SweeprunError
from sweeprun.store import durable, earlier, filesystem
from sweeprun.store.earlier import EarlierSweep
from sweeprun.store.layout import Layout

FORMAT = 1
BUILD_AGE_S = 3600.0


def found(
    directory: Path, source: bytes, resolved: dict[str, Any], version: str, known: Sequence[EarlierSweep] = ()
) -> None:
    """Make the directory of a new sweep, which learns from those that are `known`. Raises SweepExists when the name is
    taken, StoreError where the file system refuses or will not do."""
    manifest = {
        "format": FORMAT,
        "min_reader": FORMAT,
        "min_writer": FORMAT,
        "uid": uuid.uuid4().hex,
        "name": directory.name,
        "created": time.time(),
        "version": version,
        "sha256": hashlib.sha256(source).hexdigest(),
        "resolved": resolved,
    }
    built = directory.parent / f".{directory.name}.{uuid.uuid4().hex}"
    with durable.writing(directory):
        durable.make_directories(directory.parent)
        try:
            _build(Layout(built), source, durable.encode(manifest), known)
            _collect(built, directory)
            if not _moved(built, directory):
                raise SweepExists(f"{directory} is there already")
        finally:
            shutil.rmtree(built, ignore_errors=True)
        durable.fsync_directory(directory.parent)


def read_manifest(layout: Layout) -> dict[str, Any]:
    """What `found` said of the sweep. Raises SweepNotFound, Damaged, StoreError, and SweeprunError for a sweep of a
    newer sweeprun."""
    with durable.reading(layout.manifest):
        try:
            manifest = durable.read_record(layout.manifest)
        except (FileNotFoundError, NotADirectoryError):
            message = f"there is no sweep at {layout.directory}"
            hint = "name a sweep under --root, or a directory; or: sweeprun start FILE"
            raise SweepNotFound(message, hint) from None
    if manifest["min_reader"] > FORMAT:
        raise _too_old(layout, manifest, "read")
    return manifest


def check_writable(layout: Layout, manifest: dict[str, Any]) -> None:
    """Raises SweeprunError where only a newer sweeprun may write."""
    if manifest["min_writer"] > FORMAT:
        raise _too_old(layout, manifest, "change")


def _too_old(layout: Layout, manifest: dict[str, Any], verb: str) -> SweeprunError:
    return SweeprunError(
        f"{layout.directory} was written by sweeprun {manifest['version']}, which this one is too old to {verb}",
        "pip install -U sweeprun",
    )


def _build(layout: Layout, source: bytes, manifest: bytes, known: Sequence[EarlierSweep]) -> None:
    layout.directory.mkdir(mode=durable.DIRECTORY_MODE)
    for folder in (layout.scratch, layout.trials, layout.workers, layout.edits, layout.snapshots):
        folder.mkdir(mode=durable.DIRECTORY_MODE)
    filesystem.self_test(layout.scratch)
    durable.write_new(layout.source, source)
    if known:
        durable.write_new(layout.earlier, earlier.encode(known))
    durable.write_new(layout.manifest, manifest)
    durable.fsync_directory(layout.directory)


def _moved(built: Path, target: Path) -> bool:
    """Whether `built` got the name `target`; False where something else has it."""
    ours = durable.read(built / "sweep.json")
    try:
        os.rename(built, target)
    except OSError:
        with suppress(OSError, Damaged):
            if durable.read(target / "sweep.json") == ours:
                return True
        if target.exists():
            return False
        raise
    return True


def _collect(built: Path, directory: Path) -> None:
    """Remove what founders of this name left who were killed on the way."""
    now = built.stat().st_mtime  # the file system's own clock
    name = re.compile(rf"\.{re.escape(directory.name)}\.[0-9a-f]{{32}}\Z")
    for entry in os.scandir(directory.parent):
        if name.match(entry.name) and entry.is_dir(follow_symlinks=False):
            with suppress(FileNotFoundError):
                if now - entry.stat(follow_symlinks=False).st_mtime > BUILD_AGE_S:
                    shutil.rmtree(entry.path, ignore_errors=True)
