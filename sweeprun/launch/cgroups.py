"""What the control groups (v1 or v2) around this process say: memory kills, and how much of the CPU is ours."""

from __future__ import annotations

import os
from functools import cache


def oom_kills() -> int | None:
    """How many processes of this group and those below it the kernel has killed for memory so far; None: unknowable."""
    for directory in _directories("memory"):
        counts = [_oom_kills_of(path) for path, _, _ in os.walk(directory)]
        known = [count for count in counts if count is not None]
        if known:
            # A v2 group counts those below it, too. The sum then counts twice, but it still rises when one is killed.
            return sum(known)
    return None


def _oom_kills_of(directory: str) -> int | None:
    for name in ("memory.events", "memory.oom_control"):
        for line in _lines(os.path.join(directory, name)):
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None


def cpu_quota() -> float | None:
    """The CPUs that this group may use at a time, 1.5 for one and a half; None: no limit."""
    for directory in _directories("cpu"):
        quota = _v2_quota(directory) or _v1_quota(directory)
        if quota is not None:
            return quota
    return None


def _v2_quota(directory: str) -> float | None:
    for line in _lines(os.path.join(directory, "cpu.max")):
        quota, period = line.split()
        return None if quota == "max" else int(quota) / int(period)
    return None


def _v1_quota(directory: str) -> float | None:
    quota = [int(line) for line in _lines(os.path.join(directory, "cpu.cfs_quota_us"))]
    period = [int(line) for line in _lines(os.path.join(directory, "cpu.cfs_period_us"))]
    return quota[0] / period[0] if quota and period and quota[0] > 0 else None


def _directories(controller: str) -> list[str]:
    """The directories of this process's group that may hold the files of `controller`: v1 first, then v2."""
    return _found(controller, tuple(_lines("/proc/self/cgroup")))


@cache
def _found(controller: str, own: tuple[str, ...]) -> list[str]:
    groups: dict[str, str] = {}
    for line in own:
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    found = []
    for line in _lines("/proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        root, mount_point = before.split()[3:5]
        kind, _, options = after.split()[:3]
        wanted = {"cgroup": controller, "cgroup2": ""}.get(kind)
        if wanted is not None and wanted in groups and (not wanted or wanted in options.split(",")):
            below = os.path.relpath(groups[wanted], root)
            # In a container the mount may show less than the path says; then its root is our group.
            directory = os.path.join(mount_point, below)
            found.append((kind, directory if os.path.isdir(directory) else mount_point))
    return [directory for _, directory in sorted(found)]


def _lines(path: str) -> list[str]:
    """Empty where this kernel, this version of control groups or this container has no such file."""
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
