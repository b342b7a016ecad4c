"""What becomes of each argument in a sweep file: searched, fixed, part of the command, or only mentioned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sweeprun.starter import practice, ranges
from sweeprun.starter.arguments import Argument, renamed
from sweeprun.starter.practice import TABLE, normal
from sweeprun.starter.ranges import Entry, number
from sweeprun.starter.setting import Setting
from sweeprun.starter.source import Unknown
from sweeprun.trials import Json

MOST_SEARCHED = 6


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
    words, notes, named = [], [], []
    for argument in map(renamed, arguments):
        word, note = _in_command(argument)
        if word is None:
            named.append(argument)
        else:
            words.append(word)
            notes.append(note)
    proposed = sorted(_proposed(named, setting), key=lambda each: each[0])
    chosen = [line for order, line in proposed if order < len(TABLE)][:MOST_SEARCHED]
    fixed = [_length(argument) for argument in named if _is_length(argument)]
    placed = {line.name for _, line in proposed} | {line.name for line in fixed}
    return Placement(
        searched=tuple(chosen),
        fixed=tuple(fixed),
        suggested=tuple(line for _, line in proposed if line not in chosen),
        alone=tuple(_alone(argument) for argument in named if argument.name not in placed),
        words=tuple(words),
        notes=tuple(notes),
        switches=any(argument.switch for argument in named),
    )


def _in_command(argument: Argument) -> tuple[str | None, str]:
    """The word that hands an argument over where it cannot be a parameter, and the note to it."""
    variable = "${env:" + re.sub(r"\W", "_", argument.name).upper() + "}"
    if argument.positional:
        if not argument.required:
            return None, ""
        if argument.choices:
            offered = " ".join(map(str, argument.choices))
            return str(
                argument.choices[0]
            ), f"{argument.choices[0]!s}: the script's {argument.name}; it takes {offered}"
        return variable, f"{variable}: the script's {argument.name}; write it there, or set the variable"
    if argument.required and practice.rank(argument.name) is None and not _is_length(argument):
        given = str(argument.choices[0]) if argument.choices else variable
        return f"{argument.flag}={given}", f"{argument.flag} is required; write its value there"
    if _OUTPUT.fullmatch(normal(argument.name)) and isinstance(argument.default, str) and argument.default.strip("./ "):
        return f"{argument.flag}={_own_place(argument.default)}", f"{argument.flag}: a place of its own for every trial"
    return None, ""


def _own_place(default: str) -> str:
    """The run's directory, or the file there that the script would write."""
    last = default.rstrip("/").rpartition("/")[2]
    return "${env:SWEEPRUN_DIR}" + (f"/{last}" if "." in last.strip(".") else "")


def _proposed(arguments: Sequence[Argument], setting: Setting) -> Iterator[tuple[int, Line]]:
    """How early each parameter that may be searched should be, and its line."""
    for argument in arguments:
        order = practice.rank(argument.name)
        if _trap(argument) or _is_length(argument) or (order is None and _is_left_alone(argument)):
            continue
        entry, why = TABLE[order].propose(argument, setting) if order is not None else _general(argument)
        if not _can_take(argument, entry):
            entry, why = _general(argument)
            order = None
        if len(entry) < 2 and "any" not in entry:
            continue
        first = order is not None and TABLE[order].first_choice
        place_in_line = order if first and order is not None else len(TABLE)
        yield (-1 if argument.required else place_in_line), Line(argument.name, entry, why)


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
    return argument.type != "int" or all(value == int(value) for value in _values(entry) if number(value) is not None)


def _values(entry: Json) -> Iterator[Json]:
    if isinstance(entry, dict):
        for key in ("min", "max", "any"):
            yield from _values(entry[key]) if key in entry else ()
    elif isinstance(entry, list):
        for each in entry:
            yield from _values(each)
    else:
        yield entry


def _is_length(argument: Argument) -> bool:
    return _LENGTH.fullmatch(normal(argument.name)) is not None and not _trap(argument) and not argument.switch


