"""The launcher's side of the fork server: which trials can be forked, by whom, and why others are not."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import time
from collections.abc import Sequence

from sweeprun.launch.channel import MOST_BYTES, Message, packets
from sweeprun.launch.child import keep_only
from sweeprun.launch.prctl import die_with_parent
from sweeprun.processes import COOKIE

PLACEHOLDER = "-" * 64  # in a server's environment, where a trial writes its own uid
_QUIET_S = 1.0  # without an import of a trial, until what it has imported is believed to be all
_BIRTH_S = 10.0  # from the order to the news that it is born
_MOST_SERVERS = 3  # that learn from one another
_BOOT = (  # our own module, whatever sweeprun the interpreter has
    "import sys; root, fd = sys.argv[1:]; sys.path[:] = [root, *filter(None, sys.path)]\n"
    "from sweeprun.launch.forkserver import main; sys.path.remove(root); main(int(fd))"
)
_PYTHON = re.compile(r"python(3(\.\d+)?)?")
_ALONE, _WITH_VALUE = frozenset("bBdEIOPqsuv"), frozenset("WX")
_OWN = re.compile(r"SWEEPRUN_|(CUDA|NVIDIA|HIP|ROCR)_VISIBLE_DEVICES$|MASTER_PORT$")  # differ from trial to trial


def parted(argv: Sequence[str]) -> tuple[list[str], str, list[str]] | None:
    """The interpreter with its options, the script and the script's arguments; None where it is no Python script."""
    if not argv or not _PYTHON.fullmatch(os.path.basename(argv[0])):
        return None
    i = 1
    while i < len(argv) and argv[i].startswith("-"):
        option = argv[i]
        if option[1:2] in _WITH_VALUE:
            i += 1 if len(option) > 2 else 2
        elif len(option) > 1 and _ALONE.issuperset(option[1:]):
            i += 1
        else:
            return None
    if i >= len(argv) or not argv[i].endswith(".py"):
        return None
    return list(argv[:i]), argv[i], list(argv[i + 1 :])


def shared(env: Message) -> Message:
    """The variables that all trials have alike."""
    return {name: value for name, value in env.items() if not _OWN.match(name)}


class Unborn:
    """A trial that a server was asked for. `stop` is what was asked of it since: how much grace, and by whom."""

    def __init__(self, order: Message, fds: Sequence[int], pipe: int, server: ForkServer):
        self.order, self.fds, self.pipe, self.server = order, fds, pipe, server
        self.deadline = time.monotonic() + _BIRTH_S
        self.stop: tuple[float, str] | None = None


class Forks:
    """The server that forks trials now, the one that will when it is ready, and who is not born yet, by trial."""

    def __init__(self, root: str):
        self._root = root
        self._now: ForkServer | None = None
        self._next: ForkServer | None = None
        self.servers: list[ForkServer] = []  # all that were started
        self.unborn: dict[int, Unborn] = {}

    def fork(self, order: Message, fds: Sequence[int]) -> str | None:
        """Has a server fork a trial; else why none does, empty where there is nothing to tell."""
        parts = parted(order["argv"]) if order["preload"] is not None else None
        if parts is None:
            return "preload is for Python scripts" if order["preload"] else ""
        interpreter, script, args = parts
        if self._now is None:
            modules = order["preload"]
            self._now = self._started(shared(order["env"]), order["cwd"], interpreter, modules, chosen=bool(modules))
        server = self._now
        why = server.refuses(order, interpreter)
        if why is not None:
            return why
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(reader, False)
            server.fork(order, script, args, [writer, *fds])
        except OSError as error:
            os.close(reader)
            return f"its fork server does not answer: {error}"
        finally:
            os.close(writer)
        self.unborn[order["trial"]] = Unborn(order, fds, reader, server)
        return None

    def _started(
        self, env: Message, cwd: str, interpreter: list[str], modules: Sequence[str], chosen: bool
    ) -> ForkServer:
        server = ForkServer(env, cwd, interpreter, modules, chosen, self._root)
        self.servers.append(server)
        return server

    def heed(self, server: ForkServer) -> list[tuple[Unborn, int]]:
        """Who was born since, with their pids."""
        born = [(self.unborn.pop(said["born"]), said["pid"]) for said in server.heed() if said["born"] in self.unborn]
        if server is self._next and server.state != "starting":
            if server.state == "ready" and self._now is not None:
                self._now.leave("another one has taken its place")
                self._now = server
            self._next = None
        return born

    def give_up(self) -> None:
        """Has servers leave that did not bear in time, with what they are about to bear, which is of their session."""
        late = {each.server for each in self.unborn.values() if each.deadline <= time.monotonic()}
        for server in late:
            if server.pid:
                os.killpg(server.pid, signal.SIGKILL)
            server.leave("the process from which trials are forked did not answer")

    def lost(self) -> list[Unborn]:
        """Those whose server has left without bearing them: they have to be started otherwise."""
        lost = [each for each in self.unborn.values() if each.server.state == "gone"]
        for each in lost:
            del self.unborn[each.order["trial"]]
            os.close(each.pipe)
        return lost

    def learn(self) -> None:
        """Starts a server that has what trials were heard to import, where it is time for one."""
        now = self._now
        if now is None or self._due() > time.monotonic():
            return
        modules, now.learnt = [*now.modules, *now.learnt], []
        self._next = self._started(now.env, now.cwd, now.interpreter, modules, chosen=False)

    def _due(self) -> float:
        server = self._now
        able = server is not None and server.learnt and self._next is None and len(self.servers) < _MOST_SERVERS
        return server.heard + _QUIET_S if able and server is not None else math.inf

    @property
    def due(self) -> float:
        """When there is something to do though nobody says anything."""
        return min([self._due(), *(each.deadline for each in self.unborn.values())])

    def reaped(self, pid: int) -> bool:
        """Whether it was a server that died, or who waited to be born."""
        server = next((each for each in self.servers if pid in each.pids), None)
        if server is not None:
            server.reaped(pid)
        return server is not None

    @property
    def pids(self) -> set[int]:
        """Of the servers, and of who waits to be born of one."""
        return set().union(*(server.pids for server in self.servers))

    def close(self) -> None:
        for server in self.servers:
            if not any(each.server is server for each in self.unborn.values()):
                server.leave("the launcher leaves")


