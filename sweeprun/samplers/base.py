"""What every sampler is: frozen settings and one pure method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from sweeprun.errors import SweepFileError
from sweeprun.history import History
from sweeprun.pruners.base import Pruner
from sweeprun.trials import Suggestion


class Sampler(BaseModel, ABC):
    """Which configuration next. What must be remembered is written into the notes of the suggestion."""

    learns_from_earlier: ClassVar[bool] = False
    """Whether it looks at `history.earlier`, what earlier sweeps have shown."""

    exhausted: ClassVar[str] = "every configuration of the space has been tried"
    """Why a sweep is over where nothing more is suggested."""

    @property
    def times(self) -> bool:
        """Whether it looks at how long trials took."""
        return False

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @abstractmethod
    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        """The next configuration, from nothing but the history and the generator's state; None: nothing now.

        Raises SpaceError for a space that this sampler cannot search.
        """


def own_pruner(sampler: Sampler, name: str, beside: str) -> Pruner | None:
    """The algorithm `name` itself, where it decides how far each trial goes, too; `beside` is the pruner that is asked
    for, and raises SweepFileError then."""
    if not isinstance(sampler, Pruner):
        return None
    if beside != "none":
        message = f"the algorithm {name} decides itself how far each trial goes: no pruner goes with it"
        raise SweepFileError(message, hint="leave out pruner")
    return sampler
