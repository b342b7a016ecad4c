"""From what is wrong with a value to a sentence with its place: key path, value seen, what is allowed."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from sweeprun.errors import NotSupportedYet, SweepFileError
from sweeprun.spec.fields import Language
from sweeprun.spec.keys import language_at, meant
from sweeprun.spec.parameters import MisdeclaredError
from sweeprun.spec.words import shown
from sweeprun.spec.yaml12 import Document, KeyPath, Position

E = TypeVar("E", bound=SweepFileError)
_SHAPES = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "text",
}


def explained(error: ValidationError, document: Document, root: type[Language]) -> SweepFileError:
    """The fault that stands first in the file; what is missing stands nowhere, and may be what another key was
    meant to be."""
    details = [dict(detail) for detail in error.errors(include_url=False)]
    faults = [(detail["type"] == "missing", _fault(detail, document, root)) for detail in details]
    return min(faults, key=lambda fault: (fault[0], fault[1].line, fault[1].column))[1]


def located(error: MisdeclaredError, document: Document) -> SweepFileError:
    """The same error at its line and column."""
    return _at(SweepFileError, f"{dotted(error.path)}: {error.message}", document, error.path, error.hint)


def not_supported(path: KeyPath, document: Document) -> NotSupportedYet:
    """The refusal of a key whose machinery is not built yet."""
    return _at(NotSupportedYet, f"not supported yet: {dotted(path)}", document, path)


def dotted(path: KeyPath) -> str:
    """`metrics.0.name`."""
    return ".".join(map(str, path))


def _fault(detail: dict[str, Any], document: Document, root: type[Language]) -> SweepFileError:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    key, kind = dotted(path), detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path, document, root)
    if kind == "missing":
        return _at(SweepFileError, f"{key} is missing", document, path, f"add `{path[-1]}: ...`")
    if kind == "value_error":
        message = f"{key or 'the sweep file'} {detail['ctx']['error']}"
    else:
        message = f"{key} must be {_SHAPES[kind]}, not {shown(detail['input'])}"
    return _at(SweepFileError, message, document, path)


def _unknown_key(path: KeyPath, document: Document, root: type[Language]) -> SweepFileError:
    key, model = str(path[-1]), language_at(root, path[:-1])
    allowed = sorted(model.offered()) if model else []
    message = f"unknown key {dotted(path)}; allowed: {', '.join(allowed)}"
    return _at(SweepFileError, message, document, path, meant(key, allowed))


def _at(kind: type[E], message: str, document: Document, path: KeyPath, hint: str | None = None) -> E:
    origin = document.override_of(path)
    if origin is not None:
        return kind(message, origin, hint=hint)
    line, column = _position(document, path)
    return kind(message, document.file, line, column, hint=hint)


def _position(document: Document, path: KeyPath) -> Position:
    return document.keys[path] if path in document.keys else document.position(path)
