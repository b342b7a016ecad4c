"""`algorithm: auto`: which sampler fits a sweep. Asked once, when the sweep is created; the answer is kept with it."""

from __future__ import annotations

from dataclasses import dataclass

from sweeprun.errors import SpaceError
from sweeprun.samplers.tpe import TPESampler
from sweeprun.space import Space


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a sampler, and one line that says what was chosen and why."""

    name: str
    why: str


def choose(space: Space, n_trials: int | None) -> Choice:
    """The sampler for `space` and a budget of `n_trials` configurations (None: no limit)."""
    size = _countable_size(space)
    if size is not None and n_trials is None:
        return Choice("grid", f"grid: {size} configurations in all, and no budget of trials")
    if size is not None and n_trials is not None and size <= n_trials:
        return Choice("grid", f"grid: the budget of {n_trials} trials covers all {size} configurations")
    startup = TPESampler().startup
    if n_trials is not None and n_trials <= startup:
        return Choice("random", f"random: a budget of {n_trials} trials is too small to learn from")
    many = "more configurations than can be counted" if size is None else f"{size} configurations, a part of them tried"
    return Choice("tpe", f"tpe: {many}; after {startup} random trials it goes where the good ones were")


def _countable_size(space: Space) -> int | None:
    try:
        return space.size
    except SpaceError:  # finite in principle; more than can be counted is more than can be tried
        return None
