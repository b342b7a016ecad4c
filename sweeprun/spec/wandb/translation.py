"""A W&B sweep file as a sweep file of our own, key by key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path

from sweeprun.errors import near
from sweeprun.spec.wandb import command, parameters, sections
from sweeprun.spec.wandb.draft import Draft, Translation
from sweeprun.spec.yaml12 import Document
from sweeprun.trials import Json

_SIGNS = frozenset({"method", "program", "run_cap", "early_terminate"})
_ONLY_OURS = frozenset({"log", "step", "any", "expr", "repeat", "when"})  # in a parameter
_SHARED = frozenset({"name", "description", "command", "metric", "metrics", "parameters"})
_SECTIONS: Mapping[str, Callable[[Draft, Json], None]] = {
    "name": sections.name,
    "description": sections.description,
    "metric": sections.metric,
    "metrics": sections.metrics,
    "method": sections.method,
    "run_cap": sections.run_cap,
    "early_terminate": sections.early_terminate,
}
_SERVER = ("project", "entity", "controller", "scheduler", "job", "image_uri", "apiVersion", "kind")
_KEYS = (*_SECTIONS, "program", "command", "parameters", *_SERVER)


def recognised(value: dict[str, Json], ours: Set[str]) -> bool:
    """Whether this is a W&B sweep file: it uses words that only W&B has, and none of the keys of our language
    (`ours`) that W&B does not have."""
    if value.keys() & (ours - _SHARED):
        return False
    declared = value.get("parameters")
    entries = declared.values() if isinstance(declared, dict) else ()
    used = {key for entry in entries if isinstance(entry, dict) for key in entry}
    return bool(value.keys() & _SIGNS) or ("distribution" in used and not used & _ONLY_OURS)


def translate(document: Document, directory: Path) -> Translation:
    """The sweep file that `document`, a W&B sweep file in `directory`, stands for. Each part of it knows the place of
    what it comes from. Of the outside it asks one thing: whether the program is there."""
    given, draft = document.value, Draft(document)
    for key, translate_section in _SECTIONS.items():
        if given.get(key) is not None:
            translate_section(draft, given[key])
    sections.metrics_from(draft)
    if given.get("metric") is None and given.get("metrics") is None:
        sections.no_metric(draft)
    command.translate(draft, given.get("program"), given.get("command"))
    if given.get("parameters") is not None:
        parameters.translate(draft, given["parameters"])
    _leave_out(draft, given)
    _workdir(draft, directory)
    return draft.translation()


def _leave_out(draft: Draft, given: dict[str, Json]) -> None:
    """Keys for the server, in one note; keys that W&B does not have either, a note each."""
    server = [key for key in given if key in _SERVER]
    if server:
        draft.note((), (server[0],), ", ".join(server), "left out", "there is no server")
    for key in given.keys() - set(_KEYS):
        if (hint := near(key, _KEYS)) is not None:
            draft.refuse((key,), (key,), f"{key} is no key of a W&B sweep file", hint)
        else:
            draft.note((), (key,), key, "left out", "no key of a W&B sweep file, and none of sweeprun's")


def _workdir(draft: Draft, directory: Path) -> None:
    """W&B starts programs where its agent was started, we start them beside the sweep file, unless there is none and
    there is one where the command is typed."""
    words = draft.value.get("command")
    for name in _files(words) if isinstance(words, list) else ():
        if os.path.exists(directory / name):
            return
        if os.path.exists(name):
            origin = ("command",) if ("command",) in draft.source.keys else ("program",)
            relative = os.path.relpath(".", directory)
            draft.put(("workdir",), relative, origin)
            why = f"{name} is in the current directory, not beside the sweep file"
            draft.note(("workdir",), origin, "the agent's directory", f"workdir {relative}", why)
            return


def _files(words: list[Json]) -> Iterator[str]:
    """The words that name a file of the program's own: scripts, paths, modules."""
    for before, word in zip(["", *words], words, strict=False):
        if not isinstance(word, str):
            continue
        if before == "-m":
            yield word.replace(".", "/")
            yield word.replace(".", "/") + ".py"
        elif "/" in word or Path(word).suffix in (".py", ".sh"):
            yield word
