"""What the trials of a history say about the configurations they tried: the reading that every model learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sweeprun.history import Flags, Floats, History, Integers
from sweeprun.trials import Trial, TrialState

_ENOUGH = 8  # trials that must have come as far as a step for losses to be compared there
_PARTIAL = frozenset({TrialState.PRUNED, TrialState.PAUSED, TrialState.RUNNING})


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The n configurations that were tried and lie in the space, in the order of their first trials.

    `U (n, d)` in the unit cube and which coordinates are `active` (n, d), as Space.encode has them. `losses` (n,) of
    the first objective, the mean over repeats: NaN where nothing is known yet (pending), infinity where all that came
    of it was a failure or no number. `losses` are comparable with each other: see `_levels`.
    """

    U: Floats
    active: Flags
    losses: Floats

    @classmethod
    def of(cls, history: History) -> Evidence:
        U, active = history.points
        rows: dict[bytes, int] = {}
        group = np.array([rows.setdefault(u.tobytes(), len(rows)) for u in U], dtype=np.int64)
        levels = _levels(history, history.inside)
        _, first = np.unique(group, return_index=True)
        return cls(U[first], active[first], _mean_levels(levels, group, len(rows)))


def _mean_levels(levels: Floats, group: Integers, n: int) -> Floats:
    """The mean of the levels of each of n groups. One that failed at times counts as it was when it did not."""
    known = levels < np.inf
    counts = np.bincount(group[known], minlength=n)
    with np.errstate(invalid="ignore"):  # 0 / 0: nothing known
        means = np.bincount(group[known], levels[known], minlength=n) / counts
    means[np.setdiff1d(group[levels == np.inf], group[known])] = np.inf
    return means


def _levels(history: History, trials: Sequence[Trial]) -> Floats:
    """The loss of each trial at the highest step that enough of them share: NaN where pending, infinity where failed.

    A complete trial has come to every step. One that has not come so far is placed by those that have: it gets the
    loss there that answers to its own at its last step. So it is good or bad by comparison with others at equal steps,
    and never for having been stopped.
    """
    reach = np.array([_reach(history, trial) for trial in trials])
    failed = np.array([_is_failure(history, trial) for trial in trials], dtype=bool)
    levels = np.where(failed, np.inf, np.nan)
    if not np.any(~np.isnan(reach)):
        return levels
    shared = float(np.sort(reach[~np.isnan(reach)])[::-1][: _ENOUGH][-1])
    leading = np.flatnonzero(reach >= shared)
    levels[leading] = [_level(history, trials[i], shared) for i in leading]
    behind = np.flatnonzero(reach < shared)
    if len(behind):
        levels[behind] = _placed(history, [trials[i] for i in behind], [trials[i] for i in leading], levels[leading])
    return levels


def _is_failure(history: History, trial: Trial) -> bool:
    """Whether it ended without a number, or diverged. A trial whose records are damaged has shown nothing."""
    if trial.damaged or not trial.state.final:
        return False
    if trial.state is TrialState.PRUNED and history.curve(trial, history.objectives[0]).diverged:
        return True
    return trial.state is TrialState.FAILED or bool(np.isnan(history.loss(trial)))


def _reach(history: History, trial: Trial) -> float:
    """The furthest step at which its loss is known, NaN where it is nowhere."""
    if trial.state is TrialState.COMPLETE:
        return np.nan if np.isnan(history.loss(trial)) else np.inf
    if trial.state not in _PARTIAL:
        return np.nan
    curve = history.curve(trial, history.objectives[0])
    return float(curve.steps[-1]) if len(curve.steps) and not curve.diverged else np.nan


def _level(history: History, trial: Trial, step: float) -> float:
    """Its loss at a step that it has come to; that of its value where it is complete and reported no curve."""
    curve = history.curve(trial, history.objectives[0])
    found = None if np.isinf(step) else curve.at(int(step), best=True)
    return history.loss(trial) if found is None else found


def _placed(history: History, behind: Sequence[Trial], leading: Sequence[Trial], levels: Floats) -> Floats:
    """The level of each trial that is `behind`, from what the `leading` ones, of these `levels`, had at its last step.

    NaN where none of them reported by then.
    """
    metric = history.objectives[0]
    curves = [history.curve(trial, metric) for trial in behind]
    steps = np.unique([curve.steps[-1] for curve in curves])
    table = np.full((len(leading), len(steps)), np.nan)
    for row, trial in zip(table, leading, strict=True):
        curve = history.curve(trial, metric)
        index = np.searchsorted(curve.steps, steps, side="right") - 1
        row[index >= 0] = curve.best[index[index >= 0]]
    placed = np.full(len(behind), np.nan)
    for i, curve in enumerate(curves):
        column = table[:, np.searchsorted(steps, curve.steps[-1])]
        compared = np.isfinite(column) & np.isfinite(levels)
        if compared.any():
            placed[i] = _translated(float(curve.best[-1]), np.sort(column[compared]), np.sort(levels[compared]))
    return placed


def _translated(loss: float, early: Floats, late: Floats) -> float:
    """What rank for rank answers to `loss` among the losses `early` (k,) in `late` (k,), both ascending and finite.

    Linear between them; beyond them it keeps its distance.
    """
    beyond = min(loss - early[0], 0.0) + max(loss - early[-1], 0.0)
    return float(np.interp(loss, early, late) + beyond)
