"""Create the sweep of a file, or join it, and work on it until it ends.

A second `start` of the same file joins as another worker. Ctrl-C once finishes the running trials, twice stops them,
three times kills them; whatever stops a sweep, `sweeprun resume` goes on. Exit codes: 0 ended well, 1 --require is not
met, 4 no trial has a value, 5 too many failures, 75 the directory cannot be written, 124 --timeout, 130 and 143
interrupted.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from sweeprun import __version__
from sweeprun.cli import driving, editing
from sweeprun.cli.changes import changes, listed
from sweeprun.cli.driving import Drive
from sweeprun.cli.options import Events, File, Gpus, Overrides, Require, SlotLimit, Timeout, Trust
from sweeprun.cli.view import say
from sweeprun.cli.warm_start import earlier_sweeps, said_of_earlier
from sweeprun.errors import SweepExists
from sweeprun.run.plan import Plan
from sweeprun.run.readiness import rehearse
from sweeprun.run.settling import as_chosen, auto_choice, first_rung, settled
from sweeprun.spec.sweepfile import SweepFile, unsupported
from sweeprun.store.earlier import NOTHING, Earlier
from sweeprun.store.layout import Layout
from sweeprun.store.sweep import Sweep

Root = Annotated[
    Path | None, typer.Option("--root", envvar="SWEEPRUN_ROOT", help="Where sweep directories live [default: sweeps].")
]
Smoke = Annotated[bool, typer.Option("--smoke", help="One trial, one step, and nothing kept: does it work at all?")]


def start(
    file: File,
    root: Root = None,
    overrides: Overrides = None,
    slots: SlotLimit = None,
    gpus: Gpus = None,
    trust: Trust = False,
    require: Require = None,
    timeout: Timeout = None,
    events: Events = None,
    smoke: Smoke = False,
) -> None:
    """Create the sweep of a file, or join it, and work on it."""
    spec = SweepFile.load(file, overrides or ())
    for problem in unsupported(spec):
        raise problem
    rehearse(Plan.of(spec))
    drive = Drive(slots, gpus, timeout, events, require)
    drive.check(spec)
    place = root_of(spec, root)
    if smoke:
        _say_notes(spec)
        raise typer.Exit(_smoke(drive, spec, earlier_sweeps(spec, place)))
    sweep = sweep_of(spec, file, place, overrides or ())
    driving.check_owner(sweep, trust)
    raise typer.Exit(drive.work(sweep))


def root_of(spec: SweepFile, root: Path | None) -> Path:
    """Where the sweeps lie: what the command says, else the file."""
    return root or Path(spec.root or "sweeps")


def _say_notes(spec: SweepFile) -> None:
    for note in spec.notes:
        say(f"note: {note}")


def _smoke(drive: Drive, spec: SweepFile, known: Earlier) -> int:
    """One trial to its first report, in a directory that is gone afterwards."""
    once = spec.model_copy(update={"budget": spec.budget.model_copy(update={"trials": 1})})
    with tempfile.TemporaryDirectory(prefix="sweeprun-smoke-") as root:
        sweep = Sweep.create(Path(root) / spec.name, spec.source, settled(once).resolved(), __version__, known.sweeps)
        return drive.smoke(sweep)


def sweep_of(spec: SweepFile, file: Path, root: Path, overrides: Sequence[str] = ()) -> Sweep:
    """The sweep of the file under `root`, made if it is not there yet. Raises SweepExists where another file made it,
    with the ways on, in which `overrides` are typed again."""
    chosen = settled(spec)
    directory = root / spec.name
    joining = Layout(directory).manifest.exists()  # then what it learnt is in there, and where from may be gone
    known = NOTHING if joining else earlier_sweeps(spec, root)
    try:
        sweep = Sweep.create(directory, spec.source, chosen.resolved(), __version__, known.sweeps)
    except SweepExists:
        sweep = Sweep(directory)
        _check_unchanged(
            sweep, spec, shlex.join([str(file), *chain.from_iterable(("--set", each) for each in overrides)])
        )
        say(f"{driving.shown(sweep)}: joining; go on later with: sweeprun resume {driving.shown(sweep)}")
    else:
        _say_notes(spec)
        say(f"{driving.shown(sweep)}: created; join or go on later with: sweeprun resume {driving.shown(sweep)}")
        if spec.algorithm.name == "auto":
            say(f"algorithm: auto chose {auto_choice(spec).why}")
        if (first := first_rung(spec, chosen)) is not None:
            say(f"rungs: {first}")
        for text in said_of_earlier(Plan.of(chosen, known)):
            say(f"warm start: {text}")
    return sweep


def _check_unchanged(sweep: Sweep, spec: SweepFile, file: str) -> None:
    """The file may be as the sweep took it last, or as the sweep is now, which `resume --trials` may have changed."""
    was = editing.current(sweep)
    now = as_chosen(spec, was)
    changed = changes(was, now)
    if not changed or not changes(editing.taken(sweep), now):
        return
    there = driving.shown(sweep)
    ways = [f"go on with what is there: sweeprun resume {there} --edit {file}"]
    if [change.key for change in changed] == ["budget.trials"] and spec.budget.trials:
        ways.insert(0, f"try so many in all: sweeprun resume {there} --trials {spec.budget.trials}")
    ways.append(f"begin anew: sweeprun start {file} --set name={sweep.name}-2")
    message = f"{there} is there already, and this file would change it:\n{listed(changed)}"
    raise SweepExists(message, "\n  ".join(ways))
