"""The columns of a list of trials: which there are, and what stands in them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sweeprun.errors import UsageError
from sweeprun.trial import Json, Trial

_FACTS: Mapping[str, Callable[[Trial], Json]] = {
    "number": lambda trial: trial.number,
    "state": lambda trial: "damaged" if trial.damaged else trial.state.value,
    "step": lambda trial: trial.step if trial.step is not None else trial.last_step,
    "seconds": lambda trial: float(trial.seconds),
    "reason": lambda trial: trial.reason,
    "failure": lambda trial: trial.failure and trial.failure.kind.value,
    "origin": lambda trial: trial.origin,
    "parent": lambda trial: trial.parent,
    "configuration": lambda trial: trial.configuration,
    "seed": lambda trial: trial.seed,
    "runs": lambda trial: trial.run,
    "started": lambda trial: trial.created,
    "finished": lambda trial: finished(trial),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and what a trial has under it; None: nothing."""

    name: str
    of: Callable[[Trial], Json]


def varying(trials: Sequence[Trial]) -> list[str]:
    """The parameters that are not the same in all of these trials; all of them where there is one trial."""
    names = _params(trials)
    if len(trials) == 1:
        return names
    return [name for name in names if len({repr(trial.params.get(name)) for trial in trials}) > 1]


def finished(trial: Trial) -> float | None:
    """When it ended, in seconds since the epoch; None while it is open."""
    return trial.changed if trial.state.final and not trial.damaged else None


def usual(trials: Sequence[Trial], metric: str) -> list[Column]:
    """What a list shows that was asked for nothing else."""
    before, after = ("number", "state"), ("step", "seconds", "reason")
    reported = [_metric(metric, metric), *(_param(name, name) for name in varying(trials))]
    return [*(Column(name, _FACTS[name]) for name in before), *reported, *(Column(name, _FACTS[name]) for name in after)]


def column(name: str, trials: Sequence[Trial]) -> Column:
    """The fact, metric or parameter of that name; `metrics.x` and `params.x` settle one that is several.

    Raises UsageError for one that no trial has.
    """
    prefix, _, rest = name.partition(".")
    if prefix == "metrics" and rest:
        return _metric(name, rest)
    if prefix == "params" and rest:
        return _param(name, rest)
    if name in _FACTS:
        return Column(name, _FACTS[name])
    if name in _metrics(trials):
        return _metric(name, name)
    if name in _params(trials):
        return _param(name, name)
    known = [*_FACTS, *_metrics(trials), *_params(trials)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else None
    raise UsageError(f"there is no column {name!r}; there are {', '.join(known)}", hint)


def _metric(heading: str, name: str) -> Column:
    return Column(heading, lambda trial: trial.values.get(name))


def _param(heading: str, name: str) -> Column:
    return Column(heading, lambda trial: trial.params.get(name))


def _metrics(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.values))


def _params(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.params))
