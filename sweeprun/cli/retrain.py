"""The shell line that trains a trial again, to the value that it reported."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sweeprun.cli.view import unsafe
from sweeprun.macros import GIVEN, VARIABLE, unescaped
from sweeprun.run import command, wandb
from sweeprun.run.fidelity import Fidelity, handed_over
from sweeprun.store import runs
from sweeprun.store.layout import RunFiles
from sweeprun.store.sweep import Sweep
from sweeprun.trials import SEGMENT, Json, Trial

_KEPT = ("SWEEPRUN_PARAMS", "SWEEPRUN_SEED", "SWEEPRUN_UNTIL", "OMP_NUM_THREADS", wandb.CONFIG)
_AGAIN = '"$again"'
_NOTHING: Mapping[str, str] = {}
_SPLIT_OR_EXPANDED = re.compile(r"[\s*?]|\A\Z")


def quoted(word: str) -> str:
    """`word` as a shell reads it back, with no character in it that a terminal would obey."""
    if not unsafe(word):
        return shlex.quote(word)
    return "$'" + "".join(_escaped(byte) for byte in word.encode(errors="surrogateescape")) + "'"


def line(sweep: Sweep, trial: Trial) -> str | None:
    """`cd DIRECTORY && VARIABLES... PROGRAM ARGUMENTS...`; None where no run of the trial left its command, or where it
    went on from another trial's checkpoint: no one command trains it again.

    What the command names of its run (`${env:SWEEPRUN_SEED}` ...) is what that run was given, but for the places where
    it wrote: in their stead stands a new directory beside the program, for a record is not written twice.
    """
    said = _recorded(sweep, trial) if trial.origin != SEGMENT else None
    if said is None:
        return None
    given = _given(said["env"])
    variables = [f"{name}={_expanded(value, given)}" for name, value in _environment(said["env"], sweep).items()]
    words = command_line(said["argv"], arguments(sweep, trial), said["program"], given)
    again = " ".join([*variables, words])
    made = f'again=$(mktemp -d "$PWD/{sweep.name}-{trial.number}.XXXXXX") && ' if _AGAIN in again else ""
    return f"cd {quoted(said['cwd'])} && {made}{again}"


def command_line(
    argv: Sequence[str], literal: Sequence[str], program: str | None = None, given: Mapping[str, str] = _NOTHING
) -> str:
    """`argv` for a shell, which expands each `${env:X}` of the command, unless it is `given` as a word of the shell.
    Not so in the words that are `literal`: they carry parameters, whose values are never expanded, whatever they look
    like. `program` is the path of argv[0] where a trial found it."""
    name, *rest = argv
    words = (quoted(word) if word in literal else _expanded(word, given) for word in rest)
    return " ".join([_program(name, program), *words])


def checkpoint(sweep: Sweep, trial: Trial) -> Path | None:
    """The directory of what it saved; None where that is nothing."""
    directory = sweep.layout.checkpoint(trial.number, trial.run)
    return directory if directory.is_dir() and any(directory.iterdir()) else None


def arguments(sweep: Sweep, trial: Trial) -> list[str]:
    """What `${args}` stood for."""
    style = sweep.resolved["args"]
    if style == "file":
        return [str(runs.files(sweep.layout, trial).params)]
    return command.arguments(handed_over(Fidelity.of(sweep.resolved), trial), style)


def survives_splitting(words: Iterable[str]) -> bool:
    """Whether `program $(...)`, which splits at blanks and expands wildcards, hands over these very words."""
    return not any(_SPLIT_OR_EXPANDED.search(word) or unsafe(word) for word in words)


def _recorded(sweep: Sweep, trial: Trial) -> dict[str, Json] | None:
    """The command of the trial's newest run that had one."""
    for run in range(trial.run, 0, -1):
        said = runs.read_start(RunFiles(sweep.layout.run(trial.number, run)), trial)
        if said is not None:
            return said
    return None


def _environment(recorded: dict[str, str], sweep: Sweep) -> dict[str, str]:
    """What of the recorded environment bears on the result. Which device it was does not; that there was none does."""
    names = [*_KEPT, *sweep.resolved["env"]]
    if "SWEEPRUN_UNTIL" in recorded:  # which is counted by these two
        names += ["SWEEPRUN_STEP", "SWEEPRUN_STEP_FIRST"]
    if recorded.get("CUDA_VISIBLE_DEVICES") == "":
        names.append("CUDA_VISIBLE_DEVICES")
    return {name: recorded[name] for name in dict.fromkeys(names) if name in recorded}


def _program(name: str, found: str | None) -> str:
    """The program, by its path where the reader's shell would find another one of that name than the trial did."""
    if "/" in name or found is None:
        return _expanded(name, _NOTHING)
    return quoted(name if found == shutil.which(name) else found)


def _given(recorded: Mapping[str, str]) -> dict[str, str]:
    """Words of the shell for the variables that only a trial has."""
    written = {"SWEEPRUN_DIR": _AGAIN, "SWEEPRUN_CHECKPOINT": _AGAIN, "SWEEPRUN_METRICS": f"{_AGAIN}/metrics.jsonl"}
    return {name: written.get(name) or quoted(recorded[name]) for name in GIVEN if name in recorded}


def _expanded(word: str, given: Mapping[str, str]) -> str:
    """`word` with each `${env:X}` as it is `given`, or else left to the reader's shell."""
    parts = VARIABLE.split(word)  # text and names take turns
    named = [given.get(part, f'"${part}"') if i % 2 else unescaped(part) for i, part in enumerate(parts)]
    written = [part if i % 2 or not part else quoted(part) for i, part in enumerate(named)]
    return "".join(written) or "''"


def _escaped(byte: int) -> str:
    printable = 0x20 <= byte < 0x7F and chr(byte) not in "'\\"
    return chr(byte) if printable else f"\\x{byte:02x}"
