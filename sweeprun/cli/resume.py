"""Go on with a sweep after a stop, a crash or a finished budget.

`--trials` sets the absolute number of configurations. Exit codes as for `start`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sweeprun.cli import driving
from sweeprun.cli.driving import Drive
from sweeprun.cli.options import Events, Gpus, Require, SlotLimit, Timeout, Trust
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened
from sweeprun.cli.view import say
from sweeprun.errors import UsageError
from sweeprun.run.budget import configurations
from sweeprun.run.plan import Plan
from sweeprun.store.sweep import Sweep

Trials = Annotated[int | None, typer.Option("--trials", min=1, help="Try so many configurations in all.")]


def resume(
    sweep: SweepName = None,
    trials: Trials = None,
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
    found = opened(sweep, root)
    driving.check_owner(found, trust)
    if trials is not None:
        _extend(found, trials)
    _forgive(found)
    say(f"{driving.shown(found)}: going on")
    raise typer.Exit(drive.work(found))


def _extend(sweep: Sweep, trials: int) -> None:
    used = configurations(sweep.trials())
    if trials < used:
        raise UsageError(f"--trials {trials}: the sweep has {used} configurations already", f"--trials {used + 10}")
    if Plan.load(sweep).budget.trials != trials:
        sweep.edit(set=[(["budget", "trials"], trials)])


def _forgive(sweep: Sweep) -> None:
    """Who resumes a sweep that its failures stopped has mended something: what failed before does not count again."""
    plan, trials = Plan.load(sweep), sweep.trials()
    reached = plan.budget.spent(trials, plan.objectives)
    if reached is not None and reached.key == "failures":
        sweep.edit(forgiven=len(trials))
