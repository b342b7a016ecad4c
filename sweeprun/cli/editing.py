"""`resume --edit`: a sweep takes a changed file, and keeps every trial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sweeprun.cli.changes import changes, listed
from sweeprun.cli.driving import shown
from sweeprun.cli.presence import Presence
from sweeprun.cli.understood import described
from sweeprun.cli.view import counted, say, short
from sweeprun.errors import SweepFileError
from sweeprun.run.editing import check_comparable
from sweeprun.run.plan import Plan
from sweeprun.run.readiness import rehearse
from sweeprun.run.settling import as_chosen
from sweeprun.space import Space
from sweeprun.spec.sweepfile import SweepFile, unsupported
from sweeprun.store.liveness import Lease, Observer
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState


def current(sweep: Sweep) -> SweepFile:
    """The sweep's file as it is now, as this version understands it."""
    return SweepFile.model_validate(sweep.resolved)


def taken(sweep: Sweep) -> SweepFile:
    """The file that the sweep took last, without what `resume --trials` has changed since."""
    files = [change["resolved"] for change in sweep.edits if "resolved" in change]
    return SweepFile.model_validate(files[-1] if files else sweep.manifest["resolved"])


def edit(sweep: Sweep, file: Path, overrides: Sequence[str]) -> None:
    """Make `file` the sweep's from now on, and say what that changes; or nothing, if it may not be."""
    was, said = current(sweep), SweepFile.load(file, overrides)
    for note in said.notes:
        say(f"note: {note}")
    for problem in unsupported(said):
        raise problem
    now = as_chosen(_renamed(said, sweep), was)
    found = changes(was, now)
    if not found:
        say(f"{shown(sweep)}: {file} changes nothing")
        return
    _check_sources(was, said, sweep)
    trials = sweep.trials()
    workers = Presence.of(sweep.layout, Observer(sweep.layout, Lease()), time.time()).workers
    check_comparable(was, now, trials, {worker.uuid for worker in workers})
    rehearse(Plan.of(now, Plan.load(sweep).earlier), trials)
    sweep.edit(resolved=now.resolved(), source=now.source.decode())
    say(f"{shown(sweep)}: goes by {file} from now on\n{listed(found)}")
    _say_kept(now.space, trials)


def _renamed(said: SweepFile, sweep: Sweep) -> SweepFile:
    """The file under the sweep's name, where it says no other."""
    if said.named and said.name != sweep.name:
        message = f"the sweep keeps its name, {sweep.name}, and the file says {said.name}"
        raise said.placed(SweepFileError(message, hint="leave it out, or begin that one anew: sweeprun start"), "name")
    return said.model_copy(update={"name": sweep.name})


def _check_sources(was: SweepFile, said: SweepFile, sweep: Sweep) -> None:
    """What earlier sweeps had shown when the sweep was made is in its directory, and is the same for ever."""
    if set(was.warm_start.from_) != set(said.warm_start.from_):
        named = ", ".join(was.warm_start.from_) or "none"
        message = f"a sweep learns from those that its file named when it was made: {named}"
        hint = f"leave that as it was, or begin anew, from this one too: from: [{shown(sweep)}]"
        raise said.placed(SweepFileError(message, hint=hint), "warm_start", "from")


def _say_kept(space: Space, trials: Sequence[Trial]) -> None:
    """Which of the trials the search goes on from; all of them stay in the record."""
    readable = [trial for trial in trials if not trial.damaged or trial.params]
    if not readable:
        return
    outside = [(trial, name) for trial in readable if (name := space.misfit(trial.params)) is not None]
    inside = len(readable) - len(outside)
    go_on = "lies inside the space and goes on" if inside == 1 else "lie inside the space and go on"
    say(f"{inside} of {counted(len(readable), 'trial')} {go_on} informing the search")
    if outside:
        trial, name = outside[0]
        stay = "1 stays" if len(outside) == 1 else f"{len(outside)} stay"
        say(f"{stay} in the record only: trial {trial.number} has {_why(space, trial, name)}")
    waiting = [trial.number for trial, _ in outside if trial.state is TrialState.WAITING]
    if waiting:
        waits = "waits and is" if len(waiting) == 1 else "wait and are"
        say(f"{len(waiting)} of those {waits} run all the same, unless: sweeprun stop --trial {waiting[0]}")


def _why(space: Space, trial: Trial, name: str) -> str:
    """What keeps the trial out of the space: the end of a sentence."""
    has = f"{name}={short(trial.params[name])}" if name in trial.params else f"no {name}"
    if name not in space.owners:
        return f"{has}, which is no parameter any more"
    return f"{has}, and {name} is now: {described(space.owners[name])}"
