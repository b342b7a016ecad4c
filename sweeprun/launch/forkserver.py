"""The fork server: a process of the trials' own interpreter that has imported what they will, and forks them.

It runs what `python train.py ...` would run, as that would: as `__main__`, with its own arguments, environment, working
directory, session, descriptors and random numbers. A fork of so much memory takes its time, so the next one waits
already when it is asked for. The launcher is the parent of each, as the process in between leaves at once.

A server that learns has its trials tell which modules they import, so that the next server may have them before. The
user's own files are none of those: they may differ from trial to trial.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import sysconfig
import time
from types import ModuleType

from sweeprun.launch.channel import MOST_BYTES, Message
from sweeprun.launch.child import default_signals, execute, refuse, settle
from sweeprun.launch.forking import PLACEHOLDER
from sweeprun.launch.prctl import die_with_parent
from sweeprun.processes import COOKIE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any

LEARNING_S = 10.0  # what a trial imports later was no import at its start
_PROBE_S = 10
_MOST_FDS = 253  # SCM_MAX_FD
_AT_START: dict[int, Any] = {  # what an interpreter sets by itself
    signal.SIGINT: signal.default_int_handler,
    signal.SIGPIPE: signal.SIG_IGN,
    signal.SIGXFSZ: signal.SIG_IGN,
}


def main(fd: int) -> None:
    """The process's entry; the socket to the launcher is the only thing that ties them."""
    launcher = os.getppid()
    die_with_parent(launcher)
    os.set_inheritable(fd, False)
    end = socket.socket(fileno=fd)
    asked = json.loads(end.recv(MOST_BYTES))
    problem = _import(asked["modules"], asked["chosen"]) or _unsafe()
    end.send(json.dumps({"ready": problem is None, "problem": problem}).encode())
    gc.collect()
    gc.freeze()  # what is there already stays shared with the trials
    while not _is_over(end):
        reader, writer = os.pipe()
        between = os.fork()
        if not between:
            if os.fork():
                os._exit(0)
            _wait(end, writer, launcher, asked["learns"])
        os.close(writer)
        os.waitpid(between, 0)
        os.read(reader, 1)  # until who waits has something to do, or is gone
        os.close(reader)


def _is_over(end: socket.socket) -> bool:
    """Whether the launcher asks for nothing any more."""
    try:
        return not end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


# ---- before


def _import(modules: Sequence[str], chosen: bool) -> str | None:
    """Imports them, and tells what goes wrong where the user has `chosen` them; of what was learnt it is left out."""
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as error:  # a module may do anything when it is imported, leaving included
            if chosen:
                return f"importing {name} failed: {type(error).__name__}: {error}"
    return None


def _unsafe() -> str | None:
    """Why what was imported keeps this process from being forked; None: nothing does."""
    threading = sys.modules.get("threading")
    threads = set() if threading is None else {*threading.enumerate()} - {threading.main_thread()}
    if others := sorted(thread.name for thread in threads):
        return f"what was imported has started a thread ({', '.join(others)})"
    if any(_target(fd).startswith("/dev/nvidia") for fd in os.listdir("/proc/self/fd")):
        return "what was imported has opened a GPU, which a fork cannot share"
    return None if _survives_fork() else "numpy or torch does not work in a fork of what was imported"


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # it was that of the listing
        return ""


