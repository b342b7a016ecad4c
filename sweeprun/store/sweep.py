"""The sweep directory: its only reader and writer. It knows trials and files; it knows no sampler and no process."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid as uuids
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeprun.errors import Damaged, StoreError, SweepExists, SweepNotFound, SweeprunError
from sweeprun.store import durable, records, snapshot
from sweeprun.store.index import Index
from sweeprun.store.layout import Layout
from sweeprun.trial import Trial, TrialState

FORMAT = 1
LOCK_TIMEOUT_S = 10.0
SCRATCH_AGE_S = 3600.0
RESERVE_BYTES = 256 << 10  # freed for final records when the disk is full


class NumberTaken(Exception):
    """Somebody else created this trial first. It has been read; ask again with the next number."""


class Superseded(Exception):
    """Somebody else moved this trial first. `trial` is what it is now; obey."""

    def __init__(self, trial: Trial):
        super().__init__(f"trial {trial.number} is {trial.state} already")
        self.trial = trial


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Somebody typed `sweeprun stop`. `now`: end the running trials too; they wait for a resume."""

    id: str
    now: bool


class Sweep:
    """An open sweep directory.

    Reading never writes and never locks. Every write is durable when the call returns; a write that the disk refuses
    raises StoreError, and nothing is half-written.
    """

    def __init__(self, directory: Path):
        """Open an existing sweep. Raises SweepNotFound, Damaged, and SweeprunError for one of a newer sweeprun."""
        self.layout = Layout(directory.resolve())
        try:
            self.manifest = durable.read_record(self.layout.manifest)
        except (FileNotFoundError, NotADirectoryError):
            raise SweepNotFound(f"there is no sweep at {directory}", "sweeprun ls, or sweeprun start FILE") from None
        if self.manifest["min_reader"] > FORMAT:
            raise SweeprunError(
                f"{directory} was written by sweeprun {self.manifest['version']}, which this one is too old to read",
                "pip install -U sweeprun",
            )
        self.uid: str = self.manifest["uid"]
        self.name: str = self.manifest["name"]
        self._index: Index | None = None
        self._edits: list[dict[str, Any]] = []
        self._durable_buckets: set[Path] = set()
        self._lock: Any = None

    @classmethod
    def create(cls, directory: Path, source: str, resolved: dict[str, Any], version: str) -> Sweep:
        """Make a new sweep, whole or not at all. Raises SweepExists when the name is taken."""
        directory = directory.absolute()
        layout = Layout(directory.parent / f".{directory.name}.{uuids.uuid4().hex}")
        manifest = {
            "format": FORMAT,
            "min_reader": FORMAT,
            "min_writer": FORMAT,
            "uid": uuids.uuid4().hex,
            "name": directory.name,
            "created": time.time(),
            "version": version,
            "sha256": hashlib.sha256(source.encode()).hexdigest(),
            "resolved": resolved,
        }
        with durable.writing(directory):
            directory.parent.mkdir(parents=True, exist_ok=True)
            _build(layout, source, durable.encode(manifest))
            if not _moved(layout.directory, directory):
                raise SweepExists(f"{directory} is there already")
            durable.fsync_directory(directory.parent)
        return cls(directory)

    @property
    def edits(self) -> list[dict[str, Any]]:
        """The accepted changes, oldest first."""
        with suppress(FileNotFoundError):
            while True:
                self._edits.append(durable.read_record(self.layout.edit(len(self._edits) + 1)))
        return self._edits

    def edit(self, change: dict[str, Any]) -> int:
        """Append an accepted change; its number. A change is {"set": {"budget.trials": 50}} or a whole new file."""
        with durable.writing(self.layout.edits):
            while True:
                n = len(self.edits) + 1
                identity = uuids.uuid4().hex
                data = durable.encode({"n": n, "id": identity, "at": time.time(), **change})
                if durable.put_if_absent(self.layout.scratch, self.layout.edit(n), data, identity.encode()):
                    return n

    @property
    def resolved(self) -> dict[str, Any]:
        """The sweep file as it is understood now: as created, with every accepted change."""
        resolved: dict[str, Any] = self.manifest["resolved"]
        for change in self.edits:
            resolved = change.get("resolved", resolved)
            for path, value in change.get("set", {}).items():
                resolved = _with(resolved, path.split("."), value)
        return resolved

    def trials(self) -> list[Trial]:
        """Every trial, by number, as fresh as the directory."""
        index = self._opened()
        index.refresh()
        return list(index.trials)

    @property
    def strangers(self) -> list[Path]:
        """What lies among the trials and does not belong there."""
        return list(self._opened().strangers)

    def create_trial(self, trial: Trial, state: TrialState, reason: str, log: Path | None = None) -> Trial:
        """Create `trial.number`, claimed by `trial.worker`. Raises NumberTaken; then that trial has been read."""
        bucket = self.layout.bucket(trial.number)
        run = 1 if state is TrialState.RUNNING else 0
        record = _header(1, state, reason, trial) | records.created(trial) | {"run": run, "checkpoint": run}
        with durable.writing(self.layout.trial(trial.number)):
            if bucket not in self._durable_buckets:
                bucket.mkdir(mode=durable.DIRECTORY_MODE, exist_ok=True)
                durable.fsync_directory(self.layout.trials)
                self._durable_buckets.add(bucket)
            won = durable.put_directory_if_absent(
                self.layout.scratch,
                self.layout.trial(trial.number),
                self.layout.state(trial.number, 1).name,
                durable.encode(record),
                trial.uid.encode(),
            )
        found = self._opened().read(trial.number)
        if not won:
            raise NumberTaken
        assert found is not None
        _append(log, trial.number)
        return found

    def advance(
        self, trial: Trial, state: TrialState, reason: str, log: Path | None = None, **said: Any
    ) -> Trial:
        """Move `trial` to `state`. Raises Superseded when somebody else moved it first.

        `said` overrides the record's keys: worker, run, checkpoint, until, counts, and what `records.left` gives.
        """
        record = _header(trial.n + 1, state, reason, trial) | said
        record["id"] = identity = f"{record['worker']}.{record['n']}"
        records.fold(trial, record)
        target = self.layout.state(trial.number, trial.n + 1)
        with durable.writing(target):
            data = durable.encode(record)
            won = durable.put_if_absent(self.layout.scratch, target, data, f'"{identity}"'.encode())
        now = self._opened().read(trial.number)
        assert now is not None
        if not won:
            raise Superseded(now)
        _append(log, trial.number)
        return now

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Ask for suggestions one worker at a time, so that each sees the freshest history. Correctness does not
        depend on it: after 10 s, or where the file system has no locks, it warns once and goes on without."""
        from filelock import Timeout, UnixFileLock

        if self._lock is None:
            settings = {"timeout": LOCK_TIMEOUT_S, "mode": durable.FILE_MODE, "poll_interval": 0.01}
            self._lock = UnixFileLock(self.layout.lock, fallback_to_soft=False, **settings)
        try:
            self._lock.acquire()
        except (Timeout, OSError, NotImplementedError) as error:
            warnings.warn(f"going on without the lock {self.layout.lock}: {error}", RuntimeWarning, stacklevel=2)
        try:
            yield
        finally:
            self._lock.release(force=True)

    def request_stop(self, now: bool = False, trial: int | None = None) -> None:
        """Ask every worker that runs now to finish (or, with `now`, to end) its trials and leave; or one trial to be
        pruned."""
        target = self.layout.stop if trial is None else self.layout.trial_stop(trial)
        with durable.writing(target):
            data = durable.encode({"id": uuids.uuid4().hex, "now": now, "at": time.time()})
            durable.replace(self.layout.scratch, target, data)

    def stop_request(self) -> StopRequest | None:
        """The newest request to stop; a worker obeys those that came after it."""
        try:
            record = durable.read_record(self.layout.stop)
        except (FileNotFoundError, Damaged):
            return None
        return StopRequest(record["id"], record["now"])

    def tidy(self) -> None:
        """Save a snapshot when one is due, collect debris of crashed writers, keep the reserve file filled."""
        index = self._opened()
        with durable.writing(self.layout.scratch):
            if snapshot.due(sum(trial.state.final for trial in index.trials), index.n_saved):
                index.n_saved = snapshot.save(self.layout, index.trials)
            _collect(self.layout)
            if not self.layout.reserve.exists():
                with suppress(FileExistsError):
                    durable.write_new(self.layout.reserve, bytes(RESERVE_BYTES))

    def _opened(self) -> Index:
        if self._index is None:
            self._index = Index(self.layout)
        return self._index


def _header(n: int, state: TrialState, reason: str, trial: Trial) -> dict[str, Any]:
    return {
        "format": records.FORMAT,
        "id": f"{trial.worker}.{n}",
        "n": n,
        "uid": trial.uid,
        "state": state.value,
        "reason": reason,
        "at": time.time(),
        "worker": trial.worker,
        "run": trial.run,
        "checkpoint": trial.checkpoint,
        "until": trial.until,
    }


def _with(mapping: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """A copy of `mapping` in which the nested key `path` is `value`."""
    key, *rest = path
    return mapping | {key: _with(mapping.get(key) or {}, rest, value) if rest else value}


def _build(layout: Layout, source: str, manifest: bytes) -> None:
    layout.directory.mkdir(mode=durable.DIRECTORY_MODE)
    for folder in (layout.scratch, layout.trials, layout.workers, layout.edits, layout.snapshots):
        folder.mkdir(mode=durable.DIRECTORY_MODE)
    try:
        durable.self_test(layout.scratch)
    except StoreError:
        for folder in (layout.scratch, layout.trials, layout.workers, layout.edits, layout.snapshots, layout.directory):
            durable.discard_directory(folder)
        raise
    durable.write_new(layout.source, source.encode())
    durable.write_new(layout.manifest, manifest)
    durable.fsync_directory(layout.directory)


def _moved(built: Path, target: Path) -> bool:
    """Whether `built` got the name `target`; else it is removed."""
    uid = durable.read(built / "sweep.json")
    try:
        os.rename(built, target)
    except OSError:
        with suppress(OSError, Damaged):
            if durable.read(target / "sweep.json") == uid:
                return True
        taken = target.exists()
        shutil.rmtree(built, ignore_errors=True)
        if taken:
            return False
        raise
    return True


def _append(log: Path | None, number: int) -> None:
    """A hint to the other workers; where it cannot be written they find the record without it."""
    if log is None:
        return
    with suppress(OSError):
        fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, durable.FILE_MODE)
        try:
            os.write(fd, b"%d\n" % number)
        finally:
            os.close(fd)


def _collect(layout: Layout) -> None:
    """Remove what crashed writers left in tmp/: a live one holds its entry for milliseconds."""
    entries = [entry for entry in os.scandir(layout.scratch) if entry.name != layout.reserve.name]
    if not entries:
        return
    probe = durable.scratch_name(layout.scratch)
    durable.write_new(probe, b"")
    now = probe.stat().st_mtime  # the file system's own clock
    os.unlink(probe)
    for entry in entries:
        with suppress(OSError):
            if now - entry.stat(follow_symlinks=False).st_mtime > SCRATCH_AGE_S:
                if entry.is_dir(follow_symlinks=False):
                    durable.discard_directory(Path(entry.path))
                else:
                    os.unlink(entry.path)
