"""Trainings that are looked up instead of run, under a clock that does not wait: no process, the same files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path

from sweeprun.executors.base import Ended, Event, Executor, Job, Lease, NoRoom, Started
from sweeprun.launch.events import EndedBy
from sweeprun.store import durable
from sweeprun.trials import Params

_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class Clock:
    """Seconds since the epoch of a made-up time, which passes only while somebody waits."""

    def __init__(self, now: float = 0.0):
        self._now = now
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._n = 0  # of what was put on the agenda: what is due at one time happens in that order

    def __call__(self) -> float:
        return self._now

    def put(self, time: float, happen: Callable[[], None]) -> None:
        """Have something happen at that time."""
        heappush(self._agenda, (time, self._n, happen))
        self._n += 1

    def wait(self, timeout_s: float, woken: Callable[[], bool]) -> None:
        """Let things happen until `woken`, or for `timeout_s`; where nothing happens in that time, until something
        does."""
        until = max([self._now + timeout_s, *(time for time, _, _ in self._agenda[:1])])
        while self._agenda and self._agenda[0][0] <= (self._now if woken() else until):
            self._now, _, happen = heappop(self._agenda)
            happen()
        if not woken():
            self._now = until


@dataclass(frozen=True, slots=True)
class Training:
    """What a program would report: `values` gives the metrics after so many finished steps, 1 at first and `steps` in
    the end, each of which takes `step_s` seconds. It reports each step, or only those `at`, ascending, and its last."""

    steps: int
    step_s: float
    values: Callable[[int], Mapping[str, float]]
    at: Sequence[int] | None = None

    def following(self, step: int, last: int) -> int:
        """The step that is reported after `step`, none being so after `last`."""
        if self.at is None:
            return step + 1
        return next((each for each in self.at if step < each < last), last)


@dataclass(slots=True)
class _Program:
    """A program that knows the protocol, at its `step` finished steps: it saves what it reports before it does, and
    leaves where it is told to."""

    job: Job
    training: Training
    started: float
    step: int
    last: int

    @classmethod
    def start(cls, job: Job, trainings: Callable[[Params], Training], now: float) -> _Program:
        training = trainings(json.loads(durable.read(Path(job.env["SWEEPRUN_PARAMS"]))))
        saved = _checkpoint(job)
        step = int(durable.read(saved)) if saved.exists() else 0
        return cls(job, training, now, step, min(training.steps, int(job.env.get("SWEEPRUN_UNTIL", training.steps))))

    @property
    def following(self) -> int:
        """The step that it reports next."""
        return self.training.following(self.step, self.last)

    def advance(self) -> None:
        """Come to the next step that it reports."""
        self.step = self.following
        env = self.job.env
        said = {env["SWEEPRUN_STEP"]: self.step - 1 + int(env.get("SWEEPRUN_STEP_FIRST", 1))}
        line = json.dumps(said | dict(self.training.values(self.step))).encode() + b"\n"
        descriptor = os.open(env["SWEEPRUN_METRICS"], _APPENDING, durable.FILE_MODE)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def save(self) -> None:
        """Nobody looks at the checkpoint before the end, so that of the last step is enough."""
        if self.step:
            saved = _checkpoint(self.job)
            saved.unlink(missing_ok=True)
            durable.write_new(saved, b"%d" % self.step)


class SimulatedExecutor(Executor):
    """Runs `trainings`, which give for the parameters of a trial what its program would report and when.

    Executors that share a clock are the workers of one sweep: while one waits, the others' programs go on too.
    """

    def __init__(self, trainings: Callable[[Params], Training], slots: int, clock: Clock):
        self._trainings, self._slots, self._clock = trainings, slots, clock
        self._running: dict[int, _Program] = {}
        self._n_leased = 0
        self._leases: dict[int, Lease] = {}  # of jobs whose end was not told yet
        self._events: list[Event] = []

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def launcher(self) -> None:
        return None

    def lease(self) -> Lease | NoRoom:
        if self._n_leased >= self._slots:
            return NoRoom("all slots are in use")
        self._n_leased += 1
        return Lease(on_release=self._released)

    def _released(self, lease: Lease) -> None:
        self._n_leased -= 1

    def start(self, job: Job) -> None:
        program = _Program.start(job, self._trainings, self._clock())
        self._running[job.trial], self._leases[job.trial] = program, job.lease
        self._events.append(Started(job.trial, os.getpid(), 0))
        self._go_on(program)

    def stop(self, trial: int, grace_s: float) -> None:
        if trial in self._running:
            self._end(self._running[trial], by="stop")

    def fence(self, after_s: float | None, grace_s: float) -> None:
        return  # it hangs only where the worker does, and its programs with it

    def poll(self, timeout_s: float) -> list[Event]:
        if not self._events:
            self._clock.wait(timeout_s, lambda: bool(self._events))
        return self._given_back()

    def wake(self) -> None:
        return  # it never waits

    def close(self, grace_s: float) -> list[Event]:
        for program in list(self._running.values()):
            self._end(program, by="stop")
        return self._given_back()

    def _given_back(self) -> list[Event]:
        events, self._events = self._events, []
        for event in events:
            if isinstance(event, Ended):
                self._leases.pop(event.trial).release()
        return events

    def _go_on(self, program: _Program) -> None:
        if program.step >= program.last:
            self._end(program, by="program")
        else:
            due = self._clock() + (program.following - program.step) * program.training.step_s
            self._clock.put(due, lambda: self._step(program))

    def _step(self, program: _Program) -> None:
        if self._running.get(program.job.trial) is program:  # else it was stopped meanwhile
            program.advance()
            self._go_on(program)

    def _end(self, program: _Program, by: EndedBy) -> None:
        program.save()
        del self._running[program.job.trial]
        code, signal = (0, None) if by == "program" else (None, "SIGTERM")
        seconds = self._clock() - program.started
        self._events.append(Ended(program.job.trial, code, signal, by, seconds, 0, seconds, None, 0, unkillable=False))


def _checkpoint(job: Job) -> Path:
    return Path(job.env["SWEEPRUN_CHECKPOINT"]) / "step"
