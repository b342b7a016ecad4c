"""The next suggestion, worked out while the program whose slot it gets still leaves."""

from __future__ import annotations

import time
from collections.abc import Callable

from sweeprun.history import History
from sweeprun.run.plan import Plan
from sweeprun.trials import Suggestion, Trial, Trials

WORTH_S = 0.02  # a suggestion that takes less is not worked out ahead


class Foresight:
    """Suggests what `plan` suggests, and may have known it before."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.perf_counter):
        self._plan, self._clock = plan, clock
        self._took_s = 0.0
        self._expected: Trials | None = None
        self._suggestion: Suggestion | None = None

    @property
    def worth(self) -> bool:
        """Whether a suggestion takes long enough, and can be known before."""
        return self._took_s >= WORTH_S and not self._plan.sampler.times

    def look(self, history: History) -> None:
        """Work out what to suggest where things come to stand like this."""
        if not self._foresaw(history.trials):
            self._expected, self._suggestion = history.trials, self._worked_out(history)

    def suggest(self, history: History) -> Suggestion | None:
        """As Plan.suggest: what was worked out before, if all that it depends on has come to be so."""
        return self._suggestion if self._foresaw(history.trials) else self._worked_out(history)

    def _worked_out(self, history: History) -> Suggestion | None:
        began = self._clock()
        suggestion = self._plan.suggest(history)
        self._took_s = self._clock() - began
        return suggestion

    def _foresaw(self, trials: Trials) -> bool:
        expected = self._expected
        if expected is None or len(expected) != len(trials):
            return False
        changed = trials.changed_since(expected)
        return all(_evidence(trials[number]) == _evidence(expected[number]) for number in changed)


def _evidence(trial: Trial) -> Trial:
    """The trial without what no algorithm looks at: who ran it, when, how often and why."""
    said = trial._replace(reason=None, why="", created=0.0, changed=0.0)
    return said._replace(worker="", n=0, run=0, runs=(), deaths=0, retries=0, preemptions=0)
