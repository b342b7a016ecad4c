"""What became of trials, as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sweeprun.front import Front
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.run.budget import Reached
from sweeprun.run.events import Event, EventName
from sweeprun.run.ledger import Settled
from sweeprun.run.outcome import Outcome
from sweeprun.trials import Trial, Trials, TrialState

EVENT_OF: Mapping[TrialState, EventName] = {
    TrialState.COMPLETE: "trial_completed",
    TrialState.PRUNED: "trial_pruned",
    TrialState.FAILED: "trial_failed",
    TrialState.PAUSED: "trial_paused",
    TrialState.WAITING: "trial_waiting",
}


class News:
    """Tells what the record has, and which of it is the best of the whole sweep so far, or on its front."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._front = Front(objectives)
        self._known: set[int] = set()  # the complete trials that the front has seen
        self._seen = Trials()
        self._noted: dict[str, str] = {}

    def noted(self, about: str, text: str | None) -> Iterator[Event]:
        """Says what there is to say `about` one thing, once, until that changes; None: nothing."""
        if text is not None and text != self._noted.get(about):
            yield Event("notice", said={"text": text})
        self._noted[about] = text or ""

    def once(self, about: str, text: str | None) -> Iterator[Event]:
        """Says what there is to say `about` one thing, the first time that there is something."""
        if text is not None and about not in self._noted:
            yield from self.noted(about, text)

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
                several = {"front": len(self._front)} if len(self._front.objectives) > 1 else {}
                yield Event("best_changed", one.trial, {"values": dict(one.trial.values), **several})

    def _leads(self, trial: Trial, history: History) -> bool:
        self._known.add(trial.number)
        for other in map(history.trials.__getitem__, history.trials.changed_since(self._seen)):
            if other.state is TrialState.COMPLETE and other.number not in self._known:
                self._known.add(other.number)
                self._front.add(other)
        self._seen = history.trials
        return self._front.add(trial)


def lost_to_another(trial: Trial) -> Event:
    return Event("notice", trial, {"text": f"trial {trial.number} belongs to another worker now"})


def _said(outcome: Outcome) -> dict[str, str]:
    said = {"why": outcome.why}
    return said if outcome.reason is None else said | {"reason": outcome.reason.value}
