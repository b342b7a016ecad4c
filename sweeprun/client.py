"""What a training program says to the sweep that started it, and works alone too. Standard library only.

The program may as well read the SWEEPRUN_* variables and append JSON lines itself: this module is a convenience, not
the protocol. Outside a sweep every function has a sensible answer, so that one script serves both.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path  # costs a training script some milliseconds, so only where it is needed


class Params(Mapping[str, Any]):
    """Parameters by name or as attributes; read-only.

    Nested names are dotted: `params["model.depth"]` and `params.model.depth` are the same value. A name that is also a
    method of mappings (`items`, `keys`, `values`, `get`) is reached by `params["items"]`.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]):
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        if name == "_values":  # while copy or pickle build the object, there is none yet
            raise AttributeError(name)
        if name in self._values:
            return self._values[name]
        prefix = f"{name}."
        group = {key.removeprefix(prefix): value for key, value in self._values.items() if key.startswith(prefix)}
        if group:
            return Params(group)
        raise AttributeError(f"no parameter {name!r}; there are: {', '.join(self._values) or 'none'}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Params({self._values!r})"


def active() -> bool:
    """Whether a sweep started this process."""
    return "SWEEPRUN_TRIAL" in os.environ


def trial() -> int | None:
    """The trial's number, None alone."""
    return _integer("SWEEPRUN_TRIAL")


def until() -> int | None:
    """Leave after this many finished steps; None: go on to the end."""
    return _integer("SWEEPRUN_UNTIL")


def seed() -> int:
    """The seed to use for everything random; 0 alone."""
    return _integer("SWEEPRUN_SEED") or 0


def params(**defaults: Any) -> Params:
    """The sweep's parameters over `defaults`, which also stand in for parameters that are inactive in this trial.

    Defaults of nested parameters are written `**{"model.depth": 4}`.
    """
    path = os.environ.get("SWEEPRUN_PARAMS")
    if path is None:
        return Params(defaults)
    with open(path, encoding="utf-8") as file:
        return Params(defaults | json.load(file))


def checkpoint_dir() -> Path:
    """Where to save, and, unless it is empty, what to continue from. It outlives the process.

    Alone it is a new temporary directory that goes when the program ends, so that a run alone always starts afresh.
    Save to a temporary file and rename it, because the process may be killed at any moment.
    """
    from pathlib import Path

    directory = os.environ.get("SWEEPRUN_CHECKPOINT") or _temporary_directory()
    os.makedirs(directory, exist_ok=True)
    return Path(directory)


def start_step() -> int:
    """Finished steps to continue after: what earlier runs of this trial reported, 0 where there is no checkpoint. A
    trial that was given another one's checkpoint begins with the steps of that.

    A reported step was saved before it was reported, so the checkpoint is at this step or at the next one. A program
    that keeps its own step in the checkpoint should go by that.
    """
    directory, checkpoint = os.environ.get("SWEEPRUN_DIR"), os.environ.get("SWEEPRUN_CHECKPOINT")
    if directory is None or checkpoint is None or not os.path.isdir(checkpoint) or not os.listdir(checkpoint):
        return 0
    this_run = int(os.path.basename(directory).removeprefix("run"))
    for run in range(this_run - 1, 0, -1):  # the newest run may have ended before its first report
        steps = list(_steps(run))
        if steps:
            return _finished(steps[-1])
    return _integer("SWEEPRUN_FROM_STEP") or 0


def first_rank() -> bool:
    """Whether this process is the one of a distributed program that writes; every other program has only this one."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def report(**values: Any) -> bool:
    """Tell the sweep how this step went; save the checkpoint first. True means: leave now, with exit status 0.

    One of the names is the step (`epoch`, or what the sweep file calls it), the number of finished ones: 1 at first.
    Tensors and numpy scalars of one element are fine; NaN and infinities too. Alone the line is printed. Of a
    distributed program rank 0 alone writes; the other ranks get the same answer, so that they leave together.

    Raises TypeError for a value that JSON cannot hold, OSError where the line cannot be written.
    """
    line = json.dumps({name: _plain(name, value) for name, value in values.items()})
    if first_rank():
        _write(line)
    return _reached(values) or _stop_requested()


def _integer(variable: str) -> int | None:
    text = os.environ.get(variable)
    return None if text is None else int(text)


@cache
def _temporary_directory() -> str:
    import atexit
    import shutil
    import tempfile

    directory = tempfile.mkdtemp(prefix="sweeprun-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, list, dict)):
        return value
    if not hasattr(value, "item"):
        raise TypeError(f"cannot report {name}={value!r}: a {type(value).__name__} is no number, string, list or dict")
    return value.item()


def _write(line: str) -> None:
    path = os.environ.get("SWEEPRUN_METRICS")
    if path is None:
        print(line, flush=True)
        return
    data = f"{line}\n".encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.write(descriptor, data) < len(data):  # a second write could land behind another process's line
            raise OSError(errno.ENOSPC, "the line was written in part only", path)
    finally:
        os.close(descriptor)


def _reached(values: Mapping[str, Any]) -> bool:
    limit, step = until(), values.get(_step_name())
    return limit is not None and step is not None and _finished(int(step)) >= limit


def _stop_requested() -> bool:
    directory = os.environ.get("SWEEPRUN_DIR")
    return directory is not None and os.path.exists(os.path.join(directory, "stop"))


def _finished(step: int) -> int:
    """The number of finished steps when `step` is reported: one more where the first one is called 0.

    Where the sweep does not know yet what programs call it, this trial's first report tells.
    """
    first = _integer("SWEEPRUN_STEP_FIRST")
    if first is None:
        first = 0 if step == 0 or next(_steps(1), 1) == 0 else 1
    return step + 1 - first


def _steps(run: int) -> Iterator[int]:
    """The steps that a run of this trial has reported so far."""
    trial_directory = os.path.dirname(os.environ.get("SWEEPRUN_DIR", ""))
    path = os.path.join(trial_directory, f"run{run}", os.path.basename(os.environ.get("SWEEPRUN_METRICS", "")))
    if not os.path.isfile(path):
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            step = _step(line)
            if step is not None:
                yield step


def _step(line: str) -> int | None:
    try:
        said = json.loads(line)
    except ValueError:  # cut by a kill, or not ours: the protocol skips it
        return None
    step = said.get(_step_name()) if isinstance(said, dict) else None
    return int(step) if isinstance(step, (int, float)) and isfinite(step) else None


def _step_name() -> str:
    return os.environ.get("SWEEPRUN_STEP", "epoch")
