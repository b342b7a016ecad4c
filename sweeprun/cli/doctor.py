"""What this machine, this file system and the trials' interpreter can do; with a SWEEP also what is damaged in it.

Exit code 75: sweeps cannot be written under the root.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import typer
from filelock import Timeout, UnixFileLock

from sweeprun import __version__
from sweeprun.cli.options import AsJson
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened
from sweeprun.cli.view import counted, pairs, say, write, write_document
from sweeprun.errors import ExitCode, StoreError
from sweeprun.launch.devices import Device, cores, open_nvml, visible
from sweeprun.launch.leases import lease_directory
from sweeprun.run import command
from sweeprun.store import checkpoints, durable, runs
from sweeprun.store.filesystem import file_system, self_test
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json

_FSYNCS = 10
_NEWEST = 100


@dataclass(frozen=True, slots=True)
class Disk:
    """The place of sweeps. `problem` says why it cannot be one; the others are None then."""

    path: Path
    kind: str
    fsync_s: float | None = None
    locks: bool | None = None
    problem: str | None = None


def doctor(sweep: SweepName = None, as_json: AsJson = False, root: Root = DEFAULT_ROOT) -> None:
    """Look at everything and print it."""
    found = None if sweep is None else opened(sweep, root)
    disk = _disk(root if found is None else found.layout.directory.parent)
    devices = _devices()
    if as_json:
        write_document("doctor", _body(disk, devices, found))
    else:
        write(pairs(_lines(disk, devices)) + ("" if found is None else pairs(_damage(found))))
    if disk.problem is not None:
        say(f"sweeprun: {disk.problem}")
        raise typer.Exit(ExitCode.CANNOT_WRITE)


def _disk(root: Path) -> Disk:
    """What can be done in `root`, or where it would be made."""
    place = root.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    kind = file_system(place)
    try:
        with durable.writing(place), tempfile.TemporaryDirectory(prefix=".sweeprun-doctor-", dir=place) as scratch:
            self_test(Path(scratch))
            return Disk(place, kind, _fsync_s(Path(scratch)), _locks(Path(scratch) / "lock"))
    except StoreError as error:
        return Disk(place, kind, problem=str(error))


def _fsync_s(scratch: Path) -> float:
    """How long it takes until a small new file is on the disk, in the middle of some tries."""
    taken = []
    for _ in range(_FSYNCS):
        start = time.perf_counter()
        durable.write_new(durable.scratch_name(scratch), b"x")
        taken.append(time.perf_counter() - start)
    return sorted(taken)[_FSYNCS // 2]


def _locks(path: Path) -> bool:
    """Whether who holds the lock keeps others out. A file system that ignores flock costs freshness, nothing else."""
    first, second = (UnixFileLock(path, timeout=0, fallback_to_soft=False) for _ in range(2))
    try:
        with first, second:
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False


def _devices() -> list[tuple[Device, bool]]:
    """The GPUs of this machine, and whether we may use each."""
    nvml = open_nvml()
    if nvml is None:
        return []
    installed = nvml.devices()
    nvml.close()
    ours = visible(installed, os.environ.get("CUDA_VISIBLE_DEVICES"))
    return [(device, device in ours) for device in installed]


def _interpreter() -> str | None:
    """The `python` of a trial's command."""
    return shutil.which("python", path=command.base_environment(os.environ, {}, 1, {})["PATH"])


def _body(disk: Disk, devices: list[tuple[Device, bool]], sweep: Sweep | None) -> dict[str, Json]:
    return {
        "sweeprun": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cores": cores(),
        "trial_python": _interpreter(),
        "root": {
            "path": str(disk.path),
            "file_system": disk.kind,
            "fsync_s": disk.fsync_s,
            "locks": disk.locks,
            "problem": disk.problem,
        },
        "gpus": [
            {"name": gpu.name, "uuid": gpu.uuid, "index": gpu.index, "memory_bytes": gpu.memory_bytes, "visible": ours}
            for gpu, ours in devices
        ],
        "lease_directory": str(lease_directory()),
        "damaged": [] if sweep is None else [trial.number for trial in sweep.trials() if trial.damaged],
        "strangers": [] if sweep is None else [str(path) for path in sweep.strangers],
        "checkpoint_bytes": 0 if sweep is None else sum(_checkpoints(sweep)),
        "started": {} if sweep is None else _started(sweep),
    }


def _lines(disk: Disk, devices: list[tuple[Device, bool]]) -> list[tuple[str, str]]:
    said = [
        ("sweeprun", __version__),
        ("python", f"{platform.python_version()}, {sys.executable}"),
        ("platform", platform.platform()),
        ("cores", str(cores())),
        ("trials get", _interpreter() or "no python: none is in their PATH"),
        ("sweeps in", f"{disk.path} ({disk.kind})"),
    ]
    if disk.fsync_s is not None:
        said.append(("disk", f"all that a sweep needs works; a durable write takes {disk.fsync_s * 1e3:.1f} ms"))
        said.append(("lock", "works" if disk.locks else "has no effect here: suggestions may be less fresh"))
    for gpu, ours in devices:
        hidden = "" if ours else ", hidden by CUDA_VISIBLE_DEVICES"
        said.append((str(gpu), f"{gpu.name}, {gpu.memory_bytes / 2**30:.0f} GiB{hidden}"))
    if not devices:
        said.append(("GPUs", "none: no NVIDIA driver, or no device"))
    said.append(("leases in", str(lease_directory())))
    return said


def _damage(sweep: Sweep) -> list[tuple[str, str]]:
    trials = sweep.trials()
    said = [("damaged", f"trial {trial.number}: {trial.why}") for trial in trials if trial.damaged]
    said += [("stranger", f"{path} does not belong here") for path in sweep.strangers]
    said = said or [(sweep.name, f"{counted(len(trials), 'trial')}, all readable; nothing that does not belong here")]
    sizes = _checkpoints(sweep)
    said.append(("checkpoints", f"{sum(sizes) / 2**20:.1f} MiB, of {counted(len(sizes), 'trial')}"))
    return said + [("started", f"by {how}: {n} of the newest trials") for how, n in _started(sweep).items()]


def _started(sweep: Sweep) -> dict[str, int]:
    """How the newest trials were started, by how many of them."""
    ways = (runs.read_how(sweep.layout, trial.number, trial.run) for trial in sweep.trials()[-_NEWEST:])
    return dict(Counter(how for how in ways if how is not None))


def _checkpoints(sweep: Sweep) -> list[int]:
    """The bytes of each that is there."""
    sizes = (checkpoints.n_bytes(sweep.layout, trial) for trial in sweep.trials())
    return [size for size in sizes if size]
