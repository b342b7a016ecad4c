"""No pruning."""

from __future__ import annotations

from typing import final

from sweeprun.history import History
from sweeprun.pruners.base import Action, Pruner, Verdict
from sweeprun.trials import Trial


@final
class NonePruner(Pruner):
    """Every trial runs to its end: the default, and the baseline for the others.

    pruner: none
    """

    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        return Verdict(Action.CONTINUE, "nothing is pruned")
