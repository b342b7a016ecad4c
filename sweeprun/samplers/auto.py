"""`algorithm: auto`: which sampler fits a sweep. Asked once, when the sweep is created; the answer is kept with it."""

from __future__ import annotations

from dataclasses import dataclass

from sweeprun.errors import SpaceError
from sweeprun.space import Space


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a sampler, and one line that says what was chosen and why."""

    name: str
    why: str


def choose(space: Space, n_trials: int | None) -> Choice:
    """The sampler for `space` and a budget of `n_trials` configurations (None: no limit)."""
    size = _countable_size(space)
    if size is None:
        return Choice("random", "random: more configurations than can be counted")
    if n_trials is None:
        return Choice("grid", f"grid: {size} configurations in all, and no budget of trials")
    if size <= n_trials:
        return Choice("grid", f"grid: the budget of {n_trials} trials covers all {size} configurations")
    return Choice("random", f"random: the budget of {n_trials} trials covers a part of the {size} configurations")


def _countable_size(space: Space) -> int | None:
    try:
        return space.size
    except SpaceError:  # finite in principle; more than can be counted is more than can be tried
        return None
