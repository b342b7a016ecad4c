"""What a sweep will cost, in words and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from sweeprun.cli.view import counted, pairs, short, span, table
from sweeprun.errors import UsageError
from sweeprun.launch.slots import room
from sweeprun.run.course import Course
from sweeprun.run.forecast import Forecast, Rung, Simulated, forecast
from sweeprun.run.plan import Plan
from sweeprun.samplers._members import PopulationSampler
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.trials import Json

_ENDS = ("wall", "deadline", "target", "plateau")  # of a budget, beside the number of trials


@dataclass(frozen=True, slots=True)
class Costs:
    """What is to be said of the forecast of a sweep file."""

    file: SweepFile
    plan: Plan
    forecast: Forecast

    @classmethod
    def of(cls, file: SweepFile, plan: Plan) -> Self:
        return cls(file, plan, forecast(file, plan, _slots(plan)))

    def text(self) -> str:
        """For people."""
        course, simulated = self.forecast.course, self.forecast.simulated
        if course is None or simulated is None:
            return pairs([("trials", self._trials()), ("in all", self._unjudged()), *self._time(self.forecast.trials)])
        known = [("trials", self._trials()), ("simulated", self._simulated(simulated))]
        sums = [*self._sums(course, simulated), *self._time(simulated.runs)]
        if self.plan.is_population:
            return pairs([*known, ("copies", _copies(simulated)), *sums])
        return f"{pairs(known)}\n{self._table(course, simulated)}\n{pairs(sums)}"

    def body(self) -> dict[str, Json]:
        """For programs. `trials` is null where the budget names no number; what is counted is then one round, `of`."""
        known, simulated = self.forecast, self.forecast.simulated
        said: dict[str, Json] = {"configurations": known.size, "trials": known.trials, "simulated": None}
        if known.course is None or simulated is None:
            return said
        counts_steps = known.course.fidelity is None
        return said | {
            "of": known.n,
            "simulated": {"trials": simulated.trials, "slots": simulated.slots},
            "rungs": [
                {"at": rung.at, "trials": rung.trials, "begin": rung.begin}
                | ({"steps": rung.steps} if counts_steps else {})
                for rung in simulated.rungs
            ],
            "runs": simulated.runs,
            "steps": simulated.steps if counts_steps else None,
            "full_trainings": known.full_trainings,
            "without_pruner": {"steps": simulated.steps_without if counts_steps else None, "full_trainings": known.n},
        }

    def _trials(self) -> str:
        known, ends = self.forecast, self._ends
        if known.trials is None:
            end = f"until {ends} ends it" if ends else "until it is stopped"
            return f"as many as there are {end}" + (f"; what follows is one round, of {known.n}" if known.n else "")
        unless = f", unless {ends} ends it before" if ends else ""
        if isinstance(self.plan.sampler, PopulationSampler):
            rules = self.plan.sampler.rules
            return f"{known.trials} members x {counted(len(rules.stops), 'generation')}, to step {rules.max}{unless}"
        if known.size is None:
            return f"{known.trials}, the budget{unless}"
        if known.size == 1:
            return f"the one configuration{unless}"
        share = f"all {known.size}" if known.trials == known.size else f"{known.trials} of {known.size}"
        return f"{share} configurations{unless}"

    @property
    def _ends(self) -> str:
        """What of the budget may end the sweep before its trials are through."""
        return " or ".join(f"budget.{key}" for key in _ENDS if getattr(self.plan.budget, key))

    def _simulated(self, simulated: Simulated) -> str:
        known = f"with {counted(simulated.slots, 'slot')} and curves that are made up, where no trial fails"
        if simulated.trials == self.forecast.n:
            return known
        return f"{counted(simulated.trials, 'trial')}, {known}; the numbers below are in proportion"

    def _table(self, course: Course, simulated: Simulated) -> str:
        several = sum(rung.begin > 0 for rung in simulated.rungs) > 1
        headings = [course.fidelity.name if course.fidelity else _of_rungs(course), "trials"]
        headings += ["begin there"] * several + ["steps"] * (course.fidelity is None)
        return table(headings, (self._row(course, rung, several) for rung in simulated.rungs))

    def _row(self, course: Course, rung: Rung, several: bool) -> list[str]:
        at = f"{100 * rung.at:.3g}%" if course.ladder.length else short(rung.at)
        row = [at, str(rung.trials)] + [str(rung.begin)] * several
        return row + [str(rung.steps)] * (course.fidelity is None)

    def _sums(self, course: Course, simulated: Simulated) -> Iterator[tuple[str, str]]:
        full = self.forecast.full_trainings
        trainings = "" if full is None else f"{_rounded(full)} full trainings"
        if course.fidelity is None:
            yield "in all", f"{counted(simulated.steps, 'step')}, {trainings}"
            trainings = counted(self.forecast.n, "full training")
            yield "without pruner", f"{counted(simulated.steps_without, 'step')}, {trainings}"
            return
        cost = f"{trainings} if a run costs in proportion to {course.fidelity.name}"
        cost = cost if trainings else "what each costs is not known"
        yield "in all", f"{counted(simulated.runs, 'run')}; {cost}"
        yield "without pruner", f"{counted(self.forecast.n, 'run')}, all full trainings"

    def _unjudged(self) -> str:
        n, pruner = self.forecast.trials, self.file.pruner.name
        trainings = "" if n is None else counted(n, "full training")
        if pruner == "none":
            return "; ".join(filter(None, (trainings, "each trial runs to its end")))
        at_most = f"at most {trainings}; " if trainings else ""
        return f"{at_most}how many {pruner} stops, and when, follows from real curves alone"

    def _time(self, runs: int | None) -> Iterator[tuple[str, str]]:
        longest = self.plan.trial_wall_s
        if longest is not None:
            together = "" if runs is None else f", {counted(runs, 'run')} together {span(runs * longest)}"
            yield "time", f"a run takes at most {span(longest)} (budget.trial_wall){together}"


def _slots(plan: Plan) -> int:
    """As many as the file says, or as this machine has room for."""
    if plan.resources.slots is not None:
        return plan.resources.slots
    try:
        return max(1, room(plan.resources))
    except UsageError:  # the devices are elsewhere
        return 1


def _of_rungs(course: Course) -> str:
    return f"share of {course.ladder.length}" if course.ladder.length else "step"


def _copies(simulated: Simulated) -> str:
    first, *later = [rung.begin for rung in simulated.rungs]
    return f"{sum(later)} trials begin from the checkpoint of a better one, beside the first {first}"


def _rounded(full: float) -> str:
    return f"{full:.1f}" if full < 100 else f"{full:.0f}"
