"""What the trials of a history say about the configurations they tried: the reading that every model learns from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from sweeprun.history import Flags, Floats, History, Integers, LossCurve
from sweeprun.numerics import pareto
from sweeprun.objective import Objective
from sweeprun.trials import Trial, TrialState

_ENOUGH = 8  # trials that must have come as far as a step for losses to be compared there
_SHARE_DIGITS = 2  # of a share of a trial, so that those which stand about equally far are placed together
_MOST_STEPS = 100  # at which trials are placed
_FENCE = 1.5  # interquartile ranges beyond the quartiles
_HUGE = 1e100
_CUT_SHORT = frozenset({TrialState.PRUNED, TrialState.PAUSED})
_PARTIAL = _CUT_SHORT | {TrialState.RUNNING}

CurveOf = Callable[[Trial], LossCurve]  # of one objective


@dataclass(frozen=True, eq=False)
class Evidence:
    """The n configurations that were tried and lie in the space, in the order of their first trials.

    `U (n, d)` in the unit cube and which coordinates are `active` (n, d), as Space.encode has them. `Y (n, m)` are the
    losses of the m objectives, means over repeats: NaN where nothing is known yet (pending), infinity where all that
    came of it was a failure or no number. Within a column they are comparable with each other: see `_levels`. `limits`
    (m,) are the highest losses allowed, infinity where any is. `early`: some trials were stopped or paused before their
    end, so that what is known of them is what their first steps say.

    Each objective is looked at by itself. So a complete trial without a number for one of them is infinitely bad in
    that one, and a pruned trial that had not yet come to report one says nothing about it.
    """

    U: Floats
    active: Flags
    Y: Floats
    limits: Floats
    early: bool = False

    @classmethod
    def of(cls, history: History) -> Evidence:
        (U, active), trials = history.points, history.inside
        group = _configurations(U)
        _, first = np.unique(group, return_index=True)
        columns = [
            _mean_levels(_levels(trials, objective, partial(_curve, history, objective)), group, len(first))
            for objective in history.objectives
        ]
        limits = np.array([objective.loss_limit for objective in history.objectives])
        early = any(trial.state in _CUT_SHORT for trial in trials)
        return cls(U[first], active[first], _measurable(np.column_stack(columns)), _measurable(limits), early)

    @cached_property
    def merits(self) -> Floats:
        """One number (n,) by which configurations are ordered, lower is better; see pareto.merits.

        NaN where an objective has not been shown, infinity where one has failed. What was shown in part is never
        compared: who is better in one objective may be worse in the others.
        """
        return pareto.merits(self.Y, self.limits)


def _measurable(losses: Floats) -> Floats:
    """The same with finite ones so far from the end of the floats that models may square and add them."""
    return np.where(np.isfinite(losses), np.clip(losses, -_HUGE, _HUGE), losses)


def durations(history: History) -> Floats:
    """The mean seconds (n,) that complete trials took, in the order of Evidence; NaN where none was timed."""
    complete = (trial.seconds if trial.state is TrialState.COMPLETE else 0.0 for trial in history.inside)
    seconds, group = np.array([each or np.nan for each in complete]), _configurations(history.points[0])
    return _mean_levels(seconds, group, int(group.max(initial=-1)) + 1)


def elapsed(history: History) -> float:
    """The seconds during which trials ran, however many at once."""
    runs = sorted((run.started, run.seconds or 0.0) for trial in history.trials for run in trial.runs)
    total, until = 0.0, -math.inf
    for started, seconds in runs:
        total += max(0.0, started + seconds - max(started, until))
        until = max(until, started + seconds)
    return total


def _curve(history: History, objective: Objective, trial: Trial) -> LossCurve:
    """That of the trial; where trials differ in length a step is the share of its own that it had finished then."""
    curve = history.curve(trial, objective)
    length = trial.params.get(history.length) if history.length is not None else None
    if not isinstance(length, int | float) or length <= 0:
        return curve
    return replace(curve, steps=np.round(curve.steps / length, _SHARE_DIGITS))


def _configurations(U: Floats) -> Integers:
    """Which configuration each of U (k, d) is, numbered in the order of their first."""
    rows: dict[bytes, int] = {}
    return np.array([rows.setdefault(u.tobytes(), len(rows)) for u in U], dtype=np.int64)


def _mean_levels(levels: Floats, group: Integers, n: int) -> Floats:
    """The mean of the levels of each of n groups. One that failed at times counts as it was when it did not."""
    known = levels < np.inf
    counts = np.bincount(group[known], minlength=n)
    with np.errstate(invalid="ignore"):  # 0 / 0: nothing known
        means = np.bincount(group[known], levels[known], minlength=n) / counts
    means[np.setdiff1d(group[levels == np.inf], group[known])] = np.inf
    return means


def _levels(trials: Sequence[Trial], objective: Objective, curve_of: CurveOf) -> Floats:
    """The loss of each trial at the highest step that enough of them share: NaN where pending, infinity where failed.

    A complete trial has come to every step. Those that have not come so far are placed by those that went further, the
    furthest first: a trial gets the level that is expected of its loss at its last step. So it is good or bad by
    comparison with others at equal steps, and never for having been stopped; and what the early steps said wrongly of
    those that went on counts for nobody.
    """
    losses = np.array([objective.loss_of(trial) for trial in trials])
    reach, failed = _reach(trials, losses, curve_of)
    levels = np.where(failed, np.inf, np.nan)
    if np.isnan(reach).all():
        return levels
    far = np.sort(reach[~np.isnan(reach)])[::-1]
    shared = float(far[:_ENOUGH][-1])
    leading = reach >= shared
    levels[leading] = losses[leading] if np.isinf(shared) else _at(trials, losses, leading, shared, curve_of)
    steps = _marked(np.unique(reach[reach < shared]))
    last = shared
    for step, column in zip(steps[::-1].tolist(), _losses_at(trials, steps, curve_of)[::-1], strict=True):
        beyond, here = (reach >= last) & np.isfinite(column) & np.isfinite(levels), (reach >= step) & (reach < last)
        if beyond.any():
            known = (column[here], column[beyond], levels[beyond])
            levels[here] = _expected(*(np.clip(each, -_HUGE, _HUGE) for each in known))
        last = step
    return levels


def _reach(trials: Sequence[Trial], losses: Floats, curve_of: CurveOf) -> tuple[Floats, Flags]:
    """The furthest step at which the loss of each trial is known, NaN where it is nowhere; and whether it failed.

    It failed where it ended without a number, or diverged. One whose records are damaged has shown nothing.
    """
    complete = np.array([trial.state is TrialState.COMPLETE for trial in trials], dtype=bool)
    crashed = np.array([trial.state is TrialState.FAILED and not trial.damaged for trial in trials], dtype=bool)
    reach = np.where(complete & ~np.isnan(losses), np.inf, np.nan)
    failed = crashed | (complete & np.isnan(losses))
    for i, trial in enumerate(trials):
        if trial.state in _PARTIAL:
            curve = curve_of(trial)
            if curve.diverged:
                failed[i] = trial.state is TrialState.PRUNED
            elif len(curve.steps):
                reach[i] = curve.steps[-1]
    return reach, failed


def _at(trials: Sequence[Trial], losses: Floats, leading: Flags, step: float, curve_of: CurveOf) -> list[float]:
    """The losses of the `leading` trials at a step that they have come to; that of its value where one has no curve."""
    found = (curve_of(trial).at(step, best=True) for trial in _those(trials, leading))
    return [float(loss) if at is None else at for at, loss in zip(found, losses[leading], strict=True)]


def _those(trials: Sequence[Trial], chosen: Flags) -> list[Trial]:
    return [trials[i] for i in np.flatnonzero(chosen).tolist()]


def _marked(steps: Floats) -> Floats:
    """At most so many of the steps, ascending, the first among them: what lies between two counts as at the lower."""
    if len(steps) <= _MOST_STEPS:
        return steps
    return np.asarray(steps[np.linspace(0, len(steps) - 1, _MOST_STEPS).astype(np.int64)])


def _losses_at(trials: Sequence[Trial], steps: Floats, curve_of: CurveOf) -> Floats:
    """The lowest loss of each of n trials until each of k steps, (k, n); NaN where it had reported none."""
    table = np.full((len(steps), len(trials)), np.nan)
    for i, trial in enumerate(trials if len(steps) else ()):
        curve = curve_of(trial)
        index = np.searchsorted(curve.steps, steps, side="right") - 1
        table[index >= 0, i] = curve.best[index[index >= 0]]
    return table


def _expected(losses: Floats, early: Floats, late: Floats) -> Floats:
    """The level (k,) that answers to each of `losses` (k,), from n trials that had the losses `early` (n,) and came to
    the levels `late` (n,), all finite.

    It is the least squares fit to `late` among all functions of `early` that do not fall: level for level where early
    and late order alike, the mean where early losses say nothing. Beyond `early` it goes on with the slope of the
    least squares line; above, where there are those that nobody gave a chance to show more, it is the worst level
    at least once it is as far above as `early` is wide. Tukey's fences bound it: below it stays at the lower one, above
    it comes ever closer to as far beyond the upper one as that is from the lower.
    """
    from scipy.optimize import isotonic_regression

    low, high = np.quantile(late, (0.25, 0.75))
    low, high = low - _FENCE * (high - low), high + _FENCE * (high - low)
    late = np.minimum(late, high)
    known, group, counts = np.unique(early, return_inverse=True, return_counts=True)
    levels = isotonic_regression(np.bincount(group, late) / counts, weights=counts).x
    spread = early - early.mean()
    variance = float(spread @ spread)
    slope = max(0.0, float(spread @ late) / variance) if variance > 0 else 1.0
    above, below = np.maximum(losses - known[-1], 0.0), np.maximum(known[0] - losses, 0.0)
    share = np.clip(above / (known[-1] - known[0]), 0.0, 1.0) if variance > 0 else np.sign(above)
    inside = np.interp(losses, known, levels)
    fallen = np.maximum(inside + slope * above, inside + share * (late.max() - levels[-1]))
    excess, room = np.maximum(fallen - high, 0.0), max(high - low, np.finfo(float).tiny)
    return np.asarray(np.maximum(np.minimum(fallen, high) - slope * below, low) + room * (excess / (excess + room)))
