"""What a sweep will cost, in steps: as far as that follows from its file, before anything runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sweeprun.errors import SpaceError, StoreError
from sweeprun.run.course import METRIC, Course
from sweeprun.run.plan import Plan
from sweeprun.run.simulation import Simulation
from sweeprun.samplers._members import PopulationSampler
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import durable
from sweeprun.trials import Json, Trial

MOST_SIMULATED = 500  # trials, or members of a population: a few seconds
_KEPT = ("name", "parameters", "linked", "constraints", "fidelity", "resumes", "seed")  # what says how far trials go
_OF_METRICS = ("metric", "goal")  # options of those that judge


@dataclass(frozen=True, slots=True)
class Rung:
    """`at` is a step, a share of a trial's length or a level of fidelity. So many `trials` are expected to come to it,
    `begin` of them with it, in so many `steps` from where they stood before."""

    at: Json
    trials: int
    begin: int
    steps: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """What `trials` did on `slots`, raised to the number that is expected: how many `runs` there were, and the steps of
    all trials if each went on to its end."""

    trials: int
    slots: int
    runs: int
    rungs: tuple[Rung, ...]
    steps_without: int

    @property
    def steps(self) -> int:
        return sum(rung.steps for rung in self.rungs)


@dataclass(frozen=True, slots=True)
class Forecast:
    """`size` is the number of configurations, None: infinite, or beyond counting. `trials` are begun, members in a
    population, None: the budget does not say how many; what was simulated is then one round."""

    size: int | None
    trials: int | None
    course: Course | None
    simulated: Simulated | None

    @property
    def full_trainings(self) -> float | None:
        """What all of it costs in trials that go to their ends; None where that cannot be known."""
        if self.simulated is None or self.course is None:
            return None
        fidelity, rungs = self.course.fidelity, self.simulated.rungs
        if fidelity is None:
            return self.n * self.simulated.steps / self.simulated.steps_without
        shares = _shares(fidelity.levels)
        return sum(share * rung.trials for share, rung in zip(shares, rungs, strict=True)) if shares else None

    @property
    def n(self) -> int:
        """How many trials are reckoned with."""
        return self.trials or (self.course.per_round if self.course else 0)


def forecast(file: SweepFile, plan: Plan, slots: int) -> Forecast:
    """Simulates the sweep on so many slots where its trials are judged at rungs. Raises StoreError where no temporary
    directory can be written."""
    size, members = _size(plan), plan.sampler.members if isinstance(plan.sampler, PopulationSampler) else None
    limits = [n for n in (plan.budget.trials, size) if n is not None] if members is None else [members]
    known = Forecast(size, min(limits, default=None), Course.of(plan, file.resumes), None)
    if known.course is None:
        return known
    return replace(known, simulated=_simulated(file, plan, known.course, known.n, slots))


def _size(plan: Plan) -> int | None:
    try:
        return plan.space.size
    except SpaceError:
        return None


def _shares(levels: Sequence[Json]) -> list[float]:
    """What a run at each level costs of one at the last, in proportion; nothing where they are no amounts."""
    numbers = [float(level) for level in levels if type(level) in (int, float) and level > 0]
    return [number / numbers[-1] for number in numbers] if len(numbers) == len(levels) else []


def _simulated(file: SweepFile, plan: Plan, course: Course, n: int, slots: int) -> Simulated:
    """Of many trials whole rounds are simulated, as many as are not too many, and as large a share of them at once."""
    n_simulated = n if n <= MOST_SIMULATED else MOST_SIMULATED // course.per_round * course.per_round or MOST_SIMULATED
    n_slots, more = max(1, round(slots * n_simulated / n)), n / n_simulated
    trials = _run(_reduced(file, plan, n_simulated), course, n_slots)
    runs = round(more * sum(len(trial.runs) for trial in trials))
    whole = round(more * sum(course.end(trial.params) for trial in trials if not trial.from_step))
    return Simulated(n_simulated, n_slots, runs, tuple(_rungs(course, trials, more)), whole)


def _run(file: SweepFile, course: Course, slots: int) -> Sequence[Trial]:
    try:
        with durable.unsynced(), tempfile.TemporaryDirectory(prefix="sweeprun-") as directory:
            return Simulation(Path(directory) / "sweep", file, course.training).run(slots)
    except OSError as error:
        message = f"the sweep cannot be simulated in a temporary directory: {error}"
        raise StoreError(message, "set TMPDIR to a directory that can be written") from None


def _reduced(file: SweepFile, plan: Plan, n: int) -> SweepFile:
    """The file as far as it says how far trials go, for `n` of them. Its configurations are random ones: a model has
    nothing to learn from made-up curves."""
    resolved = file.resolved()
    return SweepFile.model_validate(
        {key: resolved[key] for key in _KEPT}
        | {"command": ["simulated"], "args": "none", "metric": METRIC, "budget": n}
        | {
            "algorithm": _algorithm(file, plan, n),
            "pruner": {"name": file.pruner.name, **_judging(file.pruner.options)},
        }
    )


def _algorithm(file: SweepFile, plan: Plan, n: int) -> Json:
    said = {"name": file.algorithm.name, **_judging(file.algorithm.options)}
    if plan.is_population:
        return {**said, "members": n}
    return {**said, "random": 1.0} if plan.brings_pruner else "random"


def _judging(options: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in options.items() if name not in _OF_METRICS}


def _rungs(course: Course, trials: Sequence[Trial], more: float) -> Iterator[Rung]:
    ways = [list(course.climbed(trial)) for trial in trials]
    for k, at in enumerate(course.heights):
        steps = [step for way in ways for rung, step in way if rung == k]
        begin = sum(way[0][0] == k for way in ways if way)
        yield Rung(at, round(more * len(steps)), round(more * begin), round(more * sum(steps)))
