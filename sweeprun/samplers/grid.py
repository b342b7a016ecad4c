"""Grid search."""

from __future__ import annotations

from typing import final

import numpy as np
from pydantic import Field

from sweeprun.errors import SpaceError
from sweeprun.history import History
from sweeprun.samplers._untried import Order, next_untried
from sweeprun.samplers.base import Sampler
from sweeprun.space import Space
from sweeprun.trials import Suggestion


@final
class GridSampler(Sampler):
    """Every configuration of a finite space once: for few parameters of few values, and for ablations.

    Conditions count: a parameter that is not active does not multiply. The order is scattered, so that a grid which is
    stopped early is not one corner. A resumed or edited grid runs exactly what is missing. Raises SpaceError where a
    parameter is continuous.

        algorithm: grid
    """

    seed: int = Field(default=0, ge=0, description="of the order of visit; the sweep's own where it is left out")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        order = Order.seeded(_size(history.space), self.seed)
        found = next_untried(history, order, _position_after_last(history, order))
        return Suggestion(found[1], notes={"point": found[0]}) if found else None


def _size(space: Space) -> int:
    if (continuous := space.continuous) is not None:
        raise SpaceError(
            f"a grid needs finitely many values, and {continuous.name} is continuous",
            f"give {continuous.name} a step, or list its values; or use algorithm: sobol",
        )
    if not space.size:
        raise SpaceError(
            "the constraints reject every configuration: " + ", ".join(each.text for each in space.constraints),
            "widen a constraint, or the ranges to what it allows",
        )
    return space.size


def _position_after_last(history: History, order: Order) -> int:
    """Where the last trial left off. Only a place to begin: a point of a grid that was edited since means another
    configuration now, so what is tried is decided by the configurations themselves."""
    for trial in reversed(history.trials):
        point = trial.notes.get("point")
        if isinstance(point, int):
            return order.position(point) + 1
    return 0