def _length(argument: Argument) -> Line:
    known = number(argument.default)
    if known is None:
        return Line(argument.name, 10, "a guess: the script says no number")
    return Line(argument.name, known, "the same for all trials, so that they compare")


def _trap(argument: Argument) -> str:
    """Why a value cannot be handed over as it is meant; empty where it can."""
    if argument.positional:
        return "positional and optional: write it into the command where it is needed"
    if argument.short_only:
        return f"give it a long form in the script, such as -{argument.flag}: no other is written"
    if argument.several:
        return f"takes several words, and {argument.flag}=... is one"
    if argument.type == "bool":
        return "type=bool takes every text for true, false too; action=argparse.BooleanOptionalAction mends that"
    if argument.type == "" and number(argument.default) is not None and not argument.switch:
        return "has no type=, so the script would get text instead of a number"
    return ""


def _is_left_alone(argument: Argument) -> bool:
    return any(names.fullmatch(normal(argument.name)) for names, _ in _LEFT_ALONE)


def _alone(argument: Argument) -> Line:
    why = _trap(argument) or next((why for names, why in _LEFT_ALONE if names.fullmatch(normal(argument.name))), "")
    default = argument.default
    if argument.choices:
        why = why or "takes " + " ".join(map(str, argument.choices))
    return Line(argument.name, f"<{default.text}>" if isinstance(default, Unknown) else default, why)


_OUTPUT = re.compile(
    r"(out(put)?|save|log(s|ging)?|ckpt|checkpoints?|results?|work|run|exp(eriment)?|model|weights|tensorboard|tb)"
    r"_?(dir(ectory)?|path|folder|file|root)|save(_to|_name)?|out(put)?|logdir|outdir|save_model_path|default_root_dir"
)
_LENGTH = re.compile(
    r"(n_?|num_?|max_?|total_?|train(ing)?_?)*(epochs?|steps|iters?|iterations|updates|timesteps|rounds|ep)"
)
_LEFT_ALONE = tuple(
    (re.compile(names), why)
    for names, why in (
        (r"(\w+_)?seed|random_state", "the same for all, so that they compare"),
        (r"(test|eval|val|valid|validation|per_device_eval)_(batch_?size|bs)", "changes nothing but the speed"),
        (r"(adam_)?eps(ilon)?", "hardly ever matters"),
        (r"min_lr|lr_min|eta_min|final_lr|end_lr", "where the schedule of the rate ends"),
        (
            r"(no_)?(cuda|gpus?|accel|mps|device|accelerator|fp16|bf16|amp|compile|dtype|precision|tpu|use_cuda)(_\w+)?",
            "the machine",
        ),
        (
            r"(\w+_)?(n|num)_?(workers|threads|gpus|nodes|proc(s|esses)?|devices)(_\w+)?|workers|threads|j|jobs|n_jobs",
            "the machine",
        ),
        (r"(local_)?rank|world_size|dist_\w+|master_\w+|backend|nodes|ddp\w*", "the machine"),
        (
            r"(\w+_)?(dir(ectory)?|paths?|root|folders?|files?|url|name|tag|project|entity|notes?|group)",
            "a place or a name",
        ),
        (
            r"data(set|_?root)?|corpus|input|checkpoint|ckpt|resume(_from)?|load(_\w+)?|pretrained(_\w+)?|weights",
            "what it starts from",
        ),
        (
            r"(\w+_)?(interval|freq(uency)?|every|period|patience)|log_\w+|print_\w+|save(_\w+)?|verbose|quiet|debug|dry_run|wandb\w*|plot\w*|test|eval(uate)?(_\w+)?|onnx_\w+|profile\w*|progress\w*",
            "what it shows or keeps, not how it learns",
        ),
        (
            r"(img|image|input|crop|vocab|block|seq(uence)?|context|bptt|max_seq|max|n_classes|num_classes|classes)_?(size|len(gth)?|dim)?",
            "part of the task",
        ),
    )
)
