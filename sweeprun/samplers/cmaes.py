"""The covariance matrix adaptation evolution strategy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from pydantic import Field

from sweeprun.errors import SpaceError, SweeprunError
from sweeprun.evidence import Evidence
from sweeprun.history import Floats, History
from sweeprun.samplers._untried import find_rare
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.space import CategoricalParameter, Parameter, Space
from sweeprun.trials import Params, Suggestion, Trial

_SIGMA = 0.25  # the standard deviation at the beginning, as a share of each range
_MOST_CELLS = 64  # more values are as good as a continuum
_CONVERGED = 1e-4  # of the range; what is that close differs by less than two runs of one configuration
_TRIES = 100  # draws that constraints or earlier trials may rule out

Result = tuple[Floats, float]  # a position (a,) of the optimizer, and its merit there


@final
class CMAESSampler(Sampler):
    """Adapts the shape of a normal distribution: for long sweeps of numbers that depend on each other.

    It looks at the order of the losses only, so their scale does not matter, and follows narrow valleys in any
    direction. It has to see some hundred trials before it is better than tpe, and takes no parameters with a condition
    or of three or more unordered values: it raises SpaceError for them. Needs the extra `cmaes`.

    Each draw is made from the distribution that the trials so far have led to. As soon as a population of trials has
    ended that it was not told of, whoever suggested them and in whatever order they ended, it is told of them; which
    they were stands in the notes. So nobody waits for a generation, and given, imported and late trials inform it.
    Where a whole population lies within a ten-thousandth of every range it begins again elsewhere, with twice as many.

    Paper: Hansen 2016, The CMA evolution strategy: a tutorial; Hamano et al. 2022, CMA-ES with margin (integers);
    Auger and Hansen 2005 (restarts). Through the package cmaes.
    Differs from the papers: no generations, as said; failures are the worst of their population.

        algorithm: cmaes
    """

    population: int | None = Field(
        default=None, ge=4, description="trials for each step of the distribution; left out: 4 + 3 ln of the dimension"
    )
    seed: int = Field(default=0, ge=0, description="of where it begins again; the sweep's own where it is left out")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        axes, evidence = _axes(history.space), Evidence.of(history)
        if not axes:  # all is fixed
            return RandomSampler().suggest(history, rng)
        known, new = _results(history, evidence, axes)
        optimizer, n_told = self._told(axes, [*known.values(), *new.values()])
        optimizer.reseed_rng(int(rng.integers(2**32)))
        params, offsets = _drawn(optimizer, axes, history, evidence) or (find_rare(history, rng), {})
        told = list(new)[: max(0, n_told - len(known))]
        notes = {name: noted for name, noted in (("told", told), ("offsets", offsets)) if noted}
        return Suggestion(params, notes=notes) if params is not None else None

    def _told(self, axes: Sequence[_Axis], results: Sequence[Result]) -> tuple[Any, int]:
        """The optimizer after these results, and how many of them it was told: whole populations only."""
        population, restarts, n_told = self.population or 4 + int(3 * math.log(len(axes))), 0, 0
        optimizer = _optimizer(axes, np.full(len(axes), 0.5), population)
        while n_told + optimizer.population_size <= len(results):
            told = list(results[n_told : n_told + optimizer.population_size])
            n_told += len(told)
            if _converged(axes, told):
                restarts += 1
                start = np.random.default_rng([self.seed, restarts]).random(len(axes))
                optimizer = _optimizer(axes, start, population * 2**restarts)
            else:
                optimizer.tell(told)
        return optimizer, n_told


@dataclass(frozen=True, slots=True, eq=False)
class _Axis:
    """A coordinate of the cube as the optimizer sees it: cells with `edges` (c + 1,) are equally wide there."""

    name: str
    coordinate: int
    edges: Floats | None

    @classmethod
    def of(cls, parameter: Parameter, coordinate: int) -> _Axis:
        fine = parameter.size is None or parameter.size > _MOST_CELLS
        return cls(parameter.name, coordinate, None if fine else np.array(parameter.edges))

    @property
    def step(self) -> float:
        """The width of a cell, 0 where it is continuous."""
        return 0.0 if self.edges is None else 1 / (len(self.edges) - 1)

    def position(self, u: float) -> float:
        return u if self.edges is None else (int(np.searchsorted(self.edges, u)) - 0.5) * self.step

    def unit(self, x: float) -> float:
        if self.edges is None:
            return x
        cell = int(x / self.step)
        return float(self.edges[cell] + self.edges[cell + 1]) / 2


def _axes(space: Space) -> list[_Axis]:
    """Of what has more than one value. Raises SpaceError for a parameter that cannot be searched as a number."""
    for node in space.nodes:
        for parameter in node.parameters:
            categorical = isinstance(parameter, CategoricalParameter) and not parameter.ordered and parameter.size > 2
            if node.condition.clauses or categorical:
                why = "its values have no order" if categorical else "it depends on another parameter"
                raise SpaceError(
                    f"cmaes searches numbers, and {parameter.name} is none that it can: {why}",
                    f"use algorithm: tpe; or give {parameter.name} one value, and search for each of its values apart",
                )
    return [_Axis.of(parameter, i) for i, parameter in enumerate(space.parameters) if parameter.size != 1]


def _results(
    history: History, evidence: Evidence, axes: Sequence[_Axis]
) -> tuple[dict[int, Result], dict[int, Result]]:
    """Where the trials that have ended are for the optimizer, and their merits: what it was told, and what is new."""
    merits = {u.tobytes(): float(merit) for u, merit in zip(evidence.U, evidence.merits, strict=True)}
    ended = {
        trial.number: (_position(axes, u, trial), merits[u.tobytes()])
        for trial, u in zip(history.inside, history.points[0], strict=True)
        if trial.state.final and not math.isnan(merits[u.tobytes()])
    }
    noted = [number for trial in history.trials for number in trial.notes.get("told", ())]
    known = {number: ended[number] for number in noted if number in ended}
    return known, {number: result for number, result in ended.items() if number not in known}


def _drawn(
    optimizer: Any, axes: Sequence[_Axis], history: History, evidence: Evidence
) -> tuple[Params, dict[str, float]] | None:
    """A new configuration, and how far from the centres of their cells values were drawn; None where all are old."""
    space, tried = history.space, {u.tobytes() for u in evidence.U}
    for _ in range(_TRIES):
        encoded, raw = optimizer.ask()
        u = np.full(len(space.parameters), 0.5)
        u[[axis.coordinate for axis in axes]] = [axis.unit(float(x)) for axis, x in zip(axes, encoded, strict=True)]
        params = space.decode(u)
        point = space.encode(params)
        if point and point[0].tobytes() not in tried and space.satisfies(params):
            return params, {a.name: float(r - e) for a, e, r in zip(axes, encoded, raw, strict=True) if a.step}
    return None


def _position(axes: Sequence[_Axis], u: Floats, trial: Trial) -> Floats:
    offsets: Mapping[str, float] = trial.notes.get("offsets", {})
    return np.array([axis.position(float(u[axis.coordinate])) + offsets.get(axis.name, 0.0) for axis in axes])


def _converged(axes: Sequence[_Axis], told: Sequence[Result]) -> bool:
    continuous = [i for i, axis in enumerate(axes) if not axis.step]
    X = np.array([x for x, _ in told])[:, continuous]
    return bool(continuous) and bool(np.ptp(X, axis=0).max() < _CONVERGED)


def _optimizer(axes: Sequence[_Axis], start: Floats, population: int) -> Any:
    try:
        from cmaes import CMAwM
    except ModuleNotFoundError as error:
        if error.name != "cmaes":
            raise
        message = "algorithm: cmaes needs the package cmaes, which is not installed"
        raise SweeprunError(message, "pip install 'sweeprun[cmaes]', or use algorithm: tpe") from None
    steps = np.array([axis.step for axis in axes])
    bounds = np.column_stack([steps / 2, 1 - steps / 2])
    mean = np.clip(start, *bounds.T)
    return CMAwM(mean, _SIGMA, bounds, steps, population_size=population)
