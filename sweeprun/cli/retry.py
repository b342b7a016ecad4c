"""Queue trials that have ended once more: the same parameters and seed, as trials of their own.

They count against no budget, and run with the next worker: `sweeprun resume` starts one. All that failed at once:
`sweeprun resume --retry failed`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sweeprun.cli.options import AsJson
from sweeprun.cli.queued import say_queued, say_what_runs_them, write_queued
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, opened, trial_of
from sweeprun.errors import UsageError
from sweeprun.run import queueing
from sweeprun.run.plan import Plan

Words = Annotated[
    list[str],
    typer.Argument(metavar="[SWEEP] N", help="Trial numbers, after the sweep's name or directory."),
]


def retry(sweep_and_numbers: Words, as_json: AsJson = False, root: Root = DEFAULT_ROOT) -> None:
    """Queue each of the trials again, or none."""
    name, numbers = _split(sweep_and_numbers)
    sweep = opened(name, root)
    plan = Plan.load(sweep)
    for number in numbers:
        trial_of(sweep, number)
        queueing.check_retry(sweep.trials(), number)
    queued = []
    for number in numbers:
        queued.append(queueing.retry(sweep, plan, number))
        say_queued(queued[-1])
    say_what_runs_them(sweep)
    if as_json:
        write_queued("retry", sweep, queued)


def _split(words: list[str]) -> tuple[str | None, list[int]]:
    name = None if _is_number(words[0]) else words[0]
    numbers = words if name is None else words[1:]
    if not numbers or not all(map(_is_number, numbers)):
        raise UsageError(f"expected [SWEEP] N ..., not {' '.join(words)!r}", "sweeprun trials lists the numbers")
    return name, list(dict.fromkeys(map(int, numbers)))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()
