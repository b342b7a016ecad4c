"""The trials of a study of Optuna as earlier results of a sweep.

A parameter and a metric are called in the study what they are called in the sweep file; where the study does not name
its values they are those of the file's metrics, in order. Complete and pruned trials are results; what failed or never
ended is none, as Optuna does not say why.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sweeprun.errors import UsageError
from sweeprun.objective import Objective
from sweeprun.reported import MAX_STEP, Reported
from sweeprun.run.earlier import NoResultError, Result
from sweeprun.run.plan import Plan
from sweeprun.space import from_cells
from sweeprun.trials import Json, Trial, TrialState

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

OURS = "sweeprun"  # the attribute of a trial that `sweeprun export optuna` has written
_STATES = {"COMPLETE": TrialState.COMPLETE, "PRUNED": TrialState.PRUNED}


class ForeignStudy:
    """How the trials of a study are read as results of `plan`. Raises UsageError for a study that is not about it."""

    def __init__(self, study: Study, plan: Plan):
        self._plan = plan
        self._trials = study.get_trials(deepcopy=False)
        self._names = _names(study, plan.objectives)
        # Steps count what is finished: a study that calls its first one 0 is one behind.
        self._offset = int(any(0 in trial.intermediate_values for trial in self._trials))

    def results(self) -> tuple[list[Result], list[tuple[int, str]]]:
        """The results, and the numbers of the trials that are none, each with the reason."""
        results: list[Result] = []
        skipped: list[tuple[int, str]] = []
        for trial in self._trials:
            try:
                results.append(self._result(trial))
            except (NoResultError, ValueError) as error:
                skipped.append((trial.number, str(error)))
        return results, skipped

    @property
    def ignored(self) -> list[str]:
        """The parameters of the study that are none of the sweep."""
        names = dict.fromkeys(name for trial in self._trials for name in trial.params)
        return [name for name in names if name not in self._plan.space.names]

    def _result(self, trial: FrozenTrial) -> Result:
        state, ours = _STATES.get(trial.state.name), _exported(trial.user_attrs.get(OURS))
        if state is None:
            raise NoResultError(f"its state is {trial.state.name.lower()}")
        reached = self._reached(trial.intermediate_values)
        values, step = dict(reached.values), reached.step
        if state is TrialState.COMPLETE:
            values = {**ours["values"], **dict(zip(self._names, trial.values, strict=True))}
            step = _step_of(values[self._names[0]], reached)
        elif not values:
            raise NoResultError("it was pruned and reported nothing")
        for name, value in values.items():
            if name in self._names and not math.isfinite(value):
                raise NoResultError(f"{name} is {value}")
        given = {**trial.params, **ours["params"]}
        cells = {name: _cell(given[name]) for name in self._plan.space.names if name in given}
        params, outside = from_cells(self._plan.space, cells)
        return Result(params, values, step, trial.number, outside, state, reached.curve)

    def _reached(self, intermediate: Mapping[int, float]) -> Trial:
        """A trial that has reported these values."""
        blank = Trial(0, "", TrialState.RUNNING)
        objective = self._plan.reporting.objective
        reported = Reported(blank, objective, (objective.name,), reduce=self._plan.reporting.reduce)
        for step, value in sorted(intermediate.items()):
            if not 0 <= step < MAX_STEP:
                raise NoResultError(f"it reported step {step}, and steps are counted from 0")
            reported.note(step + self._offset, {objective.name: value})
        return reported.trial(blank)


def _exported(attribute: Json) -> dict[str, dict[str, Json]]:
    """What `sweeprun export optuna` has written; nothing where somebody else has written something of that name."""
    match attribute:
        case {"values": dict() as values, "params": dict() as params}:
            if all(isinstance(value, int | float) for value in values.values()):
                return {"values": values, "params": params}
    return {"values": {}, "params": {}}


def _names(study: Study, objectives: Sequence[Objective]) -> list[str]:
    """Which metric each value of the study is."""
    wanted = {objective.name: objective for objective in objectives}
    if len(study.directions) != len(wanted):
        message = f"the study {study.study_name!r} has {_n_values(len(study.directions))}; {_listed(wanted)}"
        raise UsageError(message, "name as many metrics in the sweep file")
    said = study.metric_names
    names = said if said is not None and set(said) == set(wanted) else list(wanted)
    for name, direction in zip(names, study.directions, strict=True):
        theirs, ours = direction.name.lower(), wanted[name].goal
        if theirs != ours:
            message = f"the study {study.study_name!r} is to {theirs} what the sweep file is to {ours}: {name}"
            raise UsageError(message, f"say `goal: {theirs}` for {name} in the sweep file, if that is what is meant")
    return names


def _n_values(n: int) -> str:
    return "one value" if n == 1 else f"{n} values"


def _listed(names: Mapping[str, Any]) -> str:
    return f"the sweep file has {'a metric' if len(names) == 1 else f'{len(names)} metrics'}: {', '.join(names)}"


def _step_of(value: float, reached: Trial) -> int | None:
    """The last step that reported the value; None where it was told without one."""
    [column] = reached.curve.values.values() or [()]
    return next((step for step, at in zip(reached.curve.steps[::-1], column[::-1], strict=True) if at == value), None)


def _cell(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
