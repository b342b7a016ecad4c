"""Everything about every trial, for a spreadsheet or a program.

csv: a line a trial, with each parameter and metric in a column of its name. jsonl: a JSON object a trial, with its
curve and its runs. Where trials have gone on from another one's checkpoint, both have their schedules: JSON lists of
what was trained with which parameters, [{"from_step": 0, "params": {...}}, ...]. optuna: a study of the sweep's name,
with the trials that have ended; -o study.db makes it a SQLite database, any other name a journal. `sweeprun import`
reads csv and optuna back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sweeprun.cli.columns import FEASIBLE, Column, finished, limits_kept, metrics_of, params_of
from sweeprun.cli.lineage import schedule
from sweeprun.cli.output import Output, deliver, put
from sweeprun.cli.ranking import up_to_date
from sweeprun.cli.sheet import sheet
from sweeprun.cli.studies import SQLITE, made_study
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, opened
from sweeprun.cli.trials import detail
from sweeprun.cli.view import counted, say, strict
from sweeprun.errors import UsageError, near
from sweeprun.objective import Objective
from sweeprun.run.command import text
from sweeprun.run.plan import Plan
from sweeprun.run.progress import Reporting
from sweeprun.run.to_optuna import exportable
from sweeprun.store.sweep import Sweep
from sweeprun.trials import SEGMENT, Json, Trial

SCHEDULE = "schedule"


class Form(StrEnum):
    """What the trials are written as."""

    CSV = "csv"
    JSONL = "jsonl"
    OPTUNA = "optuna"


SweepAndForm = Annotated[
    list[str], typer.Argument(metavar="[SWEEP] FORMAT", help="csv, jsonl or optuna, after the sweep.")
]


def export(sweep_and_form: SweepAndForm, output: Output = None, root: Root = DEFAULT_ROOT) -> None:
    """Write the trials."""
    name, form = _meant(sweep_and_form)
    sweep = opened(name, root)
    reporting = Reporting.of(sweep.resolved)
    trials = up_to_date(sweep, reporting)
    if form is Form.OPTUNA:
        _write_study(sweep, trials, output)
    else:
        deliver(_WRITERS[form](reporting.objectives, trials), output)


def _meant(words: Sequence[str]) -> tuple[str | None, Form]:
    *names, form = words
    forms = [each.value for each in Form]
    if len(names) > 1 or form not in forms:
        turned = f"sweeprun export {form} {names[0]}" if len(names) == 1 and names[0] in forms else None
        message = f"expected [SWEEP] and then {', '.join(forms[:-1])} or {forms[-1]}, not {' '.join(words)!r}"
        raise UsageError(message, turned or near(form, forms))
    return (names[0] if names else None), Form(form)


def _write_study(sweep: Sweep, trials: Sequence[Trial], output: Path | None) -> None:
    if output is None or output == Path("-"):
        raise UsageError("a study of Optuna is a file", "-o study.log, or -o study.db for SQLite")
    ended = exportable(trials)
    put(made_study(sweep.name, Plan.load(sweep), ended, output.suffix in SQLITE), output)
    n_open = len(trials) - len(ended)
    left_out = f"; {n_open} {'has' if n_open == 1 else 'have'} not ended" if n_open else ""
    say(f"{output}: study {sweep.name} with {counted(len(ended), 'trial')}{left_out}")


def _csv(objectives: Sequence[Objective], trials: Sequence[Trial]) -> str:
    columns = [*_BEFORE, *_values(objectives, trials), *limits_kept(objectives), *_AFTER, *_schedules(trials)]
    return sheet([each.name for each in columns], ([each.of(trial) for each in columns] for trial in trials))


def _values(objectives: Sequence[Objective], trials: Sequence[Trial]) -> Iterator[Column]:
    """Metrics, the objectives first, and parameters. One whose name another column has is metrics.x or params.x."""
    metrics, params = metrics_of(trials, *(each.name for each in objectives)), params_of(trials)
    taken = {each.name for each in (*_BEFORE, *_AFTER)} | {FEASIBLE, SCHEDULE} | (set(metrics) & set(params))
    for name in metrics:
        yield Column(f"metrics.{name}" if name in taken else name, partial(_metric, name))
    for name in params:
        yield Column(f"params.{name}" if name in taken else name, partial(_param, name))


def _schedules(trials: Sequence[Trial]) -> Iterator[Column]:
    """A column where any trial has gone on from another one."""
    if any(trial.origin == SEGMENT for trial in trials):
        yield Column(SCHEDULE, lambda trial: json.dumps(schedule(trials, trial)))


def _metric(name: str, trial: Trial) -> Json:
    return trial.values.get(name)


def _param(name: str, trial: Trial) -> Json:
    """As text: a parameter that is null is one that is there."""
    return text(trial.params[name]) if name in trial.params else None


def _moment(epoch_s: float | None) -> str | None:
    return None if epoch_s is None else datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="seconds")


_BEFORE = (
    Column("number", lambda trial: trial.number),
    Column("state", lambda trial: "damaged" if trial.damaged else trial.state.value),
)
_AFTER = (
    Column("step", lambda trial: trial.step),
    Column("seconds", lambda trial: float(trial.seconds)),
    Column("origin", lambda trial: trial.origin),
    Column("seed", lambda trial: trial.seed),
    Column("failure", lambda trial: trial.failure and trial.failure.kind.value),
    Column("started", lambda trial: _moment(trial.created)),
    Column("finished", lambda trial: _moment(finished(trial))),
)


def _jsonl(objectives: Sequence[Objective], trials: Sequence[Trial]) -> str:
    bodies = (detail(trial, objectives) | {SCHEDULE: schedule(trials, trial)} for trial in trials)
    return "".join(f"{json.dumps(strict(body), allow_nan=False)}\n" for body in bodies)


_WRITERS: dict[Form, Callable[[Sequence[Objective], Sequence[Trial]], str]] = {Form.CSV: _csv, Form.JSONL: _jsonl}
