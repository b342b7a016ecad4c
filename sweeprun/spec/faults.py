"""From what is wrong with a value to a sentence with its place: key path, value seen, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sweeprun.errors import NotSupportedYet, SweepFileError
from sweeprun.spec.fields import Language
from sweeprun.spec.keys import language_at
from sweeprun.spec.parameters import MisdeclaredError
from sweeprun.spec.yaml12 import Document, KeyPath, Position

_WANDB = frozenset(
    {"program", "method", "early_terminate", "run_cap", "entity", "project", "controller"}
    | {"distribution", "mu", "sigma", "q"}
)
_SHAPES = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "text",
}


def explained(error: ValidationError, document: Document, file: str, root: type[Language]) -> SweepFileError:
    """The fault that stands first in the file; one that shows a W&B sweep file goes before all others."""
    faults = [_fault(dict(detail), document, file, root) for detail in error.errors(include_url=False)]
    return min(faults, key=lambda fault: (not isinstance(fault, NotSupportedYet), fault.line, fault.column))


def located(error: MisdeclaredError, document: Document, file: str) -> SweepFileError:
    """The same error at its line and column."""
    return _at(SweepFileError, f"{dotted(error.path)}: {error.message}", document, error.path, file, error.hint)


def dotted(path: KeyPath) -> str:
    """`metrics.0.name`."""
    return ".".join(map(str, path))


def _fault(detail: dict[str, Any], document: Document, file: str, root: type[Language]) -> SweepFileError:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    key, kind = dotted(path), detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path, document, file, root)
    if kind == "missing":
        return _at(SweepFileError, f"{key} is missing", document, path, file, f"add `{path[-1]}: ...`")
    if kind == "value_error":
        message = f"{key or 'the sweep file'} {detail['ctx']['error']}"
    else:
        message = f"{key} must be {_SHAPES[kind]}, not {shown(detail['input'])}"
    return _at(SweepFileError, message, document, path, file)


def _unknown_key(path: KeyPath, document: Document, file: str, root: type[Language]) -> SweepFileError:
    key, model = str(path[-1]), language_at(root, path[:-1])
    if key in _WANDB:
        message = f"not supported yet: {dotted(path)} (this looks like a W&B sweep file)"
        return _at(NotSupportedYet, message, document, path, file, "see `sweeprun init` for a sweep file to start from")
    allowed = sorted(field.alias or name for name, field in model.model_fields.items()) if model else []
    close = difflib.get_close_matches(key, allowed, 1)
    message = f"unknown key {dotted(path)}; allowed: {', '.join(allowed)}"
    return _at(SweepFileError, message, document, path, file, f"did you mean {close[0]!r}?" if close else None)


def _at(
    kind: type[SweepFileError], message: str, document: Document, path: KeyPath, file: str, hint: str | None = None
) -> SweepFileError:
    origin = document.override_of(path)
    if origin is not None:
        return kind(message, origin, hint=hint)
    line, column = _position(document, path)
    return kind(message, file, line, column, hint=hint)


def _position(document: Document, path: KeyPath) -> Position:
    return document.keys[path] if path in document.keys else document.position(path)


def shown(value: Any) -> str:
    """A value as it may stand in a message: short."""
    text = "a mapping" if isinstance(value, Mapping) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
