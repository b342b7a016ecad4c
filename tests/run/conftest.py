"""A sweep in a temporary directory, and an executor that runs scripts instead of processes, under a clock that only
moves when the loop waits."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sweeprun import processes
from sweeprun.executors.base import Ended, Event, Executor, Job, Lease, NoRoom, SpawnFailed, Started
from sweeprun.run.events import Event as Told
from sweeprun.run.plan import Plan
from sweeprun.run.settling import settled
from sweeprun.run.worker import Switch, Worker
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import liveness, records
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial

SMALLEST = """
command: [program, "${args}"]
metric: loss
parameters: {x: {min: 0.0, max: 1.0}}
algorithm: random
"""
TURN_S = 0.25  # what a turn of the loop takes where nothing happens: exact in binary


@dataclass
class Clock:
    """Seconds of a made-up monotonic clock. The time of day goes with it, from now on: records hold the real one."""

    time: float = 1000.0
    midnight: float = field(default_factory=lambda: time.time() - 1000.0)

    def __call__(self) -> float:
        return self.time

    def of_day(self) -> float:
        return self.midnight + self.time


@dataclass
class Act:
    """What a run of a trial does, a line of `lines` at each turn of the loop, then the end. `SILENCE` is a turn without
    a line; a callable is called with the job. `code` None: it never ends by itself."""

    lines: Sequence[Any] = ()
    code: int | None = 0
    signal: str | None = None
    stderr: str = ""
    spawn_errno: int = 0
    on_stop: int | str = "SIGTERM"  # its exit code, or the signal that ends it
    oom: bool | None = None
    launcher_lost: bool = False
    together: bool = False  # all lines and the end in one turn
    lingers: int = 0  # turns after its program's end in which something of it is left


SILENCE: dict[str, Any] = {}
Script = Callable[[Job], Act]


def losses(*values: float, **rest: Any) -> Act:
    return Act([{"epoch": epoch, "loss": value} for epoch, value in enumerate(values, 1)], **rest)


@dataclass
class Running:
    job: Job
    act: Act
    at: int = 0
    began: float = 0.0
    stop: float | None = None
    over: float | None = None  # since when its program is


class Baton:
    """Lets one of several threads run at a time, in turn; it is passed on when a loop waits for its executor."""

    def __init__(self, n: int):
        self._changed, self._open, self._at = threading.Condition(), list(range(n)), 0

    def take(self, me: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._open[self._at % len(self._open)] == me)

    def pass_on(self, me: int) -> None:
        with self._changed:
            self._at = (self._open.index(me) + 1) % len(self._open)
            self._changed.notify_all()
        self.take(me)

    def leave(self, me: int) -> None:
        with self._changed:
            self._at = self._open.index(me)
            self._open.remove(me)
            self._at %= max(1, len(self._open))
            self._changed.notify_all()


class ScriptedExecutor(Executor):
    """Runs acts. `jobs` are all that were started, `stops` all requests to end one, with their grace."""

    def __init__(self, script: Script, slots: int, clock: Clock):
        self._script, self._slots, self._clock = script, slots, clock
        self.running: dict[int, Running] = {}
        self.jobs: list[Job] = []
        self.stops: list[tuple[int, float]] = []
        self.fences: list[tuple[float | None, float]] = []
        self.held = 0
        self.no_room: str | None = None
        self.closed = False
        self.on_poll: Callable[[], None] = lambda: None
        self._events: list[Event] = []
        self._leases: dict[int, Lease] = {}  # of jobs whose end was not told yet

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def launcher(self) -> tuple[int, int | None] | None:
        return os.getpid(), processes.start_time(os.getpid())

    def lease(self) -> Lease | NoRoom:
        if self.no_room or self.held >= self._slots:
            return NoRoom(self.no_room or "all slots are in use")
        self.held += 1
        return Lease(gpus=0.5, on_release=self._released)

    def _released(self, lease: Lease) -> None:
        self.held -= 1

    def start(self, job: Job) -> None:
        assert job.trial not in self.running, "a trial has one job at a time"
        self.jobs.append(job)
        act = self._script(job)
        if act.spawn_errno:
            self._leases[job.trial] = job.lease
            self._events.append(SpawnFailed(job.trial, act.spawn_errno, f"cannot start {job.argv[0]}"))
            return
        self.running[job.trial] = Running(job, act, began=self._clock())
        (job.run_dir / "stderr.log").write_text(act.stderr)
        self._events.append(Started(job.trial, 1234, 1))

    def stop(self, trial: int, grace_s: float) -> None:
        self.stops.append((trial, grace_s))
        if trial in self.running:
            self.running[trial].stop = grace_s

    def fence(self, after_s: float | None, grace_s: float) -> None:
        self.fences.append((after_s, grace_s))

    def poll(self, timeout_s: float) -> list[Event]:
        self.on_poll()
        if not self._events:
            self._clock.time += TURN_S
            for one in list(self.running.values()):
                self._turn(one)
        return self._given_back()

    def wake(self) -> None:
        return

    def close(self, grace_s: float) -> list[Event]:
        self.closed = True
        for one in list(self.running.values()):
            self._end(one, by="stop")
        return self._given_back()

    def _given_back(self) -> list[Event]:
        for lease in self._leases.values():
            lease.release()
        self._leases.clear()
        events, self._events = self._events, []
        return events

    def _turn(self, one: Running) -> None:
        if one.over is not None:
            if self._clock() - one.over >= one.act.lingers * TURN_S:
                self._end(one, by="program")
            return
        if one.stop is not None:
            self._end(one, by="stop")
            return
        while one.at < len(one.act.lines):
            self._say(one, one.act.lines[one.at])
            one.at += 1
            if not one.act.together:
                return
        if one.act.lingers:
            one.over = self._clock()
        elif one.act.code is not None or one.act.signal or one.act.launcher_lost:
            self._end(one, by="launcher_lost" if one.act.launcher_lost else "program")

    def _say(self, one: Running, line: Any) -> None:
        if callable(line):
            line(one.job)
        elif line:
            with open(one.job.env["SWEEPRUN_METRICS"], "a") as file:
                file.write(json.dumps(line) + "\n")

    def _end(self, one: Running, by: Any) -> None:
        code, signal = one.act.code, one.act.signal
        if by == "stop":
            code, signal = (None, one.act.on_stop) if isinstance(one.act.on_stop, str) else (one.act.on_stop, None)
        if by == "launcher_lost" or signal:
            code = None
        end = {
            "code": code,
            "signal": signal,
            "ended_by": by,
            "seconds": (one.over or self._clock()) - one.began,
            "memory_bytes": 1 << 20,
            "cpu_seconds": 0.5,
            "oom": one.act.oom,
            "leftovers": 0,
            "unkillable": False,
        }
        if by != "launcher_lost":
            (one.job.run_dir / "exit.json").write_text(json.dumps({"format": 1, "uid": one.job.uid} | end))
        del self.running[one.job.trial]
        self._leases[one.job.trial] = one.job.lease
        self._events.append(Ended(one.job.trial, **end))


def names(events: Sequence[Told]) -> list[str]:
    return [event.name for event in events]


def by_trial(acts: Mapping[int, Act | Sequence[Act]], otherwise: Act | None = None) -> Script:
    """Each trial's act; a sequence holds one for each of its runs."""
    runs: dict[int, int] = {}

    def script(job: Job) -> Act:
        act = acts.get(job.trial, otherwise or losses(1.0))
        if isinstance(act, Act):
            return act
        run = runs[job.trial] = runs.get(job.trial, -1) + 1
        return act[run]

    return script


