"""Which process is which: a pid is not enough, a pid with its start time is."""

from __future__ import annotations

import os
from functools import cache


@cache
def boot_id() -> str:
    """Changes with every boot of the kernel."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


@cache
def pid_namespace() -> str:
    """In which pids are what we think they are."""
    return os.readlink("/proc/self/ns/pid")


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None where there is none (a zombie is none)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
