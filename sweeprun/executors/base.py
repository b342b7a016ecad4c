"""What the worker loop needs of a place where trials run."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sweeprun.launch.devices import cores
from sweeprun.launch.events import Ended, Event, SpawnFailed, Started
from sweeprun.launch.leases import Lease, NoRoom

__all__ = ["Ended", "Event", "Executor", "Job", "Lease", "NoRoom", "SpawnFailed", "Started"]


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a trial, ready to start.

    `env` is the whole environment; it holds SWEEPRUN_TRIAL_UID = `uid` and what `lease.env` says. The program's
    stdout.log and stderr.log and, at its end, exit.json are written into `run_dir`, which exists. `stop_signal` is what
    asks the program to end. `preload`: see launch.events.Order.
    """

    trial: int
    uid: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    run_dir: Path
    lease: Lease
    stop_signal: int = signal.SIGTERM
    preload: tuple[str, ...] | None = None


class Executor(ABC):
    """Starts, watches and ends jobs. A trial has at most one job at a time, so events name the trial's number.

    Each started job yields exactly one SpawnFailed, or one Started and later one Ended; its lease is given back then.
    """

    @property
    @abstractmethod
    def slots(self) -> int:
        """The most trials at once."""

    @cached_property
    def threads(self) -> int:
        """How many a trial may use where all slots are in use, one on each core that is ours."""
        return max(1, cores() // self.slots)

    @property
    @abstractmethod
    def launcher(self) -> tuple[int, int | None] | None:
        """Pid and start time of the process that ends the next job when this one dies; None where there is none."""

    @abstractmethod
    def lease(self) -> Lease | NoRoom:
        """Room for one more trial, or why there is none now. Release it where no job is started with it."""

    @abstractmethod
    def start(self, job: Job) -> None:
        """Asks for the job's start; how it went is an event."""

    @abstractmethod
    def stop(self, trial: int, grace_s: float) -> None:
        """Ends the trial's whole tree: its stop signal, then SIGKILL after `grace_s`; 0 is SIGKILL at once.

        A second call can only shorten the time that is left. A trial that is not running is ignored: it may have
        ended a moment ago.
        """

    @abstractmethod
    def fence(self, after_s: float | None, grace_s: float) -> None:
        """Ends every job with `grace_s`, as Ended `fenced`, where this is not called again within `after_s`, though the
        worker itself may hang then; None: no longer."""

    @abstractmethod
    def poll(self, timeout_s: float) -> list[Event]:
        """Events in the order in which they happened; waits up to `timeout_s` for the first, or for `wake`."""

    @abstractmethod
    def wake(self) -> None:
        """Makes a `poll` that waits, or the next one, return at once. Safe in a signal handler."""

    @abstractmethod
    def close(self, grace_s: float) -> list[Event]:
        """Ends every job with at most `grace_s`, and returns the events not yet seen. Nothing can be started after."""
