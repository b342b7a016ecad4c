"""The command line: one module a command, loaded when it is typed."""

from __future__ import annotations

import os
import sys

from sweeprun.errors import ExitCode, SweeprunError


def main() -> None:
    """The console script. Every error that a user can cause or meet is printed here, once, and becomes an exit code."""
    if sys.platform != "linux":
        needs = f"needs Linux, and this is {sys.platform}: it stands on /proc, sessions and subreapers"
        _fail(needs, None, ExitCode.BAD_USAGE)
    _open_streams()
    from sweeprun.cli.app import app

    try:
        app(prog_name="sweeprun")
    except SweeprunError as error:
        _fail(str(error), error.hint, error.exit_code)
    except OSError as error:
        if error.filename is None:
            _report(error)
        _fail(f"{error.filename}: {error.strerror}", None, ExitCode.CANNOT_WRITE)
    except Exception as error:
        _report(error)


def _open_streams() -> None:
    """A daemon may start without streams: what is said goes nowhere then, and no file of ours gets their numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _fail(message: str, hint: str | None, exit_code: int) -> None:
    from sweeprun.cli.view import say

    say(f"sweeprun: {message}")
    if hint:
        say(f"  {hint}")
    sys.exit(exit_code)


def _report(error: Exception) -> None:
    """An error of ours: say so, with what a report of it needs."""
    import traceback

    from sweeprun.cli.view import say

    say("".join(traceback.format_exception(error)).rstrip())
    say("sweeprun: this is an error in sweeprun itself; please report it with the lines above")
    sys.exit(ExitCode.INTERNAL_ERROR)
