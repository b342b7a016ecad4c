"""One trial's processes: the program that was started, and everything that descends from it."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Collection, Iterable, Sequence

from sweeprun.launch.channel import Message
from sweeprun.processes import Process, below, children, cookie, own_children, process, send_all, snapshot

LEFTOVER_GRACE_S = 2.0  # for processes that outlive their program
UNKILLABLE_S = 5.0  # after that SIGKILL was in vain: the process hangs inside the kernel
KILL_AGAIN_S = 0.02  # between two looks for processes that were born while others were killed


class Tree:
    """Runs until its program exits or `deadline`, is killed from then on, has ended when `advance` says so.

    Times are seconds of the monotonic clock.
    """

    def __init__(
        self, order: Message, pid: int, pipe: int, fds: Sequence[int], now: float, oom_kills: int | None, how: str
    ):
        self.trial, self.uid, self.run_dir = order["trial"], order["uid"], order["run_dir"]
        self.pid, self.fds, self.stop_signal = pid, fds, order["stop_signal"]
        self.start_time = forked.start_time if (forked := process(pid)) else 0
        self.oom_kills_before, self.how = oom_kills, how
        self.pipe: int | None = pipe  # until the program runs; see child.fork_trial
        self.refusal = b""
        self.sessions = {pid}
        self.born, self.died = now, math.nan
        self.status: int | None = None  # as wait4 gives it, once the program was reaped
        self.memory_bytes, self.cpu_seconds = 0, 0.0
        self.ended_by, self.leftovers, self.unkillable = "program", 0, False
        self.deadline = self.killing_since = math.inf
        self._orphaned = self._clean = False

    def stop(self, grace_s: float, by: str, now: float) -> None:
        """The stop signal now and SIGKILL `grace_s` later; a program that does not run yet is killed at once."""
        if self.status is None and self.deadline == math.inf:
            self.ended_by = by
            if self.pipe is None and grace_s > 0:
                self._signal_group(self.stop_signal)
                self._signal_group(signal.SIGCONT)  # a stopped process would not see it
        self.deadline = min(self.deadline, now + grace_s if self.pipe is None else now)

    def exited(self, status: int, memory_bytes: int, cpu_seconds: float, now: float) -> None:
        """The program was reaped: its pid may be another's from here on."""
        self.status, self.memory_bytes, self.cpu_seconds, self.died = status, memory_bytes, cpu_seconds, now

    @property
    def due(self) -> float:
        """When to look at the tree next; inf: not before a process of it dies."""
        return -math.inf if self.status is not None and not self._orphaned else self.deadline

    def advance(self, living: Sequence[Process], now: float) -> bool:
        """Goes on with ending the tree, of which `living` is left. True: it has ended, or cannot be ended."""
        if self.status is not None and not living:
            return self._surely_empty(now)
        self._clean = False
        if self.status is not None and not self._orphaned:
            self._orphan(living, now)
        if now >= self.deadline:
            self._kill(living, now)
        return self.unkillable

    def _surely_empty(self, now: float) -> bool:
        # A process that forks and dies again and again can slip through one look, as /proc is read pid by pid.
        self._orphaned = True
        if self._clean or self.killing_since == math.inf:
            return True
        self._clean, self.deadline = True, now + KILL_AGAIN_S
        return False

    def _orphan(self, living: Sequence[Process], now: float) -> None:
        self._orphaned = True
        if self.ended_by == "program":
            self.leftovers = len(living)
        send_all(living, signal.SIGTERM, signal.SIGCONT)
        self.deadline = min(self.deadline, now + LEFTOVER_GRACE_S)

    def _kill(self, living: Sequence[Process], now: float) -> None:
        if self.status is None:
            self._signal_group(signal.SIGKILL)  # at one stroke: no member can fork meanwhile
        send_all(living, signal.SIGKILL)
        self.killing_since = min(self.killing_since, now)
        self.unkillable = now >= self.killing_since + UNKILLABLE_S
        self.deadline = now + KILL_AGAIN_S

    def _signal_group(self, signum: int) -> None:
        try:
            os.killpg(self.pid, signum)
        except ProcessLookupError:  # the child has not come to make its session
            os.kill(self.pid, signum)
        except PermissionError:  # all of it runs as another user; what SIGKILL cannot reach is reported as unkillable
            return


def nothing_left(ended: Iterable[Tree], trees: Iterable[Tree], tasks: Collection[int]) -> bool:
    """Whether it is known at a glance that no process is left of `ended`: this process has no child beside the programs
    of `trees` that run and `tasks`, and would have one, as it is a subreaper."""
    running = {tree.pid for tree in trees if tree.status is None}
    found = own_children()
    return all(tree.status is not None for tree in ended) and found is not None and found <= running | {*tasks}


def share_out(trees: Collection[Tree], tasks: Collection[int]) -> dict[Tree, list[Process]]:
    """The living processes of each tree. `tasks` are children of this process that belong to none.

    All of them descend from this process, as it is a subreaper: a process whose parent died is its child, and is
    known by its session or by the cookie in its environment.
    """
    by_parent = children(snapshot())
    own_session = os.getsid(0)
    found: dict[Tree, list[Process]] = {tree: [] for tree in trees}
    for child in by_parent.get(os.getpid(), ()):
        owner = None if child.pid in tasks else _owner(child, trees)
        if owner is not None:
            family = [child, *below(child.pid, by_parent)]
            owner.sessions |= {each.session for each in family} - {own_session}
            found[owner] += [each for each in family if not each.zombie]
    return found


def _owner(child: Process, trees: Collection[Tree]) -> Tree | None:
    for tree in trees:
        if child.session in tree.sessions or (child.pid == tree.pid and tree.status is None):
            return tree
    uid = cookie(child.pid)
    for tree in trees:
        # One that has wiped its environment can only be of the trial that runs alone.
        if tree.uid == uid or (uid is None and len(trees) == 1):
            return tree
    return None
