"""What the values in a printed line are: which is a metric, of which data, which counts the steps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sweeprun.starter.printed import Printed
from sweeprun.starter.templates import Hole

Split = Literal["val", "test", "", "train"]

_SPLITS: Mapping[str, Split] = {
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval", "evaluate", "evaluation", "held"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("train", "training", "trn", "running"), "train"),
}
_KINDS = {
    **dict.fromkeys(("acc", "accuracy", "correct", "accu", "top1"), "acc"),
    **dict.fromkeys(("loss", "nll", "cost", "losses"), "loss"),
    **dict.fromkeys(("err", "error"), "error"),
    **dict.fromkeys(("ppl", "perplexity"), "ppl"),
    **dict.fromkeys(("auc", "auroc", "rocauc"), "auc"),
    **dict.fromkeys(("iou", "miou"), "iou"),
    **dict.fromkeys(("reward", "rewards", "return", "returns"), "reward"),
    **{name: name for name in ("f1", "mse", "rmse", "mae", "r2", "bleu", "dice", "psnr", "ssim", "fid", "bpc", "bpb")},
    **{name: name for name in ("elbo", "precision", "recall", "score", "map", "wer", "cer", "top5")},
}
MAXIMIZED = frozenset(
    ("acc", "auc", "f1", "r2", "bleu", "iou", "dice", "psnr", "ssim", "precision", "recall", "score", "map", "reward")
) | {"elbo", "top5"}
_STEPS = {
    **dict.fromkeys(("epoch", "epochs", "ep"), "epoch"),
    **dict.fromkeys(("step", "steps"), "step"),
    **dict.fromkeys(("iter", "iteration", "iterations", "it"), "iter"),
    **dict.fromkeys(("round", "rounds"), "round"),
    **dict.fromkeys(("episode", "episodes"), "episode"),
}
_SUMMARIES = frozenset(
    {"best", "early", "patience", "threshold", "previous", "prev", "old", "improved", "target", "max"}
)
_AVERAGES = frozenset({"avg", "average", "mean"})  # of two values with one name these say more
_NO_METRIC = frozenset({"time", "lr", "rate", "seconds", "eta", "elapsed", "mem", "memory", "grad", "norm", "size"})
_WORD = re.compile(r"[A-Z]?[a-z]+\d?|[A-Z]+\d?|@\d")
_OWN_NAME = re.compile(r"\b([A-Za-z]\w*_\w*[A-Za-z0-9])\s*[:=]?\s*$")  # a name as in code: dev_accuracy=
_CURRENT = re.compile(r"\.val\b")  # of an AverageMeter: its newest value, nothing of validation
_CUT = re.compile(r"[|,;\t(\[\]{}]|\s{2,}|\s-\s")


@dataclass(frozen=True)
class Field:
    """The value of one hole: a `metric` called `name`, or the `step`. `digits` are those that tell two values apart;
    `summary`: it looks back on the epochs, like a best so far."""

    hole: int
    role: Literal["metric", "step"]
    name: str
    kind: str = ""
    split: Split = ""
    digits: int = 4
    count: bool = False
    summary: bool = False


def fields(line: Printed) -> list[Field]:
    """The steps and metrics among the holes of a line; no name twice."""
    found: dict[str, Field] = {}
    for value in _values(line):
        field = value.field()
        if field is not None and (field.name not in found or _AVERAGES & set(words(value.hole.expression))):
            found[field.name] = field
    steps = [field for field in found.values() if field.role == "step"]
    counted = next((field for field in steps if field.name == "epoch"), steps[0] if steps else None)
    return [field for field in found.values() if field.role == "metric" or field is counted]


def named(name: str) -> Field | None:
    """A metric by the name alone under which it is reported; None for what is none."""
    parts = words(name)
    kind = next((_KINDS[word] for word in reversed(parts) if word in _KINDS), None)
    return Field(0, "metric", name, kind, _split(parts), summary=bool(_SUMMARIES & set(parts))) if kind else None


def words(text: str) -> list[str]:
    """The words of a text or a name, in lower case."""
    return [word.lower() for word in _WORD.findall(text.replace("_", " "))]


@dataclass(frozen=True)
class _Value:
    """One hole and the text around it: `label` stands right before it and belongs to it, `after` follows."""

    position: int
    hole: Hole
    label: str
    after: str
    line: Printed

    def field(self) -> Field | None:
        """What is to be known of it; None where it is neither a metric nor a step."""
        step = self._step()
        if step is not None:
            return Field(self.position, "step", step)
        kind = self._kind()
        if kind is None or (self.hole.spec.endswith(("s", "d")) and not self._counts):
            return None
        label, expression = words(self.label), words(_CURRENT.sub("", self.hole.expression))
        split = (
            _split(label) or _split(expression) or _split(words(self.line.literal)) or _split(words(self.line.function))
        )
        count, summary = self._counts and kind == "acc", bool(_SUMMARIES & {*label, *expression})
        parts = ("best" if summary else "", split, "correct" if count else kind)
        own = _OWN_NAME.search(self.label)
        name = own[1] if own and not count else "_".join(part for part in parts if part)
        return Field(self.position, "metric", name, kind, split, self._digits, count, summary)

    @property
    def _counts(self) -> bool:
        """Whether it is written as so many of so many: `325/397`."""
        return self.after.lstrip().startswith("/") and self.hole.decimals is None

    @property
    def _digits(self) -> int:
        """How many digits of a value between 0 and 1 are printed."""
        if self.hole.decimals is None:
            return 4
        return self.hole.decimals + (2 if "%" in self.hole.spec or self.after.lstrip().startswith("%") else 0)

    def _step(self) -> str | None:
        if _last(_KINDS, self.label):
            return None
        from_label = _last(_STEPS, self.label)
        return from_label if from_label or _last(_KINDS, self.hole.expression) else _last(_STEPS, self.hole.expression)

    def _kind(self) -> str | None:
        label = words(self.label)
        if label and label[-1] in _NO_METRIC:
            return None
        return (
            _last(_KINDS, self.label) or _last(_KINDS, self.hole.expression) or _last(_KINDS, _CUT.split(self.after)[0])
        )


def _values(line: Printed) -> Iterator[_Value]:
    label = ""
    for i, piece in enumerate(line.pieces):
        if isinstance(piece, str):
            own = next((part for part in reversed(_CUT.split(piece)) if words(part)), "")
            label = own or (label if _last(_KINDS, label) else "")  # `Accuracy: 325/397 (82%)`
            continue
        before, after = (line.pieces[at] if 0 <= at < len(line.pieces) else "" for at in (i - 1, i + 1))
        if isinstance(before, str) and before.strip().endswith("/") and not words(before):
            continue  # what comes after a slash is how many there are
        yield _Value(i, piece, label, after if isinstance(after, str) else "", line)


def _last(known: Mapping[str, str], text: str) -> str | None:
    """What the last word of a text that is among `known` stands for."""
    return next((known[word] for word in reversed(words(text)) if word in known), None)


def _split(given: list[str]) -> Split:
    """Of which data a value is, where just one sort is mentioned."""
    mentioned = {_SPLITS[word] for word in given if word in _SPLITS}
    return mentioned.pop() if len(mentioned) == 1 else ""
