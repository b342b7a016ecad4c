"""Everything about one trial: parameters, values, every state it was in and why, its runs, its failure, its files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from sweeprun.cli import retrain
from sweeprun.cli.columns import metrics_of
from sweeprun.cli.lineage import schedule, shown
from sweeprun.cli.options import AsJson
from sweeprun.cli.ranking import up_to_date, within
from sweeprun.cli.sweeps import DEFAULT_ROOT, Root, SweepAndNumber, opened_at
from sweeprun.cli.trials import detail
from sweeprun.cli.view import moment, pairs, short, span, write, write_document
from sweeprun.errors import Damaged
from sweeprun.objective import Objective
from sweeprun.reported import ENDLESS
from sweeprun.run.progress import Reporting
from sweeprun.store import durable, runs
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Run, Trial


def show(sweep_and_number: SweepAndNumber, as_json: AsJson = False, root: Root = DEFAULT_ROOT) -> None:
    """Print one trial."""
    sweep, recorded = opened_at(sweep_and_number, root)
    reporting = Reporting.of(sweep.resolved)
    trials = up_to_date(sweep, reporting)
    trial = trials[recorded.number]
    transitions = list(_transitions(sweep, trial))
    if as_json:
        more = {"transitions": transitions, "schedule": schedule(trials, trial)}
        write_document("show", _body(sweep, trial, reporting.objectives, more))
        return
    write(pairs(_lines(sweep, reporting, trial)))
    if steps := list(shown(trials, trial)):
        write("\n" + pairs(steps))
    write("\n" + pairs(_said(transition) for transition in transitions))
    if trial.failure is not None and trial.failure.stderr:
        write("\n" + pairs(("stderr", text) for text in trial.failure.stderr))
    command = retrain.line(sweep, trial)
    write("\n" + pairs([*_files(sweep, trial).items(), *([("again", command)] if command else [])]))


def _body(sweep: Sweep, trial: Trial, objectives: Sequence[Objective], more: Mapping[str, Json]) -> dict[str, Json]:
    entry = detail(trial, objectives)
    ran = [run | {"how": runs.read_how(sweep.layout, trial.number, i)} for i, run in enumerate(entry["runs"], 1)]
    return {
        "sweep": sweep.name,
        "dir": str(sweep.layout.directory),
        "trial": entry
        | {**more, "runs": ran, "files": _files(sweep, trial), "command": retrain.line(sweep, trial)},
    }


def _transitions(sweep: Sweep, trial: Trial) -> Iterator[dict[str, Json]]:
    """What each record of the trial says, as far as they can be believed."""
    for n in range(1, trial.n + 1):
        try:
            record = durable.read_record(sweep.layout.state(trial.number, n))
        except (Damaged, FileNotFoundError, NotADirectoryError):
            return
        yield {key: record[key] for key in ("n", "at", "state", "reason", "why", "worker", "run")}


def _lines(sweep: Sweep, reporting: Reporting, trial: Trial) -> Iterator[tuple[str, str]]:
    yield "trial", f"{trial.number}, {trial.origin}" + (f" of {trial.parent}" if trial.parent is not None else "")
    yield "state", "damaged" if trial.damaged else trial.state.value
    if origin := from_where(trial.notes):
        yield "from", origin
    if trial.because:
        yield "reason", trial.because
    if trial.failure is not None:
        yield "failure", f"{trial.failure.kind}: {trial.failure.message}"
    for name, value in trial.params.items():
        yield name, short(value)
    beyond = {each.name: each for each in reporting.objectives if 0 < each.excess(trial) < math.inf}
    for name in metrics_of([trial], *(each.name for each in reporting.objectives if each.name in trial.values)):
        limit = f", beyond its limit: {within(beyond[name])}" if name in beyond else ""
        yield name, f"{short(trial.values[name])} at step {short(trial.step)}{limit}"
    if trial.last_step:
        ends = trial.until is not None and trial.until < ENDLESS
        yield "steps", f"{trial.last_step}, to go to {trial.until}" if ends else str(trial.last_step)
    for number, run in enumerate(trial.runs, 1):
        lasted = "not over" if run.seconds is None else span(run.seconds)
        memory = f", {run.memory_bytes / 2**20:.0f} MiB" if run.memory_bytes else ""
        how = runs.read_how(sweep.layout, trial.number, number)
        yield f"run {number}", f"{lasted}{memory}{f', by {how}' if how else ''}{_lost(reporting, run)}"


def from_where(notes: Mapping[str, Json]) -> str:
    """Where a configuration that the search did not choose is from, by the notes of its trial; empty for any other."""
    match notes:
        case {"given": dict(params)}:
            return f"warm_start.first: {' '.join(f'{name}={short(value)}' for name, value in params.items()) or 'any'}"
        case {"sweep": str(sweep), "trial": int(number)}:
            return f"trial {number} of {sweep}, one of the best there"
    return ""


def _lost(reporting: Reporting, run: Run) -> str:
    """What of its metrics could not be read. On stdout most lines are none, and not worth a word."""
    lost = {"not understood": 0 if reporting.source.kind == "stdout" else run.skipped, "too long": run.cut}
    return "".join(f", lines {why}: {n}" for why, n in lost.items() if n)


def _said(transition: dict[str, Json]) -> tuple[str, str]:
    why = "".join(f": {transition[key]}" for key in ("reason", "why") if transition[key])
    return moment(transition["at"]), f"{transition['state']}{why}"


def _files(sweep: Sweep, trial: Trial) -> dict[str, str]:
    """What there is on disk, by what it is."""
    names = runs.files(sweep.layout, trial)
    paths = {
        "directory": sweep.layout.trial(trial.number),
        "parameters": names.params,
        "metrics": names.metrics,
        "stdout": names.stdout,
        "stderr": names.stderr,
        "checkpoint": retrain.checkpoint(sweep, trial),
    }
    return {name: str(path) for name, path in paths.items() if path is not None and path.exists()}
