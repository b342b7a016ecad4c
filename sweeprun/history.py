"""The trials of a sweep as numbers: configurations already tried, curves of losses, where the others stood at a step.

Everything here is a loss: minimised, whatever the goal of the metric.

A History never changes. It computes what is asked for and keeps it; `advance` hands what still holds to the History
of the next moment, so that a verdict costs what has changed since the last one and not the whole sweep. The work is
recognised by the identity of a trial and of its `params` and `curve`: whoever reads the trials must return the same
objects for those that did not change. Histories that came from each other by `advance` are for one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sweeprun.configurations import Configuration, Keys, Points
from sweeprun.kept import AnyPart, Kept, Order
from sweeprun.objective import Goal, Objective
from sweeprun.space import Space
from sweeprun.trials import Curve, Trial, Trials, TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_ENDED = frozenset({TrialState.COMPLETE, TrialState.PRUNED})
_BEGUN = frozenset({TrialState.RUNNING, TrialState.PAUSED})


@dataclass(frozen=True, slots=True, eq=False)
class LossCurve:
    """The steps at which a trial reported a number, strictly increasing, its losses there, and the lowest so far.
    Where a step is a share of the trial, so are these.

    All three (k,). A step whose metric is missing or NaN is left out. `diverged`: the last report of all was NaN.
    """

    steps: Integers | Floats
    losses: Floats
    best: Floats
    diverged: bool

    def at(self, step: float, best: bool) -> float | None:
        """The loss of the last report at or before `step` (`best`: the lowest until there); None before the first."""
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        return float((self.best if best else self.losses)[index]) if index >= 0 else None


@dataclass
class _Memory:
    """What was computed and still holds, shared by successive histories. An entry of the first two is used only for the
    very object that it was made from."""

    configurations: dict[int, Configuration] = field(default_factory=dict)
    curves: dict[tuple[int, Objective], tuple[Curve, LossCurve]] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)


class History:
    """What samplers and pruners know. `trials[k]` is trial k: all of them, in any state, damaged ones too.

    `earlier` are the histories of earlier sweeps in this space with these objectives, each with numbers of its own.
    What they hold is part of nothing else here: it was not tried in this sweep. `length` is the parameter that says how
    many steps a trial has, where trials are compared at equal shares of their own length (Evidence).
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        trials: Sequence[Trial],
        *,
        earlier: Sequence[History] = (),
        length: str | None = None,
        _memory: _Memory | None = None,
    ):
        self.space = space
        self.objectives = tuple(objectives)
        self.trials = Trials(trials)
        self.earlier = tuple(earlier)
        self.length = length
        self._memory = _memory or _Memory()

    def advance(self, trials: Sequence[Trial]) -> History:
        """The history a moment later; work on trials that are the same objects is not done again."""
        earlier, length, memory = self.earlier, self.length, self._memory
        return History(self.space, self.objectives, trials, earlier=earlier, length=length, _memory=memory)

    @property
    def number(self) -> int:
        """The number of the next trial."""
        return len(self.trials)

    @property
    def keys(self) -> Mapping[str, int]:
        """The configurations of all trials, whatever became of them (Space.key), each with its first trial's number. Of
        use as long as this is the newest history."""
        return self.part("keys", lambda: Keys(lambda trial: found.key if (found := self._tried(trial)) else None))

    @property
    def n_tried(self) -> int:
        """How many of the configurations of a finite space have been tried; all `size` of them exhaust it."""

        def listed(trial: Trial) -> str | None:
            found = self._tried(trial)
            return found.key if found is not None and found.listed else None

        return len(self.part("listed", lambda: Keys(listed)))

    @property
    def inside(self) -> tuple[Trial, ...]:
        """The trials that are points of the space, by number; an edited space may hold only some."""
        return tuple(map(self.trials.__getitem__, self._points.numbers))

    @property
    def points(self) -> tuple[Floats, Flags]:
        """Where the trials `inside` are: `U (n, d)` in the unit cube, and which coordinates are active, (n, d)."""
        return self._points.rows

    def part(self, key: Hashable, make: Callable[[], AnyPart]) -> AnyPart:
        """What is worked out of the trials one by one, see Kept.part: use it before anything else is asked."""
        self._memory.kept.move(self.trials)
        return self._memory.kept.part(key, make)

    def order(self, key: Hashable, value_of: Callable[[Trial], float | None]) -> Order:
        """The trials in the order of a value that depends on `key` and the trial alone; None: left out."""
        return self.part(key, lambda: Order(value_of))

    def metric(self, name: str | None = None, goal: Goal | None = None) -> Objective:
        """`name` with its direction: `goal`, else that of the objective so named, else minimize, as in a sweep file.

        Without a name it is the first objective.
        """
        first = self.objectives[0]
        declared = first if name is None else next((each for each in self.objectives if each.name == name), None)
        return Objective(name or first.name, goal or (declared.goal if declared else "minimize"))

    def loss(self, trial: Trial) -> float:
        """The loss of the first objective; NaN where the trial has none."""
        return self.objectives[0].loss_of(trial)

    def curve(self, trial: Trial, metric: Objective) -> LossCurve:
        """The losses of `metric` over the steps of the trial."""
        known = self._memory.curves.get((trial.number, metric))
        if known is None or known[0] is not trial.curve:
            known = trial.curve, _loss_curve(trial.curve, metric)
            self._memory.curves[trial.number, metric] = known
        return known[1]

    def others(self, trial: Trial, metric: Objective, step: int, best: bool) -> Floats:
        """The losses at `step` of all trials but this one, ascending: what `trial` is judged by.

        A trial counts with its last report at or before the step once it has come that far; one that was pruned or
        is complete counts with its last one for ever. Failed and waiting trials are no evidence.
        """
        ended = self._ended_levels(metric, step, best)
        own, levels = ended.value(trial.number), np.array(ended.values, dtype=np.float64)
        if own is not None:
            levels = np.delete(levels, np.searchsorted(levels, own))
        underway = [
            level
            for number in self.order("underway", lambda each: 0.0 if each.state in _BEGUN else None).numbers
            if number != trial.number and (level := self._reached(self.trials[number], metric, step, best)) is not None
        ]
        return np.sort(np.concatenate([levels, np.array(underway, dtype=np.float64)]))

    def arrival(self, trial: Trial, metric: Objective, step: int, best: bool) -> float | None:
        """The loss of a trial that has come to `step`: of its last report at or before it, the first one of that step
        (`best`: the lowest until then), or where there is none before, of the first one beyond. None where it has not
        come so far, or diverged before."""
        curve = self.curve(trial, metric)
        stands = trial.last_step >= step and trial.state is not TrialState.RUNNING and not curve.diverged
        if not len(curve.steps) or not (curve.steps[-1] >= step or stands):
            return None
        index = max(int(np.searchsorted(curve.steps, step, side="right")) - 1, 0)
        reached = int(curve.steps[index])
        value = trial.curve.firsts.get(metric.name, {}).get(reached)
        loss = float(curve.losses[index]) if value is None else metric.loss(value)
        return min(loss, float(curve.best[index - 1])) if best and index > 0 else loss

    @property
    def _points(self) -> Points:
        def point_of(trial: Trial) -> tuple[Floats, Flags] | None:
            found = self._tried(trial)
            return found.point if found is not None else None

        return self.part("points", lambda: Points(point_of, len(self.space.parameters)))

    def _tried(self, trial: Trial) -> Configuration | None:
        """What a trial is in this space; None where its parameters cannot be read."""
        return self._configuration(trial) if trial.params or not trial.damaged else None

    def _configuration(self, trial: Trial) -> Configuration:
        known = self._memory.configurations.get(trial.number)
        if known is None or known.params is not trial.params:
            known = Configuration(self.space, trial.params)
            self._memory.configurations[trial.number] = known
        return known

    def _reached(self, trial: Trial, metric: Objective, step: int, best: bool) -> float | None:
        curve = self.curve(trial, metric)
        return curve.at(step, best) if len(curve.steps) and curve.steps[-1] >= step else None

    def _ended_levels(self, metric: Objective, step: int, best: bool) -> Order:
        def level(trial: Trial) -> float | None:
            return self.curve(trial, metric).at(step, best) if trial.state in _ENDED else None

        return self.order(("ended", metric, step, best), level)


def _loss_curve(curve: Curve, metric: Objective) -> LossCurve:
    column = curve.values.get(metric.name)
    if column is None or not curve.steps:
        return LossCurve(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0), diverged=False)
    values = np.array(column, dtype=np.float64)
    reported = ~np.isnan(values)
    losses = np.array([metric.loss(value) for value in values[reported]], dtype=np.float64)
    # A step at which another metric has a number and this one NaN is one where it was not reported.
    diverged = all(np.isnan(other[-1]) for other in curve.values.values())
    steps = np.array(curve.steps, dtype=np.int64)[reported]
    return LossCurve(steps, losses, np.minimum.accumulate(losses), diverged)
