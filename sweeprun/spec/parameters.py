"""`parameters`, `linked` and `constraints` of a sweep file, and the search space that they declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from sweeprun.errors import SpaceError, SweepFileError, near
from sweeprun.expressions import Expression, ExpressionError
from sweeprun.space import (
    ALWAYS,
    Active,
    CategoricalParameter,
    Choice,
    CircularConditionError,
    Condition,
    Declaration,
    Derived,
    Fixed,
    FloatParameter,
    Holds,
    IntParameter,
    Linked,
    Mixture,
    OneOf,
    Repeated,
    Space,
)
from sweeprun.spec.entries import MAX_REPEATS, ParameterEntry
from sweeprun.spec.words import shown
from sweeprun.spec.yaml12 import KeyPath
from sweeprun.trials import Json

_RESERVED = frozenset("[]`")  # inner names and quoting use them


class MisdeclaredError(SweepFileError):
    """A declaration that is well formed and means nothing; `path` is its key path."""

    def __init__(self, path: KeyPath, message: str, hint: str | None = None):
        super().__init__(message, hint=hint)
        self.path = path


@dataclass(frozen=True)
class _Leaf:
    """A parameter with its full name; the conditions of its groups are part of `whens`."""

    name: str
    entry: ParameterEntry
    path: KeyPath
    whens: tuple[tuple[KeyPath, Json], ...]


def build_space(
    parameters: Mapping[str, ParameterEntry],
    linked: Mapping[str, Sequence[Mapping[str, Json]]],
    constraints: Sequence[str],
) -> Space:
    """Raises MisdeclaredError with the key path of what cannot be searched."""
    leaves = list(_leaves(parameters, ("parameters",), "", ()))
    names = [leaf.name for leaf in leaves] + [name for rows in linked.values() for name in (rows[0] if rows else ())]
    builder = _Builder({leaf.name: leaf for leaf in leaves}, linked, frozenset(names))
    declarations = [builder.declaration(leaf) for leaf in leaves]
    declarations += [builder.linked_rows(name) for name in linked]
    parsed = [builder.expression(text, ("constraints", i)) for i, text in enumerate(constraints)]
    try:
        return Space(declarations, parsed)
    except CircularConditionError as error:
        place = next((leaf.path for leaf in leaves if leaf.name == error.names[0]), ("parameters",))
        raise MisdeclaredError(place, error.message, error.hint) from None
    except SpaceError as error:
        raise MisdeclaredError(("parameters",), error.message, error.hint) from None


def entry_of(parameters: Mapping[str, ParameterEntry], name: str) -> ParameterEntry | None:
    """What the file says of the parameter `name`; None for a value that is linked to others in rows."""
    return next((leaf.entry for leaf in _leaves(parameters, ("parameters",), "", ()) if leaf.name == name), None)


def _leaves(
    parameters: Mapping[str, ParameterEntry], path: KeyPath, prefix: str, whens: tuple[tuple[KeyPath, Json], ...]
) -> Iterator[_Leaf]:
    for key, entry in parameters.items():
        name, here = prefix + key, (*path, key)
        if _RESERVED & set(key):
            raise MisdeclaredError(here, f"a parameter's name has none of {' '.join(sorted(_RESERVED))}")
        own = (*whens, ((*here, "when"), entry.when)) if entry.when is not None else whens
        if entry.parameters is None:
            yield _Leaf(name, entry, here, own)
        else:
            yield from _leaves(entry.parameters, (*here, "parameters"), f"{name}.", own)


@dataclass(frozen=True)
class _Builder:
    """Turns entries into declarations; knows every name that may be mentioned."""

    leaves: Mapping[str, _Leaf]
    linked: Mapping[str, Sequence[Mapping[str, Json]]]
    names: frozenset[str]

    def declaration(self, leaf: _Leaf) -> Declaration:
        when = ALWAYS
        for path, written in leaf.whens:
            when = when.also(self.condition(written, path))
        if leaf.entry.expr is not None:
            return Derived(leaf.name, when, self.expression(leaf.entry.expr, (*leaf.path, "expr")))
        if "value" in leaf.entry.model_fields_set:
            return Fixed(leaf.name, when, leaf.entry.value)
        if leaf.entry.repeat is not None:
            return self.repeated(leaf, when)
        return self.searched(leaf.name, leaf.entry, leaf.path, when)

    def searched(self, name: str, entry: ParameterEntry, path: KeyPath, when: Condition) -> Choice | Mixture:
        try:
            if entry.any is not None:
                return Mixture(name, when, tuple(self.options(name, entry.any, path)))
            return Choice(name, when, _parameter(name, entry))
        except SpaceError as error:
            raise MisdeclaredError(path, error.message.removeprefix(f"{name}: "), error.hint) from None

    def options(self, name: str, entries: Sequence[ParameterEntry], path: KeyPath) -> Iterator[Fixed | Choice]:
        if len(entries) < 2:
            raise SpaceError("any wants at least two options")
        seen = []
        for i, entry in enumerate(entries):
            if entry in seen:
                continue
            seen.append(entry)
            inner = f"{name}[{i}]"
            if "value" in entry.model_fields_set and entry.when is None:
                yield Fixed(inner, ALWAYS, entry.value)
            elif (entry.min is not None or entry.values is not None) and entry.when is entry.repeat is None:
                yield Choice(inner, ALWAYS, _parameter(inner, entry))
            else:
                raise MisdeclaredError((*path, "any", i), "an option of any is a value, a list or a range, no more")

    def repeated(self, leaf: _Leaf, when: Condition) -> Repeated:
        path, length = (*leaf.path, "repeat"), leaf.entry.repeat
        if isinstance(length, str):
            self.check_known({length}, path)
            longest = max(self.lengths(length, path))
            when = when.also(Condition((Active(length),)))
        else:
            [longest] = _checked_lengths([length], path)
        elements = (f"{leaf.name}.{i}" for i in range(longest))
        built = tuple(self.searched(element, leaf.entry, leaf.path, ALWAYS) for element in elements)
        return Repeated(leaf.name, when, length, built)

    def lengths(self, name: str, path: KeyPath) -> list[int]:
        """Values of a parameter that is a list's length; of a range the two ends."""
        if name in self.leaves:
            entry = self.leaves[name].entry
            listed = entry.values if entry.values is not None else [entry.value]
            if entry.expr is not None or entry.any is not None or entry.repeat is not None:
                raise MisdeclaredError(path, f"{name!r} has no largest value to be known; use a range or a list")
            return _checked_lengths([entry.min, entry.max] if entry.min is not None else list(listed), path)
        rows = [row[name] for rows in self.linked.values() for row in rows if name in row]
        return _checked_lengths(rows, path)

    def linked_rows(self, name: str) -> Linked:
        path, rows = ("linked", name), self.linked[name]
        if not rows or not rows[0]:
            raise MisdeclaredError(path, "linked wants a list of rows such as {a: 1, b: 2}")
        for i, row in enumerate(rows):
            if row.keys() != rows[0].keys():
                message = f"every row has the same keys: {', '.join(rows[0])}, not {', '.join(row) or 'none'}"
                raise MisdeclaredError((*path, i), message)
        declared = Linked(name, ALWAYS, tuple(dict(row) for row in rows))
        try:
            declared.searched  # noqa: B018 - refuses rows that are equal
        except SpaceError as error:
            raise MisdeclaredError(path, error.message, error.hint) from None
        return declared

    def condition(self, written: Json, path: KeyPath) -> Condition:
        if isinstance(written, str):
            return Condition((Holds(self.expression(written, path)),))
        if not isinstance(written, dict) or not written:
            message = f"must be {{name: value}}, {{name: [values]}} or an expression, not {shown(written)}"
            raise MisdeclaredError(path, message)
        self.check_known(written.keys(), path)
        clauses = (OneOf.of(name, v if isinstance(v, list) else [v]) for name, v in written.items())
        return Condition(tuple(clauses))

    def expression(self, text: str, path: KeyPath) -> Expression:
        try:
            expression = Expression.parse(text)
        except ExpressionError as error:
            raise MisdeclaredError(path, error.message, error.hint) from None
        if expression.metric_names:
            message = f"{text!r} asks for a metric; before a trial runs only parameters are known"
            raise MisdeclaredError(path, message)
        self.check_known(expression.names, path)
        return expression

    def check_known(self, names: Set[str], path: KeyPath) -> None:
        elements = {name.rpartition(".")[0] for name in names} & {n for n, f in self.leaves.items() if f.entry.repeat}
        for name in sorted(names):
            stem, _, position = name.rpartition(".")
            if name in self.names or (stem in elements and position.isdecimal()):
                continue
            inside = [known for known in self.names if known.endswith(f".{name}")]
            hint = near(name, inside or self.names) or (inside and f"did you mean {inside[0]!r}?") or None
            message = f"{name!r} is no parameter; there are: {', '.join(sorted(self.names))}"
            raise MisdeclaredError(path, message, hint)


def _checked_lengths(lengths: Sequence[Json], path: KeyPath) -> list[int]:
    for length in lengths:
        if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= MAX_REPEATS:
            message = f"a list's length is a whole number from 0 to {MAX_REPEATS}, not {shown(length)}"
            raise MisdeclaredError(path, message)
    return list(lengths)


def _parameter(name: str, entry: ParameterEntry) -> FloatParameter | IntParameter | CategoricalParameter:
    if entry.values is not None:
        return CategoricalParameter(name, entry.values, _is_ascending(entry.values), entry.probabilities)
    low, high, step = entry.min, entry.max, entry.step
    assert low is not None  # as max is not: entries have one kind
    assert high is not None
    if not (isinstance(low, int) and isinstance(high, int)):
        return FloatParameter(name, float(low), float(high), entry.log, None if step is None else float(step))
    if step is not None and step != int(step):
        raise SpaceError(
            f"{name}: whole bounds make an integer, which has no step {step}",
            f"write min: {float(low)}, max: {float(high)} for a real number",
        )
    return IntParameter(name, low, high, entry.log, 1 if step is None else int(step))


def _is_ascending(values: Sequence[Json]) -> bool:
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == len(values) > 1 and all(a < b for a, b in pairwise(values))
