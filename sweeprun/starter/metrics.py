"""Which metric a script reports, and how it is read; found in its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sweeprun.starter.channels import Channel, reported
from sweeprun.starter.fields import MAXIMIZED, Field, fields
from sweeprun.starter.patterns import NUMBER, WHOLE, pattern
from sweeprun.starter.printed import Printed, printed
from sweeprun.starter.source import Source
from sweeprun.starter.templates import Hole
from sweeprun.trials import Json

_MOST_PATTERNS = 4
_SPLITS = ("val", "test", "", "train")
_COARSE = 3  # digits, below which many trials look alike

_TRAIN_ONLY = (
    "only what the training data say is reported: whoever learns them by heart wins. Better to hold some data back, and"
    " to print a loss on those"
)
_TEST_ONLY = (
    "what test data say is searched by, as the script reports nothing else: what the best trial shows is then too good"
    " to be true. Better to hold some data back for the search"
)
_UNTOLD = "of which data the {} is cannot be told; a sweep wants one on data that are held back"
_UNNAMED = "what its metrics are called was not found: write the name of one for val_loss"
_WITHIN = "values are printed within an epoch only: each is of one batch, and noisy"


@dataclass(frozen=True)
class Metrics:
    """`read` is what `metrics_from` says, None where nothing was found. `why` explains the choice of the objective,
    `origin` where its values come from; `warnings` are for the reader of the terminal too. `once`: there is one value a
    trial, at its end."""

    name: str = "val_loss"
    goal: str = "minimize"
    step: str = "epoch"
    read: Json = None
    why: str = ""
    origin: str = ""
    warnings: tuple[str, ...] = ()
    once: bool = False


@dataclass(frozen=True)
class _Candidate:
    line: Printed
    field: Field

    @property
    def order(self) -> tuple[bool, bool, int, bool, int]:
        """Small for a good objective: each epoch's own value, on data held back, that tells trials apart."""
        split, often = _SPLITS.index(self.field.split), self.line.often
        return self.field.summary, often == "batch", split, often == "once", _kind_order(self.field)


def find(files: Sequence[Source]) -> Metrics:
    """What a script and its local modules report: to files of their own, or else by what they print."""
    channel = reported(files)
    return _of_channel(channel) if channel else _of_prints(printed(files))


def _of_channel(channel: Channel) -> Metrics:
    ranked = sorted(channel.fields, key=lambda field: (field.summary, _SPLITS.index(field.split), _kind_order(field)))
    if not ranked:
        return Metrics(read=channel.read, origin=channel.origin, warnings=(*channel.warnings, _UNNAMED))
    best = ranked[0]
    return Metrics(
        best.name,
        _goal(best),
        read=channel.read,
        why=_also(best, ranked),
        origin=channel.origin,
        warnings=(*channel.warnings, *_cautions(best)),
    )


def _of_prints(lines: Sequence[Printed]) -> Metrics:
    candidates = [
        _Candidate(line, field)
        for line in lines
        for field in fields(line)
        if field.role == "metric" and line.literal.strip()
    ]
    if not candidates:
        return Metrics()
    best = min(candidates, key=lambda candidate: candidate.order)
    chosen = _with_context(best.line, lines)
    steps = [field.name for line, wanted in chosen for field in wanted if field.role == "step"]
    known = [field for line, wanted in chosen for field in wanted if field.role == "metric"]
    texts = [_pattern(line, wanted) for line, wanted in chosen]
    return Metrics(
        best.field.name,
        _goal(best.field),
        steps[0] if steps else "epoch",
        {"regex": texts[0] if len(texts) == 1 else texts},
        _also(best.field, known),
        _origin([line.place for line, _ in chosen]),
        (*_cautions(best.field), *([_WITHIN] if best.line.often == "batch" else [])),
        once=best.line.often == "once",
    )


def _with_context(best: Printed, lines: Sequence[Printed]) -> list[tuple[Printed, list[Field]]]:
    """The line that matters; before it what tells the step where that line does not, after it what else is said."""
    chosen, step = [(best, fields(best))], _step(best)
    if step is None and best.often != "once":
        heading = min((line for line in lines if _step(line)), key=lambda line: line.often == "batch", default=None)
        if heading is not None:
            step = _step(heading)
            chosen.insert(0, (heading, [field for field in fields(heading) if field.role == "step"]))
    if step is None:
        return chosen
    seen = _metric_names(best)
    for line in lines:
        more = _metric_names(line)
        if line.often == "epoch" and _step(line) in (None, step) and more and not seen & more:
            chosen.append((line, fields(line)))
            seen |= more
    return chosen[:_MOST_PATTERNS]


def _metric_names(line: Printed) -> set[str]:
    return {field.name for field in fields(line) if field.role == "metric" and not field.summary}


def _step(line: Printed) -> str | None:
    return next((field.name for field in fields(line) if field.role == "step"), None)


def _pattern(line: Printed, wanted: Sequence[Field]) -> str:
    return pattern(line.pieces, {field.hole: (field.name, _form(line, field)) for field in wanted})


def _form(line: Printed, field: Field) -> str:
    hole = line.pieces[field.hole]
    if field.role == "step" or field.count:
        return WHOLE
    grouped = isinstance(hole, Hole) and "," in hole.spec
    return re.sub(r"\]", ",]", NUMBER) if grouped else NUMBER


def _kind_order(field: Field) -> int:
    if field.kind in MAXIMIZED:
        return 2 if field.count else 0 if field.digits >= _COARSE else 4
    return {"loss": 1, "ppl": 3}.get(field.kind, 1) + (4 if field.digits < _COARSE else 0)


def _goal(field: Field) -> str:
    return "maximize" if field.kind in MAXIMIZED else "minimize"


def _also(best: Field, all_of_them: Sequence[Field]) -> str:
    others = [field.name for field in all_of_them if field.name != best.name and field.split == best.split]
    return f"or {' or '.join(dict.fromkeys(others))}" if others else ""


def _origin(places: Sequence[str]) -> str:
    unique = list(dict.fromkeys(places))
    return f"what {' and '.join(unique)} {'print' if len(unique) > 1 else 'prints'}"


def _cautions(best: Field) -> Iterator[str]:
    if best.split == "train":
        yield _TRAIN_ONLY
    if best.split == "test":
        yield _TEST_ONLY
    if best.split == "" and best.kind == "loss":
        yield _UNTOLD.format(best.name)
