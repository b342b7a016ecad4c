"""How far a sweep is: its trials by state, workers, budget, the best so far, and how long it will take."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from sweeprun.cli.columns import varying
from sweeprun.cli.options import AsJson
from sweeprun.cli.standing import Standing, kinds
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepName, opened
from sweeprun.cli.view import counted, is_terminal, moment, pairs, redraw, short, span, table, write, write_document
from sweeprun.errors import UsageError
from sweeprun.store.liveness import Lease, Observer, Worker
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

REDRAW_S = 2.0
_SHOWN = 5  # of what may be many: waiting trials, damaged ones, strangers


def status(
    sweep: SweepName = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep looking until no worker is left.")] = False,
    as_json: AsJson = False,
    root: Root = DEFAULT_ROOT,
) -> None:
    """Print how far the sweep is."""
    if watch and as_json:
        raise UsageError("--watch and --json exclude each other", "ask for --json as often as you like")
    found = opened(sweep, root)
    observer = Observer(found.layout, Lease())
    if watch:
        _watch(found, observer)
    elif as_json:
        write_document("status", Standing.of(found, observer).body())
    else:
        write(shown(Standing.of(found, observer)))


def shown(standing: Standing) -> str:
    """The standing for people."""
    running = standing.having(TrialState.RUNNING)
    return pairs(_lines(standing)) + (f"\n{_table(standing, running)}" if running else "")


def _watch(sweep: Sweep, observer: Observer) -> None:
    """On a terminal the whole standing again and again; elsewhere a line whenever it has changed."""
    last = ""
    while True:
        # Opened anew: what a worker could not log on a full disk only a full scan finds.
        standing = Standing.of(Sweep(sweep.layout.directory), observer)
        line = f"{standing.state}: {_counts(standing)}\n"
        if is_terminal(sys.stdout):
            read = redraw(shown(standing))
        else:
            read = line == last or write(line)
        if not read or standing.state != "running":
            return
        last = line
        time.sleep(REDRAW_S)


def _lines(standing: Standing) -> Iterator[tuple[str, str]]:
    yield standing.sweep.name, f"{standing.state}{f': {standing.reason}' if standing.reason else ''}"
    yield "directory", str(standing.sweep.layout.directory)
    yield "trials", _counts(standing)
    yield "budget", _budget(standing)
    best = standing.best
    yield "best", "no value yet" if best is None else _best(standing, best)
    if standing.eta_s is not None:
        yield "left", f"about {span(standing.eta_s)}"
    for worker in standing.presence.workers:
        yield "worker", _worker(worker)
    for unseen in standing.presence.unseen:
        yield "worker", f"{unseen.worker.host} pid {unseen.worker.pid}, not seen since {moment(unseen.since)}"
    waiting = [(f"trial {trial.number}", trial.because) for trial in standing.having(TrialState.WAITING)]
    yield from _first("waiting", waiting)
    failed = standing.having(TrialState.FAILED)
    if failed:
        yield "failed", f"{kinds(failed)}; the newest, trial {failed[-1].number}: {failed[-1].because}"
    damaged = [(f"trial {trial.number}", trial.why) for trial in standing.trials if trial.damaged]
    yield from _first("damaged", damaged)
    if standing.earlier_damage:
        yield "damaged", f"what earlier sweeps have shown: {standing.earlier_damage}"
    strangers = [(str(path), "does not belong here") for path in standing.sweep.strangers]
    yield from _first("stranger", strangers)


def _first(what: str, found: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, why in found[:_SHOWN]:
        yield what, f"{name}: {why}"
    if len(found) > _SHOWN:
        yield what, f"and {len(found) - _SHOWN} more (sweeprun status --json lists them)"


def _counts(standing: Standing) -> str:
    return ", ".join(f"{n} {state}" for state, n in standing.counts.items() if n) or "none"


def _budget(standing: Standing) -> str:
    trials, wall = standing.budget["trials"], standing.budget["wall"]
    used, limit = int(trials["used"] or 0), int(trials["limit"] or 0)
    configurations = f"{used} of {counted(limit, 'configuration')}" if limit else counted(used, "configuration")
    spent = span(wall["used"] or 0.0) + (f" of {span(wall['limit'])}" if wall["limit"] else "")
    return f"{configurations}, {spent} with a trial running"


def _best(standing: Standing, trial: Trial) -> str:
    if len(standing.objectives) > 1 or not standing.ranking.feasible:
        return standing.ranking.in_short + ("" if trial.state is TrialState.COMPLETE else "; no trial is complete")
    value = short(trial.values[standing.objective.name])
    state = "" if trial.state is TrialState.COMPLETE else f", {trial.state}"
    return f"{standing.objective.name} {value} (trial {trial.number}, step {short(trial.step)}{state})"


def _worker(worker: Worker) -> str:
    elsewhere = "" if worker.here else ", on another machine: alive as far as can be seen from here"
    return f"{worker.host} pid {worker.pid}, since {moment(worker.started)}{elsewhere}"


def _table(standing: Standing, running: list[Trial]) -> str:
    names, metrics = varying(running), [each.name for each in standing.objectives]
    rows = [
        [
            str(trial.number),
            str(trial.run),
            span(max(0.0, standing.now - trial.runs[-1].started)),
            str(trial.last_step),
            *(short(trial.values.get(name)) for name in metrics),
            *(short(trial.params.get(name)) for name in names),
            _owner(standing, trial),
        ]
        for trial in running
    ]
    return table(["trial", "run", "age", "step", *metrics, *names, "worker"], rows)


def _owner(standing: Standing, trial: Trial) -> str:
    worker = standing.owner(trial)
    if worker is not None:
        return f"{worker.host} {worker.pid}"
    unseen = any(unseen.worker.uuid == trial.worker for unseen in standing.presence.unseen)
    return f"{'not seen' if unseen else 'died'}: the next worker takes it over"
