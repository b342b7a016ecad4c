"""What every pruner is: frozen settings and one pure method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from sweeprun.history import History
from sweeprun.trials import Trial


class Action(StrEnum):
    """What becomes of a running trial."""

    CONTINUE = "continue"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` says why in words, with the numbers that decided."""

    action: Action
    reason: str

    @property
    def stop(self) -> bool:
        """Whether the trial is to end here."""
        return self.action is Action.STOP


class Pruner(BaseModel, ABC):
    """How far each trial goes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @abstractmethod
    def verdict(self, trial: Trial, history: History) -> Verdict:
        """Asked when `trial` has reported a new step; `trial` is fresher than its copy in the history, if there is one.

        Decides from its arguments alone: asking twice changes nothing.
        """
