"""The rungs that trials come to, and trainings that are made up to bring them there."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweeprun.executors.simulated import Training
from sweeprun.pruners._rungs import Ladder, length_of
from sweeprun.run.fidelity import Fidelity
from sweeprun.run.plan import Plan
from sweeprun.space.identity import identity
from sweeprun.trials import Json, Params, Trial

METRIC = "loss"  # of the made-up trainings
_PACE = 0.3  # the deviation of the logarithm of how long a step takes


@dataclass(frozen=True, slots=True)
class Course:
    """How far the trials of a sweep go at a time. `per_round` trials fill all rungs once, 1 in a population.
    `restarts`: a trial that goes on begins again."""

    ladder: Ladder
    per_round: int
    fidelity: Fidelity | None
    restarts: bool

    @classmethod
    def of(cls, plan: Plan, resumes: Json) -> Course | None:
        """That of a plan; None where neither pruner nor algorithm says at which steps trials are judged. `resumes`
        is what the sweep file says."""
        if (rules := getattr(plan.sampler, "rules", None)) is not None:
            return cls(Ladder(None, None, None, rules.stops, 2), 1, None, False)
        pruner: Any = plan.pruner
        ladder = getattr(pruner, "ladder", None)
        if ladder is None or ladder.endless:
            return None
        pauses = getattr(pruner, "mode", "promote") == "promote"
        return cls(ladder, pruner.trials_per_round, plan.fidelity, pauses and resumes is False)

    @property
    def heights(self) -> Sequence[Json]:
        """Where the rungs are: steps, shares of a trial's own length, or levels of fidelity."""
        if self.fidelity is not None:
            return self.fidelity.levels
        heights = self.ladder.heights
        return heights if self.ladder.length is not None else [round(height) for height in heights]

    def end(self, params: Params) -> int:
        """How many steps a trial has that nobody stops; a level of fidelity is one."""
        if self.ladder.length is not None:
            return round(length_of(params, self.ladder.length))
        return self._stops(params)[-1]

    def climbed(self, trial: Trial) -> Iterator[tuple[int, int]]:
        """The rungs that a trial has come to, from 0 on, each with the steps that it took for it."""
        stops, before = self._stops(trial.params), trial.from_step
        first = trial.notes.get("bracket", next((k for k, step in enumerate(stops) if step > before), len(stops)))
        for k in range(first, len(stops)):
            if trial.last_step < stops[k]:
                return
            yield k, stops[k] - (0 if self.restarts else before)
            before = stops[k]

    def training(self, params: Params) -> Training:
        """A loss that falls to a floor, all at the configuration's own speed and pace; reported at the rungs alone."""
        own = {name: value for name, value in params.items() if self.fidelity is None or name != self.fidelity.name}
        rng = np.random.default_rng(zlib.crc32(identity(own).encode()))
        floor, speed, pace = rng.random(), rng.uniform(1.0, 10.0), float(np.exp(_PACE * rng.standard_normal()))
        if self.fidelity is not None:
            share = (1 + self.fidelity.levels.index(params[self.fidelity.name])) / len(self.fidelity.levels)
            return Training(1, share * pace, lambda step: {METRIC: floor + math.exp(-speed * share)})
        end = self.end(params)
        return Training(end, pace, lambda step: {METRIC: floor + math.exp(-speed * step / end)}, self._stops(params))

    def _stops(self, params: Params) -> tuple[int, ...]:
        """The rungs of a trial, none beyond its end."""
        steps = self.ladder.steps(params)
        if self.ladder.length is None:
            return steps
        end = round(length_of(params, self.ladder.length))
        return tuple(min(step, end) for step in steps)
