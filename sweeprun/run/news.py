"""What became of trials, as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sweeprun.history import History
from sweeprun.run.budget import Reached
from sweeprun.run.events import Event, EventName
from sweeprun.run.ledger import Settled
from sweeprun.run.outcome import Outcome
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
        self._noted: dict[str, str] = {}

    def noted(self, about: str, text: str | None) -> Iterator[Event]:
        """Says what there is to say `about` one thing, once, until that changes; None: nothing."""
        if text is not None and text != self._noted.get(about):
            yield Event("notice", said={"text": text})
        self._noted[about] = text or ""

    def halting(self, halt: Reached | None) -> Iterator[Event]:
        """Says why running trials will be the last; that all are begun is no news."""
        return self.noted("halt", halt.why if halt is not None and halt.key != "trials" else None)

    def told(self, settled: Iterable[Settled], history: History) -> Iterator[Event]:
        """`history` need not have what was settled yet."""
        for one in settled:
            if not one.kept:
                yield lost_to_another(one.trial)
                continue
            yield Event(EVENT_OF[one.trial.state], one.trial, _said(one.outcome))
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


def _said(outcome: Outcome) -> dict[str, str]:
    said = {"why": outcome.why}
    return said if outcome.reason is None else said | {"reason": outcome.reason.value}
