"""`program` and `command` of a W&B sweep file.

W&B's agent puts a macro's value in where the macro is a word of its own, and starts the words as they are: no shell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from sweeprun.errors import near
from sweeprun.spec.wandb.draft import Draft
from sweeprun.spec.words import shown
from sweeprun.spec.yaml12 import KeyPath
from sweeprun.trials import Json

STYLES = {  # what follows `args` in a macro's name: how the arguments are written
    "": "wandb",
    "_no_hyphens": "hydra",
    "_no_boolean_flags": "flags",
    "_json": "json",
    "_json_file": "file",
    "_no_equals": "space",
}
_KNOWN = ("env", "interpreter", "program", *(f"args{ending}" for ending in STYLES))
_MACRO = re.compile(r"\$\{([^}]*)\}")
_VARIABLE = re.compile(r"\$\{envvar:([A-Za-z_][A-Za-z0-9_]*)\}")
_OF_THE_PROGRAM = re.compile(r"\$\{(?!envvar:)")
_ASSIGNMENT_OR_OPTION = re.compile(r"-.*|[A-Za-z_][A-Za-z0-9_]*=.*")
_SHELL = frozenset({"&&", "||", "|", ";", ">", ">>", "<", "2>&1", "&"})
_PATH = ("command",)


def translate(draft: Draft, program: Json, command: Json) -> None:
    """Puts `command` and `args` into the draft."""
    if command is None:
        _default(draft, program)
        return
    if isinstance(command, str):
        why = "split into words; W&B itself ignores a command that is no list, and starts python PROGRAM"
        draft.note(_PATH, _PATH, "a command in one text", "a list", why)
        command = _split(command)
    if not isinstance(command, list):
        draft.put(_PATH, command, _PATH)  # whatever it is, our own language refuses it
        return
    _Words(draft, program, [_text(word) for word in command]).translate()


def _default(draft: Draft, program: Json) -> None:
    if not isinstance(program, str) or not program:
        _nothing_to_start(draft, program)
        return
    why = ""
    if not program.endswith(".py"):
        why = f"python is started with {shown(program)}, as W&B does it"
    draft.put(_PATH, ["python", program, "${args}"], ("program",))
    draft.note(_PATH, ("program",), f"program {program}", f"command python {program} ${{args}}", why)
    _arguments(draft, "", ("program",))


def _nothing_to_start(draft: Draft, program: Json) -> None:
    launched = next((key for key in ("job", "image_uri") if (key,) in draft.source.keys), None)
    if launched is not None:
        origin, message = launched, f"{launched} is for W&B Launch: nothing that can be started here"
    elif program is None:
        origin = "method"
        message = "there is no program and no command: nothing to start, unless an agent calls a function"
    else:
        origin, message = "program", f"program must be the file to run, not {shown(program)}"
    draft.refuse(_PATH, (origin,), message, "--set command='python train.py ${args}'")


def _split(command: str) -> Json:
    try:
        return shlex.split(command)
    except ValueError:
        return command  # refused, with its place, when our own language is read


def _text(word: Json) -> Json:
    """A number or a truth value as W&B's agent makes a text of it."""
    return str(word) if isinstance(word, bool | int | float) else word


def _arguments(draft: Draft, ending: str, origin: KeyPath) -> None:
    style = STYLES[ending]
    draft.put(("args",), style, origin)
    if ending:
        draft.note(("args",), origin, f"${{args{ending}}}", f"${{args}} with args: {style}")


class _Words:
    """The words of one command, on their way into ours."""

    def __init__(self, draft: Draft, program: Json, words: Sequence[Json]):
        self.draft = draft
        self.program = program
        self.words = words
        self.endings: list[str] = []

    def translate(self) -> None:
        self.draft.put(_PATH, [word for i in range(len(self.words)) for word in self.word(i)], _PATH)
        if len(self.endings) > 1:
            message = "the command hands the parameters over more than once"
            self.draft.refuse(_PATH, _PATH, message, f"keep one of {', '.join(f'${{args{e}}}' for e in self.endings)}")
        if not self.endings:
            self.draft.put(("args",), "none", _PATH)
            why = "the program finds its parameters in wandb.config, or in the JSON file $SWEEPRUN_PARAMS"
            self.draft.note(("args",), _PATH, "a command without ${args}", "args none", why)

    def word(self, i: int) -> Iterator[Json]:
        word, origin = self.words[i], (*_PATH, i)
        macro = _MACRO.fullmatch(word) if isinstance(word, str) else None
        if not isinstance(word, str):
            yield word
        elif macro is None or _VARIABLE.fullmatch(word):
            yield self.plain(word, origin)
        elif macro[1] not in _KNOWN:
            hint = near(macro[1], _KNOWN) or f"there are ${{{'}, ${'.join(_KNOWN)}}} and ${{envvar:NAME}}"
            message = f"command: there is no macro {word}; W&B leaves such a word out without a warning"
            self.draft.refuse(_PATH, origin, message, hint)
        elif macro[1].startswith("args"):
            yield from self.arguments(macro[1].removeprefix("args"), origin)
        elif macro[1] == "program":
            yield from self.named_program(origin)
        elif macro[1] == "interpreter":
            yield "python"
        elif _ASSIGNMENT_OR_OPTION.fullmatch(str(*self.words[i + 1 : i + 2])):
            yield "/usr/bin/env"  # it does more here than to find the next word

    def arguments(self, ending: str, origin: KeyPath) -> Iterator[str]:
        if not self.endings:
            _arguments(self.draft, ending, origin)
        self.endings.append(ending)
        yield "${args}"

    def named_program(self, origin: KeyPath) -> Iterator[str]:
        if isinstance(self.program, str) and self.program:
            yield self.program
            return
        message = "the command has ${program}, and there is no program"
        self.draft.refuse(_PATH, origin, message, "add `program: train.py`")

    def plain(self, word: str, origin: KeyPath) -> str:
        for other in _MACRO.finditer(word):
            if other[1] in _KNOWN:
                why = "W&B replaces a macro only where it is a word of its own"
                hint = "write one word of the command in each item of the list"
                self.draft.refuse(_PATH, origin, f"command: {shown(word)} has {other[0]} in it; {why}", hint)
        known = _VARIABLE.sub(r"${env:\1}", _OF_THE_PROGRAM.sub("$${", word))
        if known != word:
            self.draft.note(_PATH, origin, f"command: {word}", known)
        if word in _SHELL:
            why = "no shell reads the command, here or with W&B"
            self.draft.note(_PATH, origin, f"command: {word}", "an argument of the program", why)
        if word.startswith("-") and " " in word and "=" not in word:
            why = "spaces and all, here as with W&B; one word of the command in each item of the list"
            self.draft.note(_PATH, origin, f"command: {shown(word)}", "one argument", why)
        return known
