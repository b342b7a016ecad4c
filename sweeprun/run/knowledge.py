"""The sweep as one worker knows it: everybody's trials, its own as fresh as what they report."""

from __future__ import annotations

from collections.abc import Mapping

from sweeprun.history import History
from sweeprun.run.followed import Followed
from sweeprun.run.live import Live
from sweeprun.run.plan import Plan
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState


class Knowledge:
    """What `worker`, named by its uuid, goes by under one `plan`. `underway` are the trials that wait or run."""

    history: History
    underway: tuple[Trial, ...]

    def __init__(self, sweep: Sweep, plan: Plan, worker: str):
        self._sweep, self._plan, self._worker = sweep, plan, worker
        self._followed = Followed(sweep.layout, plan.reporting)
        self._take_in(plan.history(sweep.trials()))

    def changed_plan(self) -> Plan | None:
        """The plan with the changes that others have made since; None where they made none."""
        return Plan.load(self._sweep) if len(self._sweep.edits) > self._plan.n_edits else None

    def refresh(self, own: Mapping[int, Live]) -> list[Live]:
        """Take in what others did, and how far the trials of our `own` are. Returns those of them that have become
        somebody else's."""
        trials, known = self._sweep.trials(), self.history.trials
        fresh: dict[int, Trial] = {}
        lost = []
        for live in own.values():
            current = trials[live.record.number]
            if live.owned and (current.worker != self._worker or current.n != live.record.n):
                lost.append(live)
            elif live.owned:
                fresh[live.record.number] = live.trial
        if self._plan.needs_curves:
            others = [t for t in trials.open if t.state is TrialState.RUNNING and t.number not in own]
            fresh |= self._followed.read(others, self._plan.reporting.first_step(trials))
        for number, trial in fresh.items():
            if number < len(known) and trial == known[number]:
                fresh[number] = known[number]
        trials = trials.updated(fresh)
        if any(True for _ in trials.changed_since(known)):  # most turns of the loop bring nothing new
            self._take_in(self.history.advance(trials))
        return lost

    def note(self, trial: Trial) -> None:
        """Have the history know at once what a trial of our own has reported."""
        self.history = self.history.advance(self.history.trials.updated({trial.number: trial}))

    def _take_in(self, history: History) -> None:
        self.history = history
        self.underway = tuple(history.trials.open)
