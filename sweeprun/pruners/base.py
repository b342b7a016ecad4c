"""What every pruner is: frozen settings and pure methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.trials import Json, Params, Suggestion, Trial, TrialState


class Action(StrEnum):
    """What becomes of a running trial."""

    CONTINUE = "continue"
    STOP = "stop"  # it ends here, pruned
    PAUSE = "pause"  # it ends here and may be promoted
    FINISH = "finish"  # it ends here, complete: no trial is to go further


AFTER: Mapping[Action, TrialState] = {  # the state of a trial that was ended so
    Action.STOP: TrialState.PRUNED,
    Action.PAUSE: TrialState.PAUSED,
    Action.FINISH: TrialState.COMPLETE,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` says why in words, with the numbers that decided."""

    action: Action
    reason: str

    @property
    def stop(self) -> bool:
        """Whether the program is to leave now."""
        return self.action is not Action.CONTINUE


@dataclass(frozen=True, slots=True)
class Promotion:
    """A paused trial goes on until it has finished `until` steps; `reason` says why this one."""

    trial: int
    until: int
    reason: str


@dataclass(frozen=True, slots=True)
class Demotion:
    """A paused trial never goes on: it is pruned; `reason` says why in words, with the numbers that decided."""

    trial: int
    reason: str


@dataclass(frozen=True, slots=True)
class Start:
    """How far a new configuration goes at first, None: to its end; and what is noted on it."""

    until: int | None
    notes: Mapping[str, Json] = field(default_factory=dict)


class Pruner(BaseModel, ABC):
    """How far each trial goes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def judged_by(self, history: History) -> Objective:
        """The metric that it goes by: the first objective where it names none."""
        return history.metric(getattr(self, "metric", None), getattr(self, "goal", None))

    @abstractmethod
    def verdict(self, trial: Trial, history: History, since: int | None = None) -> Verdict:
        """Asked when `trial` has reported a new step; `trial` is fresher than its copy in the history, if there is one.

        Several reports may have come at once: it was judged before when its metric had come to step `since`, -1: never;
        None: at the report before. Decides from its arguments alone: asking twice changes nothing.
        """


class Promoter(Pruner, ABC):
    """A pruner that gives trials their steps in stages, and lets some of them go on later."""

    @abstractmethod
    def promotion(self, history: History) -> Promotion | Demotion | None:
        """The paused trial that deserves a free slot more than a new configuration does, or one that is to end; None
        where there is neither.

        Decides from the record alone, so that every process answers alike.
        """

    @abstractmethod
    def start(self, params: Params, history: History) -> Start:
        """What the next trial is given at first, a new configuration with these parameters."""

    def again(self, trial: Trial, history: History) -> Start:
        """The same where it is a try more of `trial`, which has ended."""
        return self.start(trial.params, history)


def staged(suggestion: Suggestion, pruner: Pruner, history: History) -> Suggestion:
    """`suggestion` with how far `pruner` has it go at first, unless that is said already."""
    if suggestion.until is not None or not isinstance(pruner, Promoter):
        return suggestion
    start = pruner.start(suggestion.params, history)
    return replace(suggestion, until=start.until, notes={**suggestion.notes, **start.notes})
