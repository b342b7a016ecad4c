"""From fork to exec: what a forked child of the launcher does before it is the trial's program."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import warnings  # noqa: F401 - os.execvpe imports it: not in every child
from collections.abc import Callable, Collection, Sequence

from sweeprun.launch.channel import Message
from sweeprun.launch.prctl import die_with_parent


def fork_trial(order: Message, fds: Sequence[int]) -> tuple[int, int]:
    """The child's pid, and a descriptor that gives end of file once the program runs, or before that `refusal`'s bytes.

    Raises OSError where no process or pipe could be had. Nothing here waits for the child: its working directory and
    files may lie on a disk that does not answer.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    launcher = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        os.close(reader)
        raise
    else:
        if pid == 0:
            _become_trial(order, fds, writer, launcher)
        return pid, reader
    finally:
        os.close(writer)


def fork_task(task: Callable[[], None], fd: int) -> int:
    """Runs `task` in a child that shares no descriptor with the launcher but stderr and `fd`; returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            keep_only({0, 1, 2, fd})
            task()
        finally:
            os._exit(0)
    return pid


def refusal(data: bytes) -> tuple[int, str]:
    """The errno and the sentence that a child left in its pipe."""
    number, message = json.loads(data)
    return number, message


def keep_only(fds: Collection[int]) -> None:
    """Closes every other descriptor: a lease or socket that a stranger holds would outlive its owner."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in fds:
            os.closerange(fd, fd + 1)  # unlike close, silent about the one that listed the others


def settle(order: Message, fds: Sequence[int], writer: int, launcher: int) -> None:
    """Makes this process, a child of `launcher`, the trial's own: its session, its descriptors, its directory and its
    streams. Where that cannot be it is said, and the process leaves."""
    doing = "prepare a process"
    try:
        die_with_parent(launcher)
        os.setsid()
        keep_only({0, 1, 2, writer, *fds})
        doing = f"enter the directory {order['cwd']}"
        os.chdir(order["cwd"])
        doing = f"write the output files in {order['run_dir']}"
        _open_streams(order["run_dir"])
    except (OSError, ValueError) as error:
        refuse(writer, error, doing)


def refuse(writer: int, error: OSError | ValueError, doing: str) -> None:
    """Tells the launcher why there is no program, and leaves. A ValueError is a NUL byte in an argument, or an equals
    sign in a name."""
    number, why = (error.errno or errno.EIO, error.strerror) if isinstance(error, OSError) else (errno.EINVAL, error)
    said = [number, f"cannot {doing}: {why}"[:2000]]
    os.write(writer, json.dumps(said).encode())  # less than a pipe holds, so this never waits
    os._exit(127)


def _become_trial(order: Message, fds: Sequence[int], writer: int, launcher: int) -> None:
    """Never returns."""
    try:
        settle(order, fds, writer, launcher)
        default_signals()
        execute(order, fds)
    except (OSError, ValueError) as error:
        refuse(writer, error, f"run {order['argv'][0]!r}")
    finally:
        os._exit(127)


def _open_streams(run_dir: str) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for target, name in ((1, "stdout.log"), (2, "stderr.log")):
        # O_NONBLOCK: a FIFO that someone planted here is an error instead of a wait.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        fd = os.open(os.path.join(run_dir, name), flags, 0o600)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, f"{name} is not a regular file")
        os.set_blocking(fd, True)
        os.dup2(fd, target)
        os.close(fd)


def default_signals() -> None:
    """Ignored signals and the mask survive exec: the launcher's own, and what its worker was started with."""
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def execute(order: Message, fds: Sequence[int]) -> None:
    for fd in fds:
        os.set_inheritable(fd, True)
    os.execvpe(order["argv"][0], order["argv"], order["env"])
