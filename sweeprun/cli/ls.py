"""The sweeps under a root, newest first: who works on them, how far they are, the best of each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli.options import AsJson, Plain
from sweeprun.cli.ranking import named
from sweeprun.cli.standing import Standing
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, names
from sweeprun.cli.view import counted, say, span, table, tsv, write, write_document
from sweeprun.errors import SweeprunError, UsageError
from sweeprun.run.budget import configurations
from sweeprun.run.command import text
from sweeprun.store.liveness import Lease, Observer
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json

Directory = Annotated[Path | None, typer.Argument(metavar="[ROOT]", help="The same as --root.")]


def ls(directory: Directory = None, plain: Plain = False, as_json: AsJson = False, root: Root = DEFAULT_ROOT) -> None:
    """Print a line for each sweep."""
    if plain and as_json:
        raise UsageError("--plain and --json exclude each other")
    if directory is not None and not directory.is_dir():
        raise UsageError(f"there is no directory {directory}")
    place = directory or root
    listed = sorted((Listed.of(place / name) for name in names(place)), key=lambda each: each.created, reverse=True)
    if as_json:
        write_document("ls", {"root": str(place.absolute()), "sweeps": [each.body() for each in listed]})
        return
    if plain:
        write(tsv(_PLAIN, [each.plain() for each in listed]))
        return
    if not listed:
        say(f"there is no sweep under {place}; this makes one: sweeprun start FILE")
        return
    now = time.time()
    write(table(["name", "state", "done", "failed", "best", "age"], [each.row(now) for each in listed]))
    for each in listed:
        if each.problem:
            say(f"{each.directory.name} cannot be read: {each.problem}")


_PLAIN = ("name", "state", "workers", "done", "budget", "failed", "metric", "best", "created", "problem", "front")


@dataclass(frozen=True, slots=True)
class Listed:
    """One line. `standing` is None where the sweep cannot be read, and `problem` says why; `created` is 0 where even
    that is not known."""

    directory: Path
    created: float = 0.0
    standing: Standing | None = None
    problem: str = ""

    @classmethod
    def of(cls, directory: Path) -> Listed:
        """What there is to say about the sweep of that directory, whatever state it is in."""
        created = 0.0
        try:
            sweep = Sweep(directory)
            created = float(sweep.manifest["created"])
            return cls(directory, created, Standing.of(sweep, Observer(sweep.layout, Lease())))
        except SweeprunError as error:
            return cls(directory, created, problem=str(error))

    def row(self, now: float) -> list[str]:
        """The cells of a table for people."""
        age = span(max(0.0, now - self.created)) if self.created else "-"
        if self.standing is None:
            return [self.directory.name, "cannot be read", "-", "-", "-", age]
        standing, limit = self.standing, _limit(self.standing)
        done = str(_done(standing)) if limit is None else f"{_done(standing)} of {limit}"
        best = standing.ranking.in_short or "-"
        return [self.directory.name, _state(standing), done, str(standing.counts["failed"]), best, age]

    def plain(self) -> list[str]:
        """The cells of a line for programs; empty where there is nothing."""
        body = self.body()
        body["failed"], body["best"] = (body["counts"] or {}).get("failed"), (body["best"] or {}).get("value")
        return ["" if body[name] is None else text(body[name]) for name in _PLAIN]

    def body(self) -> dict[str, Json]:
        """The entry of `ls --json`; `done` and `budget` count configurations, most of it is null where the sweep cannot
        be read."""
        said = {"name": self.directory.name, "dir": str(self.directory.absolute()), "created": self.created or None}
        facts = {"state": "unreadable"} if self.standing is None else _facts(self.standing)
        return said | dict.fromkeys(_FACTS) | facts | {"problem": self.problem or None}


_FACTS = ("state", "reason", "workers", "counts", "done", "budget", "metric", "goal", "metrics", "best", "front")


def _facts(standing: Standing) -> dict[str, Json]:
    best = standing.best
    return {
        "state": standing.state,
        "reason": standing.reason,
        "workers": len(standing.presence.workers),
        "counts": standing.counts,
        "done": _done(standing),
        "budget": _limit(standing),
        **named(standing.objectives),
        "best": best and {"number": best.number, "value": best.values[standing.objective.name]},
        "front": len(standing.ranking.trials) if standing.ranking.is_front else None,
    }


def _state(standing: Standing) -> str:
    workers = len(standing.presence.workers)
    if standing.state != "running":
        return standing.state
    return f"running, {counted(workers, 'worker')}"


def _done(standing: Standing) -> int:
    """How many configurations of the budget have come to their end."""
    return configurations([trial for trial in standing.trials if trial.state.final])


def _limit(standing: Standing) -> int | None:
    limit = standing.budget["trials"]["limit"]
    return None if limit is None else round(limit)
