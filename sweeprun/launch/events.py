"""What is asked of a launcher, and what it tells: the words between a worker and the process that holds its trials."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EndedBy = Literal["program", "stop", "fenced", "worker_lost", "launcher_lost"]


@dataclass(frozen=True, slots=True)
class Order:
    """One process of a trial, to be started. `uid` must be in `env` as SWEEPRUN_TRIAL_UID: leftovers are found by it.

    `env` is the whole environment of the program. stdout.log, stderr.log and exit.json go into `run_dir`.
    `fds` are open descriptors that the program inherits: its leases. `stop_signal` asks it to end. `preload` are the
    modules that a Python script is forked with, where that can be; empty: those that scripts before it have imported;
    None: it is started as a program of its own.
    """

    trial: int
    uid: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    run_dir: Path
    fds: tuple[int, ...] = ()
    stop_signal: int = signal.SIGTERM
    preload: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The program runs. `start_time` is in clock ticks since boot, as in /proc: with `pid` it names one process. `how`
    it was started: fork, or exec, with a colon and the reason where a fork was wanted."""

    trial: int
    pid: int
    start_time: int
    how: str = "exec"


@dataclass(frozen=True, slots=True)
class SpawnFailed:
    """The program never ran. `errno` says why; EAGAIN, ENOMEM, EMFILE and ENFILE may pass, the others will not."""

    trial: int
    errno: int
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """No process of the trial is left, or (`unkillable`) SIGKILL did not end one within 5 s.

    Exactly one of `code` and `signal` (a name such as SIGKILL) is set, neither where the end was not seen.
    `memory_bytes` is the peak of the largest process and `cpu_seconds` the sum, over the program and the children
    it waited for. `oom`: the kernel killed something in this cgroup for memory during the run; None is unknowable.
    `leftovers` counts processes that outlived the program and were ended.
    """

    trial: int
    code: int | None
    signal: str | None
    ended_by: EndedBy
    seconds: float
    memory_bytes: int
    cpu_seconds: float
    oom: bool | None
    leftovers: int
    unkillable: bool

    @property
    def launcher_lost(self) -> bool:
        """The launcher died under the trial; how the program would have ended is not known."""
        return self.ended_by == "launcher_lost"

    @property
    def finished(self) -> bool:
        """Whether the program left by itself and well: one that was stopped may say 0, too."""
        return self.ended_by == "program" and self.code == 0


Event = Started | SpawnFailed | Ended
