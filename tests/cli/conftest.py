"""Sweeps made by hand, record by record, and the command line as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sweeprun import cli, processes
from sweeprun.run.settling import settled
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import liveness, records, runs
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Curve, Failure, FailureClass, Reason, Run, Trial, TrialState

SOURCE = """
command: python train.py ${args}
metric: val_loss
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  layers: [2, 4, 8]
algorithm: random
budget: 6
"""
WORKER = "0" * 32


@pytest.fixture(autouse=True)
def as_wide_as_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@dataclass
class Built:
    """A sweep in which trials are put by hand. `worker` owns them; it is dead unless `join` made it."""

    sweep: Sweep
    worker: str = WORKER
    params: dict[str, Any] = field(default_factory=lambda: {"lr": 1e-05, "layers": 4})

    @property
    def directory(self) -> Path:
        return self.sweep.layout.directory

    def running(self, **params: Any) -> Trial:
        """One more trial, running."""
        number = len(self.sweep.trials())
        params = self.params | params
        trial = Trial(number, f"uid{number}", TrialState.RUNNING, params=params, worker=self.worker)
        made = self.sweep.create_trial(trial, TrialState.RUNNING)
        runs.prepare(self.sweep.layout, made)
        return made

    def waiting(self, preempted: str | None = None, **params: Any) -> Trial:
        """One more trial that waits: queued, or preempted for that reason."""
        if preempted is not None:
            trial = self.running(**params)
            said = {"reason": Reason.PREEMPTED, **records.left(trial)}
            return self.sweep.advance(trial, TrialState.WAITING, preempted, **said)
        number = len(self.sweep.trials())
        trial = Trial(number, f"uid{number}", TrialState.WAITING, params=self.params | params, worker=self.worker)
        return self.sweep.create_trial(trial, TrialState.WAITING)

    def ended(
        self,
        value: float | None = None,
        state: TrialState = TrialState.COMPLETE,
        step: int = 3,
        seconds: float = 10.0,
        failure: Failure | None = None,
        values: dict[str, float] | None = None,
        **params: Any,
    ) -> Trial:
        """One more trial, ended with `value` at `step`."""
        trial = self.running(**params)
        said = {"val_loss": value} if value is not None else {}
        done = trial._replace(
            runs=(Run(trial.runs[0].started, seconds),),
            values=said | (values or {}),
            step=step if said else None,
            last_step=step,
            curve=Curve((step,), {"val_loss": (value,)}) if value is not None else Curve(),
            failure=failure,
        )
        return self.sweep.advance(trial, state, failure.message if failure else "", **records.left(done))

    def failed(self, message: str = "exit code 1", stderr: Sequence[str] = ()) -> Trial:
        failure = Failure(FailureClass.CRASH, message, 1, None, tuple(stderr))
        return self.ended(state=TrialState.FAILED, failure=failure)

    def report(self, trial: Trial, *lines: dict[str, Any]) -> None:
        """What the program of a running trial appends to its metrics."""
        if not runs.files(self.sweep.layout, trial).command.exists():
            self.command(trial, ["python", "train.py"], self.directory)
        with runs.files(self.sweep.layout, trial).metrics.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def command(self, trial: Trial, argv: Sequence[str], cwd: Path, **env: str) -> None:
        """The record of what the trial was started with."""
        files = runs.files(self.sweep.layout, trial)
        program = shutil.which(argv[0], path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
        said = {"argv": list(argv), "program": program, "cwd": str(cwd), "env": env, "devices": []}
        said |= {"uid": trial.uid, "launcher": [1, 1], "continues": False}
        runs.write_json(files.command, said)

    def join(self, pid: int, start_time: int, boot_id: str, pid_namespace: str) -> str:
        """A worker of this description; its uuid, and trials made from now on are its own."""
        self.worker = f"{pid:032x}"
        worker = liveness.Worker(
            self.worker, "thishost", boot_id, pid_namespace, pid, start_time, time.time(), ("sweeprun", "start")
        )
        liveness.join(self.sweep.layout, worker, liveness.Lease())
        return self.worker

    def join_self(self) -> str:
        """This very process as a worker: one that is alive."""
        start = processes.start_time(os.getpid())
        assert start is not None
        return self.join(os.getpid(), start, processes.boot_id(), processes.pid_namespace())


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out)


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Built]:
    """Makes `sweeps/<name>` in a current directory of its own."""
    monkeypatch.chdir(tmp_path)

    def make(name: str = "demo", source: str = SOURCE) -> Built:
        file = tmp_path / f"{name}.yaml"
        file.write_text(source)
        spec = settled(SweepFile.load(file))
        return Built(Sweep.create(tmp_path / "sweeps" / name, source.encode(), spec.resolved(), "0"))

    return make


@pytest.fixture
def sweeprun(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command line in this process."""

    def run(*words: str | Path) -> Done:
        monkeypatch.setattr("sys.argv", ["sweeprun", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capfd.readouterr()
        return Done(int(left.value.code or 0), out, err)

    return run
