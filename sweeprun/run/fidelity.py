"""A parameter that is raised from rung to rung, where others give more steps: a share of the data, a resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sweeprun.trials import Json, Params, Trial


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Rung k of a trial is its k-th level: a run of its own, from the beginning, with parameter `name` at
    `levels[k - 1]`. A trial counts one step for each level that it has finished."""

    name: str
    levels: tuple[Json, ...]

    @classmethod
    def of(cls, resolved: Mapping[str, Any]) -> Self | None:
        """What the section `fidelity` of a resolved sweep file says; None where there is none."""
        said = resolved["fidelity"]
        return None if said is None else cls(*next((name, tuple(levels)) for name, levels in said.items()))

    def level(self, trial: Trial) -> int:
        """The level of the trial's newest run, from 1. One that was not told which begins with the last."""
        return trial.until or len(self.levels)

    def params(self, trial: Trial) -> Params:
        """What the program is given."""
        return {**trial.params, self.name: self.levels[self.level(trial) - 1]}


def handed_over(fidelity: Fidelity | None, trial: Trial) -> Params:
    """The parameters as the program of the trial's newest run gets them."""
    return trial.params if fidelity is None else fidelity.params(trial)
