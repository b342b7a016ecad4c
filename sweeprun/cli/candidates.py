"""What completes which parameter, by the name it has in the commands' functions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sweeprun.store.layout import BUCKET_NAME, TRIAL_NAME
from sweeprun.trials import FailureClass, Json, TrialState

if TYPE_CHECKING:
    from sweeprun.store.sweep import Sweep

_MOST = 100  # numbers of trials: the newest ones


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed of a command: values of its options by parameter, what is no option, and the last word."""

    values: Mapping[str, Sequence[str]]
    positionals: Sequence[str]
    word: str

    @property
    def root(self) -> Path:
        """Where sweeps are."""
        return Path(self.values.get("root", [os.environ.get("SWEEPRUN_ROOT", "sweeps")])[-1])

    @property
    def sweep(self) -> Sweep:
        """The sweep that is named, else the newest. Raises SweepNotFound."""
        from sweeprun.cli.sweeps import opened

        first = next(iter(self.positionals), None)
        named = None if first is None or first.isdigit() or "=" in first else first
        return opened(named, self.root)


def _sweeps(typed: Typed) -> Iterable[str]:
    from sweeprun.cli.sweeps import names

    return names(typed.root)


def _numbers(typed: Typed) -> list[str]:
    """Of its newest trials that begin with what was typed."""
    layout = typed.sweep.layout
    buckets = [path for path in layout.trials.iterdir() if BUCKET_NAME.match(path.name)]
    numbers = (int(path.name) for bucket in buckets for path in bucket.iterdir() if TRIAL_NAME.match(path.name))
    fitting = [number for number in numbers if str(number).startswith(typed.word)]
    return [str(number) for number in sorted(fitting, reverse=True)[:_MOST]]


def _sweep_and_numbers(typed: Typed) -> Iterator[str]:
    if not typed.positionals:
        yield from _sweeps(typed)
    yield from _numbers(typed)


def _two(typed: Typed) -> Iterator[str]:
    """Two sweeps, or two trials of one."""
    if len(typed.positionals) < 2:
        yield from _sweeps(typed)
    yield from _numbers(typed)


def _sweep_and_form(typed: Typed) -> Iterator[str]:
    if not typed.positionals:
        yield from _sweeps(typed)
    yield from ("csv", "jsonl", "optuna")


def _sweep_and_values(typed: Typed) -> Iterator[str]:
    """Names of searched parameters, and the values of those that have a list of them."""
    from sweeprun.run.command import text

    if not typed.positionals:
        yield from _sweeps(typed)
    given = {word.partition("=")[0] for word in typed.positionals}
    for name, entry in _entries(typed.sweep.resolved["parameters"]):
        if name in given or entry.keys() & {"value", "expr"}:
            continue
        if typed.word.startswith(f"{name}="):
            yield from (f"{name}={text(value)}" for value in entry.get("values", ()))
        else:
            yield f"{name}="


def _entries(entries: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name, entry in entries.items():
        if "parameters" in entry:
            yield from _entries(entry["parameters"], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", entry


def _column(typed: Typed) -> Iterator[str]:
    from sweeprun.cli.columns import FACTS, FEASIBLE

    resolved = typed.sweep.resolved
    yield from (*FACTS, FEASIBLE)
    yield from (metric["name"] for metric in (resolved["metric"], *resolved["metrics"]) if metric is not None)
    yield from (name for name, _ in _entries(resolved["parameters"]))
    yield from (name for rows in resolved["linked"].values() for name in rows[0])


def _sort(typed: Typed) -> list[str]:
    dash = "-" if typed.word.startswith("-") else ""
    return [f"{dash}{name}" for name in _column(typed)]


def _columns(typed: Typed) -> list[str]:
    before, comma, _ = typed.word.rpartition(",")
    return [f"{before}{comma}{name}" for name in _column(typed)]


def _overrides(typed: Typed) -> Iterator[str]:
    """Keys of the sweep file, from its schema as it is shipped: it is read in no time."""
    schema = json.loads(files("sweeprun.spec").joinpath("sweep.schema.json").read_text())
    yield from _keys(schema, schema["$defs"], "")


def _keys(node: Json, definitions: Json, prefix: str) -> Iterator[str]:
    for key, field in node["properties"].items():
        yield f"{prefix}{key}="
        options = [field, *field.get("anyOf", ())]
        for name in (option["$ref"].rpartition("/")[2] for option in options if "$ref" in option):
            for option in definitions[name].get("anyOf", [definitions[name]]):
                if name != "ParameterEntry" and "properties" in option:
                    yield from _keys(option, definitions, f"{prefix}{key}.")


def _files(*suffixes: str) -> Callable[[Typed], Iterator[str]]:
    """Files that are named so, and directories on the way to one."""

    def find(typed: Typed) -> Iterator[str]:
        before, slash, beginning = typed.word.rpartition("/")
        for path in sorted(Path(before + slash or ".").expanduser().iterdir()):
            hidden = path.name.startswith(".") and not beginning.startswith(".")
            if path.is_dir() and not hidden:
                yield f"{before}{slash}{path.name}/"
            elif path.suffix in suffixes and not hidden:
                yield f"{before}{slash}{path.name}"

    return find


def _words(*words: str) -> Callable[[Typed], Sequence[str]]:
    return lambda typed: words


def _formats(typed: Typed) -> Iterable[str]:
    from sweeprun.cli.best import Format

    return map(str, Format)


OF: Mapping[str, Callable[[Typed], Iterable[str]]] = {
    "columns": _columns,
    "directory": _files(),
    "edit": _files(".yaml", ".yml"),
    "file": _files(".yaml", ".yml"),
    "format_": _formats,
    "overrides": _overrides,
    "path": _files(".yaml", ".yml"),
    "retry": _words("failed", *FailureClass),
    "root": _files(),
    "script": _files(".py"),
    "shell": _words("bash", "fish", "zsh"),
    "sort": _sort,
    "state": _words(*TrialState),
    "storage": _files(".log", ".journal", ".db", ".sqlite", ".sqlite3"),
    "sweep": _sweeps,
    "sweep_and_form": _sweep_and_form,
    "sweep_and_number": _sweep_and_numbers,
    "sweep_and_numbers": _sweep_and_numbers,
    "sweep_and_values": _sweep_and_values,
    "table": _files(".csv", ".tsv"),
    "trial": _numbers,
    "two": _two,
}
