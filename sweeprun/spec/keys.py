"""Which mapping of the language stands at a key path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from sweeprun.errors import near
from sweeprun.spec.fields import Language, Later
from sweeprun.spec.yaml12 import KeyPath

_OF_WANDB = {  # its words, which people know, in ours
    "program": "command",
    "method": "algorithm",
    "early_terminate": "pruner",
    "run_cap": "budget.trials",
    "distribution": "log: true, or step",
    "q": "step",
}


def meant(key: str, allowed: Iterable[str]) -> str | None:
    """The hint for a key that the language does not have."""
    if key in _OF_WANDB:
        return f"W&B's {key} is {_OF_WANDB[key]} here; a W&B sweep file has words of W&B's alone, and --set ours on top"
    return near(key, allowed)


def field_of(model: type[Language], key: str | int) -> FieldInfo | None:
    """The field that is written `key`."""
    return next((field for name, field in model.model_fields.items() if (field.alias or name) == key), None)


def language_at(root: type[Language], path: KeyPath) -> type[Language] | None:
    """The model whose keys are allowed at `path`; None where names are the user's own, or nothing is nested."""
    annotation: Any = root
    for key in path:
        if isinstance(annotation, type) and issubclass(annotation, Language):
            field = field_of(annotation, key)
            annotation = None if field is None else _without_none(field.annotation)
        else:
            annotation = _element(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, Language) else None


def _without_none(annotation: Any) -> Any:
    options = [option for option in get_args(annotation) if option is not type(None)]
    return options[0] if type(None) in get_args(annotation) and len(options) == 1 else annotation


def _element(annotation: Any) -> Any:
    """What a list or a mapping with free names holds."""
    arguments = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    return _without_none(arguments[-1]) if arguments else None


def later_keys(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Key paths of set fields whose machinery is not built yet."""
    if isinstance(value, Language):
        for name, field in type(value).model_fields.items():
            here, inner = (*path, field.alias or name), getattr(value, name)
            mark = next((mark for mark in field.metadata if isinstance(mark, Later)), None)
            if mark is not None and inner != field.default and inner not in mark.now:
                yield here
            else:
                yield from later_keys(inner, here)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from later_keys(inner, (*path, key))
    elif isinstance(value, tuple):
        for i, inner in enumerate(value):
            yield from later_keys(inner, (*path, i))
