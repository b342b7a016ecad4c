"""Processes as /proc shows them: who is alive, who descends from whom, who belongs to which trial.

The launcher imports this, so it stays small: nothing beyond `os`, `signal` and `time`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterable, Mapping
from functools import cache

COOKIE = b"SWEEPRUN_TRIAL_UID="


class Process:
    """One line of /proc/<pid>/stat. `start_time` (clock ticks since boot) tells it from a later bearer of the pid."""

    __slots__ = ("group", "parent", "pid", "session", "start_time", "zombie")

    def __init__(self, pid: int, stat: bytes):
        # The command's name stands in parentheses and may itself hold spaces and parentheses.
        fields = stat[stat.rindex(b")") + 2 :].split()
        self.pid = pid
        self.zombie = fields[0] in (b"Z", b"X")
        self.parent, self.group, self.session = int(fields[1]), int(fields[2]), int(fields[3])
        self.start_time = int(fields[19])


def _read(path: str) -> bytes | None:
    """None where the process is gone or hides this file from us."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def process(pid: int) -> Process | None:
    stat = _read(f"/proc/{pid}/stat")
    return Process(pid, stat) if stat else None


def start_time(pid: int) -> int | None:
    """When the living process `pid` started, in clock ticks since boot; None: there is none, or only its zombie."""
    found = process(pid)
    return None if found is None or found.zombie else found.start_time


@cache
def boot_id() -> str:
    """Changes with every boot of the kernel."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


@cache
def pid_namespace() -> str:
    """Within which pids are what we think they are."""
    return os.readlink("/proc/self/ns/pid")


def snapshot() -> dict[int, Process]:
    """Every process of this pid namespace, zombies too. One that is born meanwhile may be missing."""
    found = (process(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {each.pid: each for each in found if each is not None}


def own_children() -> set[int] | None:
    """The children of this process, which has one thread; None where the kernel does not list them."""
    data = _read("/proc/thread-self/children")
    return None if data is None else set(map(int, data.split()))


def children(processes: Mapping[int, Process]) -> dict[int, list[Process]]:
    by_parent: dict[int, list[Process]] = {}
    for each in processes.values():
        by_parent.setdefault(each.parent, []).append(each)
    return by_parent


def below(pid: int, by_parent: Mapping[int, list[Process]]) -> list[Process]:
    """All that descends from `pid`, parents before children, itself not among them."""
    found = list(by_parent.get(pid, ()))
    for each in found:  # grows while it is walked
        found += by_parent.get(each.pid, ())
    return found


def descendants(pid: int) -> list[Process]:
    """The living processes that descend from `pid`."""
    return [each for each in below(pid, children(snapshot())) if not each.zombie]


def cookie(pid: int) -> str | None:
    """The SWEEPRUN_TRIAL_UID with which `pid` was started; None: no trial, or not ours to read."""
    for entry in (_read(f"/proc/{pid}/environ") or b"").split(b"\0"):
        if entry.startswith(COOKIE):
            return entry[len(COOKIE) :].decode(errors="replace")
    return None


def by_cookie(uids: Collection[str]) -> list[Process]:
    """The living processes of these trials, and whatever descends from one."""
    processes = snapshot()
    by_parent = children(processes)
    found: dict[int, Process] = {}
    for each in processes.values():
        if not each.zombie and each.pid not in found and cookie(each.pid) in uids:
            found |= {one.pid: one for one in (each, *below(each.pid, by_parent)) if not one.zombie}
    return list(found.values())


def send(target: Process, signum: int) -> None:
    """Signals exactly this process: one that is gone, or whose pid another bears by now, is left alone."""
    now = process(target.pid)
    if now is None or now.start_time != target.start_time:
        return
    try:
        os.kill(target.pid, signum)
    except (ProcessLookupError, PermissionError):  # a setuid program's; whoever waits for its end sees that it stays
        return


def send_all(targets: Iterable[Process], *signums: int) -> None:
    for signum in signums:
        for each in targets:
            send(each, signum)


def end_leftovers(uids: Collection[str], within_s: float) -> list[Process]:
    """Kills every process of the trials `uids` and returns those that are still there after `within_s`.

    For trials whose worker and launcher are both dead: the one thing left that names their processes is the cookie.
    """
    deadline = time.monotonic() + within_s
    while (found := by_cookie(uids)) and time.monotonic() < deadline:
        send_all(found, signal.SIGKILL)
        time.sleep(0.02)  # processes that are no children of ours die without telling us
    return found
