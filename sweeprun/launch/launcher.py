"""The launcher: the one process that starts, watches and ends a worker's trials.

It is exec'ed by its worker, in a session of its own, with the standard library alone, and sleeps unless something
happens. When the worker is gone, by whatever way, it ends every trial and leaves.
"""

from __future__ import annotations

import errno
import functools
import math
import os
import select
import selectors
import signal
import socket
import time
from collections.abc import Sequence

from sweeprun.launch.cgroups import oom_kills
from sweeprun.launch.channel import Channel, Message
from sweeprun.launch.child import fork_trial, refusal
from sweeprun.launch.exits import ExitFiles, exit_record
from sweeprun.launch.forking import Forks, ForkServer
from sweeprun.launch.prctl import become_subreaper
from sweeprun.launch.tree import KILL_AGAIN_S, UNKILLABLE_S, Tree, nothing_left, share_out
from sweeprun.processes import descendants, send_all

WORKER_LOST_GRACE_S = 3.0
_IGNORED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGTSTP", "SIGALRM")


class LauncherProcess:
    """Everything the launcher knows; `run` is its whole life."""

    def __init__(self, channel: Channel, root: str):
        self._channel = channel
        self._selector = selectors.DefaultSelector()
        self._trees: list[Tree] = []
        self._given_up: list[Tree] = []  # reported as unkillable; their devices stay leased
        self._exit_files = ExitFiles(self._selector, self._say)
        self._forks = Forks(root)
        self._heard: set[ForkServer] = set()
        self._early: dict[int, tuple[int, int, float]] = {}  # who died before we heard of their birth, by pid
        self._fence_at, self._fence_grace_s = math.inf, 0.0
        self._leaving = False

    def run(self) -> None:
        child_signals = _child_signals()
        self._selector.register(child_signals, selectors.EVENT_READ, functools.partial(self._told, child_signals))
        self._selector.register(self._channel, selectors.EVENT_READ, self._converse)
        while not (self._leaving and not self._trees and not self._exit_files.awaited and not self._forks.unborn):
            for key, _ in self._selector.select(self._timeout()):
                key.data()
            self._heed_fence()
            self._heed_forks()
            self._end_trees()
            self._exit_files.give_up_late()
            self._heed_full_buffer()
        _end_strays()

    def _timeout(self) -> float | None:
        due = min((tree.due for tree in self._trees), default=math.inf)
        left = min(due, self._exit_files.due, self._forks.due) - time.monotonic()
        left = min(left, self._fence_at - _boot_clock())
        return None if left == math.inf else max(0.0, left)

    def _heed_fence(self) -> None:
        """A worker that hangs cannot end its trials before others take them over, so this is done here."""
        if _boot_clock() >= self._fence_at:
            self._fence_at = math.inf
            self._stop_all(self._fence_grace_s, "fenced")

    def _heed_full_buffer(self) -> None:
        if not self._channel.closed:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._channel.wants_to_write else 0)
            self._selector.modify(self._channel, wanted, self._converse)

    def _converse(self) -> None:
        self._channel.flush()
        for message, fds in self._channel.receive():
            self._obey(message, fds)
        if self._channel.closed:
            self._selector.unregister(self._channel)
            self._leave(WORKER_LOST_GRACE_S, "worker_lost")

    def _obey(self, message: Message, fds: list[int]) -> None:
        match message["do"]:
            case "spawn":
                self._spawn(message, fds)
            case "stop":
                self._reap()
                for tree in self._trees:
                    if tree.trial == message["trial"]:
                        self._stop(tree, message["grace_s"], "stop")
                if message["trial"] in self._forks.unborn:
                    self._forks.unborn[message["trial"]].stop = message["grace_s"], "stop"
            case "fence":
                self._fence_at = math.inf if message["after_s"] is None else _boot_clock() + message["after_s"]
                self._fence_grace_s = message["grace_s"]
            case "close":
                self._leave(message["grace_s"], "stop")

    def _leave(self, grace_s: float, by: str) -> None:
        self._leaving = True
        self._stop_all(grace_s, by)

    def _stop_all(self, grace_s: float, by: str) -> None:
        self._reap()  # what has ended by itself was not ended by us, though the news of it is not read yet
        for tree in self._trees:
            self._stop(tree, grace_s, by)
        for unborn in self._forks.unborn.values():
            unborn.stop = grace_s, by

    def _spawn(self, order: Message, fds: list[int]) -> None:
        try:
            if len(fds) != order["fds"]:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            why = self._forks.fork(order, fds)
            self._follow_servers()
            if why is not None:
                pid, pipe = fork_trial(order, fds)
                self._grow(order, fds, pid, pipe, f"exec: {why}" if why else "exec")
        except OSError as error:
            _close_all(fds)
            self._say_failed(order["trial"], error.errno or errno.EIO, f"cannot start a process: {error.strerror}")

    def _grow(self, order: Message, fds: Sequence[int], pid: int, pipe: int, how: str) -> Tree:
        tree = Tree(order, pid, pipe, fds, time.monotonic(), oom_kills(), how)
        self._trees.append(tree)
        self._selector.register(pipe, selectors.EVENT_READ, functools.partial(self._hear, tree))
        return tree

    def _follow_servers(self) -> None:
        """Listens to the servers that are there, and to no other; of one that has left, who was born before."""
        for server in self._forks.servers:
            if server.state == "gone":
                if server in self._heard:
                    self._bear(server)
                    self._heard.remove(server)
                    self._selector.unregister(server.number)
                    server.close()
            elif server not in self._heard:
                self._heard.add(server)
                self._selector.register(server.number, selectors.EVENT_READ, functools.partial(self._bear, server))

    def _bear(self, server: ForkServer) -> None:
        """Takes in what a fork server says: who was born."""
        for unborn, pid in self._forks.heed(server):
            tree = self._grow(unborn.order, unborn.fds, pid, unborn.pipe, "fork")
            if pid in self._early:
                self._over(tree, *self._early[pid])
            elif unborn.stop is not None:
                self._stop(tree, *unborn.stop)

    def _heed_forks(self) -> None:
        self._forks.give_up()
        if self._leaving:
            self._forks.close()
        else:
            self._forks.learn()
        self._follow_servers()
        for unborn in self._forks.lost():
            unborn.order["preload"] = None
            if self._leaving:
                _close_all(unborn.fds)
                self._say_failed(unborn.order["trial"], errno.EIO, "its fork server has died, and the launcher leaves")
            else:
                self._spawn(unborn.order, list(unborn.fds))
        if not self._forks.unborn:
            self._early.clear()

    def _say(self, event: Message) -> None:
        if not self._channel.closed:
            self._channel.send(event)

    def _say_failed(self, trial: int, number: int, message: str) -> None:
        self._say({"event": "spawn_failed", "trial": trial, "errno": number, "message": message})

    def _stop(self, tree: Tree, grace_s: float, by: str) -> None:
        if tree.pipe is not None and _readable(tree.pipe):
            self._hear(tree)  # it may have come to run meanwhile: then it is asked before it is killed
        tree.stop(grace_s, by, time.monotonic())

    def _hear(self, tree: Tree) -> None:
        """Reads what the child says before it is the program: nothing and end of file when all is well."""
        if tree.pipe is None:
            return
        tree.refusal += (data := os.read(tree.pipe, 1 << 16))
        if not data:
            self._selector.unregister(tree.pipe)
            os.close(tree.pipe)
            tree.pipe = None
            if not tree.refusal:
                said = {"trial": tree.trial, "pid": tree.pid, "start_time": tree.start_time, "how": tree.how}
                self._say({"event": "started", **said})

    def _told(self, child_signals: int) -> None:
        os.read(child_signals, 1 << 12)
        self._reap()

    def _reap(self) -> None:
        leaders = {tree.pid: tree for tree in (*self._trees, *self._given_up) if tree.status is None}
        while (reaped := _wait_for_any()) is not None:
            pid = reaped[0]
            if pid in leaders:
                self._over(leaders[pid], *reaped[1:])
            elif not (self._exit_files.reaped(pid) or self._forks.reaped(pid)) and self._forks.unborn:
                self._early[pid] = reaped[1:]

    def _over(self, tree: Tree, status: int, memory_bytes: int, cpu_seconds: float) -> None:
        while tree.pipe is not None:  # its writer is dead, so this comes to the end of file
            self._hear(tree)
        tree.exited(status, memory_bytes, cpu_seconds, time.monotonic())
        if tree.refusal:
            self._refused(tree)

    def _refused(self, tree: Tree) -> None:
        self._trees.remove(tree)
        _close_all(tree.fds)
        self._say_failed(tree.trial, *refusal(tree.refusal))

    def _end_trees(self) -> None:
        """Looks at the trees whose time has come, and at those that a process may have left just now."""
        now = time.monotonic()
        due = [tree for tree in self._trees if tree.due <= now or tree.status is not None]
        if due:
            known, tasks = [*self._trees, *self._given_up], self._exit_files.pids | self._forks.pids
            shares = {} if nothing_left(due, known, tasks) else share_out(known, tasks)
            for tree in [tree for tree in due if tree.advance(shares.get(tree, ()), now)]:
                self._ended(tree, now)

    def _ended(self, tree: Tree, now: float) -> None:
        self._trees.remove(tree)
        if tree.unkillable:
            self._given_up.append(tree)
        else:
            _close_all(tree.fds)
        record = exit_record(tree, now, oom_kills())
        event = {"event": "ended", "trial": tree.trial} | record
        self._exit_files.write(tree.run_dir, {"uid": tree.uid, "how": tree.how} | record, event)


