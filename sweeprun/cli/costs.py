"""What a sweep will cost, in words and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from sweeprun.cli.understood import amount
from sweeprun.cli.view import pairs, short, span, table
from sweeprun.errors import UsageError
from sweeprun.launch.slots import room
from sweeprun.run.course import Course
from sweeprun.run.forecast import Forecast, Rung, Simulated, forecast
from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.trials import Json

_MOST_ROWS = 12  # of the ready points of a population


@dataclass(frozen=True, slots=True)
class Costs:
    """What is to be said of the forecast of a sweep file; `pruner` is the name of what decides how far trials go."""

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
            return pairs([("trials", self._trials()), ("in all", self._unjudged()), *self._time(None)])
        rows = [self._row(rung) for rung in simulated.rungs]
        return (
            pairs([("trials", self._trials()), ("simulated", self._simulated(simulated))])
            + "\n"
            + table(self._headings(course), rows)
            + "\n"
            + pairs([*self._sums(course, simulated), *self._time(simulated)])
        )

    def body(self) -> dict[str, Json]:
        """For programs."""
        known, simulated = self.forecast, self.forecast.simulated
        return {
            "configurations": known.size,
            "trials": known.trials,
            "reckoned": known.n or None,
            "simulated": simulated and {"trials": simulated.trials, "slots": simulated.slots},
            "rungs": [
                {"at": rung.at, "trials": rung.trials, "begin": rung.begin, "steps": self._steps(rung.steps)}
                for rung in (simulated.rungs if simulated else ())
            ],
            "runs": simulated and simulated.runs,
            "steps": simulated and self._steps(simulated.steps),
            "steps_without_pruner": simulated and self._steps(simulated.steps_without),
            "full_trainings": known.full_trainings,
        }

    def _trials(self) -> str:
        known, budget = self.forecast, self.plan.budget
        if self.plan.is_population:
            rules = self.plan.sampler.rules  # type: ignore[attr-defined]
            return f"{known.trials} members, each of {len(rules.stops)} generations, to step {rules.max}"
        if known.trials is None:
            limits = [f"budget.{key}" for key in ("wall", "deadline", "target", "plateau") if getattr(budget, key)]
            ends = f"until {' or '.join(limits)} ends it" if limits else "without end"
            each = f"; what follows is a round of {known.n}" if known.n else ""
            return f"as many as there are {ends}{each}"
        if known.size is None:
            return f"{known.trials}, the budget"
        return f"all {known.size} configurations" if known.trials == known.size else f"{known.trials} of {known.size}"

    def _simulated(self, simulated: Simulated) -> str:
        slots = "1 slot" if simulated.slots == 1 else f"{simulated.slots} slots"
        known = f"with {slots}; the curves are made up, and no trial fails"
        if simulated.trials == self.forecast.n:
            return known
        return f"{simulated.trials} trials {known}; the numbers below are in proportion"

    def _headings(self, course: Course) -> list[str]:
        if course.fidelity is not None:
            return [course.fidelity.name, "trials", *self._extra("begin there")]
        at = "step" if course.ladder.length is None else f"share of {course.ladder.length}"
        return [at, "trials", *self._extra("begin there"), "steps"]

    def _row(self, rung: Rung) -> list[str]:
        steps = self._steps(rung.steps)
        cells = [short(rung.at), str(rung.trials), *self._extra(str(rung.begin))]
        return cells if steps is None else [*cells, str(steps)]

    def _extra(self, cell: str) -> list[str]:
        """A cell that only a table has in which trials begin at several rungs."""
        simulated = self.forecast.simulated
        return [cell] if simulated and sum(rung.begin > 0 for rung in simulated.rungs) > 1 else []

    def _steps(self, steps: int) -> int | None:
        """None where what is counted are levels, not steps."""
        return None if self.forecast.course and self.forecast.course.fidelity else steps

    def _sums(self, course: Course, simulated: Simulated) -> Iterator[tuple[str, str]]:
        full = self.forecast.full_trainings
        if course.fidelity is not None:
            cost = "what they cost only the program knows"
            if full is not None:
                cost = f"{short(full)} full trainings if a run costs in proportion to {course.fidelity.name}"
            yield "in all", f"{simulated.runs} runs; {cost}"
        else:
            yield "in all", f"{simulated.steps} steps, {full:.3g} full trainings"
        yield "without pruner", f"{self.forecast.n} full trainings"

    def _unjudged(self) -> str:
        n, pruner = self.forecast.trials, self.file.pruner.name
        trainings = "" if n is None else f"{n} full trainings"
        if pruner == "none":
            return f"{trainings}; each trial runs to its end"
        return f"{trainings} at most; how many {pruner} stops, and when, only real curves tell"

    def _time(self, simulated: Simulated | None) -> Iterator[tuple[str, str]]:
        longest, n = self.plan.trial_wall_s, simulated.runs if simulated else self.forecast.trials
        if longest is not None:
            every = "" if n is None else f", {n} runs {span(n * longest)} together"
            yield "time", f"a run takes at most {span(longest)} (budget.trial_wall){every}"


def _slots(plan: Plan) -> int:
    """As many as the file says, or as this machine has room for."""
    if plan.resources.slots is not None:
        return plan.resources.slots
    try:
        return max(1, room(plan.resources))
    except UsageError:  # the devices are elsewhere
        return 1
