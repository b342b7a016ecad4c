"""Which sweep a command means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli.view import say
from sweeprun.errors import SweepNotFound, SweeprunError, UsageError, near
from sweeprun.store.layout import Layout
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial

SweepName = Annotated[
    str | None,
    typer.Argument(metavar="[SWEEP]", help="A sweep's directory or its name under the root; left out: the newest."),
]
SweepAndNumber = Annotated[
    list[str],
    typer.Argument(metavar="[SWEEP] N", help="A trial's number, after the sweep's name or directory."),
]
Root = Annotated[Path, typer.Option("--root", envvar="SWEEPRUN_ROOT", help="Where sweep directories live.")]

DEFAULT_ROOT = Path("sweeps")


def opened(name: str | None, root: Path) -> Sweep:
    """The sweep of that directory or name; without one the newest under `root`. Raises SweepNotFound."""
    if name is None:
        return _newest(root)
    if Layout(Path(name)).manifest.exists():
        return Sweep(Path(name))
    if Layout(root / name).manifest.exists():
        return Sweep(root / name)
    known = names(root)
    there = ", ".join(known) or "none"
    raise SweepNotFound(f"{name!r} is no sweep directory and no sweep under {root}; there: {there}", near(name, known))


def opened_at(words: list[str], root: Path) -> tuple[Sweep, Trial]:
    """The sweep and the trial that `[SWEEP] N` means."""
    *names, number = words
    if len(names) > 1 or not (number.isascii() and number.isdigit()):
        raise UsageError(f"expected [SWEEP] N, not {' '.join(words)!r}", "sweeprun trials lists the numbers")
    sweep = opened(names[0] if names else None, root)
    return sweep, trial_of(sweep, int(number))


def trial_of(sweep: Sweep, number: int) -> Trial:
    """Trial `number`. Raises UsageError where there is none."""
    trials = sweep.trials()
    if number >= len(trials):
        there = f"there are 0 to {len(trials) - 1}" if trials else "there is none yet"
        raise UsageError(f"{sweep.name} has no trial {number}; {there}", "sweeprun trials lists them")
    return trials[number]


def names(root: Path) -> list[str]:
    """The names of the sweeps under `root`, in alphabetical order; what may not be looked into counts as one."""
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in root.iterdir() if entry.name[0] != "." and _holds_sweep(entry))


def _holds_sweep(directory: Path) -> bool:
    try:
        return Layout(directory).manifest.exists()
    except PermissionError:
        return True


def _newest(root: Path) -> Sweep:
    found: list[Sweep] = []
    for name in names(root):
        try:
            found.append(Sweep(root / name))
        except SweeprunError as error:
            say(f"passed over {root / name}, which cannot be read: {error}")
    if not found:
        raise SweepNotFound(f"there is no sweep under {root}", "sweeprun start FILE, or name one with SWEEP or --root")
    return max(found, key=lambda sweep: float(sweep.manifest["created"]))
