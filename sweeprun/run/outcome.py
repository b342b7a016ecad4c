"""What the end of a run means for its trial."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sweeprun.executors.base import Ended, SpawnFailed
from sweeprun.history import History
from sweeprun.pruners.base import AFTER, Action, Pruner
from sweeprun.store import records
from sweeprun.trials import Failure, FailureClass, Reason, Trial, TrialState

MAX_DEATHS = 3
MAX_EMPTY_PREEMPTIONS = 3
PREEMPTED = {75: "exit code 75", 143: "SIGTERM from outside"}  # 75 is EX_TEMPFAIL, 143 how a shell reports SIGTERM
SHELL_SIGKILL = 137  # how a shell reports it

Request = Literal["prune", "pause", "finish", "preempt", "nan", "timeout", "hang", "drop"]

_LEAVING_OFF = ("pause", "finish", "preempt")  # what is asked of a run that may have come further meanwhile
ASKS: Mapping[Action, Request] = {Action.STOP: "prune", Action.PAUSE: "pause", Action.FINISH: "finish"}  # of a run
_ASKED = {ASKS[action]: state for action, state in AFTER.items()}

_GPU_OOM = re.compile(r"CUDA out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED")
_HOST_OOM = re.compile(r"^([\w.]+\._Array)?MemoryError\b|[Cc]annot allocate memory|can't allocate memory")
_IMPORT = re.compile(r"^(ModuleNotFoundError|ImportError)\b")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that a run's end leads to, and why; `reason` says how it waits, `counts` names the counter that it adds
    to."""

    state: TrialState
    why: str
    failure: Failure | None = None
    counts: str | None = None
    reason: Reason | None = None

    def requeued(self) -> Outcome:
        """The same end, held against nobody: the trial is run again."""
        return Outcome(TrialState.WAITING, self.why, reason=Reason.REQUEUED)


@dataclass(frozen=True, slots=True)
class Traces:
    """What a run left behind: whether it came to a step that no run of its trial had reached, the last lines of its
    stderr, and, where an objective has no value, which one and what was there in its stead."""

    progressed: bool = False
    stderr: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Which failures are tried again by themselves, and how often."""

    max: int = 0
    on: tuple[str, ...] = ()


def ended(
    end: Ended, request: tuple[Request, str] | None, trial: Trial, left: Traces, arrived: Outcome | None = None
) -> Outcome:
    """What `end` means. `request` is what we asked of the run and why; `trial` holds what it reached; `arrived` is what
    becomes of it as it has come as far as it was to go, see `arrival`."""
    if end.unkillable:
        return _failed(FailureClass.UNKILLABLE, "SIGKILL did not end it within 5 s; its device is not used again", end)
    if arrived is not None and _lacks(arrived, trial, left) and (request is not None or not end.finished):
        arrived = None  # it was interrupted in what it does after its last step
    if request is not None:  # it stands even where the launcher died over it: nothing of the trial lives any more
        return arrived if arrived and request[0] in _LEAVING_OFF else _requested(*request, end, left)
    if end.launcher_lost:
        return arrived or _after_death(trial, "its launcher died")
    if end.code in PREEMPTED or end.signal == "SIGTERM":
        return arrived or _preempted(trial, PREEMPTED.get(end.code or 0, "SIGTERM from outside"), left.progressed)
    if end.code != 0:
        return _crashed(end, left.stderr)
    outcome = arrived or Outcome(TrialState.COMPLETE, _leftovers(end))
    if _lacks(outcome, trial, left):
        return _failed(FailureClass.NO_METRIC, f"it ended well and {left.missing}", end, left.stderr)
    return outcome


def not_spawned(failure: SpawnFailed) -> Outcome:
    """What a program that could not be started means."""
    name = errno.errorcode.get(failure.errno, str(failure.errno))
    said = "" if os.strerror(failure.errno) in failure.message else f": {os.strerror(failure.errno)}"
    message = f"{failure.message}{said} ({name})"
    return Outcome(TrialState.FAILED, message, Failure(FailureClass.SPAWN, message))


def arrival(pruner: Pruner, trial: Trial, history: History) -> Outcome | None:
    """What becomes of a trial that has come as far as it was to go, whoever ends it; None where it has not."""
    if trial.until is None or trial.last_step < trial.until:
        return None
    verdict = pruner.verdict(trial, history)
    return Outcome(AFTER[verdict.action], verdict.reason) if verdict.stop else None


def lost(trial: Trial, left: Traces, arrived: Outcome | None = None) -> Outcome:
    """What the death of a trial's worker means: again, until it has happened too often."""
    if arrived is None or _lacks(arrived, trial, left):
        return _after_death(trial, "its worker died")
    return arrived


