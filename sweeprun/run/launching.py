"""From a claimed trial to a job: its directory, its arguments, its environment."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from sweeprun.executors.base import Executor, Job, Lease
from sweeprun.macros import around
from sweeprun.run import command, wandb
from sweeprun.run.fidelity import Fidelity, handed_over
from sweeprun.run.live import Live
from sweeprun.run.plan import Plan
from sweeprun.run.progress import Progress
from sweeprun.store import checkpoints, durable, runs
from sweeprun.store.layout import Layout, RunFiles
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial

_RECORDED = ("SWEEPRUN_", "CUDA_", "OMP_NUM_THREADS", "MASTER_PORT", wandb.CONFIG)


def prepare(
    plan: Plan,
    sweep: Sweep,
    trial: Trial,
    lease: Lease,
    executor: Executor,
    inherited: Mapping[str, str],
    first: int | None,
    clock: float,
) -> tuple[Job, Live]:
    """Make ready what a run of `trial` needs on disk; its environment is based on what is `inherited`. Raises
    StoreError; nothing is started then."""
    with durable.writing(sweep.layout.trial(trial.number)):
        params = handed_over(plan.fidelity, trial)
        if plan.fidelity is not None:
            _forget_level(sweep.layout, trial, plan.fidelity)
        files, checkpoint = runs.prepare(sweep.layout, trial._replace(params=params))
        progress = Progress(plan.reporting, trial, first, continues := any(checkpoint.iterdir()))
        protocol = _protocol(plan, sweep.name, trial, files, checkpoint) | _where_known(plan, trial, progress)
        environment = command.base_environment(inherited, plan.env, executor.threads, protocol)
        environment |= protocol | dict(lease.env)
        if plan.reporting.source.kind == "wandb":
            environment = wandb.hand_over(files, plan.declared, params, environment)
        named = around(inherited, protocol)
        argv = command.argv(plan.command, params, plan.args, named)
        said = {
            "uid": trial.uid,
            "argv": command.argv(plan.command, params, plan.args),
            "program": shutil.which(argv[0], path=environment["PATH"]),
            "cwd": str(plan.workdir),
            "env": {name: value for name, value in environment.items() if name.startswith(_RECORDED)} | dict(plan.env),
            "devices": list(lease.devices),
            "gpus": lease.gpus,
            "continues": continues,
            "launcher": executor.launcher,
            "metrics_from": plan.reporting.source.written,
            "csv": plan.reporting.source.place(files.directory, named),
        }
        runs.write_json(files.command, said)
    how = plan.stop_signal, plan.preload
    job = Job(trial.number, trial.uid, tuple(argv), environment, plan.workdir, files.directory, lease, *how)
    reader, stop_request = plan.reporting.reader(files, said), sweep.layout.trial_stop(trial.number)
    return job, Live(trial, progress, reader, files, stop_request, lease, clock, clock)


def _protocol(plan: Plan, sweep: str, trial: Trial, files: RunFiles, checkpoint: Path) -> dict[str, str]:
    return {
        "SWEEPRUN_PROTOCOL": command.PROTOCOL,
        "SWEEPRUN_SWEEP": sweep,
        "SWEEPRUN_TRIAL": str(trial.number),
        "SWEEPRUN_TRIAL_UID": trial.uid,
        "SWEEPRUN_DIR": str(files.directory),
        "SWEEPRUN_PARAMS": str(files.params),
        "SWEEPRUN_METRICS": str(plan.reporting.source.metrics_file(files)),
        "SWEEPRUN_CHECKPOINT": str(checkpoint),
        "SWEEPRUN_SEED": str(trial.seed),
        "SWEEPRUN_STEP": plan.reporting.step,
        "MASTER_PORT": str(_free_port()),
    }


def _forget_level(layout: Layout, trial: Trial, fidelity: Fidelity) -> None:
    """Discard what the trial saved in a run of another level: a level is begun from the beginning."""
    for run in range(trial.run, 0, -1):
        if layout.checkpoint(trial.number, run).is_dir():
            given = runs.read_json(RunFiles(layout.run(trial.number, run)).params) or {}
            if given.get(fidelity.name) != fidelity.params(trial)[fidelity.name]:
                checkpoints.discard(layout, trial._replace(run=run))
            return


def _where_known(plan: Plan, trial: Trial, progress: Progress) -> dict[str, str]:
    """How far the run is to go, what it calls its first step, and at which step its trial began if not at the first:
    each where it is known. A level is run to its end."""
    known = {
        "SWEEPRUN_UNTIL": trial.until if plan.fidelity is None else None,
        "SWEEPRUN_STEP_FIRST": progress.first,
        "SWEEPRUN_FROM_STEP": trial.from_step or None,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
