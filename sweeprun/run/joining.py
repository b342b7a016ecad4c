"""This process as a worker of a sweep: entered into the directory, with a launcher and room for trials."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sweeprun import __version__, processes
from sweeprun.errors import SweepFileError
from sweeprun.executors.local import LocalExecutor
from sweeprun.history import History
from sweeprun.launch.slots import Slots
from sweeprun.macros import GIVEN, around
from sweeprun.run import command
from sweeprun.run.plan import Plan
from sweeprun.run.worker import Switch, Worker
from sweeprun.store import durable, liveness
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial

_GIVEN = dict.fromkeys(GIVEN, "")  # what each trial will be given: that it is there is what counts before it runs


def join(sweep: Sweep, switch: Switch, gpus: tuple[str, ...] | None = None, slots: int | None = None) -> Worker:
    """Enter this process into `sweep`. Raises StoreError where the directory cannot be written, SweepFileError where
    the command needs a variable that this environment lacks.

    `gpus` and `slots` bound what this worker takes, whatever the sweep file says.
    """
    obeyed = sweep.stop_request()  # any other is for us, too
    plan = Plan.load(sweep)
    if sweep.broken_edit is not None:  # to go on without a change that somebody made would be to undo it
        raise sweep.broken_edit
    _check_environment(plan)
    resources = replace(plan.resources, slots=slots or plan.resources.slots, only=gpus)
    lease = liveness.Lease()
    observer = liveness.Observer(sweep.layout, lease)
    with durable.writing(sweep.layout.workers):
        sweep.tidy()
        open_trials = {trial.worker for trial in sweep.trials() if not trial.state.final}
        liveness.forget_old(sweep.layout, observer, keep=open_trials)
        room = Slots(resources, sweep.name)
        member = liveness.join(sweep.layout, this_process(tuple(str(device) for device in room.devices)), lease)
    return Worker(sweep, plan, LocalExecutor(room), member, observer, switch, obeyed)


def rehearse(plan: Plan, trials: Sequence[Trial] = ()) -> None:
    """Raises SweepFileError or SpaceError for what would keep the trial after `trials` from being suggested or started:
    asked before a sweep is created, or changed."""
    _check_environment(plan)
    _check_program(plan)
    plan.sampler.suggest(History(plan.space, plan.objectives, trials), command.generator(plan.seed, len(trials)))


def _check_environment(plan: Plan) -> None:
    named = around(os.environ, _GIVEN)
    command.argv(plan.command, {}, plan.args, named)
    command.base_environment(os.environ, plan.env, 1, _GIVEN)
    plan.reporting.source.place(Path(), named)


def _check_program(plan: Plan) -> None:
    if not plan.workdir.is_dir():
        raise SweepFileError(f"workdir {plan.workdir} is no directory that can be entered")
    program = command.argv(plan.command, {}, plan.args, around(os.environ, _GIVEN))[0]
    path = command.base_environment(os.environ, plan.env, 1, _GIVEN)["PATH"]
    if shutil.which(plan.workdir / program if "/" in program else program, path=path) is None:
        where = f"from {plan.workdir}" if "/" in program else f"on the trials' PATH ({path})"
        raise SweepFileError(f"command: there is no program {program!r} {where}", hint="write its whole path")


def this_process(devices: tuple[str, ...] = ()) -> liveness.Worker:
    """What this process says of itself as a worker."""
    pid = os.getpid()
    return liveness.Worker(
        uuid=uuid.uuid4().hex,
        host=socket.gethostname(),
        boot_id=processes.boot_id(),
        pid_namespace=processes.pid_namespace(),
        pid=pid,
        start_time=processes.start_time(pid) or 0,
        started=time.time(),
        argv=tuple(sys.argv),
        versions={"sweeprun": __version__, "python": platform.python_version()},
        devices=devices,
    )
