"""What a sweep would read of an existing log: to try `metrics_from` before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sweeprun.cli.view import counted, pairs, say, short, table, write
from sweeprun.errors import ExitCode, UsageError
from sweeprun.run.printed import propose, speaks_of
from sweeprun.run.progress import Progress, Reporting
from sweeprun.store.matches import plain
from sweeprun.store.table import Columns
from sweeprun.store.tail import Tail
from sweeprun.trials import Json, Trial, TrialState

_ROWS = 5  # of the beginning and of the end
_COLUMNS = 8
_EXAMPLES = 3
_PROPOSED_FROM = 1000  # lines


@dataclass(frozen=True, slots=True)
class Readout:
    """`steps` are the metrics by step, `unread` lines that name an objective and do not give it, `skipped` lines that
    could not be understood."""

    reporting: Reporting
    log: Path
    lines: tuple[bytes, ...]
    n_read: int = 0
    n_cut: int = 0
    n_skipped: int = 0
    first: int | None = None
    steps: Mapping[int, dict[str, float]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @classmethod
    def of(cls, reporting: Reporting, log: Path) -> Readout:
        """Raises UsageError for what is no file that can be read."""
        lines = _lines(reporting, log)
        parser = reporting.source.parser(reporting.step)
        progress = Progress(reporting, Trial(0, "", TrialState.RUNNING), None, continues=False)
        steps: dict[int, dict[str, float]] = {}
        unread, skipped, n_read = [], [], 0
        for line in lines:
            before = parser.n_skipped
            row = parser.row(line)
            measured = None if row is None else progress.add(row, 0.0)
            if parser.n_skipped > before:
                skipped.append(plain(line))
            if measured is not None:
                n_read += 1
                steps.setdefault(measured.step, {}).update(measured.values)
            given = {} if measured is None else measured.values
            if any(each.name not in given and speaks_of(plain(line), each.name) for each in reporting.objectives):
                unread.append(plain(line))
        return cls(
            reporting=reporting,
            log=log,
            lines=lines,
            n_read=n_read,
            n_cut=parser.n_cut,
            n_skipped=parser.n_skipped,
            first=progress.first,
            steps=steps,
            unread=tuple(unread[:_EXAMPLES]),
            skipped=tuple(skipped[:_EXAMPLES]),
        )

    @property
    def names(self) -> list[str]:
        """The metrics that were read, the objectives first."""
        known = dict.fromkeys(name for values in self.steps.values() for name in values)
        first = [each.name for each in self.reporting.objectives if each.name in known]
        return list(dict.fromkeys([*first, *known]))

    @property
    def missing(self) -> str | None:
        """The first objective that was not read."""
        return next((each.name for each in self.reporting.objectives if each.name not in self.names), None)

    @property
    def verdict(self) -> ExitCode:
        """Whether a trial that prints this has a value of each objective."""
        return ExitCode.OK if self.missing is None else ExitCode.NOT_MET

    def show(self) -> None:
        """Print it: what was read on stdout, what to do where that is not enough on stderr."""
        write(pairs(self._said()))
        if self.steps:
            write("\n" + table(*self._table()))
        if not self.lines:
            say(f"\n{self.log} is empty: give it the log of a run that has printed something")
        elif self.missing is not None:
            say(f"\n{self.missing} is never read: each trial would fail for it")
            for line in self._proposals(self.missing):
                say(line)

    def body(self) -> dict[str, Json]:
        """The same for programs."""
        return {
            "log": str(self.log),
            "lines": len(self.lines),
            "read": self.n_read,
            "skipped": self.n_skipped,
            "cut": self.n_cut,
            "metrics": self.names,
            "objective": self.missing or self.reporting.objective.name,
            "objective_is_read": self.verdict is ExitCode.OK,
            "step": self.reporting.step,
            "first_step": self.first,
            "steps": [{"step": step, "values": values} for step, values in sorted(self.steps.items())],
            "unread": list(self.unread),
            "proposals": [] if self.missing is None else list(self._proposals(self.missing)),
        }

    def _said(self) -> Iterator[tuple[str, str]]:
        yield "read", f"{self.n_read} of {counted(len(self.lines), 'line')} of {self.log}"
        yield "metrics", ", ".join(self.names) or "none"
        if self.steps:
            yield "step", self._counting()
        if self.n_cut:
            yield "cut", f"lines that are too long to be looked at whole: {self.n_cut}"
        if self.n_skipped:
            yield "skipped", f"lines that cannot be understood: {self.n_skipped}"
            yield from (("", line) for line in self.skipped)
        if self.unread and self.reporting.source.kind != "csv":  # its header does, and empty cells are no surprise
            names = " or ".join(each.name for each in self.reporting.objectives)
            yield "not read", f"lines that name {names}, such as"
            yield from (("", line) for line in self.unread)

    def _counting(self) -> str:
        name = self.reporting.step
        if self.first is None:
            return f"no line that was read names {name}: each one with {self.reporting.objective.name} counts as a step"
        return f"{name}, whose first is {self.first}" + ("; it counts as 1 finished step" if self.first == 0 else "")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        names = self.names[:_COLUMNS]
        rows = [[str(step), *(short(self.steps[step].get(name)) for name in names)] for step in sorted(self.steps)]
        if len(rows) > 2 * _ROWS:
            rows = [*rows[:_ROWS], ["..."] * len(rows[0]), *rows[-_ROWS:]]
        return ["finished steps", *names], rows

    def _proposals(self, metric: str) -> Iterator[str]:
        """What to write in the sweep file, so that `metric` is read."""
        if self.log.suffix == ".csv" and self.reporting.source.kind != "csv":
            columns = Columns()
            columns.row(next(iter(self.lines), b""))
            if metric in columns.names:
                yield f"to read it, write metrics_from: {{csv: {self.log.name}}}"
                return
        others = [name for name in self.names if all(name != each.name for each in self.reporting.objectives)]
        if others:
            single = len(self.reporting.objectives) == 1
            key = "write metric:" if single else f"have, in place of {metric}, the metric"
            yield f"to use what is read, {key} {' or '.join(others)}"
        proposal = propose([plain(line) for line in self.lines[-_PROPOSED_FROM:]], metric, self.reporting.step)
        if proposal is not None and (metric in proposal.names or not self.names):
            choice = "" if metric in proposal.names else f", and metric: {' or '.join(proposal.names)}"
            yield f"to read {proposal.line!r}, write {proposal}{choice}"


def _lines(reporting: Reporting, log: Path) -> tuple[bytes, ...]:
    if not log.is_file():
        raise UsageError(f"--metrics {log}: there is no such file", hint="give it the log of a run, or its CSV file")
    if reporting.source.kind == "wandb":
        hint = "to try this log as another kind of source add --set metrics_from=stdout"
        raise UsageError("--metrics is for text; what wandb.log writes needs no pattern to be tried", hint=hint)
    tail = Tail(log.resolve(), returns=reporting.source.kind == "regex")
    lines = tail.read(everything=True)
    if reporting.source.kind != "csv":  # a row that was cut off is no row
        lines += tail.unfinished()
    return tuple(line for line in lines if line.strip())
