"""The best trials, by the first objective: a table, data, or what it takes to train them again.

Complete trials are ranked; where there is none, those that came furthest, and a message on stderr says so. Exit code 4:
no trial has a value; 1: --require does not hold for the best one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from sweeprun.cli import retrain
from sweeprun.cli.columns import metrics_of, params_of, varying
from sweeprun.cli.options import AsJson
from sweeprun.cli.ranking import Ranking, ranked, up_to_date
from sweeprun.cli.sheet import sheet
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened
from sweeprun.cli.view import document, say, short, span, table, write, write_document
from sweeprun.errors import ExitCode, SweeprunError, UsageError, near
from sweeprun.expressions import Expression, MissingNameError
from sweeprun.objective import Objective
from sweeprun.run.command import text
from sweeprun.run.progress import Reporting
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Trial

_ROWS = 10


class Format(StrEnum):
    """How the best trials are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    ARGS = "args"
    COMMAND = "command"
    ENV = "env"
    CSV = "csv"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The trials that were asked for, best first."""

    sweep: Sweep
    objective: Objective
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A sweep as its record stands, and its trials with a value, best first."""

    sweep: Sweep
    objective: Objective
    ranking: Ranking

    @classmethod
    def of(cls, sweep: Sweep) -> Ranked:
        reporting = Reporting.of(sweep.resolved)
        return cls(sweep, reporting.objective, ranked(reporting.objective, up_to_date(sweep, reporting)))

    def show(self, n: int | None = None, format_: Format = Format.TABLE) -> None:
        """Print the best `n` on stdout, and what there is to say about them on stderr."""
        if not self.ranking.trials:
            say(f"{self.sweep.name}: no trial has a value of {self.objective.name} yet")
            return
        if self.ranking.note:
            say(f"{self.sweep.name}: {self.ranking.note}")
        count = n or (_ROWS if format_ is Format.TABLE else 1)
        WRITERS[format_](Chosen(self.sweep, self.objective, self.ranking.trials[:count]))

    def verdict(self, requirement: Expression | None) -> ExitCode:
        """What the best trial comes to; says so where it does not meet the requirement."""
        if not self.ranking.trials:
            return ExitCode.NO_VALUE
        met = requirement is None or _met(requirement, self.ranking.trials[0])
        return ExitCode.OK if met else ExitCode.NOT_MET


def best(
    sweep: SweepName = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help="So many; default 1, in a table 10.")] = None,
    format_: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = Format.TABLE,
    require: Annotated[str | None, typer.Option(help="What the best must meet, such as 'val_acc>=0.97'.")] = None,
    as_json: AsJson = False,
    root: Root = DEFAULT_ROOT,
) -> None:
    """Print the best trials."""
    condition = None if require is None else Expression.parse(require)
    found = Ranked.of(opened(sweep, root))
    found.show(n, Format.JSON if as_json else format_)
    raise typer.Exit(found.verdict(condition))


def entry(sweep: Sweep, trial: Trial) -> dict[str, Json]:
    """A trial as `best --json` shows it."""
    checkpoint = retrain.checkpoint(sweep, trial)
    return {
        "number": trial.number,
        "state": trial.state.value,
        "params": trial.params,
        "values": dict(trial.values),
        "step": trial.step,
        "repeats": None,
        "checkpoint": checkpoint and str(checkpoint),
        "command": retrain.line(sweep, trial),
        "seconds": trial.seconds,
    }


def _met(condition: Expression, trial: Trial) -> bool:
    seen = {**trial.params, **trial.values}
    try:
        if condition.evaluate(trial.params, trial.values):
            return True
    except MissingNameError as error:
        hints = (near(name, seen) for name in sorted(condition.names - seen.keys()))
        raise UsageError(f"--require: {error}", next(filter(None, hints), None)) from None
    values = ", ".join(f"{name} is {short(seen[name])}" for name in sorted(condition.names) if name in seen)
    say(f"not met by trial {trial.number}: {condition.text}" + (f" ({values})" if values else ""))
    return False


def _body(chosen: Chosen) -> dict[str, Json]:
    return {
        "sweep": chosen.sweep.name,
        "dir": str(chosen.sweep.layout.directory),
        "metric": chosen.objective.name,
        "goal": chosen.objective.goal,
        "trials": [entry(chosen.sweep, trial) for trial in chosen.trials],
    }


def _table(chosen: Chosen) -> None:
    names = varying(chosen.trials)
    metrics = metrics_of(chosen.trials, chosen.objective.name)
    rows = [
        [
            str(trial.number),
            *(short(trial.values.get(name)) for name in metrics),
            *(short(trial.params.get(name)) for name in names),
            short(trial.step),
            span(trial.seconds),
            trial.state.value,
        ]
        for trial in chosen.trials
    ]
    write(table(["trial", *metrics, *names, "step", "time", "state"], rows))


def _json(chosen: Chosen) -> None:
    write_document("best", _body(chosen))


def _yaml(chosen: Chosen) -> None:
    import yaml

    write(yaml.safe_dump(document("best", _body(chosen)), sort_keys=False))


def _args(chosen: Chosen) -> None:
    for trial in chosen.trials:
        words = retrain.arguments(chosen.sweep, trial)
        if retrain.survives_splitting(words):
            write(" ".join(words) + "\n")
            continue
        say('an argument holds blanks or wildcards: use it as eval "python train.py $(sweeprun best -f args)"')
        write(" ".join(map(retrain.quoted, words)) + "\n")


def _command(chosen: Chosen) -> None:
    for trial in chosen.trials:
        line = retrain.line(chosen.sweep, trial)
        if line is None:
            raise SweeprunError(f"trial {trial.number}: no run of it left a command that can be read")
        write(f"{line}\n")


def _env(chosen: Chosen) -> None:
    for trial in chosen.trials:
        for name, value in trial.params.items():
            if value is not None:
                variable = re.sub(r"\W", "_", name, flags=re.ASCII)
                write(f"{variable}={retrain.quoted(text(value))}\n")


def _csv(chosen: Chosen) -> None:
    params = params_of(chosen.trials)
    metrics = metrics_of(chosen.trials, chosen.objective.name)
    rows = [
        [
            trial.number,
            trial.state.value,
            *(trial.params.get(name) for name in params),
            *(trial.values.get(name) for name in metrics),
            trial.step,
            trial.seconds,
        ]
        for trial in chosen.trials
    ]
    write(sheet(["number", "state", *params, *metrics, "step", "seconds"], rows))


def _value(chosen: Chosen) -> None:
    for trial in chosen.trials:
        write(f"{trial.values[chosen.objective.name]!r}\n")


WRITERS: dict[Format, Callable[[Chosen], None]] = {
    Format.TABLE: _table,
    Format.JSON: _json,
    Format.YAML: _yaml,
    Format.ARGS: _args,
    Format.COMMAND: _command,
    Format.ENV: _env,
    Format.CSV: _csv,
    Format.VALUE: _value,
}
