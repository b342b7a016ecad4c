"""The worker's side of the launcher: orders go in, events come out, and a launcher that dies is replaced."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweeprun.errors import ExitCode, SweeprunError
from sweeprun.launch.channel import Channel
from sweeprun.launch.events import Ended, Event, Order, SpawnFailed, Started
from sweeprun.launch.prctl import become_subreaper
from sweeprun.processes import Process, below, children, cookie, end_leftovers, send_all, snapshot, start_time

_EVENTS: Mapping[str, type[Started] | type[SpawnFailed] | type[Ended]] = {
    "started": Started,
    "spawn_failed": SpawnFailed,
    "ended": Ended,
}
_BOOT = (
    "import sys; root, fd = sys.argv[1:]; sys.path.append(root)\n"
    "from sweeprun.launch.launcher import main; main(int(fd), root)"
)
_LAST_WORDS_S = 15.0  # a launcher that leaves takes its grace, and at most so long beyond it
_LOST_S = 5.0


class LauncherError(SweeprunError):
    """The launcher process cannot be started: no process or descriptor to be had."""

    exit_code = ExitCode.CANNOT_WRITE


class Launcher:
    """One launcher process and the trials in it; at most one in a worker process, which becomes a subreaper.

    When the launcher dies, every process of its trials is killed, each trial is Ended with `launcher_lost`, and the
    next order starts another launcher.
    """

    def __init__(self) -> None:
        become_subreaper()  # the second line: what a dead launcher leaves comes to us
        self._wake_reader, self._wake_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._orders: dict[int, Order] = {}
        self._events: list[Event] = []
        self._fence: dict[str, Any] = {}
        try:
            self._process, self._channel = _start_launcher()
        except OSError as error:
            raise LauncherError(f"cannot start the launcher process: {error}") from error

    @property
    def identity(self) -> tuple[int, int | None]:
        """Pid and start time (clock ticks since boot; None: it is dead) of the launcher that the next order goes to."""
        with contextlib.suppress(OSError):  # the next order says so
            self._ensure()
        return self._process.pid, start_time(self._process.pid)

    def _ensure(self) -> None:
        """Replace a launcher that has died. Raises OSError."""
        if self._channel.closed:
            self._process, self._channel = _start_launcher()
            if self._fence:
                self._channel.send(self._fence)

    def spawn(self, order: Order) -> None:
        """Starts a run of a trial that has none. `order.fds` must stay open until the trial's Ended or SpawnFailed."""
        if order.trial in self._orders:
            raise ValueError(f"trial {order.trial} has a process already")
        try:
            self._ensure()
        except OSError as error:
            self._events.append(SpawnFailed(order.trial, error.errno or 0, f"cannot start the launcher: {error}"))
            return
        self._orders[order.trial] = order
        self._channel.send(
            {
                "do": "spawn",
                "trial": order.trial,
                "uid": order.uid,
                "argv": list(order.argv),
                "env": dict(order.env),
                "cwd": str(order.cwd),
                "stop_signal": int(order.stop_signal),
                "run_dir": str(order.run_dir.absolute()),
                "preload": None if order.preload is None else list(order.preload),
            },
            order.fds,
        )

    def stop(self, trial: int, grace_s: float) -> None:
        """The stop signal to the trial, SIGKILL to all of it `grace_s` later. Later calls only shorten that."""
        if trial in self._orders:
            self._channel.send({"do": "stop", "trial": trial, "grace_s": grace_s})

    def fence(self, after_s: float | None, grace_s: float) -> None:
        """Has the launcher end every trial by itself, with that grace, unless it hears of this again within `after_s`;
        None: it never does. Suspended time counts."""
        self._fence = {"do": "fence", "after_s": after_s, "grace_s": grace_s}
        self._channel.send(self._fence)

    def poll(self, timeout_s: float) -> list[Event]:
        """What happened, in order; waits up to `timeout_s` for something, or for `wake`."""
        deadline = time.monotonic() + timeout_s
        woken = False
        while not self._events:
            left = deadline - time.monotonic()
            woken = self._wait(max(0.0, left))
            self._listen()
            if woken or left <= 0:
                break
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """Makes the `poll` that waits, or the next one, return. Safe in a signal handler and from other threads."""
        try:
            os.write(self._wake_writer, b"!")
        except BlockingIOError:
            return  # the pipe is full of wakes that were not seen yet

    def close(self, grace_s: float) -> list[Event]:
        """Ends every trial with at most `grace_s`, then the launcher; returns the events not seen yet."""
        if not self._channel.closed:
            self._channel.send({"do": "close", "grace_s": grace_s})
        deadline = time.monotonic() + grace_s + _LAST_WORDS_S
        while not self._channel.closed:
            if time.monotonic() > deadline:
                self._process.kill()
            self._wait(1.0)
            self._listen()
        os.close(self._wake_reader)
        os.close(self._wake_writer)
        return self._events

    def _wait(self, timeout_s: float) -> bool:
        """True when it was `wake` that ended the waiting."""
        poll = select.poll()  # select.select takes no descriptor above 1023
        poll.register(self._wake_reader, select.POLLIN)
        if not self._channel.closed:
            poll.register(self._channel, select.POLLIN | (select.POLLOUT if self._channel.wants_to_write else 0))
        if self._wake_reader not in dict(poll.poll(timeout_s * 1000)):
            return False
        os.read(self._wake_reader, 1 << 16)
        return True

    def _listen(self) -> None:
        if self._channel.closed:
            return
        self._channel.flush()
        for message, _ in self._channel.receive():
            event = _event(message)
            if not isinstance(event, Started):
                self._orders.pop(event.trial, None)
            self._events.append(event)
        if self._channel.closed:
            self._bury()

    def _bury(self) -> None:
        """The launcher has left, or died: nothing that it started may stay."""
        self._channel.close()
        self._process.kill()  # it has closed its end, so whatever it still does is of no use
        self._process.wait()
        stuck = {cookie(each.pid) for each in _end_orphans()}
        if self._orders:
            uids = {order.uid for order in self._orders.values()}
            stuck |= {cookie(each.pid) for each in end_leftovers(uids, _LOST_S)}
        self._events += [_lost(order, order.uid in stuck) for order in self._orders.values()]
        self._orders.clear()


