"""The columns of a list of trials: which there are, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sweeprun.cli.view import moment, short, span
from sweeprun.errors import UsageError, near
from sweeprun.front import feasible
from sweeprun.objective import Objective
from sweeprun.trials import Json, Trial


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, what a trial has under it (None: nothing), and how people read that."""

    name: str
    of: Callable[[Trial], Json]
    shown: Callable[[Json], str] = short


def finished(trial: Trial) -> float | None:
    """When it ended, in seconds since the epoch; None while it is open."""
    return trial.changed if trial.state.final and not trial.damaged else None


FEASIBLE = "feasible"
FACTS: Mapping[str, Column] = {
    fact.name: fact
    for fact in (
        Column("number", lambda trial: trial.number),
        Column("state", lambda trial: "damaged" if trial.damaged else trial.state.value),
        Column("step", lambda trial: trial.last_step if trial.step is None else trial.step),
        Column("seconds", lambda trial: float(trial.seconds), span),
        Column("reason", lambda trial: trial.because),
        Column("failure", lambda trial: trial.failure and trial.failure.kind.value),
        Column("origin", lambda trial: trial.origin),
        Column("parent", lambda trial: trial.parent),
        Column("configuration", lambda trial: trial.configuration),
        Column("seed", lambda trial: trial.seed),
        Column("runs", lambda trial: trial.run),
        Column("started", lambda trial: trial.created, moment),
        Column("finished", finished, lambda ended: "-" if ended is None else moment(ended)),
    )
}


def varying(trials: Sequence[Trial]) -> list[str]:
    """The parameters that are not the same in all of these trials; all of them where there is one trial."""
    names = params_of(trials)
    if len(trials) == 1:
        return names
    return [name for name in names if len({repr(trial.params.get(name)) for trial in trials}) > 1]


def usual(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Column]:
    """What a list shows that was asked for nothing else."""
    before, after = (FACTS["number"], FACTS["state"]), (FACTS["step"], FACTS["seconds"], FACTS["reason"])
    values = [*(_metric(each.name, each.name) for each in objectives), *limits_kept(objectives)]
    return [*before, *values, *(_param(name, name) for name in varying(trials)), *after]


def limits_kept(objectives: Sequence[Objective]) -> list[Column]:
    """Whether each trial is within the limits: one column, where there are limits."""
    return [is_feasible(objectives)] if any(each.limit is not None for each in objectives) else []


def is_feasible(objectives: Sequence[Objective]) -> Column:
    """Whether a trial is within all limits; nothing while a value is missing."""
    return Column(FEASIBLE, lambda trial: feasible(objectives, trial), _yes_or_no)


def _yes_or_no(kept: bool | None) -> str:
    return "-" if kept is None else "yes" if kept else "no"


def column(name: str, trials: Sequence[Trial], objectives: Sequence[Objective]) -> Column:
    """The fact, metric or parameter of that name; `metrics.x` and `params.x` settle one that is several.

    Raises UsageError for one that no trial has.
    """
    prefix, _, rest = name.partition(".")
    if prefix == "metrics" and rest:
        return _metric(name, rest)
    if prefix == "params" and rest:
        return _param(name, rest)
    if name in FACTS:
        return FACTS[name]
    if name in metrics_of(trials):
        return _metric(name, name)
    if name in params_of(trials):
        return _param(name, name)
    if name == FEASIBLE:
        return is_feasible(objectives)
    known = [*FACTS, FEASIBLE, *metrics_of(trials), *params_of(trials)]
    raise UsageError(f"there is no column {name!r}; there are {', '.join(known)}", near(name, known))


def _metric(heading: str, name: str) -> Column:
    return Column(heading, lambda trial: trial.values.get(name))


def _param(heading: str, name: str) -> Column:
    return Column(heading, lambda trial: trial.params.get(name))


def metrics_of(trials: Sequence[Trial], *first: str) -> list[str]:
    """The metrics that any of them has a value of, behind those that come `first` in any case."""
    return list(dict.fromkeys([*first, *(name for trial in trials for name in trial.values)]))


def params_of(trials: Sequence[Trial]) -> list[str]:
    """The parameters that any of them has."""
    return list(dict.fromkeys(name for trial in trials for name in trial.params))
