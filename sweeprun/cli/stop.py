"""Ask every worker that runs now to finish its trials and leave; --now ends the trials, which wait for a resume.

With --trial only that trial ends, as pruned. Workers that are started later do not obey an old request.
"""

from __future__ import annotations

import time
import uuid
from typing import Annotated

import typer

from sweeprun.cli.options import AsJson
from sweeprun.cli.presence import Presence
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened, trial_of
from sweeprun.cli.view import say, write_document
from sweeprun.errors import SweeprunError, UsageError
from sweeprun.store.liveness import Lease, Observer
from sweeprun.store.sweep import Superseded, Sweep
from sweeprun.trials import Trial, TrialState

_WHY = "sweeprun stop --trial was typed"


def stop(
    sweep: SweepName = None,
    now: Annotated[bool, typer.Option("--now", help="End the running trials too; they wait for a resume.")] = False,
    trial: Annotated[int | None, typer.Option(help="Prune this trial and let the sweep go on.", min=0)] = None,
    as_json: AsJson = False,
    root: Root = DEFAULT_ROOT,
) -> None:
    """Write the request; the workers see it within a second or so."""
    if now and trial is not None:
        raise UsageError("--now and --trial exclude each other: a trial that is pruned ends at once anyway")
    found = opened(sweep, root)
    said = _stop_sweep(found, now) if trial is None else _prune(found, trial_of(found, trial))
    say(f"{found.name}: {said}")
    if as_json:
        write_document("stop", {"sweep": found.name, "dir": str(found.layout.directory), "said": said})


def _stop_sweep(sweep: Sweep, now: bool) -> str:
    presence = Presence.of(sweep.layout, Observer(sweep.layout, Lease()), time.time())
    n_workers, n_unseen = len(presence.workers), len(presence.unseen)
    aside = f"; {n_unseen} not seen for long" if n_unseen else ""
    if not n_workers:
        return f"no worker is alive{aside}; there is nothing to stop"
    sweep.request_stop(now)
    asked, its = ("1 worker is", "its") if n_workers == 1 else (f"{n_workers} workers are", "their")
    return f"{asked} asked to {'end' if now else 'finish'} {its} trials and leave{aside}"


def _prune(sweep: Sweep, trial: Trial) -> str:
    if trial.damaged:
        raise SweeprunError(f"trial {trial.number} is damaged, and nothing touches it again: {trial.why}")
    if trial.state.final:
        return f"trial {trial.number} is {trial.state} already"
    if trial.state is TrialState.RUNNING:
        sweep.request_stop(trial=trial.number)
        return f"the worker of trial {trial.number} is asked to prune it"
    try:
        # A name of our own: with the worker's, its next claim could not be told from this record.
        sweep.advance(trial, TrialState.PRUNED, _WHY, worker=uuid.uuid4().hex)
    except Superseded as other:
        return _prune(sweep, other.trial)
    return f"trial {trial.number} is pruned; it was {trial.state}"
