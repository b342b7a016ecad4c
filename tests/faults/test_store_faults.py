"""Faults S01, S02 and S16 and a storm of kills, on the store alone (design: faults.md).

strace makes each system call of a small driver fail, or kills the driver there; then a fresh reader looks.
"""

from __future__ import annotations

import fcntl
import itertools
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeprun.store import durable, records
from sweeprun.store.sweep import NumberTaken, Sweep
from sweeprun.trials import Trial, TrialState

pytestmark = pytest.mark.slow
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

REPOSITORY = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("store_driver.py")
N_TRIALS = 150
CALLS = {  # what strace calls them, on every architecture
    "openat": "openat",
    "read": "read",
    "getdents": "/^getdents",
    "write": "write",
    "close": "close",
    "fsync": "fsync",
    "mkdir": "/^mkdir",
    "rename": "/^rename",
    "link": "/^link",
    "unlink": "/^unlink",
}
CHANGES = ["write", "fsync", "mkdir", "rename", "link", "unlink"]
ERRORS = {  # where a kernel may say so
    "EIO": [*CHANGES, "openat", "read", "getdents", "close"],
    "ENOSPC": ["write", "fsync", "mkdir", "rename", "link"],
    "EDQUOT": ["write", "close"],
    "EROFS": ["mkdir", "rename", "link", "unlink"],
    "EACCES": ["openat", "mkdir", "rename", "link", "unlink"],
    "ESTALE": ["read", "rename", "link"],
}


class Driver:
    """Runs the driver on copies of one fresh sweep, with one fault each time."""

    def __init__(self, place: Path, *order: str):
        self._place, self._order = place, order
        self._template = Sweep.create(place / "template", b"name: s\n", {"name": "s"}, "0").layout.directory
        self.log = place / "strace.log"
        self._run("warm", [])
        self._run("warm", ["-e", f"trace={','.join(CALLS.values())}"])
        lines = self.log.read_text().splitlines()
        self._calls = [match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line))]
        self._begun = next(i for i, line in enumerate(lines) if '"begin' in line) + 1

    def faults(self, call: str, fault: str) -> Iterator[tuple[Path, subprocess.CompletedProcess[str]]]:
        """One run for each time that `call` is made once the driver has begun: the directory, and how it ended. Goes
        on until a run meets no fault."""
        name = CALLS[call].removeprefix("/")
        first = sum(re.match(name, made) is not None for made in self._calls[: self._begun]) + 1
        for when in itertools.count(first):
            inject = f"inject={CALLS[call]}:{fault}:when={when}"
            directory, ended = self._run("sweep", ["-e", f"trace={CALLS[call]}", "-e", inject])
            if ended.returncode == 0 and "(INJECTED)" not in self.log.read_text():
                return
            yield directory, ended

    def _run(self, name: str, options: list[str]) -> tuple[Path, subprocess.CompletedProcess[str]]:
        directory = self._place / name
        shutil.rmtree(directory, ignore_errors=True)
        if self._order[0] != "found":
            shutil.copytree(self._template, directory)
        command = ["strace", "-f", "-qq", "-o", str(self.log), *options] if options else []
        command += [sys.executable, "-I", "-S", str(DRIVER), str(REPOSITORY), str(directory), *self._order]
        return directory, subprocess.run(command, capture_output=True, text=True, timeout=30)


def said(output: str, what: str) -> list[tuple[int, str]]:
    return [(int(number), uid) for number, uid in re.findall(rf"^{what} (\d+) (\w+)$", output, re.MULTILINE)]


def check(sweep: Sweep, output: str) -> None:
    """What was acknowledged is there, nothing half-appears, no number is missing or given twice."""
    trials = sweep.trials()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert not [trial.why for trial in trials if trial.damaged]
    assert sweep.strangers == []
    assert len({trial.uid for trial in trials}) == len(trials)
    for number, uid in said(output, "created"):
        assert trials[number].uid == uid
    for number, uid in said(output, "finished"):
        assert (trials[number].uid, trials[number].state) == (uid, TrialState.COMPLETE)
    for trial in trials:
        assert one_final(sweep, trial.number) is trial.state.final


def one_final(sweep: Sweep, number: int) -> bool:
    """Whether a final record is there; there is never more than one."""
    files = sorted(sweep.layout.trial(number).glob("state.*.json"))
    finals = [TrialState(durable.read_record(path)["state"]).final for path in files]
    assert sum(finals) <= 1
    return any(finals)


def go_on(sweep: Sweep) -> None:
    """Work as if nothing had been."""
    left = [trial for trial in sweep.trials() if not trial.state.final]
    number = len(sweep.trials())
    new = Trial(number, uuid.uuid4().hex, TrialState.RUNNING, worker="e" * 32)
    for trial in [*left, sweep.create_trial(new, TrialState.RUNNING)]:
        sweep.advance(trial, TrialState.COMPLETE, "", worker="e" * 32, **records.left(trial))
    assert all(trial.state is TrialState.COMPLETE for trial in sweep.trials())
    assert len(sweep.trials()) == number + 1


def collect(sweep: Sweep) -> None:
    """An hour later no debris is left."""
    for path in sweep.layout.scratch.iterdir():
        os.utime(path, (0, 0))
    sweep.tidy()
    assert [path.name for path in sweep.layout.scratch.iterdir()] == ["reserve"]


