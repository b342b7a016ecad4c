"""What does the loop itself cost, where a thousand trials run at once and ten thousand are known?

    python benchmarks/simulate.py [--slots 1000] [--trials 10000] [--pruner '{name: asha, max: 27}'] [--profile 40]

A whole sweep by one worker under a simulated clock: the real loop, the real directory, and programs that are looked up.
An event is a report that was read or a transition of a trial. The time is processor time of this process, without that
of the programs, and nothing is synced to a disk. A row is what came since the one above.
"""

from __future__ import annotations

import argparse
import cProfile
import math
import pstats
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from comparison.report import table
from sweeprun.executors.simulated import SimulatedExecutor, Training
from sweeprun.run.simulation import Simulation
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import durable
from sweeprun.trials import Params

FILE = """
command: [program, "${args}"]
metric: loss
parameters:
  rate: {min: 1e-5, max: 1.0, log: true}
  momentum: {min: 0.0, max: 0.99}
  width: {min: 16, max: 1024, log: true}
algorithm: random
"""
STEP_S = 10.0
IN_MEMORY = Path("/dev/shm")


def training(params: Params) -> Training:
    """A curve that falls to a floor of its own at a speed of its own; the wider, the longer its steps take."""
    floor = abs(math.log10(params["rate"]) + 3) / 5 + (params["momentum"] - 0.9) ** 2
    speed = 0.05 + params["momentum"] / 2
    step_s = STEP_S * (0.5 + params["width"] / 1024 + params["momentum"] / 7)
    return Training(27, step_s, lambda step: {"loss": floor + math.exp(-speed * step)})


class Programs:
    """The seconds that the simulated programs take, which are not the loop's."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = time.process_time()
            try:
                return method(*args)
            finally:
                self.seconds += time.process_time() - began

        return call


def rows(directory: Path, slots: int, trials: int, pruner: str) -> Iterator[tuple[str, list[str]]]:
    """A row for each tenth of the trials: how many events there were, and the mean of their milliseconds."""
    file = SweepFile.parse(FILE, directory / "sweep.yaml", [f"pruner={pruner}", f"budget.trials={trials}"])
    worker, programs = Simulation(directory / "sweep", file, training).worker(slots), Programs()
    for name in ("poll", "start", "stop"):
        setattr(SimulatedExecutor, name, programs.timed(getattr(SimulatedExecutor, name)))
    n, began, mark = 0, time.process_time(), 1
    for event in worker.work():
        n += event.name == "metric" or event.name.startswith("trial_")
        over = event.name == "sweep_finished"
        if over or (len(worker.history.trials) * 10 >= mark * trials and mark < 10):
            own_s = time.process_time() - began - programs.seconds
            yield ("the end" if over else f"trial {len(worker.history.trials)}"), [str(n), f"{1000 * own_s / n:.2f}"]
            n, began, programs.seconds, mark = 0, time.process_time(), 0.0, mark + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--pruner", default="{name: asha, max: 27}")
    parser.add_argument("--profile", type=int, help="show so many of the functions that took longest")
    said = parser.parse_args()
    profile = cProfile.Profile()
    in_memory = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
    with durable.unsynced(), in_memory as directory:
        if said.profile:
            profile.enable()
        print(table("until", ["events", "ms an event"], []), end="")
        for row in rows(Path(directory), said.slots, said.trials, said.pruner):
            print(table("", [], [row]).splitlines()[-1], flush=True)
        profile.disable()
    if said.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(said.profile)


if __name__ == "__main__":
    main()
