"""This process as a worker of a sweep: entered into the directory, with a launcher and room for trials."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
import uuid
from dataclasses import replace

from sweeprun import __version__, processes
from sweeprun.executors.local import LocalExecutor
from sweeprun.launch.slots import Slots
from sweeprun.run.plan import Plan
from sweeprun.run.readiness import check_environment
from sweeprun.run.worker import Switch, Worker
from sweeprun.store import durable, liveness
from sweeprun.store.sweep import Sweep


def join(sweep: Sweep, switch: Switch, gpus: tuple[str, ...] | None = None, slots: int | None = None) -> Worker:
    """Enter this process into `sweep`. Raises StoreError where the directory cannot be written, SweepFileError where
    the command needs a variable that this environment lacks.

    `gpus` and `slots` bound what this worker takes, whatever the sweep file says.
    """
    obeyed = sweep.stop_request()  # any other is for us, too
    plan = Plan.load(sweep)
    if sweep.broken_edit is not None:  # to go on without a change that somebody made would be to undo it
        raise sweep.broken_edit
    check_environment(plan)
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
