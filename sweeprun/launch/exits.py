"""How a trial's process ended: the record for the worker, and the same in exit.json for when there is no worker."""

from __future__ import annotations

import json
import os
import signal

from sweeprun.launch.channel import Message
from sweeprun.launch.tree import Tree

FORMAT = 1


def exit_record(tree: Tree, now: float, oom_kills: int | None) -> Message:
    """The fields of events.Ended, the trial's number aside. `oom_kills` is the count of now, as at the start."""
    before = tree.oom_kills_before
    status = None if tree.status is None else os.waitstatus_to_exitcode(tree.status)
    return {
        "code": None if status is None or status < 0 else status,
        "signal": None if status is None or status >= 0 else _signal_name(-status),
        "ended_by": tree.ended_by,
        "seconds": (now if tree.status is None else tree.died) - tree.born,
        "memory_bytes": tree.memory_bytes,
        "cpu_seconds": tree.cpu_seconds,
        "oom": None if oom_kills is None or before is None else oom_kills > before,
        "leftovers": tree.leftovers,
        "unkillable": tree.unkillable,
    }


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals between the named ends of their range
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def write_exit_file(run_dir: str, record: Message) -> None:
    """Puts exit.json in its place, whole or not at all."""
    path = os.path.join(run_dir, "exit.json")
    temporary = f"{path}.{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    data = memoryview(json.dumps({"format": FORMAT} | record).encode() + b"\n")
    while data:
        data = data[os.write(fd, data) :]
    os.fsync(fd)
    os.close(fd)
    os.rename(temporary, path)
    directory = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)
