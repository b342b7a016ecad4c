"""Whether trials of a plan can be suggested and started here, asked before anything is written."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from sweeprun import seeds
from sweeprun.errors import SweepFileError
from sweeprun.macros import GIVEN, around
from sweeprun.run import command
from sweeprun.run.plan import Plan
from sweeprun.trials import Trial

_PYTHON = re.compile(r"python[\d.]*")
_GIVEN = dict.fromkeys(GIVEN, "")  # what each trial will be given: that it is there is what counts before it runs


def rehearse(plan: Plan, trials: Sequence[Trial] = ()) -> None:
    """Raises SweepFileError or SpaceError for what would keep the trial after `trials` from being suggested or started:
    asked before a sweep is created, or changed."""
    check_environment(plan)
    _check_program(plan)
    plan.sampler.suggest(plan.history(trials), seeds.generator(plan.seed, len(trials)))


def check_environment(plan: Plan) -> None:
    """Raises SweepFileError where the command, `env` or the place of the metrics need a variable that is not set."""
    named = around(os.environ, _GIVEN)
    command.argv(plan.command, {}, plan.args, named)
    command.base_environment(os.environ, plan.env, 1, _GIVEN)
    plan.reporting.source.place(Path(), named)


def _check_program(plan: Plan) -> None:
    if not plan.workdir.is_dir():
        raise SweepFileError(f"workdir: {plan.workdir} is no directory")
    program, *rest = command.argv(plan.command, {}, plan.args, around(os.environ, _GIVEN))
    path = command.base_environment(os.environ, plan.env, 1, _GIVEN)["PATH"]
    if shutil.which(plan.workdir / program if "/" in program else program, path=path) is None:
        where = f"in {plan.workdir}" if "/" in program else f"on the PATH of the trials, {path}"
        raise SweepFileError(f"command: there is no program {program!r} {where}")
    if rest and _PYTHON.fullmatch(Path(program).name) and rest[0].endswith(".py"):
        script = plan.workdir / rest[0]
        if not script.exists():
            raise SweepFileError(f"command: there is no script {rest[0]} in {plan.workdir}, where trials run")
