"""What differs between two sweep files, key by key, in words. Both are taken as this version understands them, so
that another way of writing the same is no change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sweeprun.cli.understood import described
from sweeprun.cli.view import columns, moment, short, span
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    Declaration,
    Derived,
    Fixed,
    Linked,
    Parameter,
    identity,
)
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.trials import Json

_NOT_COMPARED = frozenset({"version", "name", "root", "description"})  # they change nothing that a sweep does
_SPACE = frozenset({"parameters", "linked", "constraints"})
_WHOLE = frozenset({"algorithm", "pruner", "metric", "metrics_from", "step"})  # read at a glance
_SHOWN = {
    "budget.wall": span,
    "budget.deadline": moment,
    "budget.trial_wall": span,
    "budget.no_progress": span,
    "stop.grace": span,
    "store.retry": span,
}
_MEANINGS = {
    "algorithm": "chooses from now on, and knows every trial",
    "pruner": "judges from now on, by every curve there is",
    "metric": "decides from now on what is best",
    "metrics": "decide from now on what is best",
    "warm_start": "what is new in first and top is run next; from cannot change",
    "seed": "new trials get another seed: they are not paired with the others",
    "resources": "for workers that come from now on",
    "command": "for what is started from now on",
    "args": "for what is started from now on",
    "env": "for what is started from now on",
    "workdir": "for what is started from now on",
    "metrics_from": "for what is started from now on",
}
_USUAL_MEANING = "from now on"


@dataclass(frozen=True, slots=True)
class Change:
    """A key, what it was and is (`-`: nothing), and what that comes to."""

    key: str
    was: str
    now: str
    meaning: str


def changes(was: SweepFile, now: SweepFile) -> list[Change]:
    """All differences that matter, the space first."""
    constraints = _constraints(was.constraints, now.constraints)
    return [*_declarations(was, now), *constraints, *_settings(was.resolved(), now.resolved())]


def listed(found: Iterable[Change]) -> str:
    """The changes as a table."""
    rows = [[change.key, change.was, change.now, change.meaning] for change in found]
    return columns(["", "was", "is", ""], rows).rstrip()


# ---- the space


def _declarations(was: SweepFile, now: SweepFile) -> Iterator[Change]:
    before, after = ({each.name: each for each in file.space.declarations} for file in (was, now))
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name), after.get(name)
        meaning = _meaning(old, new)
        if meaning:
            section = "linked" if isinstance(new or old, Linked) else "parameters"
            yield Change(f"{section}.{name}", _words(old), _words(new), meaning)


def _meaning(old: Declaration | None, new: Declaration | None) -> str:
    """What has become of a declaration; empty where it is the same."""
    if old is None or new is None:
        return "added" if old is None else "removed"
    said = []
    if replace(old, when=ALWAYS) != replace(new, when=ALWAYS):
        said.append(_other_values(old, new))
    if set(old.when.clauses) != set(new.when.clauses):
        said.append("another condition")
    return ", ".join(said)


def _other_values(old: Declaration, new: Declaration) -> str:
    if isinstance(old, Choice) and isinstance(new, Choice) and type(old.parameter) is type(new.parameter):
        return _other_parameter(old.parameter, new.parameter)
    if isinstance(old, Linked) and isinstance(new, Linked):
        return _more_and_fewer("row", old.rows, new.rows) or "another order"
    if isinstance(old, Derived) and isinstance(new, Derived):
        return "computed in another way"
    if isinstance(old, Fixed) and isinstance(new, Fixed):
        return "another value"
    if isinstance(new, Fixed):
        return "fixed from now on"
    return "searched from now on" if isinstance(old, Fixed) else "declared in another way"


def _other_parameter(old: Parameter, new: Parameter) -> str:
    if isinstance(old, CategoricalParameter) and isinstance(new, CategoricalParameter):
        weights = "another order" if old.weights == new.weights else "drawn with other weights"
        return _more_and_fewer("value", old.choices, new.choices) or weights
    assert not isinstance(old, CategoricalParameter)
    assert not isinstance(new, CategoricalParameter)
    if old.log != new.log:
        return "drawn on another scale"
    if old.step != new.step:
        return "another step"
    if new.low <= old.low and old.high <= new.high:
        return "range widened"
    return "range narrowed" if old.low <= new.low and new.high <= old.high else "range moved"


def _more_and_fewer(what: str, was: Sequence[Json], now: Sequence[Json]) -> str:
    before, after = set(map(identity, was)), set(map(identity, now))
    counted = [(len(after - before), "added"), (len(before - after), "removed")]
    return ", ".join(f"{n} {what if n == 1 else f'{what}s'} {done}" for n, done in counted if n)


def _words(declaration: Declaration | None) -> str:
    if declaration is None:
        return "-"
    return ", ".join(map(short, declaration.rows)) if isinstance(declaration, Linked) else described(declaration)


def _constraints(was: Sequence[str], now: Sequence[str]) -> Iterator[Change]:
    for text in now:
        if text not in was:
            yield Change("constraints", "-", text, "added")
    for text in was:
        if text not in now:
            yield Change("constraints", text, "-", "removed")


# ---- everything else


def _settings(was: Mapping[str, Json], now: Mapping[str, Json]) -> Iterator[Change]:
    before, after = dict(_leaves(was)), dict(_leaves(now))
    for key in dict.fromkeys([*after, *before]):
        old, new = before.get(key), after.get(key)
        if identity(old) != identity(new):
            yield Change(key, _shown(key, old), _shown(key, new), _comes_to(key, old, new))


def _leaves(section: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Key paths and values of what is set."""
    for name, value in section.items():
        key = f"{prefix}{name}"
        if value is None or key in _NOT_COMPARED | _SPACE:
            continue
        if isinstance(value, dict) and key not in _WHOLE:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _comes_to(key: str, old: Json, new: Json) -> str:
    if key == "budget.trials" and old is not None and new is not None:
        return f"{abs(new - old)} {'more' if new > old else 'fewer'}"
    return _MEANINGS.get(key.partition(".")[0], _USUAL_MEANING)


def _shown(key: str, value: Json) -> str:
    if value is None:
        return "-"
    if key == "command":
        return " ".join(value)
    if key == "metrics":
        return ", ".join(_shown("metric", each) for each in value)
    if isinstance(value, dict) and "name" in value:
        rest = [f"{label}: {short(each)}" for label, each in value.items() if label != "name" and each is not None]
        return f"{value['name']} ({', '.join(rest)})" if rest else str(value["name"])
    return _SHOWN.get(key, short)(value)
