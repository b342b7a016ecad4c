"""What becomes of each argument in a sweep file: searched, fixed, part of the command, or only mentioned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sweeprun.starter import practice, ranges
from sweeprun.starter.arguments import Argument
from sweeprun.starter.practice import TABLE
from sweeprun.starter.ranges import Entry, number
from sweeprun.starter.setting import ADAM, SGD, Setting
from sweeprun.starter.source import Unknown
from sweeprun.starter.unsearched import is_length, is_output, is_secret, reason, trap
from sweeprun.trials import Json

MOST_SEARCHED = 6

_LAST = len(TABLE)  # in the order of importance: what is only suggested
_OF_OPTIMIZERS = ((r"momentum|dampening|(no_)?nesterov", SGD | {"rmsprop"}), (r"(adam_)?(beta_?[12]|b[12])", ADAM))


@dataclass(frozen=True)
class Line:
    """One line under `parameters` and the reason for it."""

    name: str
    entry: Json
    why: str


@dataclass(frozen=True)
class Placement:
    """Every argument at its place. `words` are of the command, `notes` say what a reader must know about them;
    `suggested` and `alone` are written as comments."""

    searched: tuple[Line, ...] = ()
    fixed: tuple[Line, ...] = ()
    suggested: tuple[Line, ...] = ()
    alone: tuple[Line, ...] = ()
    words: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    switches: bool = False


def place(arguments: Sequence[Argument], setting: Setting) -> Placement:
    """Where each argument belongs, by what it is called and how it is read."""
    named = [argument.absent() for argument in arguments]
    proposed = sorted((each for argument in named for each in _proposed(argument, setting)), key=lambda each: each[0])
    n_searched = max(MOST_SEARCHED, sum(order < 0 for order, _ in proposed))
    chosen = [line for order, line in proposed if order < _LAST][:n_searched]
    optimizer = next((line for line in chosen if practice.names_optimizer(line.name)), None)
    lengths = [argument for argument in named if is_length(argument)]
    placed = {line.name for _, line in proposed} | {argument.name for argument in lengths}
    rest = [argument for argument in named if argument.name not in placed]
    in_command = [(argument, said) for argument in rest if (said := _in_command(argument)) is not None]
    commanded = {argument.flag for argument, _ in in_command}
    return Placement(
        searched=tuple(_conditional(line, optimizer) for line in chosen),
        fixed=tuple(map(_length, lengths)),
        suggested=tuple(_conditional(line, optimizer) for _, line in proposed if line not in chosen),
        alone=tuple(_alone(argument) for argument in rest if argument.flag not in commanded),
        words=tuple(word for _, (words, _) in in_command for word in words),
        notes=tuple(note for _, (_, note) in in_command),
        switches=any(argument.switch for argument in named),
    )


def _proposed(argument: Argument, setting: Setting) -> Iterator[tuple[int, Line]]:
    """How early a parameter should be searched, and its line; nothing where it should not."""
    order = practice.rank(argument.name)
    if trap(argument) or is_length(argument) or is_secret(argument) or (order is None and reason(argument)):
        return
    entry, why = TABLE[order].advise(argument, setting) if order is not None else _general(argument)
    if not _can_take(argument, entry):
        order, (entry, why) = None, _general(argument)
    if len(entry) < 2 and "any" not in entry:
        return
    early = order is not None and TABLE[order].first_choice
    yield -1 if argument.required else order if early and order is not None else _LAST, Line(argument.name, entry, why)


def _general(argument: Argument) -> tuple[Entry, str]:
    """Something for a parameter of which nothing is known but its default."""
    default = number(argument.default)
    if argument.switch:
        return [False, True], "a switch"
    if argument.choices:
        return list(argument.choices), "what the script offers"
    if argument.type == "int" and default is not None and default >= 1:
        return ranges.doubled(int(default), 1), "half of the default, and twice"
    if argument.type == "float" and default is not None and default > 0:
        return ranges.decade(default), "a decade on both sides of the default"
    return [], ""


def _can_take(argument: Argument, entry: Entry) -> bool:
    """Whether what reads the argument would read every value of `entry`."""
    if argument.switch:
        return False
    if argument.choices and any(value not in argument.choices for value in _values(entry)):
        return False
    return argument.type != "int" or not any(isinstance(value, float) for value in _values(entry))


def _values(entry: Json) -> Iterator[Json]:
    if isinstance(entry, dict):
        for key in ("min", "max", "any"):
            yield from _values(entry[key]) if key in entry else ()
    elif isinstance(entry, list):
        for each in entry:
            yield from _values(each)
    else:
        yield entry


def _conditional(line: Line, optimizer: Line | None) -> Line:
    """A parameter that some of the optimizers alone have, there for those."""
    offered = optimizer.entry if optimizer else []
    for names, kinds in _OF_OPTIMIZERS:
        having = [each for each in offered if str(each).lower() in kinds]
        if optimizer and re.fullmatch(names, practice.normal(line.name)) and 0 < len(having) < len(offered):
            entry = line.entry if isinstance(line.entry, dict) else {"values": line.entry}
            return replace(line, entry={**entry, "when": {optimizer.name: having[0] if len(having) == 1 else having}})
    return line


def _in_command(argument: Argument) -> tuple[list[str], str] | None:
    """The words that hand an argument over which cannot be a parameter, and the note to it; None where none must."""
    if argument.required:
        value = next((text for text in map(str, argument.choices) if text and "$" not in text), _variable(argument))
        what = (
            f"one of {' '.join(map(str, argument.choices))}"
            if argument.choices
            else "write it there, or set the variable"
        )
        if argument.positional:
            return [value], f"{value} is the script's {argument.name}: {what}"
        words = [argument.flag, value] if argument.short_only else [f"{argument.flag}={value}"]
        return words, f"{argument.flag} is required: {what}"
    if isinstance(argument.default, str) and is_output(argument) and not argument.short_only:
        return [
            f"{argument.flag}={_own_place(argument.default)}"
        ], f"{argument.flag}: a place of its own for every trial"
    return None


def _variable(argument: Argument) -> str:
    """An environment variable in place of a value that only the user knows; without it `start` refuses the file."""
    return "${env:" + re.sub(r"[^A-Za-z0-9_]|^(?=\d)", "_", argument.name).upper() + "}"


def _own_place(default: str) -> str:
    """The run's directory, or the file there that the script would write."""
    last = default.rstrip("/").rpartition("/")[2]
    return "${env:SWEEPRUN_DIR}" + (f"/{last}" if "." in last.strip(".") else "")


def _length(argument: Argument) -> Line:
    known = number(argument.default)
    if known is None:
        return Line(argument.name, 10, "a guess: the script says no number")
    return Line(argument.name, known, "the same for all trials, so that they compare")


def _alone(argument: Argument) -> Line:
    why = trap(argument) or reason(argument)
    if argument.choices:
        why = why or f"one of {' '.join(map(str, argument.choices))}"
    default = None if is_secret(argument) else argument.default
    return Line(argument.name, f"<{default.text:.60}>" if isinstance(default, Unknown) else default, why)
