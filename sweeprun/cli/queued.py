"""Trials that a person has queued: said, with what runs them."""

from __future__ import annotations

from collections.abc import Sequence

from sweeprun.cli.driving import shown
from sweeprun.cli.standing import Standing
from sweeprun.cli.view import say, short, write_document
from sweeprun.store.liveness import Lease, Observer
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Trial


def say_queued(trial: Trial) -> None:
    """One line about a trial that waits now."""
    again = "" if trial.parent is None else f", trial {trial.parent} again"
    params = ", ".join(f"{name}={short(value)}" for name, value in trial.params.items())
    say(f"trial {trial.number} waits{again}: {params}")


def say_what_runs_them(sweep: Sweep) -> None:
    """Whether somebody will run what waits, and else what to type."""
    standing = Standing.of(sweep, Observer(sweep.layout, Lease()))
    if standing.state == "running":
        say("the workers of the sweep run it as soon as they have room")
    elif standing.state == "stopped":
        say(f"no worker is alive; to run what waits: sweeprun resume {shown(sweep)}")
    else:
        say(f"nothing runs it now: {standing.reason}")


def write_queued(command: str, sweep: Sweep, trials: Sequence[Trial]) -> None:
    """The document of `--json`."""
    write_document(
        command, {"sweep": sweep.name, "dir": str(sweep.layout.directory), "trials": list(map(_entry, trials))}
    )


def _entry(trial: Trial) -> dict[str, Json]:
    return {"number": trial.number, "parent": trial.parent, "params": trial.params}
