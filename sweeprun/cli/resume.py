"""Go on with a sweep after a stop, a crash or a finished budget.

`--trials` sets the absolute number of configurations. `--edit` takes a changed sweep file, says what it changes and
keeps every trial; workers that run go by it from then on. `--retry` queues again what failed. Exit codes as for
`start`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli import driving, editing
from sweeprun.cli.driving import Drive
from sweeprun.cli.options import Events, Gpus, Overrides, Require, SlotLimit, Timeout, Trust
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened
from sweeprun.cli.view import say
from sweeprun.errors import UsageError, near
from sweeprun.run import queueing
from sweeprun.run.budget import configurations
from sweeprun.run.plan import Plan
from sweeprun.store.sweep import Sweep
from sweeprun.trials import FailureClass

Edit = Annotated[Path | None, typer.Option("--edit", metavar="FILE", help="Take this changed file; trials are kept.")]
Retry = Annotated[
    list[str] | None,
    typer.Option("--retry", metavar="CLASS", help="Run again what failed: all of it, `failed`, or one class: oom."),
]
Trials = Annotated[int | None, typer.Option("--trials", min=1, help="Try so many configurations in all.")]

_SHOWN = 5  # of the trials that are tried again


def resume(
    sweep: SweepName = None,
    trials: Trials = None,
    edit: Edit = None,
    overrides: Overrides = None,
    retry: Retry = None,
    root: Root = DEFAULT_ROOT,
    slots: SlotLimit = None,
    gpus: Gpus = None,
    trust: Trust = False,
    require: Require = None,
    timeout: Timeout = None,
    events: Events = None,
) -> None:
    """Go on with a sweep."""
    drive = Drive(slots, gpus, timeout, events, require)
    kinds = _kinds(retry or ())
    found = opened(sweep, root)
    driving.check_owner(found, trust)
    if trials is not None:
        _check_trials(found, trials)
    if edit is not None:
        budget = [] if trials is None else [f"budget.trials={trials}"]
        editing.edit(found, edit, [*(overrides or ()), *budget])
    elif overrides:
        raise UsageError("--set changes a file: it goes with --edit FILE", f"--edit FILE --set {overrides[0]}")
    elif trials is not None:
        _extend(found, trials)
    _forgive(found)
    if kinds:
        _again(found, kinds)
    say(f"{driving.shown(found)}: going on")
    raise typer.Exit(drive.work(found))


def _check_trials(sweep: Sweep, trials: int) -> None:
    used = configurations(sweep.trials())
    if trials < used:
        raise UsageError(f"--trials {trials}: the sweep has {used} configurations already", f"--trials {used + 10}")


def _extend(sweep: Sweep, trials: int) -> None:
    if Plan.load(sweep).budget.trials != trials:
        sweep.edit(set=[(["budget", "trials"], trials)])


def _forgive(sweep: Sweep) -> None:
    """Who resumes a sweep that its failures stopped has mended something: what failed before does not count again."""
    plan, trials = Plan.load(sweep), sweep.trials()
    reached = plan.budget.spent(trials, plan.objectives)
    if reached is not None and reached.key == "failures":
        sweep.edit(forgiven=1 + max(trial.number for trial in trials if trial.state.final))


def _kinds(words: Sequence[str]) -> set[FailureClass]:
    known = ["failed", *map(str, FailureClass)]
    for word in words:
        if word not in known:
            raise UsageError(f"--retry {word}: it must be one of {', '.join(known)}", near(word, known))
    return set(FailureClass) if "failed" in words else set(map(FailureClass, words))


def _again(sweep: Sweep, kinds: set[FailureClass]) -> None:
    """Queue again what failed in one of these ways, each trial once."""
    numbers, plan = queueing.failed(sweep.trials(), kinds), Plan.load(sweep)
    queued = [queueing.retry(sweep, plan, number) for number in numbers]
    if not queued:
        say("nothing failed that was not tried again since")
        return
    pairs = ", ".join(f"{trial.parent} as {trial.number}" for trial in queued[:_SHOWN])
    more = f" and {len(queued) - _SHOWN} more" if len(queued) > _SHOWN else ""
    what = "1 failed trial is" if len(queued) == 1 else f"{len(queued)} failed trials are"
    say(f"{what} tried again: {pairs}{more}")
