"""What a pruner says of one trial beside others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from sweeprun.history import History
from sweeprun.objective import Goal
from sweeprun.pruners.base import Pruner, Verdict
from sweeprun.trials import Trial, TrialState

Judge = Callable[..., Verdict]


@pytest.fixture
def judge(make_trial: Callable[..., Trial], make_history: Callable[..., History]) -> Judge:
    """The verdict on a running trial that reported `own` at `steps`, beside those of `others`, which are complete."""

    def verdict(
        pruner: Pruner,
        own: Sequence[float],
        others: Sequence[Sequence[float]] = (),
        steps: Sequence[int] | None = None,
        goal: Goal = "minimize",
        state: TrialState = TrialState.COMPLETE,
    ) -> Verdict:
        trials = [make_trial(i, values, state=state) for i, values in enumerate(others)]
        trial = make_trial(len(trials), own, state=TrialState.RUNNING, steps=steps)
        return pruner.verdict(trial, make_history(trials, goal=goal))

    return verdict
