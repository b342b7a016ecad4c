"""Sweep files of W&B, understood as they are, or written out in our own language."""

from __future__ import annotations

import os
from pathlib import Path

from sweeprun.errors import SweepFileError
from sweeprun.spec.wandb import writer


def translated(path: Path, directory: Path = Path()) -> str:
    """The text of the sweep file that the W&B sweep file at `path` stands for, to be kept in `directory`.

    Raises SweepFileError for a file that cannot be read, is none of W&B's, or says what cannot be said here.
    """
    from sweeprun.spec.sweepfile import SweepFile  # which asks this package what a W&B file means

    sweep = SweepFile.load(path)
    if sweep.translation is None:
        raise SweepFileError("this is no W&B sweep file: it has no method, program or distribution", str(path), 1, 1)
    return writer.text(sweep.translation, path.name, os.path.relpath(sweep.workdir, directory.absolute()))
