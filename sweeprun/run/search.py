"""What searches: who suggests configurations, who judges how far they go, and what is run before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweeprun import registry
from sweeprun.errors import SweepFileError
from sweeprun.pruners._rungs import length_of
from sweeprun.pruners.base import Pruner
from sweeprun.run.budget import Budget
from sweeprun.run.settling import algorithm
from sweeprun.run.warm_start import Given, all_given
from sweeprun.samplers._members import PopulationSampler
from sweeprun.samplers.base import Sampler, own_pruner
from sweeprun.spec.sections import Named
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.earlier import Earlier

_N_LOOKED_AT = 32  # configurations


@dataclass(frozen=True, slots=True)
class Search:
    """`given` are the configurations that are run first."""

    sampler: Sampler
    pruner: Pruner
    given: tuple[Given, ...]

    @classmethod
    def of(cls, file: SweepFile, known: Earlier) -> Search:
        """That of a file, and of what is `known` of the sweeps that it learns from. Raises SweepFileError for an
        algorithm or an option that there is not, and where they do not go with the rest of the file."""
        sampler: Sampler = _loaded(file, "algorithm", algorithm(file))
        search = cls(sampler, _judge(file, sampler), all_given(file, known.sweeps))
        _check_length(file, getattr(search.pruner, "length", None))
        if search.members is not None:
            _check_population(file, search.members, len(search.given))
        return search

    @property
    def members(self) -> int | None:
        """How many are trained at once; None where the algorithm trains no population."""
        return self.sampler.members if isinstance(self.sampler, PopulationSampler) else None

    @property
    def judged(self) -> Sequence[str]:
        """The metric that the pruner goes by, where it names one."""
        metric = getattr(self.pruner, "metric", None)
        return [metric] if metric else []

    def limited(self, said: Budget) -> Budget:
        """The budget as far as it limits this search: how many trials a population has follows from how far its
        members go."""
        return said if self.members is None else replace(said, trials=None)


def _pruner(file: SweepFile) -> Named:
    """Where a parameter is raised its values are the rungs; where the program does not continue from its checkpoint,
    asha pauses nobody."""
    if file.fidelity is not None:
        [(name, levels)] = file.fidelity.items()
        beside = next((key for key in ("min", "max", "length", "rungs", "mode") if key in file.pruner.options), None)
        if beside is not None:
            message = f"pruner {file.pruner.name} must not have {beside} where fidelity.{name} says the rungs"
            raise file.placed(SweepFileError(message), "pruner", beside)
        rungs = list(range(1, len(levels) + 1))
        return Named(name=file.pruner.name, **{**file.pruner.options, "rungs": rungs})
    if file.pruner.name != "asha" or file.resumes is not False:
        return file.pruner
    return Named(name="asha", **{"mode": "stop", **file.pruner.options})


def _check_length(file: SweepFile, length: str | None) -> None:
    """Raises SweepFileError where the parameter that says how long a trial is may be missing or no number."""
    if length is None:
        return
    try:
        for i in range(_N_LOOKED_AT):
            length_of(file.space.sample(np.random.default_rng(i)), length)
    except SweepFileError as error:
        raise file.placed(error, "pruner", "length") from None


def _judge(file: SweepFile, sampler: Sampler) -> Pruner:
    try:
        own = own_pruner(sampler, file.algorithm.name, file.pruner.name)
    except SweepFileError as error:
        raise file.placed(error, "pruner") from None
    pruner: Pruner = own or _loaded(file, "pruner", _pruner(file))
    return pruner


def _check_population(file: SweepFile, members: int, n_given: int) -> None:
    """Raises SweepFileError where the file says what an algorithm that decides how far trials go cannot do."""
    name = file.algorithm.name
    if file.budget.trials is not None and file.budget.trials != members:
        message = f"budget.trials is the number of members with the algorithm {name}, and that is said to be {members}"
        raise file.placed(SweepFileError(message, hint="leave one of them out"), "budget")
    if n_given > members:
        message = f"there are {n_given} configurations to run first, and only {members} members"
        hint = f"algorithm: {{name: {name}, members: {n_given}, ...}}"
        raise file.placed(SweepFileError(message, hint=hint), "warm_start")
    if file.resumes is False:
        message = f"the algorithm {name} has trials go on from checkpoints, which this program does not"
        raise file.placed(SweepFileError(message, hint="algorithm: gp"), "resumes")


def _loaded(file: SweepFile, key: str, named: Named) -> Any:
    kind: registry.Kind = "pruner" if key == "pruner" else "sampler"
    try:
        return registry.load(kind, named.name, named.options, file.seed, file.budget.trials)
    except SweepFileError as error:
        raise file.placed(error, key) from None
