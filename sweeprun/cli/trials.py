"""List the trials of a sweep, by number; --state and --where choose, --sort orders, --columns says what is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import typer

from sweeprun.cli.columns import FACTS, FEASIBLE, Column, column, finished, is_feasible, usual
from sweeprun.cli.options import AsJson, Plain
from sweeprun.cli.ranking import up_to_date
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened
from sweeprun.cli.view import table, tsv, write, write_document
from sweeprun.errors import UsageError
from sweeprun.expressions import Expression, MissingNameError
from sweeprun.front import feasible
from sweeprun.objective import Objective
from sweeprun.run.command import text
from sweeprun.run.progress import Reporting
from sweeprun.store import records
from sweeprun.trials import Json, Trial, TrialState


def trials(
    sweep: SweepName = None,
    state: Annotated[list[TrialState] | None, typer.Option(help="Only trials in this state; may be repeated.")] = None,
    where: Annotated[str | None, typer.Option(help="Only where this holds, e.g. 'lr < 0.01 and val_loss < 1'.")] = None,
    sort: Annotated[str | None, typer.Option(help="By this column, upwards; with a dash before it, downwards.")] = None,
    columns: Annotated[str | None, typer.Option(help="These columns, separated by commas.")] = None,
    plain: Plain = False,
    as_json: AsJson = False,
    root: Root = DEFAULT_ROOT,
) -> None:
    """Print the trials that were asked for."""
    if plain and as_json:
        raise UsageError("--plain and --json exclude each other")
    found = opened(sweep, root)
    reporting = Reporting.of(found.resolved)
    known = up_to_date(found, reporting)
    objectives = reporting.objectives
    chosen = _chosen(known, state, where, objectives)
    if sort is not None:
        by = column(sort.removeprefix("-"), known, objectives)
        chosen = _sorted(chosen, by, downwards=sort.startswith("-"))
    if as_json:
        write_document("trials", {"trials": [entry(trial, objectives) for trial in chosen]})
        return
    asked = usual(chosen, objectives)
    if columns is not None:
        asked = [column(name, known, objectives) for name in columns.split(",")]
    headings = [each.name for each in asked]
    if plain:
        write(tsv(headings, [[_plain(each.of(trial)) for each in asked] for trial in chosen]))
    else:
        write(table(headings, [[each.shown(each.of(trial)) for each in asked] for trial in chosen]))


def entry(trial: Trial, objectives: Sequence[Objective]) -> dict[str, Json]:
    """A trial as `trials --json` and `show --json` have it."""
    return {
        "number": trial.number,
        "state": trial.state.value,
        "damaged": trial.damaged,
        "params": trial.params,
        "values": dict(trial.values),
        "feasible": feasible(objectives, trial),
        "step": trial.step,
        "failure": trial.failure and trial.failure.kind.value,
        "reason": trial.reason,
        "why": trial.why,
        "parent": trial.parent,
        "origin": trial.origin,
        "seconds": trial.seconds,
        "started": trial.created,
        "finished": finished(trial),
    }


def detail(trial: Trial, objectives: Sequence[Objective]) -> dict[str, Json]:
    """The same with what one trial alone is asked for: curve, runs, the whole failure."""
    return entry(trial, objectives) | {
        "failure": records.failure_record(trial.failure),
        "notes": dict(trial.notes),
        "seed": trial.seed,
        "until": trial.until,
        "curve": {"steps": list(trial.curve.steps), **{name: list(v) for name, v in trial.curve.values.items()}},
        "runs": [
            {"started": run.started, "seconds": run.seconds, "memory_bytes": run.memory_bytes} for run in trial.runs
        ],
    }


def _chosen(
    known: Sequence[Trial], states: list[TrialState] | None, where: str | None, objectives: Sequence[Objective]
) -> list[Trial]:
    chosen = [trial for trial in known if not states or (trial.state in states and not trial.damaged)]
    if where is None:
        return chosen
    condition = Expression.parse(where)
    texts = {value for trial in known for value in trial.params.values() if isinstance(value, str)}
    for name in condition.names:
        try:
            column(name, known, objectives)  # a name that no trial has is a slip, not a condition that never holds
        except UsageError as error:
            quoted = f"texts stand in quotes: '{name}'" if name in texts else None
            raise UsageError(error.message, quoted or error.hint) from None
    return [trial for trial in chosen if _holds(condition, trial, objectives)]


def _holds(condition: Expression, trial: Trial, objectives: Sequence[Objective]) -> bool:
    """Whether it is true of the parameters, the metrics and, by the names that these leave free, the facts."""
    known = {**FACTS, FEASIBLE: is_feasible(objectives)}
    free = (condition.names & known.keys()) - trial.params.keys() - trial.values.keys()
    facts = {name: value for name in free if (value := known[name].of(trial)) is not None}
    try:
        return bool(condition.evaluate(trial.params, {**trial.values, **facts}))
    except MissingNameError:
        return False


def _sorted(chosen: list[Trial], by: Column, downwards: bool) -> list[Trial]:
    """By value, numbers before texts; trials that have none come last, either way."""
    having = [trial for trial in chosen if not _absent(by.of(trial))]
    lacking = [trial for trial in chosen if _absent(by.of(trial))]
    return sorted(having, key=lambda trial: _key(by.of(trial)), reverse=downwards) + lacking


def _absent(value: Json) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _key(value: Json) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return not number, value if number else 0.0, "" if number else text(value)


def _plain(value: Json) -> str:
    return "" if value is None else text(value)
