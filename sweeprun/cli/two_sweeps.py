"""Two sweeps side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from sweeprun.cli.changes import Change, changes
from sweeprun.cli.columns import params_of
from sweeprun.cli.editing import current
from sweeprun.cli.standing import Standing
from sweeprun.cli.view import columns, short, span
from sweeprun.run.budget import COUNTED_ORIGINS
from sweeprun.store.liveness import Lease, Observer
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, TrialState

_MARKS = tuple(digit * 10**power for power in range(6) for digit in (1, 2, 5))

Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SweepPair:
    """Where both stand."""

    a: Standing
    b: Standing

    @classmethod
    def of(cls, a: Sweep, b: Sweep) -> Self:
        """As both are now."""
        return cls(*(Standing.of(each, Observer(each.layout, Lease())) for each in (a, b)))

    @property
    def both(self) -> tuple[Standing, Standing]:
        return self.a, self.b

    @property
    def comparable(self) -> bool:
        """Whether they look for the same: one metric, one direction."""
        return self.a.objective == self.b.objective

    @property
    def objectives(self) -> list[str]:
        """What they look for, in words."""
        return [f"{each.objective.name} ({each.objective.goal})" for each in self.both]

    @property
    def marks(self) -> list[int]:
        """Numbers of configurations that at least one of them has come to: 1, 2, 5, 10 ..."""
        most = max(len(_losses(each)) for each in self.both)
        return [mark for mark in _MARKS if mark <= most]


def best_after(standing: Standing, n: int) -> float | None:
    """The best value among the first `n` configurations, by number; None where there are not so many, or none of them
    is complete."""
    losses = _losses(standing)[:n]
    best = min((loss for loss in losses if math.isfinite(loss)), default=None)
    return None if best is None or len(losses) < n else standing.objective.value(best)


def shown(pair: SweepPair) -> str:
    """A table of what came of them, and one of what differs in their files."""
    headings = ["", *(each.sweep.name for each in pair.both)]
    what_came = columns(headings, _rows(pair))
    differing = [(change.key, change.was, change.now) for change in _changes(pair)]
    if not differing:
        return f"{what_came}\nthe files say the same\n"
    return f"{what_came}\n{columns(['in the file', *headings[1:]], differing)}"


def body(pair: SweepPair) -> dict[str, Json]:
    """The document of `compare --json` of two sweeps."""
    return {
        "comparable": pair.comparable,
        "sweeps": [_said(each, pair.marks) for each in pair.both],
        "changes": [{"key": change.key, "values": [change.was, change.now]} for change in _changes(pair)],
    }


def _said(standing: Standing, marks: list[int]) -> dict[str, Json]:
    said = standing.body()
    kept = ("sweep", "dir", "state", "reason", "counts", "best", "budget")
    return {key: said[key] for key in kept} | {
        "metric": standing.objective.name,
        "goal": standing.objective.goal,
        "after": {str(mark): best_after(standing, mark) for mark in marks},
        "seconds": _seconds(standing),
    }


def _rows(pair: SweepPair) -> Iterator[Row]:
    a, b = pair.both
    yield "state", a.state, b.state
    yield "trials", _counts(a), _counts(b)
    if not pair.comparable:
        one, other = pair.objectives
        yield "objective", one, other
    yield ("best" if not pair.comparable else f"best {a.objective.name}"), _best(a), _best(b)
    for name in _best_params(pair):
        yield f"  {name}", _best_param(a, name), _best_param(b, name)
    for mark in pair.marks:
        yield f"best after {mark}", short(best_after(a, mark)), short(best_after(b, mark))
    yield "with a trial running", _wall(a), _wall(b)
    yield "time of all trials", span(_seconds(a)), span(_seconds(b))


def _changes(pair: SweepPair) -> list[Change]:
    return changes(*(current(each.sweep) for each in pair.both))


def _losses(standing: Standing) -> list[float]:
    """The loss of each configuration of the budget, by number; infinite where it is not complete."""
    return [
        standing.objective.loss_of(trial) if trial.state is TrialState.COMPLETE else math.inf
        for trial in standing.trials
        if trial.origin in COUNTED_ORIGINS and trial.repeat == 0
    ]


def _counts(standing: Standing) -> str:
    return ", ".join(f"{n} {state}" for state, n in standing.counts.items() if n) or "none"


def _best(standing: Standing) -> str:
    best = standing.best
    return "-" if best is None else f"{short(best.values[standing.objective.name])} (trial {best.number})"


def _best_params(pair: SweepPair) -> list[str]:
    """The parameters in which the best ones differ."""
    names = params_of([each.best for each in pair.both if each.best is not None])
    return [name for name in names if _best_param(pair.a, name) != _best_param(pair.b, name)]


def _best_param(standing: Standing, name: str) -> str:
    return "-" if standing.best is None else short(standing.best.params.get(name))


def _wall(standing: Standing) -> str:
    return span(standing.budget["wall"]["used"] or 0.0)


def _seconds(standing: Standing) -> float:
    return float(sum(trial.seconds for trial in standing.trials))
