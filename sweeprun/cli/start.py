"""`sweeprun start FILE`: create the sweep, or join it, and work on it."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

from sweeprun import __version__
from sweeprun.cli.driving import Drive
from sweeprun.errors import NotSupportedYet, SweepExists, UsageError
from sweeprun.run.plan import Plan, settled
from sweeprun.spec.quantities import duration
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.spec.unsupported import unsupported
from sweeprun.store.sweep import Sweep


def start(
    file: Path,
    root: Path | None = None,
    overrides: tuple[str, ...] = (),
    slots: int | None = None,
    gpus: str | None = None,
    trust: bool = False,
    timeout: str | None = None,
    events: str | None = None,
) -> tuple[Sweep, int]:
    """Create or join the sweep of `file` and work on it; the sweep and the exit code."""
    spec = SweepFile.load(file, overrides)
    for note in spec.notes:
        print(f"note: {note}", file=sys.stderr)
    refuse_unsupported(spec)
    Plan.of(spec)
    sweep, created = _opened(spec, file, root or Path(os.environ.get("SWEEPRUN_ROOT") or spec.root or "sweeps"))
    check_owner(sweep, trust)
    where = shlex.quote(os.path.relpath(sweep.layout.directory))
    print(f"{where}: {'created' if created else 'joined'}; go on later with: sweeprun resume {where}", file=sys.stderr)
    drive = Drive(sweep, slots, gpus, None if timeout is None else duration(timeout), events)
    return sweep, drive.run()


def refuse_unsupported(spec: SweepFile) -> None:
    """Raises NotSupportedYet for the first key whose machinery is not built."""
    for problem in unsupported(spec):
        raise problem


def check_owner(sweep: Sweep, trust: bool) -> None:
    """Commands of a directory that somebody else wrote run only when the user says so."""
    owner = sweep.layout.manifest.stat().st_uid
    if owner != os.geteuid() and not trust:
        raise UsageError(
            f"{sweep.layout.directory} belongs to user id {owner}, not to you; its commands would run as you",
            "read sweep.yaml there, then add --trust",
        )


def _opened(spec: SweepFile, file: Path, root: Path) -> tuple[Sweep, bool]:
    chosen = settled(spec)
    if chosen.algorithm != spec.algorithm:
        print(f"algorithm: auto chose {chosen.algorithm.name}", file=sys.stderr)
    try:
        return Sweep.create(root / spec.name, file.read_text(), chosen.resolved(), __version__), True
    except SweepExists:
        sweep = Sweep(root / spec.name)
    known, wanted = sweep.manifest["resolved"], chosen.resolved()
    if known != wanted:
        raise SweepExists(
            f"{sweep.layout.directory} was made from another version of {file}:\n{_difference(known, wanted)}",
            f"give the new one a name of its own: sweeprun start {file} --set name={spec.name}-2",
        )
    return sweep, False


def _difference(known: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The keys that changed, as a unified diff of their YAML."""
    changed = [key for key in wanted if known.get(key) != wanted[key]]
    before, after = (
        yaml.safe_dump({key: version.get(key) for key in changed}, sort_keys=False).splitlines()
        for version in (known, wanted)
    )
    return "\n".join(list(difflib.unified_diff(before, after, "the sweep", "the file", lineterm="", n=1)))
