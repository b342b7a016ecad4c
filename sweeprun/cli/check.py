"""Validate a sweep file and say what was understood. Nothing runs, nothing is written.

--draw N prints the commands of the first N trials, as they would be started. --plan says what the sweep will cost: how
many trials come to which step, and how many full trainings that is, from a simulation with made-up curves. --metrics
LOG shows what would be read of a log, or a CSV file, that you have: try `metrics_from` with it. Exit codes: 1, the
objective would never be read; 2, the file is wrong, or this machine lacks what its trials are started with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sweeprun.cli.costs import Costs
from sweeprun.cli.options import AsJson, File, Overrides
from sweeprun.cli.ranking import named, within
from sweeprun.cli.readout import Readout
from sweeprun.cli.retrain import command_line
from sweeprun.cli.show import from_where
from sweeprun.cli.start import Root, root_of
from sweeprun.cli.understood import amount, described, kind, when
from sweeprun.cli.view import counted, pairs, say, short, write, write_document
from sweeprun.cli.warm_start import earlier_sweeps, said_of_earlier
from sweeprun.errors import ExitCode
from sweeprun.registry import name_of
from sweeprun.run import command
from sweeprun.run.plan import Plan
from sweeprun.run.readiness import rehearse
from sweeprun.run.settling import auto_choice, first_rung, settled
from sweeprun.samplers._members import PopulationSampler
from sweeprun.space import Space
from sweeprun.spec.sections import Named
from sweeprun.spec.sweepfile import SweepFile, unsupported
from sweeprun.trials import Json, Trial, TrialState

_LENGTH = re.compile(  # not n_steps, which reinforcement learning counts in a rollout
    r"((n|nb|num|max|total|train|training|num_train|max_train)_?)?epochs?"
    r"|((max|total|train|training|num_train|max_train)_?)?(steps|iterations|iters)"
)
_LOOKED_AT = 500  # configurations, a tenth of a second or so


def check(
    file: File,
    draw: Annotated[int, typer.Option(min=0, help="Print the commands of the first so many trials.")] = 0,
    metrics: Annotated[Path | None, typer.Option(metavar="LOG", help="Show what would be read of this log.")] = None,
    simulate: Annotated[bool, typer.Option("--plan", help="Simulate what the sweep will cost, in steps.")] = False,
    overrides: Overrides = None,
    as_json: AsJson = False,
    root: Root = None,
) -> None:
    """Print what was understood."""
    spec = SweepFile.load(file, overrides or ())
    if metrics is not None:
        raise typer.Exit(_read(spec, Readout.of(Plan.of(spec).reporting, metrics), as_json))
    plan = Plan.of(settled(spec), earlier_sweeps(spec, root_of(spec, root)))
    warnings = list(_warnings(spec, plan))
    for text in spec.notes:
        say(f"note: {text}")
    for text in warnings:
        say(f"warning: {text}")
    drawn, costs = list(_drawn(plan, draw)), Costs.of(spec, plan) if simulate else None
    if as_json:
        body = _body(spec, plan, [*spec.notes, *warnings], drawn)
        write_document("check", body if costs is None else {**body, "plan": costs.body()})
    else:
        write(pairs(_lines(spec, plan)))
        write("\n" + pairs(_parameters(plan)))
        if costs is not None:
            write("\n" + costs.text())
        if drawn:
            write("\n" + "".join(f"{line}\n" for line in drawn))
    if len(drawn) < draw:
        say(f"only {len(drawn)} of {counted(draw, 'command')}: the algorithm suggests no more")
    for problem in unsupported(spec):  # last: who reads what is missing here knows all else
        raise problem
    rehearse(plan)


def _read(spec: SweepFile, readout: Readout, as_json: bool) -> ExitCode:
    if as_json:
        write_document("check", {"name": spec.name, "metrics": readout.body()})
    else:
        readout.show()
    return readout.verdict


def _warnings(spec: SweepFile, plan: Plan) -> Iterator[str]:
    yield from _nothing_searched(plan.space)
    yield from _uncomputable(plan.space)
    yield from _too_many(plan)
    yield from _one_eyed(spec, plan)
    yield from _unequal(spec, plan)


def _nothing_searched(space: Space) -> list[str]:
    return ["nothing is searched: every trial is of the one configuration that there is"] if amount(space) == 1 else []


def _uncomputable(space: Space) -> list[str]:
    """A sentence for each expression that some configurations have no value for, as far as a look at many tells."""
    examples: dict[str, str] = {}
    rng = np.random.default_rng(0)
    for _ in range(_LOOKED_AT):
        params = space.decode(rng.random(len(space.parameters)))
        for expression in space.failing(params):
            values = (f"{name}={short(params[name])}" for name in sorted(expression.names) if name in params)
            examples.setdefault(expression.text, ", ".join(values))
    return [
        f"{text!r} cannot be computed for {values}; such configurations are not tried"
        for text, values in examples.items()
    ]


def _too_many(plan: Plan) -> list[str]:
    n, budget = len(plan.given), plan.budget.trials
    if budget is None or n <= budget:
        return []
    return [f"warm_start gives {n} configurations to run first, and the budget ends after {budget}"]


def _one_eyed(spec: SweepFile, plan: Plan) -> list[str]:
    """That a pruner ends trials which are good by another metric than its own."""
    first, *others = [each.name for each in plan.objectives]
    if not others or spec.pruner.name == "none":
        return []
    judged = spec.pruner.options.get("metric", first)
    return [f"pruner {spec.pruner.name} goes by {judged} alone: it ends trials that are good by another metric"]


def _unequal(spec: SweepFile, plan: Plan) -> list[str]:
    """That trials of different lengths are compared at the same steps, as far as names tell."""
    ladder = getattr(plan.pruner, "ladder", None)
    if ladder is None or ladder.length is not None or plan.fidelity is not None:
        return []
    names = (parameter.name for parameter in plan.space.parameters)
    length = next((name for name in names if _LENGTH.fullmatch(name.rpartition(".")[2].lower())), None)
    if length is None:
        return []
    who = spec.algorithm.name if plan.brings_pruner else spec.pruner.name
    return [
        f"{length} is searched, and {who} compares trials of all lengths at the same steps, where a short schedule"
        f" looks better than it is; with `length: {length}` instead of `max` rungs are shares of a trial's own length"
    ]


def _drawn(plan: Plan, n: int) -> Iterator[str]:
    """The commands of the first `n` trials, none of which has ended when the next one is suggested."""
    history = plan.history([])
    for number in range(n):
        suggestion = plan.suggest(history)
        if suggestion is None:
            return
        argv = command.argv(plan.command, suggestion.params, plan.args)
        yield command_line(argv, command.arguments(suggestion.params, plan.args))
        trial = Trial(
            number,
            f"draw{number}",
            TrialState.RUNNING,
            params=suggestion.params,
            notes=suggestion.notes,
            origin=suggestion.origin,
            configuration=number,
        )
        history = history.advance([*history.trials, trial])


def _body(spec: SweepFile, plan: Plan, warnings: list[str], drawn: list[str]) -> dict[str, Json]:
    return {
        "name": spec.name,
        **named(plan.objectives),
        "parameters": [
            {"name": declaration.name, "kind": kind(declaration), "when": when(declaration.when) or None}
            for declaration in plan.space.declarations
        ],
        "pruner": _pruner(spec, plan),
        "configurations": amount(plan.space),
        "first": [from_where(given.notes) for given in plan.given],
        "from": list(said_of_earlier(plan)),
        "resolved": spec.resolved(),
        "warnings": warnings,
        "commands": drawn,
    }


def _lines(spec: SweepFile, plan: Plan) -> Iterator[tuple[str, str]]:
    yield "name", spec.name
    yield "command", " ".join(spec.command)
    yield "workdir", spec.workdir
    for objective in plan.objectives:
        limit = "" if objective.limit is None else f", feasible where {within(objective)}"
        yield "metric", f"{objective.name}, {objective.goal}{limit}"
    if len(plan.objectives) > 1:
        yield "best", f"the Pareto front; where one metric has to count, it is {plan.reporting.objective.name}"
    if spec.metrics_from != "file":
        yield "metrics from", _place(spec.metrics_from)
    for metric in spec.derived:
        yield "computed", f"{metric.name} = {metric.expr}"
    yield "algorithm", _algorithm(spec)
    yield "pruner", _pruner(spec, plan)
    if (first := first_rung(spec, settled(spec))) is not None:
        yield "rungs", first
    yield "budget", _budget(spec, plan)
    for given in plan.given:
        yield "first", from_where(given.notes)
    for text in said_of_earlier(plan):
        yield "from", text
    yield "slots", _slots(spec)
    yield "seed", str(spec.seed)
    yield "configurations", str(amount(plan.space))
    for constraint in spec.constraints:
        yield "constraint", constraint


def _place(metrics_from: Json) -> str:
    match metrics_from:
        case {"regex": pattern}:
            several = [pattern] if isinstance(pattern, str) else pattern
            return f"lines of stdout and stderr that match {' or '.join(several)}"
        case {"csv": path}:
            return f"the newest CSV file {path}, relative to the directory of the run"
        case "wandb":
            return "what wandb.log tells, in the log that W&B keeps in the directory of the run"
    return "JSON lines on stdout"


def _parameters(plan: Plan) -> Iterator[tuple[str, str]]:
    for declaration in plan.space.declarations:
        yield declaration.name, described(declaration)


def _algorithm(spec: SweepFile) -> str:
    if spec.algorithm.name != "auto":
        return _with_options(spec.algorithm)
    return f"auto chose {auto_choice(spec).why}"


def _pruner(spec: SweepFile, plan: Plan) -> str:
    """What decides how far a trial goes: the algorithm may bring it."""
    if not plan.brings_pruner:
        return _with_options(spec.pruner)
    brought = getattr(plan.pruner, "hyperband", None)
    if brought is not None:
        return f"{name_of(brought)}, brought by {spec.algorithm.name}"
    return f"{spec.algorithm.name} itself decides how far each trial goes"


def _with_options(named: Named) -> str:
    options = ", ".join(f"{name}: {short(value)}" for name, value in named.options.items())
    return f"{named.name} ({options})" if options else named.name


def _budget(spec: SweepFile, plan: Plan) -> str:
    said = spec.budget.model_dump(mode="json", exclude_defaults=True)
    listed = ", ".join(f"{key}: {short(value)}" for key, value in said.items())
    unsaid = "none: it goes on until it is stopped"
    if isinstance(plan.sampler, PopulationSampler):
        unsaid = f"none: it ends when all {plan.sampler.members} members are at step {plan.sampler.max}"
    return listed or unsaid


def _slots(spec: SweepFile) -> str:
    if spec.resources.slots is not None:
        return f"at most {counted(spec.resources.slots, 'trial')} at once from each worker"
    return "as many trials at once as the devices allow; one where there is no GPU"
