"""Trials as processes of this machine."""

from __future__ import annotations

from sweeprun.executors.base import Event, Executor, Job, Lease, NoRoom, Started
from sweeprun.launch.control import Launcher
from sweeprun.launch.events import Ended, Order
from sweeprun.launch.slots import Slots


class LocalExecutor(Executor):
    """Runs jobs under one launcher process, on leased devices."""

    def __init__(self, slots: Slots):
        self._slots = slots
        self._launcher = Launcher()
        self._leases: dict[int, Lease] = {}

    @property
    def slots(self) -> int:
        return self._slots.count

    @property
    def launcher(self) -> tuple[int, int | None]:
        """Pid and start time (clock ticks since boot; None: dead) of the process that holds the next trial."""
        return self._launcher.identity

    def lease(self) -> Lease | NoRoom:
        return self._slots.acquire()

    def start(self, job: Job) -> None:
        self._leases[job.trial] = job.lease
        self._slots.assign(job.lease, job.trial)
        fds, how = job.lease.fds, (job.stop_signal, job.preload)
        self._launcher.spawn(Order(job.trial, job.uid, job.argv, job.env, job.cwd, job.run_dir, fds, *how))

    def stop(self, trial: int, grace_s: float) -> None:
        self._launcher.stop(trial, grace_s)

    def fence(self, after_s: float | None, grace_s: float) -> None:
        self._launcher.fence(after_s, grace_s)

    def poll(self, timeout_s: float) -> list[Event]:
        return self._give_back(self._launcher.poll(timeout_s))

    def wake(self) -> None:
        self._launcher.wake()

    def close(self, grace_s: float) -> list[Event]:
        events = self._give_back(self._launcher.close(grace_s))
        self._slots.close()
        return events

    def _give_back(self, events: list[Event]) -> list[Event]:
        for event in events:
            if not isinstance(event, Started):
                lease = self._leases.pop(event.trial)
                if not (isinstance(event, Ended) and event.unkillable):  # else something still uses what it leased
                    lease.release()
        return events
