"""The text of a proposed sweep file: every line with its reason."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from textwrap import wrap

from sweeprun.spec.yaml_text import double_quoted, flow, single_quoted
from sweeprun.starter.interface import Interface
from sweeprun.starter.metrics import Metrics
from sweeprun.starter.placement import Line, Placement
from sweeprun.trials import Json

SCHEMA_FILE = "sweeprun.schema.json"
MODELINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}"

_COMMENT_COLUMN = 56
_WIDTH = 118
_UNQUOTED = re.compile(r"[\w@%+=:,./${}-]+")  # shlex would quote macros as well
_THREE_WAYS = """\
# The script does not say yet how a trial went. Three ways to tell, any one of them:
#   1. it prints one JSON object a line, {"epoch": 1, "val_loss": 0.41}:     metrics_from: stdout
#   2. import sweeprun; sweeprun.report(epoch=1, val_loss=0.41) in the script: nothing to say here
#   3. it prints "epoch 1 val_loss 0.41" or the like:
# metrics_from: {regex: 'epoch (?P<epoch>\\d+) val_loss (?P<val_loss>[-+.\\w]+)'}
"""


def document(file: str, script: str, interface: Interface, placed: Placement, metrics: Metrics) -> str:
    """The text of `file`, for `script`, whose path is relative to it."""
    parts = (
        _heading(file, script),
        _command(script, interface, placed),
        _metrics(metrics),
        "parameters:" + ("" if placed.searched or placed.fixed else " {}"),
        *_section("searched, the most important first", placed.searched),
        *_section("fixed", placed.fixed),
        *_section("may be searched, too: take the # away", placed.suggested, commented=True),
        *_section("left as they are in the script", placed.alone, commented=True),
        _ending(placed, metrics),
    )
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def _heading(file: str, script: str) -> str:
    said = (
        f"What to try with {script}, proposed from its text: it was not run. Change what you know better, then:",
        "",
        f"    sweeprun check {file} --draw 3     # what it means, and three commands as they would be started",
        f"    sweeprun start {file} --smoke      # one trial, one step: does it work at all?",
        f"    sweeprun start {file}",
    )
    return "\n".join([MODELINE, "#", *(line for text in said for line in _comment(text))])


def _command(script: str, interface: Interface, placed: Placement) -> str:
    words = ["python", script, *([interface.command] if interface.command else []), *placed.words]
    notes = list(placed.notes)
    if interface.unread:
        notes.append(f"not read: the arguments of {', '.join(interface.unread)}, whose names are made at run time")
    if others := [name for name in interface.commands if name != interface.command]:
        notes.append(f"{interface.command} is one of the script's subcommands; the others: {', '.join(others)}")
    lines = ["", *(line for note in notes for line in _comment(note))]
    lines.append(f"command: {_scalar(' '.join([*map(_word, words), '${args}']))}")
    if placed.switches:
        lines.append(_with_comment("args: flags", "true is written --name, false is left out"))
    return "\n".join(lines)


def _word(word: str) -> str:
    return word if _UNQUOTED.fullmatch(word) else shlex.quote(word)


def _scalar(text: str) -> str:
    """Text as a plain scalar where YAML reads it back as that, in quotes elsewhere."""
    special = re.search(r": | #|:$|^[^A-Za-z/.]", text)
    return double_quoted(text) if special or not text.isprintable() else text


def _metrics(metrics: Metrics) -> str:
    objective = f"metric: {{name: {flow(metrics.name)}, goal: {metrics.goal}}}"
    lines = [
        "",
        *(line for warning in metrics.warnings for line in _comment(warning)),
        _with_comment(objective, metrics.why),
    ]
    if metrics.step != "epoch":
        lines.append(_with_comment(f"step: {metrics.step}", "what counts its progress"))
    if metrics.read is None:
        return "\n".join([*lines, _THREE_WAYS])
    if metrics.read != "file":
        lines += _metrics_from(metrics.read, metrics.origin)
    return "\n".join([*lines, ""])


def _metrics_from(read: Json, origin: str) -> Iterator[str]:
    if isinstance(read, str):
        yield _with_comment(f"metrics_from: {read}", origin)
        return
    yield _with_comment("metrics_from:", origin)
    [(kind, given)] = read.items()
    if isinstance(given, str):
        yield f"  {kind}: {single_quoted(given)}"
        return
    yield f"  {kind}:"
    yield from (f"    - {single_quoted(text)}" for text in given)


def _section(title: str, lines: Sequence[Line], commented: bool = False) -> Iterator[str]:
    if not lines:
        return
    yield f"  # {title}"
    for line in lines:
        yield _with_comment(f"  {'# ' if commented else ''}{flow(line.name)}: {flow(line.entry)}", line.why)


def _ending(placed: Placement, metrics: Metrics) -> str:
    n_trials = max(20, 10 * len(placed.searched))
    lines = ["", _with_comment(f"budget: {n_trials}", "trials; ten for each parameter that is searched is a start")]
    if metrics.read is not None and not metrics.once:
        pruner = "# pruner: {name: median, warmup: 3}"
        lines.append(_with_comment(pruner, "ends trials early that stay behind the others"))
    return "\n".join(lines)


def _with_comment(text: str, comment: str) -> str:
    """`text` with its reason beside it, in one column; above it where both have no room on a line."""
    if not comment:
        return text
    lines = _comment(comment)
    beside = f"{text:<{_COMMENT_COLUMN}}  {lines[0]}"
    if len(lines) == 1 and len(beside) <= _WIDTH:
        return beside
    indent = " " * (len(text) - len(text.lstrip()))
    return "\n".join([*(indent + line for line in lines), text])


def _comment(text: str) -> list[str]:
    """Lines of a comment; what a script's author wrote cannot end it."""
    printable = "".join(filter(str.isprintable, text))
    return wrap(printable, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) or ["#"]
