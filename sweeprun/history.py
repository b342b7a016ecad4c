"""The trials of a sweep as numbers: configurations already tried, curves of losses, where the others stood at a step.

Everything here is a loss: minimised, whatever the goal of the metric.

A History never changes. It computes what is asked for and keeps it; `advance` hands what still holds to the History
of the next moment, so that a verdict costs what has changed since the last one and not the whole sweep. The work is
recognised by the identity of a trial's `params` and `curve`: whoever reads the trials must return the same objects
for those that did not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sweeprun.objective import Goal, Objective
from sweeprun.space import Space
from sweeprun.trials import Curve, Params, Trial, TrialState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_ENDED = frozenset({TrialState.COMPLETE, TrialState.PRUNED})
_UNDERWAY = frozenset({TrialState.RUNNING, TrialState.PAUSED})


@dataclass(frozen=True, slots=True, eq=False)
class LossCurve:
    """The steps at which a trial reported a number, strictly increasing, its losses there, and the lowest so far.

    All three (k,). A step whose metric is missing or NaN is left out. `diverged`: the last report of all was NaN.
    """

    steps: Integers
    losses: Floats
    best: Floats
    diverged: bool

    def at(self, step: int, best: bool) -> float | None:
        """The loss of the last report at or before `step` (`best`: the lowest until there); None before the first."""
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        return float((self.best if best else self.losses)[index]) if index >= 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class _Configuration:
    """`point` is what Space.encode gives; None where the space does not hold these parameters.

    `listed`: it is one of those that a finite space counts; an edited space may hold `params` and yet deliver others.
    """

    params: Params
    key: str
    point: tuple[Floats, Flags] | None
    listed: bool


@dataclass
class _Memory:
    """What was computed and still holds. The first two are shared by successive histories: an entry is used only for
    the very object that it was made from. `levels[metric, best, step]` are the sorted losses there of the first k of
    `ended`; a following history owns copies, whose `ended` begin with these."""

    configurations: dict[int, _Configuration] = field(default_factory=dict)
    curves: dict[tuple[int, Objective], tuple[Curve, LossCurve]] = field(default_factory=dict)
    ended: list[Trial] = field(default_factory=list)
    levels: dict[tuple[Objective, bool, int], tuple[int, Floats]] = field(default_factory=dict)

    def following(self, trials: Sequence[Trial]) -> _Memory:
        """The same for a later moment, whose trials are `trials` by number."""
        kept = [trial for trial in self.ended if trial.number < len(trials) and trials[trial.number] is trial]
        if len(kept) < len(self.ended):
            return _Memory(self.configurations, self.curves, [t for t in trials if t.state in _ENDED])
        known = {trial.number for trial in kept}
        kept += [trial for trial in trials if trial.state in _ENDED and trial.number not in known]
        return _Memory(self.configurations, self.curves, kept, dict(self.levels))


class History:
    """What samplers and pruners know. `trials[k]` is trial k: all of them, in any state, damaged ones too.

    `earlier` are the histories of earlier sweeps in this space with these objectives, each with numbers of its own.
    What they hold is part of nothing else here: it was not tried in this sweep.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        trials: Sequence[Trial],
        *,
        earlier: Sequence[History] = (),
        _memory: _Memory | None = None,
    ):
        self.space = space
        self.objectives = tuple(objectives)
        self.trials = tuple(trials)
        self.earlier = tuple(earlier)
        self._memory = _memory or _Memory().following(self.trials)

    def advance(self, trials: Sequence[Trial]) -> History:
        """The history a moment later; work on trials that are the same objects is not done again."""
        memory = self._memory.following(trials)
        return History(self.space, self.objectives, trials, earlier=self.earlier, _memory=memory)

    @property
    def number(self) -> int:
        """The number of the next trial."""
        return len(self.trials)

    @cached_property
    def keys(self) -> Mapping[str, int]:
        """The configurations of all trials, whatever became of them (Space.key), each with its first trial's number."""
        first: dict[str, int] = {}
        for trial, found in self._tried:
            first.setdefault(found.key, trial.number)
        return first

    @cached_property
    def n_tried(self) -> int:
        """How many of the configurations of a finite space have been tried; all `size` of them exhaust it."""
        return len({found.key for _, found in self._tried if found.listed})

    @cached_property
    def inside(self) -> tuple[Trial, ...]:
        """The trials that are points of the space, by number; an edited space may hold only some."""
        return tuple(trial for trial, found in self._tried if found.point is not None)

    @cached_property
    def points(self) -> tuple[Floats, Flags]:
        """Where the trials `inside` are: `U (n, d)` in the unit cube, and which coordinates are active, (n, d)."""
        points = [found.point for _, found in self._tried if found.point is not None]
        shape = len(points), len(self.space.parameters)
        U = np.array([u for u, _ in points], dtype=np.float64).reshape(shape)
        return U, np.array([active for _, active in points], dtype=np.bool_).reshape(shape)

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
        own = self.trials[trial.number] if trial.number < len(self.trials) else trial
        if own.state in _ENDED and (level := self.curve(own, metric).at(step, best)) is not None:
            ended = np.delete(ended, np.searchsorted(ended, level))
        underway = [
            level
            for other in self._underway
            if other.number != trial.number and (level := self._reached(other, metric, step, best)) is not None
        ]
        return np.sort(np.concatenate([ended, np.array(underway, dtype=np.float64)]))

    def arrival(self, trial: Trial, metric: Objective, step: int, best: bool) -> float | None:
        """The loss with which the trial first came to `step`, or went beyond (`best`: the lowest until then); None
        where it has not come so far."""
        curve = self.curve(trial, metric)
        index = int(np.searchsorted(curve.steps, step))
        if index == len(curve.steps):
            return None
        reached = int(curve.steps[index])
        value = trial.curve.firsts.get(metric.name, {}).get(reached)
        loss = float(curve.losses[index]) if value is None else metric.loss(value)
        return min(loss, float(curve.best[index - 1])) if best and index > 0 else loss

    @cached_property
    def _tried(self) -> tuple[tuple[Trial, _Configuration], ...]:
        """The trials whose parameters could be read, with what they are in this space."""
        return tuple((trial, self._configuration(trial)) for trial in self.trials if trial.params or not trial.damaged)

    @cached_property
    def _underway(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.state in _UNDERWAY)

    def _configuration(self, trial: Trial) -> _Configuration:
        known = self._memory.configurations.get(trial.number)
        if known is None or known.params is not trial.params:
            known = _configuration(self.space, trial.params)
            self._memory.configurations[trial.number] = known
        return known

    def _reached(self, trial: Trial, metric: Objective, step: int, best: bool) -> float | None:
        curve = self.curve(trial, metric)
        return curve.at(step, best) if len(curve.steps) and curve.steps[-1] >= step else None

    def _ended_levels(self, metric: Objective, step: int, best: bool) -> Floats:
        memory, key = self._memory, (metric, best, step)
        n_known, levels = memory.levels.get(key, (0, np.empty(0)))
        if n_known < len(memory.ended):
            new = (self.curve(trial, metric).at(step, best) for trial in memory.ended[n_known:])
            levels = np.sort(np.concatenate([levels, [level for level in new if level is not None]]))
            memory.levels[key] = len(memory.ended), levels
        return levels


def _configuration(space: Space, params: Params) -> _Configuration:
    key, point = space.key(params), space.encode(params)
    listed = (
        point is not None
        and space.continuous is None
        and space.satisfies(params)
        and space.key(space.decode(point[0])) == key
    )
    return _Configuration(params, key, point, listed)


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
