"""What a sweep has cost, what pruning has spared it, and how long the rest will take: as far as its trials tell."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from sweeprun.trials import Trial, TrialState


def left_s(trials: Sequence[Trial], configurations_left: float, now: float) -> float | None:
    """How long the rest will take if trials go on to take as long as they did, at as many at once as now; None where
    that cannot be known."""
    ended = [trial.seconds for trial in trials if trial.state.final and trial.runs]
    running = [trial for trial in trials if trial.state is TrialState.RUNNING]
    if not running or not any(trial.state is TrialState.COMPLETE for trial in trials):
        return None
    mean = sum(ended) / len(ended)
    waiting = sum(trial.state is TrialState.WAITING for trial in trials)
    begun = sum(max(0.0, mean - (now - trial.runs[-1].started)) for trial in running)
    return (mean * (max(0.0, configurations_left) + waiting) + begun) / len(running)


def spent_s(trials: Sequence[Trial], now: float) -> float:
    """What all trials together have run, those that run now included."""
    running = sum(now - trial.runs[-1].started for trial in trials if trial.state is TrialState.RUNNING and trial.runs)
    return sum(trial.seconds for trial in trials) + running


def gpu_s(trials: Sequence[Trial]) -> float:
    """GPU-seconds of the runs that have ended."""
    return sum(run.gpu_seconds for trial in trials for run in trial.runs)


def saved_s(trials: Sequence[Trial]) -> float:
    """What the pruned trials would have gone on to take, each at its own pace to the step at which complete ones end;
    0 while none is complete."""
    complete = [trial.last_step for trial in trials if trial.state is TrialState.COMPLETE and trial.last_step]
    if not complete:
        return 0.0
    end = median(complete)
    pruned = [trial for trial in trials if trial.state is TrialState.PRUNED and trial.last_step]
    return sum(trial.seconds / trial.last_step * max(0.0, end - trial.last_step) for trial in pruned)
