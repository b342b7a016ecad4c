"""The best trials: a table, data, or what it takes to train them again.

Of several metrics they are the Pareto front, in the order of the first one: the trials within all limits that no other
one beats. Complete trials are ranked; where there is none, those that came furthest, and where none is within the
limits, all with the nearest first; a message on stderr says so. Exit code 4: no trial has a value; 1: --require does
not hold for the best one, or for any of the front.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from sweeprun.cli import retrain
from sweeprun.cli.columns import Column, limits_kept, metrics_of, params_of, varying
from sweeprun.cli.options import AsJson
from sweeprun.cli.ranking import Ranking, named, ranked, up_to_date
from sweeprun.cli.requirement import met
from sweeprun.cli.sheet import sheet
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened
from sweeprun.cli.view import document, say, short, span, table, write, write_document
from sweeprun.errors import ExitCode, SweeprunError
from sweeprun.expressions import Expression
from sweeprun.front import feasible
from sweeprun.objective import Objective
from sweeprun.run.command import text
from sweeprun.run.progress import Reporting
from sweeprun.store.sweep import Sweep
from sweeprun.trials import SEGMENT, Json, Trial

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
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...]

    @property
    def metrics(self) -> list[str]:
        """What any of them has a value of, the objectives first."""
        return metrics_of(self.trials, *(each.name for each in self.objectives))

    @property
    def verdicts(self) -> list[Column]:
        """What there is to say about their limits, in columns."""
        return limits_kept(self.objectives)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A sweep as its record stands, and its trials with a value, best first."""

    sweep: Sweep
    ranking: Ranking

    @classmethod
    def of(cls, sweep: Sweep) -> Ranked:
        reporting = Reporting.of(sweep.resolved)
        return cls(sweep, ranked(reporting.objectives, up_to_date(sweep, reporting)))

    def show(self, n: int | None = None, format_: Format = Format.TABLE) -> None:
        """Print the best `n` on stdout, and what there is to say about them on stderr."""
        objectives, trials = self.ranking.objectives, self.ranking.trials
        if not trials:
            if format_ is Format.JSON:
                WRITERS[format_](Chosen(self.sweep, objectives, trials))
            every = "" if len(objectives) == 1 else "each of "
            say(f"{self.sweep.name}: no trial has a value of {every}{', '.join(each.name for each in objectives)} yet")
            return
        for note in self.ranking.notes:
            say(f"{self.sweep.name}: {note}")
        count = n or self._usual_count(format_)
        if n is None and self.ranking.is_front and count < len(trials):
            which = f"trial {trials[0].number}, the best by {objectives[0].name} of a front of {len(trials)}"
            say(f"{self.sweep.name}: this is {which}; -n {len(trials)} prints all")
        WRITERS[format_](Chosen(self.sweep, objectives, trials[:count]))

    def _usual_count(self, format_: Format) -> int:
        """A front is shown whole, but for what is typed into a shell: there it would be one trial with the arguments
        of all."""
        if self.ranking.is_front and format_ not in (Format.ARGS, Format.COMMAND, Format.ENV):
            return len(self.ranking.trials)
        return _ROWS if format_ is Format.TABLE else 1

    def verdict(self, requirement: Expression | None) -> ExitCode:
        """What the best trial, or the front, comes to; says so where it does not meet the requirement."""
        if not self.ranking.trials:
            return ExitCode.NO_VALUE
        if requirement is None:
            return ExitCode.OK
        if not self.ranking.feasible:
            say(f"not met by a trial that is within the limits: {requirement.text}")
            return ExitCode.NOT_MET
        return ExitCode.OK if met(requirement, self._candidates) else ExitCode.NOT_MET

    @property
    def _candidates(self) -> tuple[Trial, ...]:
        """One of these has to meet a requirement."""
        return self.ranking.trials if self.ranking.is_front else self.ranking.trials[:1]


def best(
    sweep: SweepName = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help="So many; default 1, in a table 10; or the front.")] = None,
    format_: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = Format.TABLE,
    require: Annotated[
        str | None, typer.Option(help="What the best, or one trial of the front, must meet, such as 'val_acc>=0.97'.")
    ] = None,
    as_json: AsJson = False,
    root: Root = DEFAULT_ROOT,
) -> None:
    """Print the best trials, or the Pareto front."""
    condition = None if require is None else Expression.parse(require)
    found = Ranked.of(opened(sweep, root))
    found.show(n, Format.JSON if as_json else format_)
    raise typer.Exit(found.verdict(condition))


def entry(sweep: Sweep, objectives: Sequence[Objective], trial: Trial) -> dict[str, Json]:
    """A trial as `best --json` shows it."""
    checkpoint = retrain.checkpoint(sweep, trial)
    return {
        "number": trial.number,
        "state": trial.state.value,
        "params": trial.params,
        "values": dict(trial.values),
        "feasible": feasible(objectives, trial),
        "step": trial.step,
        "repeats": None,
        "checkpoint": checkpoint and str(checkpoint),
        "command": retrain.line(sweep, trial),
        "seconds": trial.seconds,
    }


def _body(chosen: Chosen) -> dict[str, Json]:
    return {
        "sweep": chosen.sweep.name,
        "dir": str(chosen.sweep.layout.directory),
        **named(chosen.objectives),
        "trials": [entry(chosen.sweep, chosen.objectives, trial) for trial in chosen.trials],
    }


def _table(chosen: Chosen) -> None:
    names = varying(chosen.trials)
    rows = [
        [
            str(trial.number),
            *(short(trial.values.get(name)) for name in chosen.metrics),
            *(each.shown(each.of(trial)) for each in chosen.verdicts),
            *(short(trial.params.get(name)) for name in names),
            short(trial.step),
            span(trial.seconds),
            trial.state.value,
        ]
        for trial in chosen.trials
    ]
    verdicts = [each.name for each in chosen.verdicts]
    write(table(["trial", *chosen.metrics, *verdicts, *names, "step", "time", "state"], rows))


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
        if line is None and trial.origin == SEGMENT:
            message = f"trial {trial.number} went on from trial {trial.parent}: no one command trains it again"
            raise SweeprunError(message, f"sweeprun show {chosen.sweep.name} {trial.number} has its schedule")
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
    rows = [
        [
            trial.number,
            trial.state.value,
            *(trial.params.get(name) for name in params),
            *(trial.values.get(name) for name in chosen.metrics),
            *(each.of(trial) for each in chosen.verdicts),
            trial.step,
            trial.seconds,
        ]
        for trial in chosen.trials
    ]
    verdicts = [each.name for each in chosen.verdicts]
    write(sheet(["number", "state", *params, *chosen.metrics, *verdicts, "step", "seconds"], rows))


def _value(chosen: Chosen) -> None:
    for trial in chosen.trials:
        write("\t".join(repr(trial.values[each.name]) for each in chosen.objectives) + "\n")


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
