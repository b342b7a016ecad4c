"""`algorithm: auto`: which sampler fits a sweep. Asked once, when the sweep is created; the answer is kept with it."""

from __future__ import annotations

from dataclasses import dataclass

from sweeprun.errors import SpaceError
from sweeprun.samplers.gp import GPSampler
from sweeprun.samplers.tpe import TPESampler
from sweeprun.space import Space

_MOST_OBJECTIVES = 3  # of which the gp reckons the volume of a front in time
_MOST_FOR_GP = 500  # trials; it looks at a part of more, and tpe at all of them


@dataclass(frozen=True, slots=True)
class Choice:
    """The name of a sampler, and one line that says what was chosen and why."""

    name: str
    why: str


def choose(space: Space, n_trials: int | None, n_objectives: int = 1, knows_earlier: bool = False) -> Choice:
    """The sampler for `space`, a budget of `n_trials` configurations (None: no limit) and so many objectives;
    `knows_earlier`: there are earlier sweeps to learn from."""
    size = _countable_size(space)
    budget = "no budget of trials" if n_trials is None else f"budget of {n_trials} trial{'' if n_trials == 1 else 's'}"
    if size is not None and n_trials is None:
        return Choice("grid", f"grid: {size} configuration{'' if size == 1 else 's'} in all, and {budget}")
    if size is not None and n_trials is not None and size <= n_trials:
        every = "the one configuration" if size == 1 else f"all {size} configurations"
        return Choice("grid", f"grid: the {budget} covers {every}")
    startup = GPSampler().startup
    if n_trials is not None and n_trials <= startup and not knows_earlier:
        return Choice("random", f"random: a {budget} is too small to learn from")
    many = "more configurations than can be counted" if size is None else f"{size} configurations, a part of them tried"
    if n_objectives > _MOST_OBJECTIVES or (n_trials is not None and n_trials > _MOST_FOR_GP):
        startup = TPESampler().startup
        return Choice("tpe", f"tpe: {many}; after {startup} random trials it goes where the good ones were")
    first = "from earlier sweeps and its own trials" if knows_earlier else f"after {startup} random trials"
    return Choice("gp", f"gp: {many}; {first} it models the losses and goes where most is expected")


def _countable_size(space: Space) -> int | None:
    try:
        return space.size
    except SpaceError:  # finite in principle; more than can be counted is more than can be tried
        return None
