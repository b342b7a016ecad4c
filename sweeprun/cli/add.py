"""Queue a configuration of one's own: lr=3e-4 width=[64,32] model.depth=4. What is left out is drawn.

Values are read as in a sweep file. It counts against no budget, and runs with the next worker: `sweeprun resume`
starts one.
"""

from __future__ import annotations

from typing import Annotated

import typer

from sweeprun.cli.options import AsJson
from sweeprun.cli.queued import say_queued, say_what_runs_them, write_queued
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, opened
from sweeprun.cli.understood import described
from sweeprun.errors import SpaceError, UsageError
from sweeprun.run import queueing
from sweeprun.run.plan import Plan
from sweeprun.space import NotAllowedError
from sweeprun.spec import yaml12
from sweeprun.trials import Params

Words = Annotated[
    list[str],
    typer.Argument(metavar="[SWEEP] NAME=VALUE", help="Parameters, after the sweep's name or directory."),
]


def add(sweep_and_values: Words, as_json: AsJson = False, root: Root = DEFAULT_ROOT) -> None:
    """Queue one configuration."""
    words = sweep_and_values
    name, values = (None, words) if "=" in words[0] else (words[0], words[1:])
    given = _given(values)
    sweep = opened(name, root)
    plan = Plan.load(sweep)
    if sweep.broken_edit is not None:
        raise sweep.broken_edit
    try:
        trial = queueing.add(sweep, plan, given)
    except NotAllowedError as error:
        raise SpaceError(error.message, f"{error.name}: {described(plan.space.owners[error.name])}") from None
    say_queued(trial)
    say_what_runs_them(sweep)
    if as_json:
        write_queued("add", sweep, [trial])


def _given(words: list[str]) -> Params:
    given: Params = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"expected NAME=VALUE, not {word!r}", "for example: sweeprun add lr=3e-4 layers=4")
        if name in given:
            raise UsageError(f"{name} is given twice")
        given[name] = yaml12.load_value(text, word)
    if not given:
        raise UsageError("expected NAME=VALUE: the parameters to try", "for example: sweeprun add lr=3e-4 layers=4")
    return given
