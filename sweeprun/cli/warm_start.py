"""`warm_start` of a sweep file: which sweeps it means, and what comes of it, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sweeprun import registry
from sweeprun.cli.sweeps import names
from sweeprun.cli.view import counted, short
from sweeprun.errors import Damaged, SweepFileError, SweepNotFound, near
from sweeprun.history import History
from sweeprun.run.plan import Plan
from sweeprun.run.warm_start import what_is_known_of
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.earlier import Earlier, EarlierSweep
from sweeprun.store.layout import Layout
from sweeprun.store.sweep import Sweep


def earlier_sweeps(spec: SweepFile, root: Path) -> Earlier:
    """What the sweeps that the file names have shown until now. Raises SweepFileError in place for one that is not
    there or that says nothing about this search."""
    known: dict[str, EarlierSweep] = {}
    for i, name in enumerate(spec.warm_start.from_):
        try:
            sweep = what_is_known_of(_opened(spec, name, root), spec.objectives)
            if sweep.uid in known:
                raise SweepFileError(f"{name} is the sweep {sweep.name}, which is there already")
        except (SweepFileError, SweepNotFound, Damaged) as error:
            refusal = SweepFileError(error.message, hint=error.hint)
            raise spec.placed(refusal, "warm_start", "from", i) from None
        known[sweep.uid] = sweep
    return Earlier(tuple(known.values()))


def _opened(spec: SweepFile, name: str, root: Path) -> Sweep:
    """The sweep in that directory, as seen from the sweep file, or of that name under `root`."""
    places = [spec.directory / Path(name).expanduser(), root / name]
    for place in places:
        if Layout(place).manifest.exists():
            return Sweep(place)
    known = names(root)
    there = f"there is no sweep at {' nor at '.join(map(str, dict.fromkeys(places)))}"
    raise SweepNotFound(f"{there}; under {root} there are: {', '.join(known) or 'none'}", near(name, known))


def said_of_earlier(plan: Plan) -> Iterator[str]:
    """A sentence about each earlier sweep."""
    for sweep, history in zip(plan.earlier.sweeps, plan.history([]).earlier, strict=True):
        inside, n = len(history.inside), len(history.trials)
        lie, inform, them = ("lies", "informs", "it") if inside == 1 else ("lie", "inform", "them")
        unused = f"{registry.name_of(plan.sampler)} does not learn from {them}"
        use = f"{inform} the search" if plan.sampler.learns_from_earlier else unused
        said = f"{inside} of {counted(n, 'trial')} of {sweep.name} {lie} in this space and {use}"
        yield said if inside == n else f"{said}; {_outside(history, sweep)}"


def _outside(history: History, sweep: EarlierSweep) -> str:
    """What keeps the first of the others out."""
    space, inside = history.space, {trial.number for trial in history.inside}
    trial = next(trial for i, trial in enumerate(sweep.trials) if i not in inside)
    name = space.misfit(trial.params)
    assert name is not None
    if name not in trial.params:
        return f"trial {trial.number} has no {name}"
    value = f"trial {trial.number} has {name}={short(trial.params[name])}"
    return f"{value}, which {'is not allowed here' if name in space.owners else 'is no parameter here'}"
