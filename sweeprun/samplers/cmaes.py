"""The covariance matrix adaptation evolution strategy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from pydantic import Field

from sweeprun.errors import SpaceError, SweeprunError
from sweeprun.evidence import Evidence
from sweeprun.history import Floats, History, Integers
from sweeprun.samplers._cube import Cube, cube
from sweeprun.samplers._untried import find_rare, is_new
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler
from sweeprun.trials import Params, Suggestion, Trial

_SIGMA = 0.25  # the standard deviation at the beginning, as a share of each range
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
        frame, evidence = _Frame.of(cube(history.space)), Evidence.of(history)
        if not len(frame.searched):  # all is fixed
            return RandomSampler().suggest(history, rng)
        known, new = _results(history, evidence, frame)
        optimizer, n_told = self._told(frame, [*known.values(), *new.values()])
        optimizer.reseed_rng(int(rng.integers(2**32)))
        params, offsets = _drawn(optimizer, frame, history, evidence) or (find_rare(history, rng), {})
        told = list(new)[: max(0, n_told - len(known))]
        notes = {name: noted for name, noted in (("told", told), ("offsets", offsets)) if noted}
        return Suggestion(params, notes=notes) if params is not None else None

    def _told(self, frame: _Frame, results: Sequence[Result]) -> tuple[Any, int]:
        """The optimizer after these results, and how many of them it was told: whole populations only."""
        d = len(frame.searched)
        population, restarts, n_told = self.population or 4 + int(3 * math.log(d)), 0, 0
        optimizer = _optimizer(frame, np.full(d, 0.5), population)
        while n_told + optimizer.population_size <= len(results):
            told = list(results[n_told : n_told + optimizer.population_size])
            n_told += len(told)
            if frame.converged(np.array([x for x, _ in told])):
                restarts += 1
                start = np.random.default_rng([self.seed, restarts]).random(d)
                optimizer = _optimizer(frame, start, population * 2**restarts)
            else:
                optimizer.tell(told)
        return optimizer, n_told


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """The cube as the optimizer sees it: the coordinates `searched` (a,), of the parameters `names`. The cells of one
    are equally wide there: `steps` (a,), 0 where it has none."""

    box: Cube
    names: tuple[str, ...]
    searched: Integers
    steps: Floats

    @classmethod
    def of(cls, box: Cube) -> Self:
        """Raises SpaceError for a parameter that is no number, or not always there."""
        for axis, parameter, conditional in zip(box.axes, box.space.parameters, box.conditional, strict=True):
            unordered = axis.points is not None and axis.categorical and len(axis.points) > 2
            if conditional or unordered:
                why = "it is not always active" if conditional else "its values have no order"
                raise SpaceError(
                    f"cmaes searches numbers, and {parameter.name} is none that it can: {why}",
                    f"use algorithm: tpe; or give {parameter.name} one value, and search for each of its values apart",
                )
        n_cells = np.array([0 if axis.points is None else len(axis.points) for axis in box.axes], dtype=np.int64)
        searched = np.flatnonzero(n_cells != 1)
        names = tuple(box.space.parameters[i].name for i in searched)
        return cls(box, names, searched, np.where(n_cells > 0, 1 / np.maximum(n_cells, 1), 0.0)[searched])

    def positions(self, U: Floats) -> Floats:
        """Where points (n, d) of the cube are, (n, a): in the centres of their cells."""
        X: Floats = U[:, self.searched]
        for k in np.flatnonzero(self.steps):
            X[:, k] = (self.box.axes[self.searched[k]].cells(X[:, k]) + 0.5) * self.steps[k]
        return X

    def point(self, x: Floats) -> Floats:
        """The point (d,) of the cube at a position (a,)."""
        u = np.full((1, self.box.d), 0.5)
        for k, i in enumerate(self.searched):
            points = self.box.axes[i].points
            u[0, i] = x[k] if points is None else points[int(x[k] / self.steps[k])]
        return np.asarray(self.box.settled(u)[0][0])

    def converged(self, X: Floats) -> bool:
        """Whether positions (n, a) are all but the same along each continuum."""
        continua = X[:, self.steps == 0]
        return continua.size > 0 and bool(np.ptp(continua, axis=0).max() < _CONVERGED)


def _results(history: History, evidence: Evidence, frame: _Frame) -> tuple[dict[int, Result], dict[int, Result]]:
    """Where the trials that have ended are for the optimizer, and their merits: what it was told, and what is new."""
    merits = {u.tobytes(): float(merit) for u, merit in zip(evidence.U, evidence.merits, strict=True)}
    U = history.points[0]
    ended = {
        trial.number: (x + _offsets(frame, trial), merits[u.tobytes()])
        for trial, u, x in zip(history.inside, U, frame.positions(U), strict=True)
        if trial.state.final and not math.isnan(merits[u.tobytes()])
    }
    noted = [number for trial in history.trials for number in trial.notes.get("told", ())]
    known = {number: ended[number] for number in noted if number in ended}
    return known, {number: result for number, result in ended.items() if number not in known}


def _offsets(frame: _Frame, trial: Trial) -> Floats:
    """How far from there the optimizer drew the trial, (a,); 0 where it did not."""
    offsets: Mapping[str, float] = trial.notes.get("offsets", {})
    return np.array([offsets.get(name, 0.0) for name in frame.names])


def _drawn(
    optimizer: Any, frame: _Frame, history: History, evidence: Evidence
) -> tuple[Params, dict[str, float]] | None:
    """A new configuration, and how far from the centres of their cells values were drawn; None where all are old."""
    tried = {u.tobytes() for u in evidence.U}
    for _ in range(_TRIES):
        encoded, raw = optimizer.ask()
        u = frame.point(encoded)
        if u.tobytes() not in tried and is_new(params := history.space.decode(u), history):
            off = zip(frame.names, frame.steps, raw - encoded, strict=True)
            return params, {name: float(offset) for name, step, offset in off if step}
    return None


def _optimizer(frame: _Frame, start: Floats, population: int) -> Any:
    try:
        from cmaes import CMAwM
    except ModuleNotFoundError as error:
        if error.name != "cmaes":
            raise
        message = "algorithm: cmaes needs the package cmaes, which is not installed"
        raise SweeprunError(message, "pip install 'sweeprun[cmaes]', or use algorithm: tpe") from None
    bounds = np.column_stack([frame.steps / 2, 1 - frame.steps / 2])
    return CMAwM(np.clip(start, *bounds.T), _SIGMA, bounds, frame.steps, population_size=population)
