"""Works on a sweep and says on stdout what is done when it is done; run by the fault tests, also under strace.

    store_driver.py REPOSITORY DIRECTORY found
    store_driver.py REPOSITORY DIRECTORY trials N      create and finish N trials
    store_driver.py REPOSITORY DIRECTORY budget N      until the sweep has N trials, asking with the lock

An operation that the store refuses is tried again, as a worker would.
"""

import os
import sys

sys.path.insert(0, sys.argv[1])

from collections.abc import Callable
from pathlib import Path

from sweeprun.errors import StoreError, SweepExists
from sweeprun.store import records
from sweeprun.store.sweep import NumberTaken, Superseded, Sweep
from sweeprun.trials import Trial, TrialState

DIRECTORY, WORKER, TRIES = Path(sys.argv[2]), os.urandom(16).hex(), 4
LOG = DIRECTORY / "workers" / WORKER / "log"


def say(line: str) -> None:
    try:
        os.write(1, f"{line}\n".encode())
    except OSError:
        sys.exit(0)  # the fault hit the messenger


def until_it_works(operation: str, work: Callable[[], object]) -> None:
    for _ in range(TRIES):
        try:
            work()
        except StoreError as error:
            say(f"refused {operation}: {error.message}")
        else:
            return
    sys.exit(f"{operation} never worked")


def found() -> None:
    try:
        Sweep.create(DIRECTORY, b"name: s\n", {"name": "s"}, "0")
    except SweepExists:
        Sweep(DIRECTORY)
    say("found")


def create(sweep: Sweep, uid: str) -> Trial:
    while not any(trial.uid == uid for trial in sweep.trials()):
        number = len(sweep.trials())
        new = Trial(number, uid, TrialState.RUNNING, {"x": number}, worker=WORKER)
        try:
            sweep.create_trial(new, TrialState.RUNNING, LOG)
        except NumberTaken:
            continue
    trial = next(trial for trial in sweep.trials() if trial.uid == uid)
    say(f"created {trial.number} {uid}")
    return trial


def finish(sweep: Sweep, trial: Trial) -> None:
    try:
        sweep.advance(trial, TrialState.COMPLETE, "", LOG, **records.left(trial))
    except Superseded as now:
        if now.trial.state is not TrialState.COMPLETE:
            raise
    say(f"finished {trial.number} {trial.uid}")


def work(sweep: Sweep, n: int) -> None:
    for _ in range(n):
        uid, made = os.urandom(16).hex(), []
        until_it_works("create", lambda uid=uid, made=made: made.append(create(sweep, uid)))
        until_it_works("finish", lambda made=made: finish(sweep, made[0]))


def spend(sweep: Sweep, budget: int) -> None:
    while True:
        with sweep.lock():
            number = len(sweep.trials())
            if number >= budget:
                return
            uid = os.urandom(16).hex()
            try:
                new = Trial(number, uid, TrialState.RUNNING, {"x": number}, worker=WORKER)
                trial = sweep.create_trial(new, TrialState.RUNNING, LOG)
            except NumberTaken:
                continue
        say(f"created {trial.number} {uid}")
        finish(sweep, trial)


if sys.argv[3] != "found":
    LOG.parent.mkdir()
say("begin")
if sys.argv[3] == "found":
    until_it_works("found", found)
else:
    opened: list[Sweep] = []
    until_it_works("open", lambda: opened.append(Sweep(DIRECTORY)))
    {"trials": work, "budget": spend}[sys.argv[3]](opened[0], int(sys.argv[4]))
say("end")
