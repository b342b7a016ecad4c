"""Configurations that are run before the search begins: those that the sweep file lists.

Nothing is queued. Which of them is next follows from the trials there are, so each is run once, however many workers
ask, crash or come later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sweeprun.history import History
from sweeprun.space import filled
from sweeprun.trials import Json, Params, Suggestion

FIRST = "first"
_TRIES = 100  # draws of what is left open, for a configuration that no trial has


@dataclass(frozen=True, slots=True)
class Given:
    """A configuration, whole or in part, and the notes of the trial that runs it: by these it is known again."""

    params: Params
    notes: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def listed(cls, params: Params) -> Given:
        """One of `warm_start.first`."""
        return cls(params, {"given": params})


def next_given(given: Sequence[Given], history: History, rng: np.random.Generator) -> Suggestion | None:
    """The first of `given` that has not been run, with what it leaves open drawn; None: all of them have been.

    One that is whole and that any trial has is not run again, nor is one in part that cannot be filled in anew.
    """
    key = history.space.key
    run = {key(trial.notes["given"]) for trial in history.trials if trial.origin == FIRST and "given" in trial.notes}
    for each in given:
        if key(each.params) in run or key(each.params) in history.keys:
            continue
        params = _untried(each.params, history, rng)
        if params is not None:
            return Suggestion(params, notes=each.notes, origin=FIRST)
    return None


def _untried(given: Params, history: History, rng: np.random.Generator) -> Params | None:
    for _ in range(_TRIES):
        params = filled(history.space, given, rng)
        if history.space.key(params) not in history.keys:
            return params
    return None
