"""Numbers that a program prints with their names, and the patterns that would read them as metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sweeprun.spec.yaml_text import single_quoted
from sweeprun.store.matches import Matches, literal
from sweeprun.store.metrics import number

_NAME = r"[A-Za-z][\w/.-]*+"  # never less than the whole word: a line may be one of a thousand characters
_VALUE = r"[-+]?(?:\d[\d,]*\.?\d*(?:e[-+]?\d+)?|\.\d+|nan|inf)"
_GAP = r"['\"]?\s*[:=]\s*[\[(]?\s*|\s*[\[(]\s*|\s+"
_PAIR = re.compile(rf"(?<![\w/.-])((?:{_NAME}[ ]+){{0,2}}?{_NAME})({_GAP})({_VALUE})(?![\w.])", re.IGNORECASE)
_GROUP = r"[-+.\w]+"  # what a pattern that is proposed takes for a number: a % or a comma behind it is left out
_THOUSANDS = r"[-+.,\w]+"
_COUNT = re.compile(r"\d+(\.0*)?")
_LONGEST = 1000  # characters of a line that are looked at
_STEPS = ("epoch", "step", "iteration", "iter", "ep", "round")
_SYNONYMS = {"validation": "val", "valid": "val", "accuracy": "acc", "iteration": "iter", "average": "", "avg": ""}


@dataclass(frozen=True, slots=True)
class Proposal:
    """Patterns that read `names` from `line`, and the step from it or from a heading before it."""

    patterns: tuple[str, ...]
    names: tuple[str, ...]
    line: str

    def __str__(self) -> str:
        """As the sweep file says it."""
        quoted = list(map(single_quoted, self.patterns))
        return f"metrics_from: {{regex: {quoted[0] if len(quoted) == 1 else '[' + ', '.join(quoted) + ']'}}}"


@dataclass(frozen=True, slots=True)
class _Pair:
    """A name as it is printed, what stands between it and its number, and the number."""

    name: str
    gap: str
    number: str

    def pattern(self, group: str, form: str) -> str:
        gap = r"\s+" if self.gap.isspace() else _loose(self.gap)
        return rf"\b{literal(self.name)}{gap}(?P<{group}>{form})"

    def called(self, wanted: str) -> str | None:
        """The end of its name that means `wanted`: of `best val loss` it may be `val loss`."""
        words = self.name.split(" ")
        ends = (" ".join(words[i:]) for i in range(len(words)))
        return next((end for end in ends if _meaning(end) == _meaning(wanted)), None)


def propose(lines: Sequence[str], metric: str, step: str) -> Proposal | None:
    """How `metric` could be read from what was printed; where it was not printed, the numbers of the last line that has
    some. None where there are none, or where no pattern that is made so reads them."""
    named = [(i, pairs) for i, line in enumerate(lines) if (pairs := list(_pairs(line)))]
    for wanted in (metric, None):
        for i, pairs in reversed(named):
            found = _chosen(pairs, wanted, step)
            if found:
                return _tried(found, lines, i, step)
    return None


def speaks_of(line: str, metric: str) -> bool:
    """Whether a line names the metric, in whatever spelling, be there a number or not."""
    spelt = {metric.lower(), metric.lower().replace("_", " ")}
    return any(name in line.lower() for name in spelt) or any(pair.called(metric) for pair in _pairs(line))


def _chosen(pairs: Sequence[_Pair], metric: str | None, step: str) -> dict[str, _Pair]:
    """The pairs that are metrics, by the names of their groups: the one that means `metric`, or all of them."""
    if metric is not None:
        found = (replace(pair, name=end) for pair in pairs if (end := pair.called(metric)) is not None)
        first = next(found, None)
        return {metric: first} if first is not None and metric.isidentifier() else {}
    return {_identifier(pair.name): pair for pair in pairs if not _is_step(pair, step)}


def _tried(metrics: dict[str, _Pair], lines: Sequence[str], at: int, step: str) -> Proposal | None:
    """The proposal for the line at `at`, where it does read it."""
    patterns = _patterns(metrics, lines, at, step)
    matches = Matches([re.compile(pattern) for pattern in patterns], step)
    rows = [row for line in lines[: at + 1] if (row := matches.row(line.encode())) is not None]
    said = {group: repr(number(pair.number)) for group, pair in metrics.items()}  # a NaN is not equal to itself
    if not rows or said != {group: repr(rows[-1].get(group)) for group in metrics}:
        return None
    return Proposal(patterns, tuple(metrics), lines[at].strip())


def _patterns(metrics: dict[str, _Pair], lines: Sequence[str], at: int, step: str) -> tuple[str, ...]:
    values = [pair.pattern(group, _THOUSANDS if "," in pair.number else _GROUP) for group, pair in metrics.items()]
    together = ".*?".join(values)
    nearest = (pair for line in reversed(lines[: at + 1]) for pair in _pairs(line) if _is_step(pair, step))
    counted = next(nearest, None)
    if counted is None or step in metrics:
        return (together,)
    said = counted.pattern(step, r"[\d.]+" if "." in counted.number else r"\d+")
    follows = lines[at].find(next(iter(metrics.values())).name) > lines[at].find(counted.name) >= 0
    return (f"{said}.*?{together}",) if follows else (said, together)


def _pairs(line: str) -> Iterator[_Pair]:
    return (_Pair(*match.groups()) for match in _PAIR.finditer(line[:_LONGEST]))


def _is_step(pair: _Pair, step: str) -> bool:
    named = step.isidentifier() and any(pair.called(name) for name in (step, *_STEPS))
    return named and _COUNT.fullmatch(pair.number) is not None


def _meaning(name: str) -> str:
    words = re.split(r"[\s_/.-]+", name.lower())
    return "".join(_SYNONYMS.get(word, word) for word in words)


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()


def _loose(gap: str) -> str:
    """What stands between, with any amount of white space."""
    return r"\s*".join(map(literal, re.split(r"\s+", gap)))