def _end_orphans() -> list[Process]:
    """Kills what came to us from a dead launcher and returns what is still there after a while.

    It is known by its session: whatever a launcher starts is in another than ours, and cannot join ours.
    """
    deadline = time.monotonic() + _LOST_S
    while True:
        by_parent = children(snapshot())
        orphans = [each for each in below(os.getpid(), by_parent) if each.session != os.getsid(0)]
        living = [each for each in orphans if not each.zombie]
        send_all(living, signal.SIGKILL)
        for each in orphans:
            if each.parent == os.getpid():
                with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored the kernel reaps
                    os.waitpid(each.pid, os.WNOHANG)
        if not living or time.monotonic() > deadline:
            return living
        time.sleep(0.02)  # these die without telling anyone but init's substitute, which polls here


def _lost(order: Order, unkillable: bool) -> Ended:
    return Ended(
        trial=order.trial,
        code=None,
        signal=None,
        ended_by="launcher_lost",
        seconds=0.0,
        memory_bytes=0,
        cpu_seconds=0.0,
        oom=None,
        leftovers=0,
        unkillable=unkillable,
    )


def _start_launcher() -> tuple[subprocess.Popen[bytes], Channel]:
    ours, theirs = socket.socketpair()
    with theirs:
        # Above 2: a worker that was started with those closed would have them overwritten in the launcher.
        fd = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, 3)
        root = str(Path(__file__).parents[2])
        command = [sys.executable, "-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}", "-c", _BOOT, root, str(fd)]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                pass_fds=[fd],
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
        finally:
            os.close(fd)
    return process, Channel(ours)


def _event(message: dict[str, Any]) -> Event:
    fields = {name: value for name, value in message.items() if name not in ("event", "fds")}
    return _EVENTS[message["event"]](**fields)
