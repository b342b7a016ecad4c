"""Workers as processes of their own, on a program that does what its parameters and its environment say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from sweeprun.run.settling import settled
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial

ROOT = Path(__file__).parents[2]
WORK = """
import signal, sys
from pathlib import Path
from sweeprun import processes
from sweeprun.run.joining import join
from sweeprun.run.worker import Switch
from sweeprun.store import liveness
from sweeprun.store.sweep import Sweep

if len(sys.argv) > 3:  # as on another host, with a lease of seconds
    processes.boot_id = lambda: sys.argv[3]
    liveness.Lease.__init__.__defaults__ = (0.2, 1.5, 3.0)
switch = Switch()
worker = join(Sweep(Path(sys.argv[1])), switch, slots=int(sys.argv[2]))

def told(number, frame):
    switch.turn(2, "SIGTERM")
    worker.wake()

signal.signal(signal.SIGTERM, told)
for event in worker.work():
    print(event.name, "" if event.trial is None else event.trial.number, flush=True)
"""
PROGRAM = """
import json, os, signal, subprocess, sys, time

knobs = os.environ.get("KNOBS", "").split()
mark = os.environ["MARK"]
if "ignore-term" in knobs:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "escape" in knobs:  # a grandchild in a session of its own, whose parent is gone
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                time.sleep(60)
        os._exit(0)
    os.wait()
checkpoint = os.path.join(os.environ["SWEEPRUN_CHECKPOINT"], "step")
start = int(open(checkpoint).read()) if os.path.exists(checkpoint) else 0
metrics = os.open(os.environ["SWEEPRUN_METRICS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def report(step):
    os.write(metrics, json.dumps({"epoch": step, "loss": 1 / step, "pid": os.getpid()}).encode() + b"\\n")
if start:
    report(start)  # again: the end may have come between saving and reporting
for step in range(start + 1, int(os.environ.get("STEPS", "1")) + 1):
    with open(checkpoint + ".new", "w") as file:
        file.write(str(step))
    os.rename(checkpoint + ".new", checkpoint)
    report(step)
    time.sleep(float(os.environ.get("PAUSE", "0")))
"""
FILE = """
command: [{python}, -I, -S, program.py]
args: none
metric: loss
parameters: {{x: {{min: 0.0, max: 1.0}}}}
algorithm: random
stop: {{grace: {grace}}}
resources: {{gpus: 0}}
budget: {{trials: {trials}}}
env: {env}
"""


class Site:
    """A directory with a program and a sweep of it, and the worker processes that were started there."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.mark = uuid.uuid4().hex
        self.workers: list[subprocess.Popen[bytes]] = []

    def sweep(
        self,
        trials: int,
        grace: str = "1s",
        more: str = "",
        program: str = PROGRAM,
        overrides: Sequence[str] = (),
        **env: object,
    ) -> Sweep:
        """Create the sweep; `more` are further lines of its file, `env` the program's knobs."""
        (self.directory / "program.py").write_text(program)
        said = {"MARK": self.mark} | {name: str(value) for name, value in env.items()}
        source = FILE.format(python=sys.executable, trials=trials, grace=grace, env=said) + more
        file = settled(SweepFile.parse(source, self.directory / "s.yaml", overrides))
        return Sweep.create(self.directory / "sweeps" / "s", source.encode(), file.resolved(), "0")

    def start(self, slots: int = 1, host: str | None = None) -> subprocess.Popen[bytes]:
        """Start a worker process; with a `host` it holds workers of other hosts for dead after 3 s without a beat."""
        command = [sys.executable, "-c", WORK, str(self.directory / "sweeps" / "s"), str(slots), *filter(None, [host])]
        with open(self.directory / "said", "ab") as said:
            worker = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self.workers.append(worker)
        return worker

    @property
    def said(self) -> str:
        return (self.directory / "said").read_text()

    @property
    def trials(self) -> list[Trial]:
        return Sweep(self.directory / "sweeps" / "s").trials()

    @property
    def states(self) -> Counter[str]:
        return Counter(trial.state.value for trial in self.trials)

    def processes(self) -> list[int]:
        """Every process of any trial of this sweep, wherever it stands in the tree."""
        marks, found = f"MARK={self.mark}".encode(), []
        for name in os.listdir("/proc"):
            if name.isdigit() and marks in _environ(int(name)).split(b"\0"):
                found.append(int(name))
        return found

    def wait_until(self, condition: Callable[[], object], within_s: float = 20, pause_s: float = 0.02) -> float:
        """Seconds until `condition` held."""
        began, pause = time.monotonic(), threading.Event()
        while not condition():
            assert time.monotonic() < began + within_s, f"not so within {within_s} s; {self.states}\n{self.said}"
            pause.wait(pause_s)
        return time.monotonic() - began

    def launcher_of(self, worker: subprocess.Popen[bytes]) -> int:
        """The worker's only child."""
        (child,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        return int(child)

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone meanwhile
        return b""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()
