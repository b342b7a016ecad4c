"""The sweep as one worker knows it: everybody's trials, its own as fresh as what they report."""

from __future__ import annotations

from collections.abc import Mapping

from sweeprun.history import History
from sweeprun.run.followed import Followed
from sweeprun.run.live import Live
from sweeprun.run.plan import Plan
from sweeprun.store.sweep import Sweep
from sweeprun.trials import OPEN, Trial, TrialState


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
        trials, lost = self._sweep.trials(), []
        for live in own.values():
            current = trials[live.record.number]
            if live.owned and (current.worker != self._worker or current.n != live.record.n):
                lost.append(live)
            elif live.owned:
                trials[live.record.number] = live.trial
        if self._plan.needs_curves:
            others = [t for t in trials if t.state is TrialState.RUNNING and t.number not in own]
            for number, trial in self._followed.read(others, self._plan.reporting.first_step(trials)).items():
                trials[number] = trial
        if tuple(trials) != self.history.trials:  # most turns of the loop bring nothing new
            self._take_in(self.history.advance(trials))
        return lost

    def note(self, trial: Trial) -> None:
        """Have the history know at once what a trial of our own has reported."""
        trials = list(self.history.trials)
        trials[trial.number] = trial
        self.history = self.history.advance(trials)

    def _take_in(self, history: History) -> None:
        self.history = history
        self.underway = tuple(trial for trial in history.trials if trial.state in OPEN)