def _boot_clock() -> float:
    """Seconds since boot with the time spent suspended, during which others heard nothing of the worker either."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _close_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)


def _readable(fd: int) -> bool:
    poll = select.poll()  # select.select takes no descriptor above 1023
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _child_signals() -> int:
    """A descriptor that becomes readable when a child dies."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda signum, frame: None)  # a wakeup needs a handler; it may have been ignored
    return reader


def _wait_for_any() -> tuple[int, int, int, float] | None:
    """Pid, status, peak memory in bytes and CPU seconds of a child that died; None: no other has."""
    try:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime) if pid else None


def _end_strays() -> None:
    """Kills whatever still descends from this process, whatever its marks: nothing of a sweep outlives it."""
    deadline = time.monotonic() + UNKILLABLE_S
    while (living := descendants(os.getpid())) and time.monotonic() < deadline:
        send_all(living, signal.SIGKILL)
        time.sleep(KILL_AGAIN_S)
        while _wait_for_any():
            pass


def main(socket_fd: int, root: str) -> None:
    """The process's entry; its worker's end of the socket pair is the only thing that ties them. `root` is where
    sweeprun lies."""
    for name in _IGNORED:
        signal.signal(signal.Signals[name], signal.SIG_IGN)  # for the worker to act on; schedulers signal everyone
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a blocked SIGCHLD would be inherited
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:  # a worker without streams: a pipe of ours must not be one
        pass
    os.close(spare)
    become_subreaper()
    LauncherProcess(Channel(socket.socket(fileno=socket_fd)), root).run()
