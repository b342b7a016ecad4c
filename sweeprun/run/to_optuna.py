"""The trials of a sweep as a study of Optuna.

A range is a float or an integer distribution, a list of values a categorical one, as are the columns of linked rows;
values that Optuna cannot tell apart or cannot hold, such as lists, are choices in JSON text. What it has no words for
is left to the attribute `sweeprun` of each trial: there stand its number, its seed and all of its parameters, fixed,
computed, repeated and mixed ones too. Steps are finished ones, from 1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sweeprun.run.from_optuna import OURS
from sweeprun.run.plan import Plan
from sweeprun.space import CategoricalParameter, Choice, FloatParameter, IntParameter, Linked, Space, identity
from sweeprun.trials import Json, Params, Trial, TrialState

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_STATES = {TrialState.COMPLETE: "COMPLETE", TrialState.PRUNED: "PRUNED", TrialState.FAILED: "FAIL"}


def fill(study: Study, plan: Plan, trials: Sequence[Trial]) -> None:
    """Add those of the trials that `exportable` tells."""
    spoken = _Spoken(plan.space)
    study.add_trials([_frozen(trial, plan, spoken) for trial in trials])


def exportable(trials: Sequence[Trial]) -> list[Trial]:
    """Those that have ended and can be read."""
    return [trial for trial in trials if trial.state in _STATES and not trial.damaged]


def _frozen(trial: Trial, plan: Plan, spoken: _Spoken) -> FrozenTrial:
    import optuna

    params, values = spoken.params(trial.params), _values(trial, plan)
    state = _STATES[trial.state] if values or trial.state is not TrialState.COMPLETE else "FAIL"
    first = plan.objectives[0].name
    return optuna.trial.FrozenTrial(
        number=trial.number,
        trial_id=-1,
        state=optuna.trial.TrialState[state],
        value=None,
        values=values,
        datetime_start=datetime.fromtimestamp(trial.created),
        datetime_complete=datetime.fromtimestamp(max(trial.created, trial.changed)),
        params=params,
        distributions={name: spoken.distributions[name] for name in params},
        user_attrs={OURS: _ours(trial)},
        system_attrs={},
        intermediate_values={
            step: value
            for step, value in zip(trial.curve.steps, trial.curve.values.get(first, ()), strict=False)
            if not math.isnan(value)
        },
    )


def _values(trial: Trial, plan: Plan) -> list[float] | None:
    """One for each objective; None where the trial failed, or one of them is no number."""
    values = [trial.values.get(each.name, math.nan) for each in plan.objectives]
    return None if trial.state is TrialState.FAILED or any(map(math.isnan, values)) else values


def _ours(trial: Trial) -> dict[str, Json]:
    failure = {"failure": trial.failure.kind.value} if trial.failure else {}
    said = {"number": trial.number, "seed": trial.seed, "params": trial.params, "values": dict(trial.values)}
    return {**said, **failure}


class _Spoken:
    """The parameters of a space in Optuna's words: their `distributions`, and the values of a trial in them."""

    def __init__(self, space: Space):
        from optuna.distributions import CategoricalDistribution

        self._ranges = dict(_ranges(space))
        self._choices = {name: _choices(values) for name, values in _listed(space)}  # by the identity of ours
        self.distributions: dict[str, BaseDistribution] = {
            **{name: _range(parameter) for name, parameter in self._ranges.items()},
            **{name: CategoricalDistribution(list(said.values())) for name, said in self._choices.items()},
        }

    def params(self, params: Params) -> Params:
        """What there are words for; a value outside of an edited space has none."""
        said: Params = {}
        for name, value in params.items():
            if name in self._ranges and self._ranges[name].contains(value):
                said[name] = value
            elif name in self._choices and identity(value) in self._choices[name]:
                said[name] = self._choices[name][identity(value)]
        return said


def _ranges(space: Space) -> Iterator[tuple[str, FloatParameter | IntParameter]]:
    for declaration in space.declarations:
        if isinstance(declaration, Choice) and not isinstance(declaration.parameter, CategoricalParameter):
            yield declaration.name, declaration.parameter


def _listed(space: Space) -> Iterator[tuple[str, Sequence[Json]]]:
    for declaration in space.declarations:
        if isinstance(declaration, Choice) and isinstance(declaration.parameter, CategoricalParameter):
            yield declaration.name, declaration.parameter.choices
        elif isinstance(declaration, Linked):
            for name in declaration.names:
                yield name, [row[name] for row in declaration.rows]


def _range(parameter: FloatParameter | IntParameter) -> BaseDistribution:
    from optuna.distributions import FloatDistribution, IntDistribution

    if isinstance(parameter, IntParameter):
        return IntDistribution(parameter.low, parameter.high, parameter.log, parameter.step)
    return FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)


def _choices(values: Sequence[Json]) -> dict[str, Json]:
    """What stands for each value: itself, or its JSON text where Optuna does not know such values or takes two for
    one, such as 1 and true."""
    distinct = {identity(value): value for value in values}
    plain = all(isinstance(value, str | int | float | None) for value in distinct.values())
    if plain and len(set(distinct.values())) == len(distinct):
        return distinct
    return {key: json.dumps(value) for key, value in distinct.items()}
