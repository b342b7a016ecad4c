"""The checkpoints of trials on the disk: how large they are, how they are handed down, and how they go."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from sweeprun.store import durable
from sweeprun.store.copying import copy_directory
from sweeprun.store.layout import Layout
from sweeprun.trials import Trial


class NothingSaved(Exception):
    """The trial that is to be copied has left nothing to go on from."""


def is_empty(layout: Layout, trial: Trial) -> bool:
    """Whether the program has saved nothing."""
    directory = layout.checkpoint(trial.number, trial.run)
    return not directory.is_dir() or not any(directory.iterdir())


def n_bytes(layout: Layout, trial: Trial) -> int:
    """What the trial's checkpoint takes; 0 where there is none."""
    return _n_bytes(layout.checkpoint(trial.number, trial.run))


def inherit(layout: Layout, donor: Trial, directory: Path) -> None:
    """Give the trial that `directory` will be a copy of what `donor` has saved, under the name of its first run. Raises
    NothingSaved."""
    if is_empty(layout, donor):
        raise NothingSaved
    copy_directory(layout.checkpoint(donor.number, donor.run), directory / layout.checkpoint(donor.number, 1).name)


def discard(layout: Layout, trial: Trial) -> None:
    """Remove the checkpoint of a trial that does not run. It goes at once or not at all: who takes the trial on at this
    moment finds all of it or nothing."""
    given_up = durable.scratch_name(layout.scratch)
    with suppress(OSError):  # gone already, or taken on
        os.rename(layout.checkpoint(trial.number, trial.run), given_up)
        shutil.rmtree(given_up, ignore_errors=True)


def _n_bytes(directory: Path) -> int:
    total = 0
    with suppress(OSError):
        for entry in os.scandir(directory):
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += _n_bytes(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total
