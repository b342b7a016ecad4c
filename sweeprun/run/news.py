"""What became of trials, as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sweeprun.history import History
from sweeprun.run.budget import Reached
from sweeprun.run.events import Event, EventName
from sweeprun.run.ledger import Settled
from sweeprun.trials import Trial, TrialState

EVENT_OF: Mapping[TrialState, EventName] = {
    TrialState.COMPLETE: "trial_completed",
    TrialState.PRUNED: "trial_pruned",
    TrialState.FAILED: "trial_failed",
    TrialState.PAUSED: "trial_paused",
    TrialState.WAITING: "trial_waiting",
}


class News:
    """Tells what the record has, and which of it is the best of the whole sweep so far."""

    def __init__(self) -> None:
        self._best = float("inf")
        self._halt = ""

    def halting(self, halt: Reached | None) -> Iterator[Event]:
        """Says once why the work ends before its time; that all trials are begun is no news."""
        why = halt.why if halt is not None and halt.key != "trials" else ""
        if why != self._halt:
            self._halt = why
            if why:
                yield Event("notice", said={"text": why})

    def told(self, settled: Iterable[Settled], history: History) -> Iterator[Event]:
        """`history` need not have what was settled yet."""
        for one in settled:
            if not one.kept:
                yield lost_to_another(one.trial)
                continue
            yield Event(EVENT_OF[one.trial.state], one.trial, {"reason": one.outcome.reason})
            if one.trial.state is TrialState.COMPLETE and self._leads(one.trial, history):
                yield Event("best_changed", one.trial, {"values": dict(one.trial.values)})

    def _leads(self, trial: Trial, history: History) -> bool:
        others = (t for t in history.trials if t.state is TrialState.COMPLETE and t.number != trial.number)
        losses = (history.loss(other) for other in others)
        self._best = min((loss for loss in losses if loss < self._best), default=self._best)
        leads = history.loss(trial) < self._best
        if leads:
            self._best = history.loss(trial)
        return leads


def lost_to_another(trial: Trial) -> Event:
    return Event("notice", trial, {"text": f"trial {trial.number} belongs to another worker now"})
