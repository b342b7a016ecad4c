"""What a command makes, on stdout or in a file."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli.view import write
from sweeprun.errors import StoreError, UsageError

Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write it there, whole or not at all; - is stdout.")
]


def deliver(made: str, target: Path | None) -> None:
    """Print it, or make it the contents of the file `target`, as `put` does."""
    if target is None or target == Path("-"):
        write(made)
    else:
        put(made.encode(), target)


def put(made: bytes, target: Path) -> None:
    """Make it the contents of the file `target`: nobody finds half of it there, whatever happens.

    Raises UsageError where there is no such place, StoreError where it cannot be written now.
    """
    try:
        if target.exists() and not target.is_file():  # a pipe, a device: its name is not ours to take
            target.write_bytes(made)
        else:
            _replace(target.resolve(), made)
    except _NO_PLACE as error:
        raise UsageError(f"cannot write {target}: {error.strerror}", "give -o a file that can be written") from None
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror}") from None


_NO_PLACE = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def _replace(target: Path, made: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:
            file.write(made)
            file.flush()
            os.fchmod(file.fileno(), _mode(target))
            os.fsync(file.fileno())
            os.replace(file.name, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise


def _mode(target: Path) -> int:
    """That of the file which is there already; of a new one, what the shell would give it."""
    with suppress(FileNotFoundError):
        return target.stat().st_mode & 0o777
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
