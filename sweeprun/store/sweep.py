"""The sweep directory: its only reader and writer. It knows trials and files; it knows no sampler and no process."""

from __future__ import annotations

import hashlib
import os
import time
import uuid as uuids
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sweeprun.errors import Damaged, StoreError
from sweeprun.store import checkpoints, durable, founding, records, scratch, snapshot
from sweeprun.store.checkpoints import NothingSaved
from sweeprun.store.earlier import EarlierSweep
from sweeprun.store.edits import Edits
from sweeprun.store.index import Index
from sweeprun.store.layout import Layout
from sweeprun.trials import Reason, Trial, Trials, TrialState

_FIRST = {TrialState.RUNNING: Reason.NEW, TrialState.WAITING: Reason.QUEUED}
_USUAL = {TrialState.RUNNING: Reason.RESUMED, TrialState.WAITING: Reason.REQUEUED}
LOCK_TIMEOUT_S = 10.0
LOCK_DISTRUST_S = 60.0  # after a timeout the lock is not waited for again so soon
_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


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

    def __init__(self, directory: Path, now: Callable[[], float] = time.time):
        """Open an existing sweep; what is written to it has the time `now`. Raises SweepNotFound, Damaged, and
        SweeprunError for one of a newer sweeprun."""
        self.layout = Layout(directory.resolve())
        self.manifest = founding.read_manifest(self.layout)
        self.uid: str = self.manifest["uid"]
        self.name: str = self.manifest["name"]
        self._index: Index | None = None
        self._edits = Edits(self.layout)
        self.lock_trouble: str | None = None  # why the lock is done without
        self._distrusts_lock_until = 0.0
        self._durable_buckets: set[Path] = set()
        self._lock: Any = None
        self._now = now
        self._writer = uuids.uuid4().bytes  # another object may say the same, and is somebody else

    @classmethod
    def create(
        cls, directory: Path, source: bytes, resolved: dict[str, Any], version: str, known: Sequence[EarlierSweep] = ()
    ) -> Sweep:
        """Make a new sweep, whole or not at all. Raises SweepExists when the name is taken, StoreError."""
        founding.found(directory.absolute(), source, resolved, version, known)
        return cls(directory)

    @property
    def edits(self) -> list[dict[str, Any]]:
        """The accepted changes, oldest first, as far as they can be read."""
        return self._edits.read()

    @property
    def broken_edit(self) -> Damaged | None:
        """The change that cannot be read; readers go by what came before it."""
        return self._edits.broken

    def edit(self, **change: Any) -> int:
        """Append an accepted change; its number. `set` is a list of key path and value, [(["budget", "trials"], 50)];
        `resolved` and `source` a whole new file; `forgiven` a number of trials whose failures count no more.
        Raises Damaged after a change that cannot be read."""
        with self._writing(self.layout.edits):
            return self._edits.append(change, self._now())

    @property
    def resolved(self) -> dict[str, Any]:
        """The sweep file as it is understood now: as created, with every accepted change."""
        return self._edits.applied(self.manifest["resolved"])

    def trials(self) -> Trials:
        """Every trial, by number, as fresh as the directory."""
        with durable.reading(self.layout.trials):
            index = self._opened()
            index.refresh()
        return index.trials

    @property
    def strangers(self) -> list[Path]:
        """What lies among the trials and does not belong there."""
        with durable.reading(self.layout.trials):
            return list(self._opened().strangers)

    def create_trial(
        self, trial: Trial, state: TrialState, log: Path | None = None, donor: Trial | None = None
    ) -> Trial:
        """Create `trial.number`, claimed by `trial.worker`. All below it have been read. Raises NumberTaken; then that
        trial has been read too.

        It is born with a copy of the checkpoint of `donor`, which does not run: there is never a trial that lacks what
        it is to go on from. Raises Superseded where the donor has moved meanwhile, NothingSaved.
        """
        record = self._header(1, state, _FIRST[state], trial.why, trial) | {"id": trial.uid} | records.created(trial)
        record["run"] = 1 if state is TrialState.RUNNING else 0
        target = self.layout.trial(trial.number)
        with self._writing(target):
            if trial.number > len(self._opened().trials):
                raise ValueError(f"trial {trial.number} cannot come before trial {len(self._opened().trials)}")
            self._make_bucket(trial.number)
            won = durable.put_directory_if_absent(
                self.layout.scratch,
                target,
                self.layout.state(trial.number, 1).name,
                durable.encode(record),
                trial.uid.encode(),
                None if donor is None else partial(self._inherit, donor),
            )
        found = self._read_back(trial.number, won)
        if not won:
            raise NumberTaken
        _append(log, trial.number)
        return found

    def advance(self, trial: Trial, state: TrialState, why: str, log: Path | None = None, **said: Any) -> Trial:
        """Move `trial` to `state`. Raises Superseded when somebody else moved it first, or we to something else.

        `said` overrides the record's keys: reason, worker, run, until, counts, and what `records.left` gives. A reason
        that is left out is resumed or requeued.
        """
        record = self._header(trial.n + 1, state, _USUAL.get(state), why, trial) | said
        record["id"] = identity = self._identity(record)
        records.fold(trial, record)
        target = self.layout.state(trial.number, trial.n + 1)
        with self._writing(target):
            if record["worker"] != trial.worker:  # who made it may have died before its name was on the disk
                durable.fsync_directory(target.parent.parent)
            data = durable.encode(record)
            won = durable.put_if_absent(self.layout.scratch, target, data, identity.encode())
        now = self._read_back(trial.number, won)
        if not won:
            raise Superseded(now)
        _append(log, trial.number)
        return now

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Ask for suggestions one worker at a time, so that each sees the freshest history. Correctness does not
        depend on it: where it is not to be had in 10 s, or at all, `lock_trouble` says so and we go on without."""
        from filelock import Timeout, UnixFileLock

        if self._lock is None:
            mode = durable.FILE_MODE
            self._lock = UnixFileLock(self.layout.lock, mode=mode, poll_interval=0.01, fallback_to_soft=False)
        distrusted = time.monotonic() < self._distrusts_lock_until
        try:
            self._lock.acquire(timeout=0 if distrusted else LOCK_TIMEOUT_S)
            self.lock_trouble = None
        except (Timeout, OSError, NotImplementedError) as error:
            self.lock_trouble = f"going on without the lock {self.layout.lock}: {error}"
            self._distrusts_lock_until = time.monotonic() + LOCK_DISTRUST_S
        try:
            yield
        finally:
            self._lock.release(force=True)

    def request_stop(self, now: bool = False, trial: int | None = None) -> None:
        """Ask every worker that runs now to finish (or, with `now`, to end) its trials and leave; or one trial to be
        pruned."""
        target = self.layout.stop if trial is None else self.layout.trial_stop(trial)
        with self._writing(target):
            data = durable.encode({"id": uuids.uuid4().hex, "now": now, "at": self._now()})
            durable.replace(self.layout.scratch, target, data)

    def stop_request(self) -> StopRequest | None:
        """The newest request to stop; a worker obeys those that came after it."""
        with durable.reading(self.layout.stop):
            try:
                record = durable.read_record(self.layout.stop)
            except (FileNotFoundError, Damaged):
                return None
        return StopRequest(record["id"], record["now"])

    def tidy(self) -> None:
        """Save a snapshot when one is due, collect debris of crashed writers, keep the reserve file filled."""
        with self._writing(self.layout.scratch):
            index = self._opened()
            if snapshot.due(sum(trial.state.final for trial in index.trials), index.n_saved):
                index.n_saved = snapshot.save(self.layout, self.uid, index.trials)
            scratch.collect(self.layout)
            scratch.keep_reserve(self.layout)

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        founding.check_writable(self.layout, self.manifest)
        with durable.writing(path):
            yield

    def _inherit(self, donor: Trial, directory: Path) -> None:
        """Put the checkpoint of `donor` into the directory of a trial that is being made. A run begins with a record:
        where there is none, nobody has written into what was copied."""
        try:
            checkpoints.inherit(self.layout, donor, directory)
        except (OSError, NothingSaved):
            self._check_unmoved(donor)  # its next run renames its checkpoint: then neither disk nor program is at fault
            raise
        self._check_unmoved(donor)

    def _check_unmoved(self, trial: Trial) -> None:
        """Raises Superseded where somebody has moved it."""
        now = self._read_back(trial.number, ours=False)
        if now.n != trial.n:
            raise Superseded(now)

    def _make_bucket(self, number: int) -> None:
        """Make sure of the bucket of trial `number`, and that no trial below is less durable than this one."""
        bucket = self.layout.bucket(number)
        if bucket in self._durable_buckets:
            return
        with suppress(FileExistsError):
            os.mkdir(bucket, durable.DIRECTORY_MODE)
        if bucket.is_symlink() or not bucket.is_dir():
            raise StoreError(f"{bucket} has the name of a directory of ours, and is none", f"move it away: {bucket}")
        if number:
            durable.fsync_directory(self.layout.bucket(number - 1))
        durable.fsync_directory(self.layout.trials)
        self._durable_buckets.add(bucket)

    def _header(self, n: int, state: TrialState, reason: str | None, why: str, trial: Trial) -> dict[str, Any]:
        return {
            "format": records.FORMAT,
            "n": n,
            "uid": trial.uid,
            "state": state.value,
            "reason": reason,
            "why": why,
            "at": self._now(),
            "worker": trial.worker,
            "run": trial.run,
            "until": trial.until,
        }

    def _identity(self, record: dict[str, Any]) -> str:
        """Of what is said and who says it: by it a second try knows the record of the first."""
        said = {key: value for key, value in record.items() if key not in ("at", "id")}
        return hashlib.sha256(self._writer + durable.encode(said)).hexdigest()[:32]

    def _read_back(self, number: int, ours: bool) -> Trial:
        """Trial `number` as it is now; what is `ours` must be there and whole."""
        with durable.reading(self.layout.trial(number)):
            trial = self._opened().read(number)
        if trial is None or (ours and trial.damaged):
            why = trial.why if trial else f"{self.layout.trial(number)}: gone"
            raise StoreError(f"a record cannot be read back: {why}", "look at the disk, then: sweeprun resume")
        return trial

    def _opened(self) -> Index:
        if self._index is None:
            self._index = Index(self.layout, self.uid)
        return self._index


def _append(log: Path | None, number: int) -> None:
    """A hint to the other workers; where it cannot be written they find the record without it."""
    if log is None:
        return
    with suppress(OSError):
        fd = os.open(log, _APPENDING, durable.FILE_MODE)
        try:
            os.write(fd, b"%d\n" % number)
        finally:
            os.close(fd)
