"""Rungs: the steps at which trials wait and are compared, and who of those that wait goes on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.trials import Trial, TrialState

LEAST_FIRST = 3  # a first rung below says next to nothing about the end
FIRST_SHARE = 1 / 17  # of the whole way: the first rung where nothing else is said
HIGHEST_BUT_ONE = 0.7  # of the whole way: a rung beyond it saves next to nothing


def rungs(first: float, last: float, eta: int) -> tuple[float, ...]:
    """`first` and its multiples by powers of `eta`, those near or beyond `last` replaced by it."""
    found = []
    while first <= HIGHEST_BUT_ONE * last:
        found.append(first)
        first *= eta
    return (*found, last)


@dataclass(frozen=True, slots=True)
class Rung:
    """What is known of one rung: how many trials have come to it, or failed on the way (`n`), how many of them were let
    go on, and those that wait there, the best first, with their losses."""

    n: int
    n_promoted: int
    waiting: Sequence[tuple[float, Trial]]

    def promotable(self, eta: int) -> tuple[float, Trial] | None:
        """The best of those that wait, while fewer than one in `eta` of all were let go on."""
        if self.n_promoted >= self.n // eta or not self.waiting:
            return None
        loss, trial = self.waiting[0]
        return (loss, trial) if math.isfinite(loss) else None


def rung(steps: Iterable[tuple[Trial, int]], history: History, metric: Objective, best: bool) -> Rung:
    """The rung that lies at that many steps of each trial. Losses are those with which trials first came to it."""
    n = n_promoted = 0
    waiting = []
    for trial, step in steps:
        if trial.until is None or trial.until < step or trial.damaged:
            continue
        if trial.until > step:
            n, n_promoted = n + 1, n_promoted + 1
        elif trial.state is TrialState.PAUSED:
            loss = history.arrival(trial, metric, step, best)
            waiting.append((math.inf if loss is None else loss, trial))
            n += 1
        elif trial.state.final:
            n += 1
    waiting.sort(key=lambda each: (each[0], each[1].number))
    return Rung(n, n_promoted, waiting)
