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
    if size is None or (n_trials is not None and size > n_trials):
        return Choice("random", f"random: {_amount(size)}, more than the budget tries")
    budget = "no budget limits them" if n_trials is None else f"the budget of {n_trials} trials covers them"
    return Choice("grid", f"grid: {_amount(size)}, and {budget}")


def _countable_size(space: Space) -> int | None:
    try:
        return space.size
    except SpaceError:  # finite in principle; more than can be counted is more than can be tried
        return None


def _amount(size: int | None) -> str:
    if size is None:
        return "practically unlimited configurations"
    return "one configuration" if size == 1 else f"{size} configurations"
