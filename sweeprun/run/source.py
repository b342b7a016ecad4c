"""Where the metrics of a run are read: `metrics_from` of the sweep file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sweeprun.store import wandb
from sweeprun.store.layout import RunFiles
from sweeprun.store.matches import Matches
from sweeprun.store.metrics import JsonObjects, Lines, Parser, Reader
from sweeprun.store.table import Columns, NewestTable, place
from sweeprun.store.tail import Tail
from sweeprun.trials import Json


@dataclass(frozen=True, slots=True)
class Source:
    """`file`, `stdout`: JSON lines there; `regex`: lines of both logs in which `patterns` find metrics, or the name of
    the `step` that the lines after them speak of; `csv`: rows of the newest file at a place relative to the run;
    `wandb`: the logs that W&B keeps in the run's directory."""

    kind: Literal["file", "stdout", "wandb", "regex", "csv"] = "file"
    patterns: tuple[re.Pattern[str], ...] = ()
    csv: str = ""

    @classmethod
    def of(cls, written: Json) -> Source:
        """What the sweep file says."""
        match written:
            case {"regex": str(pattern)}:
                return cls("regex", (re.compile(pattern),))
            case {"regex": patterns}:
                return cls("regex", tuple(map(re.compile, patterns)))
            case {"csv": csv}:
                return cls("csv", csv=csv)
        return cls(written)

    @property
    def written(self) -> Json:
        """What the sweep file said, for the record of a start."""
        match self.kind:
            case "regex":
                return {"regex": [pattern.pattern for pattern in self.patterns]}
            case "csv":
                return {"csv": self.csv}
        return self.kind

    @property
    def step(self) -> tuple[str, int | None]:
        """What counts steps where the sweep file does not say: a name among the metrics, and its first value if it is
        known."""
        return (wandb.STEP, 0) if self.kind == "wandb" else ("epoch", None)

    def metrics_file(self, files: RunFiles) -> Path:
        """Where a program that knows the protocol appends its lines."""
        return files.stdout if self.kind == "stdout" else files.metrics

    def place(self, directory: Path, given: Mapping[str, str]) -> str | None:
        """Where the CSV files of a run in `directory` are looked for; None: not in any. Raises SweepFileError."""
        return place(self.csv, directory, given) if self.kind == "csv" else None

    def reader(self, files: RunFiles, step: str, command: Mapping[str, Any]) -> Reader:
        """The reader of one run. `command` is what was recorded of its start, where it was."""
        if self.kind == "csv":
            return NewestTable(command.get("csv", ""), files.command)
        if self.kind == "wandb":
            return wandb.Runs(files.directory)
        if self.kind == "regex":
            return Lines(*((Tail(log, returns=True), self.parser(step)) for log in (files.stdout, files.stderr)))
        return Lines((Tail(self.metrics_file(files)), self.parser(step)))

    def parser(self, step: str) -> Parser:
        """What understands a line of it."""
        if self.kind == "csv":
            return Columns()
        return Matches(self.patterns, step) if self.kind == "regex" else JsonObjects()


JSON_FILE = Source()
