"""`--set budget.trials=50`: a key path and a YAML 1.2 value, put over what the file says."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from sweeprun.errors import SweepFileError
from sweeprun.spec import yaml12
from sweeprun.spec.fields import Language
from sweeprun.spec.keys import field_of, language_at, meant
from sweeprun.spec.yaml12 import Document, KeyPath

_ONE_KEY = ("metrics_from",)  # a key of it takes the place of what is there
_CLOSED = ("parameters", "linked")  # a name that the file does not declare is a typing error, not a new one


def override(document: Document, text: str, root: type[Language]) -> Document:
    """`document` with one value replaced. Raises SweepFileError for a path that the language does not have."""
    origin = f"--set {text}"
    written, equals, value_text = text.partition("=")
    if not equals or not written:
        raise SweepFileError("--set wants key.path=value", origin, hint="for example --set budget.trials=50")
    value = _value(written.strip(), value_text, origin)
    changed = copy.deepcopy(document.value)
    path = _put(changed, written.strip(), value, root, origin)
    return replace(document, value=changed, overrides={**document.overrides, path: origin})


def _value(written: str, text: str, origin: str) -> Any:
    """The YAML value. A pattern is read as it stands, unless it is quoted: most would be no YAML, or another one."""
    return text if written == "metrics_from.regex" and text[:1] not in ("'", '"') else yaml12.load_value(text, origin)


def _put(target: dict[str, Any], written: str, value: Any, root: type[Language], origin: str) -> KeyPath:
    path: KeyPath = ()
    container: Any = target
    rest = written
    while True:
        key, rest = _next_key(container, rest)
        key = _checked(root, path, container, key, origin)
        path = (*path, key)
        if not rest:
            container[key] = value
            return path
        if path == _ONE_KEY:
            container[key] = {}
        container = _opened(container, key, language_at(root, path), origin)


def _next_key(container: Any, written: str) -> tuple[Any, str]:
    """The next key and what is left; the longest key there is wins, because keys may hold dots themselves."""
    if isinstance(container, dict):
        known = [key for key in container if written == key or written.startswith(f"{key}.")]
        if known:
            key = max(known, key=len)
            return key, written[len(key) + 1 :]
    head, _, rest = written.partition(".")
    return (int(head) if isinstance(container, list) and head.isdecimal() else head), rest


def _checked(root: type[Language], path: KeyPath, container: Any, key: Any, origin: str) -> Any:
    model = language_at(root, path)
    if isinstance(container, list):
        allowed: list[Any] = list(range(len(container)))
    elif model is not None and model.model_config.get("extra") == "forbid":
        if field_of(model, key) is not None:
            return key
        allowed = model.offered()
    elif path and path[-1] in _CLOSED:
        allowed = list(container)
    else:
        return key
    if key in allowed:
        return key
    shown = ".".join(map(str, (*path, key)))
    message = f"unknown key {shown}; allowed: {', '.join(map(str, allowed)) or 'none'}"
    raise SweepFileError(message, origin, hint=meant(str(key), [name for name in allowed if isinstance(name, str)]))


def _opened(container: Any, key: Any, model: type[Language] | None, origin: str) -> Any:
    """The mapping or list at `key`, made from its shorthand or made new where it is not there."""
    inner = container.get(key) if isinstance(container, dict) else container[key]
    if not isinstance(inner, dict | list):
        shorthand = None if model is None else model.shorthand
        if inner is not None and shorthand is None:
            raise SweepFileError(f"{key} is {inner!r}, which has no keys", origin)
        inner = {} if inner is None else {shorthand: inner}
        container[key] = inner
    return inner