def retried(outcome: Outcome, trial: Trial, retry: Retry) -> Outcome:
    """`outcome`, or another try of the same trial where the sweep file allows one."""
    failure = outcome.failure
    if failure is None or failure.kind not in retry.on or trial.retries >= retry.max:
        return outcome
    why = f"try {trial.retries + 1} of {retry.max} after {failure.kind}: {failure.message}"
    return Outcome(TrialState.WAITING, why, failure, records.RETRY, Reason.REQUEUED)


def _lacks(outcome: Outcome, trial: Trial, left: Traces) -> bool:
    """Whether a value is missing that a trial of that state has: a complete one has all objectives, and who waits at a
    rung has reported something that counts, or would wait for ever."""
    needs = outcome.state is TrialState.COMPLETE or (outcome.state is TrialState.PAUSED and not trial.curve.steps)
    return needs and bool(left.missing)


def _requested(request: Request, why: str, end: Ended, left: Traces) -> Outcome:
    if request == "finish" and left.missing:  # what it would have reported at its end
        return Outcome(TrialState.PRUNED, f"{why}; it {left.missing}")
    if request in _ASKED:
        return Outcome(_ASKED[request], why)
    if request in ("preempt", "drop"):
        return Outcome(TrialState.WAITING, why, reason=Reason.PREEMPTED)
    return _failed(FailureClass(request), why, end, left.stderr)


def _preempted(trial: Trial, how: str, progressed: bool) -> Outcome:
    if progressed:
        return Outcome(TrialState.WAITING, how, reason=Reason.PREEMPTED)
    if trial.preemptions + 1 >= MAX_EMPTY_PREEMPTIONS:
        why = f"preempted {MAX_EMPTY_PREEMPTIONS} times in a row without a new step ({how})"
        return Outcome(TrialState.FAILED, why, Failure(FailureClass.HANG, why))
    return Outcome(TrialState.WAITING, how, counts=records.PREEMPTION, reason=Reason.PREEMPTED)


def _after_death(trial: Trial, what: str) -> Outcome:
    if trial.deaths + 1 >= MAX_DEATHS:
        why = f"{what}, for the {MAX_DEATHS}rd time"
        return Outcome(TrialState.FAILED, why, Failure(FailureClass.LOST, why), records.DEATH)
    return Outcome(TrialState.WAITING, what, counts=records.DEATH, reason=Reason.REQUEUED)


def _crashed(end: Ended, stderr: Sequence[str]) -> Outcome:
    last = next((line.strip() for line in reversed(stderr) if line.strip()), "")
    how = f"signal {end.signal}" if end.signal else f"exit code {end.code}"
    message = f"{how}: {last}" if last else how
    if any(_GPU_OOM.search(line) for line in stderr):
        return _failed(FailureClass.GPU_OOM, message, end, stderr)
    killed = end.signal == "SIGKILL" or end.code == SHELL_SIGKILL
    if (killed and end.oom) or any(_HOST_OOM.search(line) for line in stderr):
        return _failed(FailureClass.OOM, message, end, stderr)
    if end.signal:
        return _failed(FailureClass.SIGNAL, message, end, stderr)
    kind = FailureClass.IMPORT if _IMPORT.search(last) else FailureClass.CRASH
    return _failed(kind, message, end, stderr)


def _failed(kind: FailureClass, message: str, end: Ended, stderr: Sequence[str] = ()) -> Outcome:
    return Outcome(TrialState.FAILED, message, Failure(kind, message, end.code, end.signal, tuple(stderr)))


def _leftovers(end: Ended) -> str:
    if end.leftovers == 1:
        return "a process that it left behind was ended"
    return f"{end.leftovers} processes that it left behind were ended" if end.leftovers else ""
