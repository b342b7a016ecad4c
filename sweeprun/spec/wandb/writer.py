"""A translation as the text of a sweep file, with W&B's words in the comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sweeprun.spec.wandb.draft import Note, Translation
from sweeprun.spec.yaml12 import KeyPath
from sweeprun.spec.yaml_text import flow, scalar
from sweeprun.trials import Json

_ORDER = ("name", "description", "command", "args", "workdir", "env", "metrics_from", "metric", "metrics", "parameters")
_WIDTH = 120


def text(translation: Translation, name: str, workdir: str) -> str:
    """Valid, minimal, a comment for each note. `name` is the file that it was, `workdir` relative to the new one."""
    value: dict[str, Json] = translation.document.value | ({"workdir": workdir} if workdir != "." else {})
    lines = [f"# From the W&B sweep file {_one_line(name)}. The comments have its own words."]
    lines += [f"# {comment}" for comment in _comments(translation, ())]
    for key in sorted(value, key=lambda key: _ORDER.index(key) if key in _ORDER else len(_ORDER)):
        if key == "parameters" and isinstance(value[key], dict) and value[key]:
            lines += _block(translation, (key,), value[key])
        else:
            lines += _line(translation, (key,), _shortest(key, value[key]))
    return "\n".join(lines) + "\n"


def _shortest(key: str, value: Json) -> Json:
    if key == "budget" and isinstance(value, dict) and value.keys() == {"trials"}:
        return value["trials"]
    if key == "metric" and isinstance(value, dict) and value.keys() == {"name"}:
        return value["name"]
    return value


def _block(translation: Translation, path: KeyPath, entries: dict[str, Any]) -> Iterator[str]:
    """Names below each other; groups of parameters in blocks of their own."""
    yield from _entry(translation, path, "")
    for name, entry in entries.items():
        here = (*path, name)
        if isinstance(entry, dict) and entry.keys() == {"parameters"} and entry["parameters"]:
            yield from _entry(translation, here, "")
            yield from _block(translation, (*here, "parameters"), entry["parameters"])
        else:
            yield from _line(translation, here, entry)


def _entry(translation: Translation, path: KeyPath, value: str) -> Iterator[str]:
    indent = "  " * (len(path) - 1)
    written = f"{indent}{scalar(path[-1])}:{value}"
    comments = list(_comments(translation, path))
    if len(comments) == 1 and len(written) + len(comments[0]) + 4 <= _WIDTH:
        yield f"{written}  # {comments[0]}"
    else:
        yield from (f"{indent}# {comment}" for comment in comments)
        yield written


def _line(translation: Translation, path: KeyPath, value: Json) -> Iterator[str]:
    return _entry(translation, path, f" {flow(value)}")


def _comments(translation: Translation, path: KeyPath) -> Iterator[str]:
    return (_comment(note) for note in translation.notes if note.path == path)


def _comment(note: Note) -> str:
    said = f"was {note.was}" if note.path else f"{note.was} {note.became}"
    return _one_line(f"{said}: {note.why}" if note.why else said)


def _one_line(comment: str) -> str:
    return "".join(character if character.isprintable() else " " for character in comment)