@dataclass
class Stage:
    """One sweep and the workers on it, which share a clock."""

    directory: Path
    clock: Clock = field(default_factory=Clock)
    workers: list[Worker] = field(default_factory=list)
    executors: list[ScriptedExecutor] = field(default_factory=list)
    lease: liveness.Lease = field(default_factory=liveness.Lease)

    Act, losses, by_trial, names = Act, staticmethod(losses), staticmethod(by_trial), staticmethod(names)

    def sweep(self, text: str = "", *overrides: str) -> Sweep:
        """Create the sweep: the smallest file, with more lines and `--set`s, or open it again."""
        if not self.directory.exists():
            file = settled(SweepFile.parse(SMALLEST + text, self.directory.parent / "s.yaml", overrides))
            Sweep.create(self.directory, (SMALLEST + text).encode(), file.resolved(), "0")
        return Sweep(self.directory)

    def worker(self, script: Script, slots: int = 1, switch: Switch | None = None, **who: Any) -> Worker:
        """A worker of the sweep; `who` overrides what it says of itself."""
        sweep = Sweep(self.directory)
        said = {
            "uuid": uuid.uuid4().hex,
            "host": "here",
            "boot_id": processes.boot_id(),
            "pid_namespace": processes.pid_namespace(),
            "pid": os.getpid(),
            "start_time": processes.start_time(os.getpid()),
            "started": self.clock.of_day(),
        }
        member = liveness.join(sweep.layout, liveness.Worker(**said | who), self.lease, self.clock)
        observer = liveness.Observer(sweep.layout, self.lease, self.clock)
        executor = ScriptedExecutor(script, slots, self.clock)
        told = switch or Switch(), sweep.stop_request()
        worker = Worker(sweep, Plan.load(sweep), executor, member, observer, *told, self.clock, self.clock.of_day)
        self.workers.append(worker)
        self.executors.append(executor)
        return worker

    def run(self, script: Script, text: str = "", **more: Any) -> list[Told]:
        """Create the sweep and work on it to the end."""
        self.sweep(text)
        return list(self.worker(script, **more).work())

    def interleave(self, *works: Iterator[Told]) -> list[list[Told]]:
        """The events of the loops of the workers made so far, run turn by turn."""
        baton = Baton(len(works))

        def loop(me: int) -> list[Told]:
            self.executors[me].on_poll = lambda: baton.pass_on(me)
            baton.take(me)
            try:
                return list(works[me])
            finally:
                baton.leave(me)

        with ThreadPoolExecutor(len(works)) as pool:
            return list(pool.map(loop, range(len(works))))

    @staticmethod
    def left(trial: Trial) -> dict[str, Any]:
        """What a record says where the trial's run is over."""
        run = trial.runs[-1]._replace(seconds=1.0)
        return records.left(trial._replace(runs=(*trial.runs[:-1], run)))

    @property
    def trials(self) -> list[Trial]:
        return Sweep(self.directory).trials()

    @property
    def states(self) -> list[str]:
        return [trial.state.value for trial in self.trials]

    @property
    def jobs(self) -> list[Job]:
        return [job for executor in self.executors for job in executor.jobs]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A sweep in a temporary directory. Whatever was started in it is over at the end of the test."""
    stage = Stage(tmp_path / "sweeps" / "s")
    yield stage
    assert all(not executor.running and executor.held == 0 for executor in stage.executors if executor.closed)