def _survives_fork() -> bool:
    """Whether a child can reckon with what was imported: a library may have left its locks or threads behind."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(_PROBE_S)
        try:
            for name in ("numpy", "torch"):
                if name in sys.modules:
                    square = sys.modules[name].ones((300, 300))
                    square @ square  # that it comes back at all is what is asked
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


# ---- a trial


def _wait(end: socket.socket, taken: int, launcher: int, learns: bool) -> None:
    """Waits for a trial, and becomes it. That somebody waits is told at the end of the pipe `taken`."""
    _await_parent(launcher)
    try:
        end.send(json.dumps({"waits": os.getpid()}).encode())
        data, fds, _, _ = socket.recv_fds(end, MOST_BYTES, _MOST_FDS)
        if not data:
            os._exit(0)
        order = json.loads(data)
        end.send(json.dumps({"born": order["trial"], "pid": os.getpid()}).encode())
    except OSError:  # the launcher does not count on this server any more, and starts the trial otherwise
        os._exit(127)
    os.close(taken)
    writer, *leases = fds
    kept = [*leases, end.fileno()] if learns else leases
    if not learns:
        end.close()  # not only its number, which may be another's when the object goes
    settle(order, kept, writer, launcher)
    _become(order, leases, writer, end if learns else None)


def _await_parent(launcher: int) -> None:
    deadline = time.monotonic() + 5.0
    while os.getppid() != launcher:
        if time.monotonic() > deadline:
            os._exit(127)
        time.sleep(0.0002)


def _become(order: Message, leases: Sequence[int], writer: int, tells: socket.socket | None) -> None:
    _show(order["uid"])
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}  # by the interpreter's start
    os.environ.clear()
    os.environ.update({**coerced, **order["env"]})
    default_signals()
    _forget_ourselves()
    path = os.path.abspath(order["script"])
    if _hidden_by(os.path.dirname(os.path.realpath(path))):
        _start_anew(order, leases, writer)
    for signum, handler in _AT_START.items():
        signal.signal(signum, handler)
    for fd in leases:
        os.set_inheritable(fd, True)
    _reseed()
    if tells is not None:
        sys.meta_path.insert(0, _Telling(tells))
    os.close(writer)
    _run(order["script"], path, order["args"], order["argv"])


def _show(uid: str) -> None:
    """Writes `uid` where /proc shows the environment that this process was started with: leftovers are found by it."""
    with open("/proc/self/environ", "rb") as file:
        at = file.read().find(COOKIE + PLACEHOLDER.encode())
    with open("/proc/self/stat", "rb") as file:
        begin = int(file.read().rpartition(b")")[2].split()[47])
    if at >= 0:
        text = uid.encode()[: len(PLACEHOLDER)] + b"\0"
        ctypes.memmove(begin + at + len(COOKIE), text, len(text))


def _hidden_by(directory: str) -> bool:
    """Whether a file beside the script has the name of a module that was imported from elsewhere."""
    try:
        names = os.listdir(directory)
    except OSError:
        return False
    own = {name[:-3] for name in names if name.endswith(".py")}
    own |= {name for name in names if os.path.isfile(os.path.join(directory, name, "__init__.py"))}
    return not own.isdisjoint(name for name in sys.modules if name != "__main__")


def _start_anew(order: Message, leases: Sequence[int], writer: int) -> None:
    """The same as a program of its own."""
    try:
        execute(order, leases)
    except OSError as error:
        refuse(writer, error, f"run {order['argv'][0]!r}")


def _forget_ourselves() -> None:
    """The trial may have a sweeprun of its own."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sweeprun"]:
        del sys.modules[name]


def _reseed() -> None:
    """Who was seeded by chance when it was imported is so again, or all trials would draw the same."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def _run(script: str, path: str, args: Sequence[str], argv: Sequence[str]) -> None:
    """Runs the script as the main program, and leaves as it would."""
    sys.argv[:] = [script, *args]
    sys.orig_argv[:] = argv
    if not sys.flags.safe_path:
        sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    main_module = sys.modules["__main__"] = ModuleType("__main__")
    main_module.__dict__.update(__file__=path, __builtins__=sys.modules["builtins"], __cached__=None)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        print(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        sys.exit(2)
    try:
        exec(compile(source, path, "exec", dont_inherit=True), main_module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__
        error = error.with_traceback(trace and trace.tb_next)  # without this frame
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1)
    sys.exit(0)


class _Telling:
    """Finds modules as the others do, and tells the launcher of those that are installed."""

    def __init__(self, end: socket.socket):
        self._end, self._until = end, time.monotonic() + LEARNING_S
        places = map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib"))
        self._places = tuple({os.path.join(place, "") for place in places if place})

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if self not in sys.meta_path or time.monotonic() > self._until:
            return None
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if finder is not self and find is not None else None
            if spec is not None:
                if isinstance(spec.origin, str) and spec.origin.startswith(self._places):
                    self._tell(name)
                return spec  # type: ignore[no-any-return]
        return None

    def _tell(self, name: str) -> None:
        try:
            self._end.send(json.dumps({"imports": name}).encode(), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:  # nobody listens any more
            self._until = 0.0
