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
    losses = np.array([history.loss(trial) for trial in trials])
    reach, failed = _reach(history, trials, losses)
    levels = np.where(failed, np.inf, np.nan)
    if np.isnan(reach).all():
        return levels
    shared = float(np.sort(reach[~np.isnan(reach)])[::-1][:_ENOUGH][-1])
    leading = reach >= shared
    levels[leading] = losses[leading] if np.isinf(shared) else _at(history, trials, losses, leading, int(shared))
    behind = reach < shared
    if behind.any():
        levels[behind] = _placed(history, _those(trials, behind), _those(trials, leading), levels[leading])
    return levels


def _reach(history: History, trials: Sequence[Trial], losses: Floats) -> tuple[Floats, Flags]:
    """The furthest step at which the loss of each trial is known, NaN where it is nowhere; and whether it failed.

    It failed where it ended without a number, or diverged. One whose records are damaged has shown nothing.
    """
    complete = np.array([trial.state is TrialState.COMPLETE for trial in trials], dtype=bool)
    crashed = np.array([trial.state is TrialState.FAILED and not trial.damaged for trial in trials], dtype=bool)
    reach = np.where(complete & ~np.isnan(losses), np.inf, np.nan)
    failed = crashed | (complete & np.isnan(losses))
    for i, trial in enumerate(trials):
        if trial.state in _PARTIAL:
            curve = history.curve(trial, history.objectives[0])
            if curve.diverged:
                failed[i] = trial.state is TrialState.PRUNED
            elif len(curve.steps):
                reach[i] = curve.steps[-1]
    return reach, failed


def _at(history: History, trials: Sequence[Trial], losses: Floats, leading: Flags, step: int) -> list[float]:
    """The losses of the `leading` trials at a step that they have come to; that of its value where one has no curve."""
    curves = [history.curve(trial, history.objectives[0]) for trial in _those(trials, leading)]
    found = (curve.at(step, best=True) for curve in curves)
    return [float(loss) if at is None else at for at, loss in zip(found, losses[leading], strict=True)]


def _those(trials: Sequence[Trial], chosen: Flags) -> list[Trial]:
    return [trials[i] for i in np.flatnonzero(chosen).tolist()]


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
