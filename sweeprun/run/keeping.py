"""Which checkpoints are kept, and which go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain

from sweeprun.front import Front, excess
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.pruners.base import Pruner
from sweeprun.run.outcome import Outcome
from sweeprun.store import checkpoints
from sweeprun.store.layout import Layout
from sweeprun.trials import MEMBER, Trial, TrialState


@dataclass(frozen=True, slots=True)
class Keep:
    """What the section `checkpoints` of a sweep file says: whose are kept, with `best` of how many, and the most bytes
    that all together may take; None: any. `paused`: those of paused trials are kept even so, as each of them goes on,
    or is what others go on from."""

    whose: str = "all"
    top: int = 1
    max_bytes: int | None = None
    paused: bool = False


def dispensable(keep: Keep, history: History) -> list[Trial]:
    """The trials that have ended and whose checkpoints nobody is to keep."""
    if keep.whose == "all":
        return []
    kept: set[int] = set()
    if keep.whose == "best":
        kept = {trial.number for trial in _best(history)[: keep.top]} | _on_front(history)
    return [trial for trial in history.trials if trial.state.final and trial.number not in kept]


def by_worth(history: History, judged_by: Objective) -> list[Trial]:
    """The trials that do not run, those whose checkpoints are worth least first: what has ended before what is paused,
    complete trials after the others, of each kind the worst first, of paused ones those of the lowest rung and the
    worst in `judged_by`, the metric that decides who is promoted."""
    idle = [each for each in history.trials if each.state.final or each.state is TrialState.PAUSED]
    place = {trial.number: i for i, trial in enumerate(_best(history))}
    first = history.objectives[0]

    def worth(trial: Trial) -> tuple[float, ...]:
        if trial.state is TrialState.PAUSED:
            rung = trial.until or 0
            loss = history.arrival(trial, judged_by, rung, best=True)
            return True, False, rung, -math.inf if loss is None else -loss, -trial.number
        complete = trial.state is TrialState.COMPLETE
        behind = place[trial.number] if complete else _loss(first, trial)
        return False, complete, 0, -behind, -trial.number

    return sorted(idle, key=worth)


def unsaved(layout: Layout, trial: Trial, outcome: Outcome) -> str | None:
    """What there is to say of a trial that pauses and from which nobody can go on."""
    if outcome.state is not TrialState.PAUSED or not checkpoints.is_empty(layout, trial):
        return None
    paused = "trials pause and leave nothing in SWEEPRUN_CHECKPOINT"
    if MEMBER in trial.notes:
        return (
            f"{paused}: who goes on begins again at its first step, and who would be a copy of a better one does too"
            " (a population needs a program that saves there before it reports a step, and goes on from what it finds)"
        )
    return (
        f"{paused}: who is promoted begins again at its first step"
        " (resumes: false says that the program cannot go on; asha then stops trials and pauses none)"
    )


class Keeping:
    """Lets go what is not kept, for one worker. `keep` goes by the sweep file, as `pruner` does, who promotes."""

    def __init__(self, layout: Layout, keep: Keep, pruner: Pruner):
        self._layout, self._keep, self._pruner = layout, keep, pruner
        self._gone: set[tuple[int, int]] = set()  # trial and run
        self._sizes: dict[tuple[int, int], int] = {}

    def tidy(self, history: History) -> None:
        """Discard what need not be kept, then, as long as all take more than they may, what is worth least."""
        for trial in dispensable(self._keep, history):
            self._discard(trial)
        if self._keep.max_bytes is None:
            return
        total = sum(map(self._n_bytes, history.trials))
        judged_by = self._pruner.judged_by(history)
        for trial in by_worth(history, judged_by):
            if total <= self._keep.max_bytes or (self._keep.paused and not trial.state.final):
                return
            total -= self._n_bytes(trial)
            self._discard(trial)

    def _discard(self, trial: Trial) -> None:
        key = trial.number, trial.run
        if key not in self._gone:
            self._gone.add(key)
            checkpoints.discard(self._layout, trial)

    def _n_bytes(self, trial: Trial) -> int:
        """Its size. That of one that does not run stays what it is."""
        key = trial.number, trial.run
        if key in self._gone:
            return 0
        if trial.state is TrialState.RUNNING:
            return checkpoints.n_bytes(self._layout, trial)
        if key not in self._sizes:
            self._sizes[key] = checkpoints.n_bytes(self._layout, trial)
        return self._sizes[key]


def _best(history: History) -> list[Trial]:
    """The complete trials, the best first."""
    complete = [trial for trial in history.trials if trial.state is TrialState.COMPLETE]
    first = history.objectives[0]
    return sorted(complete, key=lambda trial: (excess(history.objectives, trial), _loss(first, trial), trial.number))


def _on_front(history: History) -> set[int]:
    """With several objectives the front is what is best."""
    if len(history.objectives) == 1:
        return set()
    return set(chain.from_iterable(Front(history.objectives, _best(history)).members.values()))


def _loss(objective: Objective, trial: Trial) -> float:
    """The worst there is where it has none."""
    loss = objective.loss_of(trial)
    return math.inf if math.isnan(loss) else loss
