"""How a trial's process ended: the record for the worker, and the same in exit.json for when there is no worker. That
has also how it was started, which people ask."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import math
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable

from sweeprun.launch.channel import MOST_BYTES, Message, packets
from sweeprun.launch.child import fork_task
from sweeprun.launch.tree import Tree

FORMAT = 1
EXIT_FILE_S = 5.0  # a disk that takes longer does not keep the worker from knowing


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


def _write_exit_file(run_dir: str, record: Message) -> None:
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


class ExitFiles:
    """exit.json is written by a child, one file after the other, so that a slow disk delays no deadline. `say` is given
    each event when its file is there, or the disk has taken too long.
    """

    def __init__(self, selector: selectors.BaseSelector, say: Callable[[Message], None]):
        self._selector, self._say = selector, say
        self._writer: socket.socket | None = None
        self._counter = itertools.count()
        self._awaited: dict[int, tuple[Message, float]] = {}  # events with their deadlines
        self.pids: set[int] = set()  # of the writer, and of those that were given up

    def write(self, run_dir: str, record: Message, event: Message) -> None:
        number = next(self._counter)
        try:
            writer = self._writer or self._start()
            writer.send(json.dumps([number, run_dir, record]).encode(), socket.MSG_NOSIGNAL)
        except OSError:  # no process to be had, or too much to write; the worker has the event all the same
            self._say(event)
        else:
            self._awaited[number] = event, time.monotonic() + EXIT_FILE_S

    @property
    def awaited(self) -> bool:
        return bool(self._awaited)

    @property
    def due(self) -> float:
        """When a file is late; inf: none is awaited."""
        return min((deadline for _, deadline in self._awaited.values()), default=math.inf)

    def give_up_late(self) -> None:
        """A writer that hangs is left to its files; the next file has another one."""
        if self.due <= time.monotonic():
            self._leave()

    def reaped(self, pid: int) -> bool:
        """Whether it was a writer that died."""
        if pid not in self.pids:
            return False
        self.pids.remove(pid)  # that nobody is at the other end any more is heard
        return True

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            try:
                self.pids.add(fork_task(functools.partial(_write_all, theirs), theirs.fileno()))
            except OSError:
                ours.close()
                raise
        self._selector.register(ours, selectors.EVENT_READ, functools.partial(self._hear, ours))
        self._writer = ours
        return ours

    def _hear(self, writer: socket.socket) -> None:
        for data in packets(writer):
            if not data:
                self._leave()
            elif (awaited := self._awaited.pop(int(data), None)) is not None:
                self._say(awaited[0])

    def _leave(self) -> None:
        """It has all that it will be told; what is awaited of it goes out now."""
        if self._writer is not None:
            self._selector.unregister(self._writer)
            self._writer.close()
            self._writer = None
        awaited, self._awaited = self._awaited, {}
        for event, _ in awaited.values():
            self._say(event)


def _write_all(orders: socket.socket) -> None:
    while data := orders.recv(MOST_BYTES):
        number, run_dir, record = json.loads(data)
        with contextlib.suppress(OSError):  # the worker has the event
            _write_exit_file(run_dir, record)
        with contextlib.suppress(OSError):  # nobody waits any more; what was asked for is written all the same
            orders.send(b"%d" % number, socket.MSG_NOSIGNAL)
