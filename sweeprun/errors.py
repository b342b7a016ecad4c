"""Every error a user can cause or meet. Raised where it is found, printed once, by `cli`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """The exit codes of every command. Scripts rely on them: they never change."""

    OK = 0
    NOT_MET = 1  # a requirement
    BAD_USAGE = 2  # or a bad sweep file
    INTERNAL_ERROR = 3
    NO_VALUE = 4  # the sweep ended and no trial has a value
    FAILURES = 5  # too many of them
    CANNOT_WRITE = 75  # now; trying again later may work
    TIMEOUT = 124
    INTERRUPTED = 130
    TERMINATED = 143


class SweeprunError(Exception):
    """Something that a user can understand and act on.

    `message` says what failed, with which value, and what is allowed; `hint` is the next thing to type.
    `exit_code` is the documented exit code of the command that meets it.
    """

    exit_code: int = ExitCode.BAD_USAGE

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SweeprunError):
    """A command was given arguments that do not fit."""


class SweepFileError(SweeprunError):
    """The sweep file says something that is not allowed. `line` and `column` count from 1; 0 is the whole file."""

    def __init__(self, message: str, file: str = "", line: int = 0, column: int = 0, hint: str | None = None):
        super().__init__(message, hint)
        self.file, self.line, self.column = file, line, column

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" if place else self.message


class NotSupportedYet(SweepFileError):
    """The sweep file uses a key that is part of the language and whose machinery is not built yet."""


class SpaceError(SweeprunError):
    """The search space cannot be searched: a cycle, an empty range, a constraint that rejects everything."""


class StoreError(SweeprunError):
    """The sweep directory cannot be written or read now (full, read-only, gone). Trying again later may work."""

    exit_code = ExitCode.CANNOT_WRITE


class SweepExists(SweeprunError):
    """The directory already holds a sweep."""


class SweepNotFound(SweeprunError):
    """There is no sweep at that place."""


class Damaged(SweeprunError):
    """A file of the store cannot be believed: torn, truncated, altered, or not a regular file."""

    def __init__(self, path: Path, why: str):
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class CheckpointError(SweeprunError):
    """A training cannot go on from its checkpoint: damaged, not ours, or of another program."""

    def __init__(self, path: Path, why: str):
        super().__init__(f"cannot continue from {path}: {why}; move it away to begin at step 0")
        self.path, self.why = path, why


def near(word: str, known: Iterable[str]) -> str | None:
    """The hint for a word that is not `known` and may be a slip: `did you mean 'x'?`, None where nothing is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else None
