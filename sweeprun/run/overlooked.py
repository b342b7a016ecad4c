"""What a program said in place of an objective, and how to have it read; or in place of what its pruner goes by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sweeprun import registry
from sweeprun.errors import near
from sweeprun.history import History
from sweeprun.pruners.base import Promoter, Pruner
from sweeprun.run.outcome import Traces
from sweeprun.run.printed import propose
from sweeprun.run.progress import Progress, Reporting
from sweeprun.spec.yaml_text import flow
from sweeprun.store import runs
from sweeprun.store.layout import RunFiles
from sweeprun.store.matches import plain
from sweeprun.store.metrics import JsonObjects, Reader
from sweeprun.store.table import newest, place
from sweeprun.store.tail import last_lines
from sweeprun.trials import Trial, TrialState

STDERR_LINES = 20  # kept with a trial
_LOOKED_AT = 200  # lines of a log
_QUOTED = 3
_LONGEST = 100  # characters of a line that is quoted


def traces(progress: Progress, reader: Reader, files: RunFiles, trial: Trial, progressed: bool) -> Traces:
    """What a run left behind that reached `trial`."""
    absent = next((each.name for each in progress.reporting.objectives if each.name not in progress.values), None)
    missing = "" if absent is None else _missing(absent, progress, reader, files, trial)
    return Traces(progressed, last_lines(files.stderr, STDERR_LINES), missing)


def unheard(pruner: Pruner, history: History) -> str | None:
    """That no trial has reported the metric which `pruner` names, so that none is stopped or promoted; None where there
    is no such thing to say, or none yet: one trial has to be through a step, or complete. Without a name it is an
    objective, and the end of a trial tells of those."""
    metric = getattr(pruner, "metric", None)
    if metric is None or any(metric in trial.curve.values or metric in trial.values for trial in history.trials):
        return None
    silent = next((trial for trial in history.trials if _is_through_a_step(trial) and trial.values), None)
    if silent is None:
        return None
    none = "promotes none" if isinstance(pruner, Promoter) else "stops none"
    said = f"pruner {registry.name_of(pruner)} goes by {metric!r}, which no trial has reported yet, and {none}"
    return f"{said}; trial {silent.number} {_instead(metric, silent.values)}"


def _is_through_a_step(trial: Trial) -> bool:
    return len(trial.curve.steps) >= (1 if trial.state is TrialState.COMPLETE else 2)


def _instead(metric: str, names: Collection[str]) -> str:
    """What was reported in place of `metric`, with the nearest."""
    hint = near(metric, names)
    return f"reported {', '.join(sorted(names))}" + (f"; {hint}" if hint else "")


def _missing(objective: str, progress: Progress, reader: Reader, files: RunFiles, trial: Trial) -> str:
    """Why `objective` has no value, for the end of a sentence."""
    reporting = progress.reporting
    needed, use = [objective], ""
    if objective in reporting.derived:
        expression = reporting.derived[objective]
        needed = sorted((expression.names | expression.metric_names) - trial.params.keys())
        use = f", which {objective} needs"
    unread = next((name for name in needed if name not in progress.names), None)
    if unread is not None:
        cwd = (runs.read_start(files, trial) or {}).get("cwd")
        silence = Silence(reporting, unread, files, frozenset(progress.names), reader, cwd)
        return f"never reported {unread!r}{use}; {silence.told()}"
    if trial.step is None:
        return f"{objective!r} could never be computed: {reporting.derived[objective].text}"
    first, which = reporting.objective.name, "best" if reporting.reduce == "best" else "the last one"
    return (
        f"has no {objective!r} at step {trial.step}, whose values count: {first} is {which} there;"
        f" report {' and '.join(dict.fromkeys([first, *needed]))} together, at each step"
    )


@dataclass(frozen=True, slots=True)
class Silence:
    """A run whose `metric` was not read. `names` are the metrics that were, `cwd` is where the program ran, if that is
    known."""

    reporting: Reporting
    metric: str
    files: RunFiles
    names: frozenset[str]
    reader: Reader
    cwd: str | None

    def told(self) -> str:
        """What there was instead, and how it would be read: for the end of a sentence."""
        said = f"it {_instead(self.metric, self.names)}" if self.names else self._silent()
        elsewhere = self._elsewhere()
        if elsewhere is not None:
            return f"{said}, but it {elsewhere}"
        if self.names or self.reporting.source.kind in ("csv", "wandb"):
            return said
        if self.reporting.source.kind == "regex":
            return f"{said}; {self._last_words()}"
        if self.reporting.source.kind == "stdout":
            return f"{said}: print a JSON object on a line of its own at each step"
        return f"{said}: append JSON lines to $SWEEPRUN_METRICS, or print them and say metrics_from: stdout"

    def _silent(self) -> str:
        source = self.reporting.source
        if source.kind == "csv":
            return self._without_table()
        if source.kind == "wandb":
            return "wandb.log told nothing" if self.reader.paths else "wandb.init was not called, or is disabled"
        if source.kind == "regex":
            return f"no line matched {'the pattern' if len(source.patterns) == 1 else 'any of the patterns'}"
        return "it reported nothing"

    def _elsewhere(self) -> str | None:
        """What was said where nobody listens."""
        kind = self.reporting.source.kind
        if kind != "file" and self.files.metrics.exists() and self.files.metrics.stat().st_size:
            return "wrote JSON lines to $SWEEPRUN_METRICS: say metrics_from: file"
        printed = _printed(self.files.stdout, _LOOKED_AT)
        if kind != "stdout" and any(JsonObjects().row(line.encode()) is not None for line in printed):
            return "printed JSON lines: say metrics_from: stdout"
        return self._proposed()

    def _proposed(self) -> str | None:
        for log in (self.files.stdout, self.files.stderr):
            proposal = propose(_printed(log, _LOOKED_AT), self.metric, self.reporting.step)
            other = bool(self.names) or self.reporting.source.kind == "csv"  # is read, or meant to be
            if proposal is not None and (self.metric in proposal.names or not other):
                choice = "" if self.metric in proposal.names else f", and metric: {' or '.join(proposal.names)}"
                return f"printed {_quoted(proposal.line)}; to read that, say {proposal}{choice}"
        return None

    def _last_words(self) -> str:
        for name, log in (("stdout", self.files.stdout), ("stderr", self.files.stderr)):
            lines = [line for line in _printed(log, STDERR_LINES) if line.strip()]
            if lines:
                return f"{name} ended with {', '.join(map(_quoted, lines[-_QUOTED:]))}"
        return "it printed nothing"

    def _without_table(self) -> str:
        if self.reader.paths:
            return f"{self.reader.paths[-1]} holds no row with numbers"
        csv = self.reporting.source.csv
        if Path(csv).is_absolute() or "${" in csv:
            return f"nothing was written to {csv} while it ran"
        missing = f"there was no file {csv} in {self.files.directory}"
        other = newest(place("**/*.csv", self.files.directory, {}), self.files.command)
        if other is not None:
            there = str(other.relative_to(self.files.directory))
            return f"{missing}, and there was {there}: say metrics_from: {flow({'csv': there})}"
        stray = None if self.cwd is None else newest(place(csv, Path(self.cwd), {}), self.files.command)
        if stray is None:
            return f"{missing}: hand that directory to the program, for example as --log-dir ${{env:SWEEPRUN_DIR}}"
        mended = "hand it the directory of its run, for example as --log-dir ${env:SWEEPRUN_DIR} in the command"
        return f"{missing}; the program wrote {stray}: {mended}"


def _printed(log: Path, n: int) -> list[str]:
    return [plain(line) for line in last_lines(log, n)]


def _quoted(line: str) -> str:
    text = line.strip()
    return f"'{text if len(text) <= _LONGEST else text[: _LONGEST - 3] + '...'}'"
