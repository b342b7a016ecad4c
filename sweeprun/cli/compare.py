"""Two trials of a sweep, or two sweeps, side by side: what differs, and what came of it.

`compare 3 7` and `compare digits 3 7` are trials, `compare digits digits-2` are sweeps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli import two_trials
from sweeprun.cli.options import AsJson
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, opened, trial_of
from sweeprun.cli.two_trials import TrialPair
from sweeprun.cli.view import say, write, write_document
from sweeprun.errors import UsageError
from sweeprun.trials import Json

Two = Annotated[
    list[str],
    typer.Argument(metavar="A B", help="Two sweeps; or two trial numbers, after a sweep's name or directory."),
]


def compare(two: Two, as_json: AsJson = False, root: Root = DEFAULT_ROOT) -> None:
    """Print both."""
    *names, a, b = two if len(two) > 1 else ("", *two)
    if len(names) < 2 and a.isdecimal() and b.isdecimal():
        shown, body = _trials(names[0] if names else None, int(a), int(b), root)
    elif len(two) == 2:
        shown, body = _sweeps(a, b, root)
    else:
        raise UsageError(
            f"expected two sweeps, or [SWEEP] and two trial numbers, not {' '.join(two)!r}",
            "for example: sweeprun compare 3 7",
        )
    if as_json:
        write_document("compare", body)
    else:
        write(shown)


def _trials(name: str | None, a: int, b: int, root: Path) -> tuple[str, dict[str, Json]]:
    sweep = opened(name, root)
    for number in (a, b):
        trial_of(sweep, number)
    pair = TrialPair.of(sweep, a, b)
    return two_trials.shown(pair), two_trials.body(pair)


def _sweeps(a: str, b: str, root: Path) -> tuple[str, dict[str, Json]]:
    from sweeprun.cli import two_sweeps  # costs what reading sweep files costs; two trials need not wait for it

    pair = two_sweeps.SweepPair.of(opened(a, root), opened(b, root))
    if not pair.comparable:
        one, other = pair.objectives
        say(f"one looks for {one}, the other for {other}: their values cannot be compared")
    return two_sweeps.shown(pair), two_sweeps.body(pair)
