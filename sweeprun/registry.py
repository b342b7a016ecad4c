"""The file name is the registry: `samplers/sobol.py` is `algorithm: sobol`.

A module holds one public class, which derives from the base of its kind; its fields are its settings. A dotted name is
a module outside of sweeprun. Nothing here imports a sampler or a pruner before it is asked for.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from sweeprun.errors import SweepFileError, near

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

Kind = Literal["sampler", "pruner", "executor"]
Json = Any

_NO_ALGORITHM = frozenset({"base", "auto"})  # `auto` is a choice among the others (samplers/auto.py)
_KEY: Mapping[Kind, str] = {"sampler": "algorithm", "pruner": "pruner", "executor": "executor"}  # in a sweep file


@dataclass(frozen=True, slots=True)
class Setting:
    """One option of an algorithm: what it means, its default as JSON, whether there is none, its JSON Schema."""

    name: str
    description: str
    default: Json
    required: bool
    schema: Mapping[str, Json]


@cache
def names(kind: Kind) -> tuple[str, ...]:
    """The algorithms that come with sweeprun, in alphabetical order. `auto`, which picks one of them, is none."""
    package = importlib.import_module(f"sweeprun.{kind}s")
    files = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name for name in files if not name.startswith("_") and name not in _NO_ALGORITHM))


def find(kind: Kind, name: str) -> type[Any]:
    """The class behind `name`. Raises SweepFileError for an unknown name or a module that breaks the rule above."""
    if "." not in name and name not in names(kind):
        known = ("auto", *names(kind)) if kind == "sampler" else names(kind)
        message = f"there is no {_KEY[kind]} {name!r}; there are {_listed(known)}"
        raise SweepFileError(message, hint=near(name, known))
    path = name if "." in name else f"sweeprun.{kind}s.{name}"
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise  # the module is there; what it needs is not
        raise SweepFileError(f"{kind} {name!r}: there is no module {error.name!r}", hint="see PYTHONPATH") from None
    return _only_class(kind, name, vars(module))


def name_of(algorithm: object) -> str:
    """What the sweep file calls the algorithm of this instance."""
    module = type(algorithm).__module__
    return module.rpartition(".")[2] if module.startswith("sweeprun.") else module


def load(kind: Kind, name: str, options: Mapping[str, Json], seed: int = 0, trials: int | None = None) -> Any:
    """An instance of algorithm `name` with `options` as its settings.

    `seed` is the sweep's, and `trials` is its budget of configurations: they fill the settings `seed` and `members`
    where `options` leave those out. Raises SweepFileError naming the option, its value and what is allowed.
    """
    from pydantic import ValidationError

    cls = find(kind, name)
    known = tuple(cls.model_fields)
    for option in options:
        if option not in known:
            allowed = f"it takes {_listed(known)}" if known else "it takes none"
            raise SweepFileError(f"{kind} {name!r} has no option {option!r}; {allowed}", hint=near(option, known))
    of_sweep = {"seed": seed, "members": trials}
    filled = {**{name: value for name, value in of_sweep.items() if name in known and value is not None}, **options}
    try:
        return cls.model_validate(filled)
    except ValidationError as error:
        raise SweepFileError(_first_problem(kind, name, error)) from None


def settings(kind: Kind, name: str) -> tuple[Setting, ...]:
    """What `name` can be set to, for `check` and the JSON Schema."""
    schema = find(kind, name).model_json_schema()
    return tuple(
        Setting(field, rules.get("description", ""), rules.get("default"), "default" not in rules, rules)
        for field, rules in schema.get("properties", {}).items()
    )


def _only_class(kind: Kind, name: str, members: Mapping[str, Any]) -> type[Any]:
    base = getattr(importlib.import_module(f"sweeprun.{kind}s.base"), kind.capitalize())
    found = [
        member
        for member in members.values()
        if inspect.isclass(member)
        and issubclass(member, base)
        and member.__module__ == members["__name__"]
        and not member.__name__.startswith("_")
    ]
    if len(found) != 1:
        seen = _listed([cls.__name__ for cls in found]) or "none"
        rule = f"its module must hold one public subclass of {base.__name__}"
        raise SweepFileError(f"{kind} {name!r}: {rule}; it holds {seen}")
    cls: type[Any] = found[0]
    return cls


def _first_problem(kind: Kind, name: str, error: ValidationError) -> str:
    problem = error.errors()[0]
    option = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{kind} {name!r} needs the option {option!r}"
    if problem["type"] == "value_error":  # a rule of the algorithm's own, in its words; it may be about several options
        return f"{kind} {name!r}: {f'{option} ' if option else ''}{problem['ctx']['error']}"
    return f"{kind} {name!r}: {option} is {problem['input']!r}; allowed is {_allowed(problem)}"


_BOUNDS = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a string",
    "bool_type": "true or false",
}


def _allowed(problem: ErrorDetails) -> str:
    """In our words where the rule is a usual one."""
    words = _BOUNDS.get(problem["type"])
    return words.format(**problem.get("ctx", {})) if words else problem["msg"]


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