@needs_strace
@pytest.mark.parametrize("call", CHANGES)
def test_s01_a_worker_killed_at_any_call_loses_nothing_that_was_said(tmp_path: Path, call: str) -> None:
    runs = 0
    for directory, ended in Driver(tmp_path, "trials", "2").faults(call, "signal=KILL"):
        assert ended.returncode == -signal.SIGKILL
        sweep = Sweep(directory)
        check(sweep, ended.stdout)
        go_on(sweep)
        collect(sweep)
        runs += 1
    assert runs >= {"write": 10, "fsync": 11, "mkdir": 3}.get(call, 2)


@needs_strace
def test_s01_a_founder_killed_at_any_call_leaves_a_whole_sweep_or_none(tmp_path: Path) -> None:
    driver = Driver(tmp_path, "found")
    for call in CHANGES:
        for directory, ended in driver.faults(call, "signal=KILL"):
            if directory.exists():
                go_on(Sweep(directory))
            else:
                assert "found" not in ended.stdout
                Sweep.create(directory, b"name: s\n", {}, "0")


@needs_strace
@pytest.mark.parametrize("error", list(ERRORS))
def test_s02_an_error_at_any_call_is_met_or_said_and_loses_nothing(tmp_path: Path, error: str) -> None:
    driver, refusals = Driver(tmp_path, "trials", "1"), 0
    for call in ERRORS[error]:
        for directory, ended in driver.faults(call, f"error={error}"):
            where = f"{error} at {call}: {ended.stdout}"
            assert (ended.returncode, ended.stderr) == (0, ""), where
            refused = re.findall(r"^refused .*$", ended.stdout, re.MULTILINE)
            assert all(str(directory) in line for line in refused), where
            refusals += len(refused)
            sweep = Sweep(directory)
            check(sweep, ended.stdout)
            go_on(sweep)
    assert refusals > 0


@needs_strace
def test_s02_an_error_while_founding_is_said_and_leaves_nothing_half(tmp_path: Path) -> None:
    driver = Driver(tmp_path, "found")
    for error, call in [*itertools.product(["EIO"], CHANGES), ("EIO", "openat"), ("ENOSPC", "write")]:
        for directory, ended in driver.faults(call, f"error={error}"):
            assert (ended.returncode, ended.stderr) == (0, ""), f"{error} at {call}: {ended.stdout}"
            go_on(Sweep(directory))


@needs_strace
def test_s16_where_the_lock_does_not_exclude_the_budget_is_exact_all_the_same(tmp_path: Path) -> None:
    directory = Sweep.create(tmp_path / "s", b"name: s\n", {"name": "s"}, "0").layout.directory
    command = [sys.executable, "-I", str(DRIVER), str(REPOSITORY), str(directory), "budget", "200"]
    children = []
    for i in range(16):
        trace = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(tmp_path / f"log{i}"), "-e", "trace=flock"]
        trace += ["-e", "inject=flock:retval=0"]
        children.append(subprocess.Popen(trace + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    outputs = [child.communicate(timeout=60) for child in children]
    assert [(child.returncode, errors) for child, (_, errors) in zip(children, outputs, strict=True)] == [(0, "")] * 16
    assert any("INJECTED" in path.read_text() for path in tmp_path.glob("log*"))
    sweep = Sweep(directory)
    check(sweep, "".join(output for output, _ in outputs))
    created = [created for output, _ in outputs for created in said(output, "created")]
    assert sorted(number for number, _ in created) == list(range(200))
    assert Counter(trial.state for trial in sweep.trials()) == {TrialState.COMPLETE: 200}


def test_a_storm_of_kills_leaves_no_gap_no_double_and_one_end_each(tmp_path: Path) -> None:
    directory = Sweep.create(tmp_path / "s", b"name: s\n", {"name": "s"}, "0").layout.directory
    acknowledged = os.open(tmp_path / "said", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    fork, rng = multiprocessing.get_context("fork"), random.Random(16)
    gate = os.open(tmp_path / "gate", os.O_RDWR | os.O_CREAT)
    fcntl.flock(gate, fcntl.LOCK_EX)

    def child() -> None:
        with open(tmp_path / "gate") as file:
            fcntl.flock(file, fcntl.LOCK_SH)  # until all are there
        sweep, worker = Sweep(directory), uuid.uuid4().hex
        while (number := len(sweep.trials())) < N_TRIALS:
            trial = Trial(number, uuid.uuid4().hex, TrialState.RUNNING, worker=worker)
            try:
                trial = sweep.create_trial(trial, TrialState.RUNNING)
            except NumberTaken:
                continue
            os.write(acknowledged, f"created {trial.number} {trial.uid}\n".encode())
            sweep.advance(trial, TrialState.COMPLETE, "", **records.left(trial))
            os.write(acknowledged, f"finished {trial.number} {trial.uid}\n".encode())

    def spawn() -> multiprocessing.process.BaseProcess:
        process = fork.Process(target=child)
        process.start()
        return process

    children, kills, deadline = [spawn() for _ in range(32)], 0, time.monotonic() + 60
    fcntl.flock(gate, fcntl.LOCK_UN)
    os.close(gate)
    sweep = Sweep(directory)
    while len(sweep.trials()) < N_TRIALS and time.monotonic() < deadline:
        victim = rng.randrange(len(children))
        children[victim].kill()
        children[victim].join()
        kills += 1
        children[victim] = spawn()
    for process in children:
        process.join(20)
        assert process.exitcode == 0
    sweep = Sweep(directory)
    check(sweep, (tmp_path / "said").read_text())
    assert len(sweep.trials()) == N_TRIALS
    assert kills > 3
    go_on(sweep)
    collect(sweep)
