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
from sweeprun.cli.view import columns, counted, short, span
from sweeprun.front import Front, feasible, losses
from sweeprun.objective import Objective
from sweeprun.run.budget import COUNTED_ORIGINS
from sweeprun.store.liveness import Lease, Observer
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Trial, TrialState

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
        """Whether they look for the same: the same metrics, in the same directions."""
        return _sought(self.a) == _sought(self.b)

    @property
    def objectives(self) -> list[str]:
        """What they look for, in words."""
        return [" and ".join(f"{name} ({goal})" for name, goal in _sought(each)) for each in self.both]

    @property
    def marks(self) -> list[int]:
        """Numbers of configurations that at least one of them has come to: 1, 2, 5, 10 ..."""
        most = max(len(_losses(each)) for each in self.both)
        return [mark for mark in _MARKS if mark <= most]


def _sought(standing: Standing) -> list[tuple[str, str]]:
    return [(each.name, each.goal) for each in standing.objectives]


def beaten(standing: Standing, other: Standing) -> int:
    """How many trials of its front are worse than, and none better than, one of the front of the `other`."""
    front = Front(standing.objectives, other.ranking.trials)
    own = [losses(standing.objectives, trial) for trial in standing.ranking.trials]
    return sum(
        any(their != mine and all(a <= b for a, b in zip(their, mine, strict=True)) for their in front.members)
        for mine in own
    )


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
    kept = ("sweep", "dir", "state", "reason", "counts", "metric", "goal", "metrics", "best", "front", "budget")
    return {key: said[key] for key in kept} | {
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
    if a.ranking.is_front or b.ranking.is_front:
        yield "front", _front(a), _front(b)
        if pair.comparable:
            yield "beaten by the other", str(beaten(a, b)), str(beaten(b, a))
    for objective in a.objectives if pair.comparable else ():
        yield f"best {objective.name}", _best(a, objective), _best(b, objective)
    if not pair.comparable:
        yield "best", _best(a, a.objective), _best(b, b.objective)
    for name in _best_params(pair):
        yield f"  {name}", _best_param(a, name), _best_param(b, name)
    which = f" {a.objective.name}" if len(a.objectives) > 1 and pair.comparable else ""
    for mark in pair.marks:
        yield f"best{which} after {mark}", short(best_after(a, mark)), short(best_after(b, mark))
    yield "with a trial running", _wall(a), _wall(b)
    yield "time of all trials", span(_seconds(a)), span(_seconds(b))


def _changes(pair: SweepPair) -> list[Change]:
    return changes(*(current(each.sweep) for each in pair.both))


def _losses(standing: Standing) -> list[float]:
    """The loss of each configuration of the budget, by number; infinite where it is not complete, or beyond a limit."""
    return [
        standing.objective.loss_of(trial) if _counts_as_result(standing, trial) else math.inf
        for trial in standing.trials
        if trial.origin in COUNTED_ORIGINS and trial.repeat == 0
    ]


def _counts_as_result(standing: Standing, trial: Trial) -> bool:
    return trial.state is TrialState.COMPLETE and bool(feasible(standing.objectives, trial))


def _front(standing: Standing) -> str:
    ranking = standing.ranking
    return counted(len(ranking.trials), "trial") if ranking.is_front else "none"


def _counts(standing: Standing) -> str:
    return ", ".join(f"{n} {state}" for state, n in standing.counts.items() if n) or "none"


def _best(standing: Standing, objective: Objective) -> str:
    """Of a front that which is the best by `objective`; else the best trial."""
    ranking = standing.ranking
    best = min(ranking.trials, key=objective.loss_of) if ranking.is_front else standing.best
    if best is None:
        return "-"
    beyond = "" if ranking.feasible else ", beyond the limits"
    return f"{short(best.values[objective.name])} (trial {best.number}{beyond})"


def _best_params(pair: SweepPair) -> list[str]:
    """The parameters in which the best ones differ; those of fronts are many."""
    if pair.a.ranking.is_front or pair.b.ranking.is_front:
        return []
    names = params_of([each.best for each in pair.both if each.best is not None])
    return [name for name in names if _best_param(pair.a, name) != _best_param(pair.b, name)]


def _best_param(standing: Standing, name: str) -> str:
    return "-" if standing.best is None else short(standing.best.params.get(name))


def _wall(standing: Standing) -> str:
    return span(standing.budget["wall"]["used"] or 0.0)


def _seconds(standing: Standing) -> float:
    return float(sum(trial.seconds for trial in standing.trials))
