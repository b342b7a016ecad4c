"""A whole sweep under a clock that does not wait: the same loop, the same directory, trainings that are looked up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from sweeprun import __version__
from sweeprun.executors.simulated import Clock, SimulatedExecutor, Training
from sweeprun.run.joining import this_process
from sweeprun.run.plan import Plan
from sweeprun.run.settling import settled
from sweeprun.run.worker import Switch, Worker
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import liveness
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Params, Trials

_NO_PROGRAM = {"command": ("simulated",), "env": {}, "metrics_from": "file"}


class Simulation:
    """The sweep of a file, made in `directory`, which is not there yet. `trainings` give for the parameters of a trial
    what its program would report and when; all of its workers share one `clock`.

        simulation = Simulation(directory, SweepFile.load(file), trainings)
        simulation.run(slots=8)
    """

    def __init__(self, directory: Path, file: SweepFile, trainings: Callable[[Params], Training], now: float = 0.0):
        self.clock, self._directory, self._trainings = Clock(now), directory, trainings
        resolved = settled(file).model_copy(update=_NO_PROGRAM).resolved()
        Sweep.create(directory, file.source, resolved, __version__)

    def worker(self, slots: int) -> Worker:
        """One more worker on the sweep."""
        sweep = Sweep(self._directory, self.clock)
        executor, lease = SimulatedExecutor(self._trainings, slots, self.clock), liveness.Lease()
        member = liveness.join(sweep.layout, this_process(), lease)
        observer = liveness.Observer(sweep.layout, lease)
        return Worker(sweep, Plan.load(sweep), executor, member, observer, Switch(), None, self.clock, self.clock)

    def run(self, slots: int) -> Trials:
        """Work on the sweep to its end; its trials."""
        deque(self.worker(slots).work(), maxlen=0)
        return self.trials

    @property
    def trials(self) -> Trials:
        """Every trial, by number."""
        return Sweep(self._directory).trials()
