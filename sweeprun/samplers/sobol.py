"""Quasi-random search."""

from __future__ import annotations

from typing import final

import numpy as np
from pydantic import Field

from sweeprun.history import History
from sweeprun.samplers._untried import find_rare, is_new
from sweeprun.samplers.base import Sampler
from sweeprun.trials import Suggestion

_SKIPPED = 1000  # points that constraints or earlier trials rule out before the sequence is given up


@final
class SobolSampler(Sampler):
    """A scrambled Sobol sequence: covers the space more evenly than random draws, at any number of workers.

    All coordinates, branches too, are one sequence, so branches get their share. Points that break a constraint, and in
    a finite space those that repeat a configuration, are skipped.

    Paper: Owen 1998, Scrambling Sobol' and Niederreiter-Xing points; through scipy.stats.qmc.

        algorithm: sobol
    """

    seed: int = Field(default=0, ge=0, description="of the scrambling; the sweep's own where it is left out")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        from scipy.stats import qmc

        space = history.space
        start = _next_point(history)
        sequence = qmc.Sobol(len(space.parameters), seed=self.seed)
        if start:  # fast_forward(0) is an overflow in scipy
            sequence.fast_forward(start)
        for point in range(start, start + _SKIPPED):
            params = space.decode(sequence.random()[0])
            if is_new(params, history):
                return Suggestion(params, notes={"point": point})
        rare = find_rare(history, rng)
        return Suggestion(rare, notes={"point": start + _SKIPPED - 1}) if rare is not None else None


def _next_point(history: History) -> int:
    points = [trial.notes["point"] for trial in history.trials if isinstance(trial.notes.get("point"), int)]
    return max(points, default=-1) + 1
