"""The trials of a sweep in memory, kept fresh at a cost that follows what changed.

Every worker appends the number of each trial that it moves to its own log; a reader reads the tails of the logs and
then the records named there. Logs are hints: a record that no log names is found when its name is contended for, and
by the full scan at opening.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path

from sweeprun.errors import Damaged
from sweeprun.store import durable, snapshot
from sweeprun.store.layout import BUCKET_NAME, BUCKET_SIZE, TRIAL_NAME, WORKER_NAME, Layout, trial_name
from sweeprun.store.records import fold
from sweeprun.trials import Trial, Trials, TrialState

_NUMBER = re.compile(rb"[0-9]{1,12}\Z")


class Index:
    """`trials[k]` is trial k; `strangers` are the paths that do not belong in the directory."""

    def __init__(self, layout: Layout, uid: str):
        self._layout, self._uid = layout, uid
        self._log_offsets: dict[str, int] = {}
        self._stale: set[int] = set()
        self._damaged: set[int] = set()
        self.strangers: list[Path] = []
        self.trials = Trials()
        self.n_saved = 0
        self._scan()

    def refresh(self) -> None:
        """Read what the logs say has changed, the damaged once more (a disk may recover), and the trial after the
        last one, which a log may not name yet."""
        self._stale |= self._logged() | self._damaged
        while self._stale:  # one by one: a read that fails leaves the others to the next refresh
            self.read(min(self._stale))
            self._stale.remove(min(self._stale))
        while self.read(len(self.trials)):
            pass

    def read(self, number: int) -> Trial | None:
        """Trial `number` with its newest records; None where there is none. Reads all below it first."""
        while len(self.trials) < number:
            if self.read(len(self.trials)) is None:
                return None
        known = self.trials[number] if number < len(self.trials) else None
        trial = self._follow(number, None if known is None or known.damaged else known)
        if trial is None or trial == known:
            return known
        self._keep({number: trial})
        return trial

    def _keep(self, found: Mapping[int, Trial]) -> None:
        self.trials = self.trials.updated(found)
        damaged = {number for number, trial in found.items() if trial.damaged}
        self._damaged = (self._damaged - found.keys()) | damaged

    def _follow(self, number: int, trial: Trial | None) -> Trial | None:
        if trial is not None and trial.state.final:
            return trial
        if trial is None and self._is_elsewhere(number):
            return None
        n = trial.n if trial else 0
        while True:
            path = self._layout.state(number, n + 1)
            try:
                found = fold(trial, durable.read_record(path))
            except (FileNotFoundError, NotADirectoryError):
                if trial is not None or not self._squats(number):
                    return trial
                if not path.exists():
                    return _damaged(number, None, f"{path}: missing")
                continue  # created since we looked
            except Damaged as damage:
                return _damaged(number, trial, str(damage))
            except OSError as error:
                if error.errno not in durable.UNREADABLE or not os.path.lexists(path):
                    raise  # what is not there is no damaged trial: its number would be skipped
                return _damaged(number, trial, f"{path}: {error.strerror}")
            except ValueError as error:
                return _damaged(number, trial, f"{path}: {error}")
            if found.number != number:
                return _damaged(number, None, f"{path}: it is the record of trial {found.number}")
            trial, n = found, found.n

    def _is_elsewhere(self, number: int) -> bool:
        return self._layout.trial(number).is_symlink() or self._layout.bucket(number).is_symlink()

    def _squats(self, number: int) -> bool:
        """Whether a directory with contents holds the number: nothing can be created over it."""
        try:
            return bool(os.listdir(self._layout.trial(number)))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _scan(self) -> None:
        self._logged()
        saved = snapshot.load(self._layout, self._uid)
        self.n_saved = len(saved)
        found: dict[int, Trial] = {}
        for number in range(self._highest(saved) + 1):
            trial = saved.get(number) or self._follow(number, None)
            found[number] = trial or _damaged(number, None, f"{self._layout.trial(number)}: missing")
        self._keep(found)

    def _highest(self, saved: Container[int]) -> int:
        """The last number that there is; of what is `saved` it is enough that it is a directory."""
        highest = -1
        for bucket in sorted(_names(self._layout.trials)):
            path = self._layout.trials / bucket
            if not self._is_bucket(path):
                self.strangers.append(path)
                continue
            with os.scandir(path) as entries:
                for entry in entries:
                    if self._is_trial(entry, int(bucket), saved):
                        highest = max(highest, int(entry.name))
                    else:
                        self.strangers.append(path / entry.name)
        return highest

    def _is_bucket(self, path: Path) -> bool:
        if not BUCKET_NAME.match(path.name) or self._layout.bucket(int(path.name) * BUCKET_SIZE) != path:
            return False
        return not path.is_symlink() and path.is_dir()

    def _is_trial(self, entry: os.DirEntry[str], bucket: int, saved: Container[int]) -> bool:
        if not TRIAL_NAME.match(entry.name) or not entry.is_dir(follow_symlinks=False):
            return False
        number = int(entry.name)
        if entry.name != trial_name(number) or number // BUCKET_SIZE != bucket:
            return False
        return number in saved or os.path.lexists(self._layout.state(number, 1))

    def _logged(self) -> set[int]:
        """The numbers appended to any worker's log since the last call."""
        numbers: set[int] = set()
        for uuid in _names(self._layout.workers):
            if WORKER_NAME.match(uuid):
                numbers |= self._log_tail(uuid)
        return numbers

    def _log_tail(self, uuid: str) -> set[int]:
        path, offset = self._layout.worker_log(uuid), self._log_offsets.get(uuid, 0)
        with suppress(OSError, Damaged):  # a hint: without it the record is found later
            if os.stat(path, follow_symlinks=False).st_size > offset:
                tail = durable.read(path, offset)
                whole = tail[: tail.rfind(b"\n") + 1]
                self._log_offsets[uuid] = offset + len(whole)
                return {int(line) for line in whole.split() if _NUMBER.match(line)}
        return set()


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _damaged(number: int, trial: Trial | None, why: str) -> Trial:
    trial = trial or Trial(number=number, uid="", state=TrialState.FAILED, configuration=number)
    return trial._replace(state=TrialState.FAILED, damaged=True, reason=None, why=why)