class ForkServer:
    """One server: from its start to its end. `state` is starting, ready, or gone; `why` it is gone."""

    def __init__(
        self, env: Message, cwd: str, interpreter: list[str], modules: Sequence[str], chosen: bool, root: str
    ):
        self.env, self.cwd, self.interpreter, self.modules = env, cwd, interpreter, list(modules)
        self.state, self.why = "starting", ""
        self.learnt: list[str] = []
        self.heard = time.monotonic()
        self._waiting: set[int] = set()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket, self.number = ours, ours.fileno()
        ours.setblocking(False)
        with theirs:
            self.pid = _started(interpreter, env, cwd, theirs.fileno(), root)
        self._send({"modules": self.modules, "chosen": chosen, "learns": not chosen})

    def refuses(self, order: Message, interpreter: Sequence[str]) -> str | None:
        """Why it cannot fork this one now."""
        if self.state != "ready":
            return self.why
        if list(interpreter) != self.interpreter:
            return "its interpreter is another"
        env = shared(order["env"])
        names = sorted(env.keys() | self.env.keys())
        differing = next((name for name in names if env.get(name) != self.env.get(name)), None)
        return None if differing is None else f"its variable {differing} is another"

    def fork(self, order: Message, script: str, args: Sequence[str], fds: Sequence[int]) -> None:
        """Asks for a trial; `fds[0]` is the pipe in which it says that it runs. Raises OSError."""
        kept = ("trial", "uid", "argv", "env", "cwd", "run_dir")
        self._send({**{name: order[name] for name in kept}, "script": script, "args": list(args)}, fds)

    def heed(self) -> list[Message]:
        """What was said since the last time: of births. What was said before it left counts, and nobody is born after:
        who cannot say so is not."""
        said: list[Message] = []
        for data in packets(self._socket):
            if not data:
                self.leave("the process from which trials are forked has died")
                break
            message = json.loads(data)
            if "imports" in message:
                if message["imports"] not in self.learnt:
                    self.learnt.append(message["imports"])
                    self.heard = time.monotonic()
            elif "waits" in message:
                self._waiting.add(message["waits"])
            elif "ready" in message:
                if message["ready"]:
                    self.state = "ready" if self.state == "starting" else self.state
                else:
                    self.leave(message["problem"])
            else:
                self._waiting.discard(message["pid"])
                said.append(message)
        return said

    @property
    def pids(self) -> set[int]:
        """Of its processes that are no trials."""
        return {self.pid, *self._waiting} - {0}

    def reaped(self, pid: int) -> None:
        """One of its processes has died."""
        self._waiting.discard(pid)
        if pid == self.pid:
            self.pid = 0
            self.leave("the process from which trials are forked has died")

    def leave(self, why: str) -> None:
        """It forks nobody any more, and leaves when it finds nobody at the other end."""
        if self.state != "gone":
            self.state, self.why = "gone", why
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives back the descriptor, once nobody waits for it any more."""
        self._socket.close()

    def _send(self, message: Message, fds: Sequence[int] = ()) -> None:
        data = json.dumps(message).encode()
        if len(data) > MOST_BYTES:
            raise OSError("too much to say")  # a trial with so large an environment is started otherwise
        socket.send_fds(self._socket, [data], fds, socket.MSG_NOSIGNAL)


def _started(interpreter: Sequence[str], env: Message, cwd: str, fd: int, root: str) -> int:
    """The pid of a new server. Raises OSError."""
    launcher = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        die_with_parent(launcher)
        os.setsid()
        keep_only({0, 1, 2, fd})
        null = os.open(os.devnull, os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(null, target)
        os.chdir(cwd)
        os.set_inheritable(fd, True)
        environment = {**env, COOKIE[:-1].decode(): PLACEHOLDER}
        os.execvpe(interpreter[0], [*interpreter, "-c", _BOOT, root, str(fd)], environment)
    finally:
        os._exit(127)
