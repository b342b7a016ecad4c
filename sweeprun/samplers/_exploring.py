"""How the parameters of a copy differ from those of the trial that it is a copy of."""

from __future__ import annotations

import numpy as np

from sweeprun.history import Flags, Floats
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Parameter, Space
from sweeprun.trials import Json, Params

_TRIES = 100  # which constraints may rule out


def perturbed(
    space: Space, params: Params, factors: tuple[float, ...], resample: float, rng: np.random.Generator
) -> Params:
    """A configuration near `params`, which lie in `space`: each number times one of `factors`, each ordered value moved
    to a neighbour, each of them, and each choice, drawn anew with the chance `resample`. What becomes active is drawn.

    `params` themselves where constraints rule out all that was tried.
    """
    point = space.encode(params)
    assert point is not None
    for _ in range(_TRIES):
        moved = space.decode(_moved(space, *point, factors, resample, rng))
        if space.satisfies(moved):
            return moved
    return dict(params)


def _moved(
    space: Space, u: Floats, active: Flags, factors: tuple[float, ...], resample: float, rng: np.random.Generator
) -> Floats:
    """A point (d,) near `u`, random where that is not active."""
    moved = rng.random(len(u))
    kept = active & (rng.random(len(u)) >= resample)
    factor = rng.choice(factors, size=len(u))
    for i in np.flatnonzero(kept).tolist():
        parameter = space.parameters[i]
        moved[i] = parameter.to_unit(scaled(parameter, parameter.from_unit(float(u[i])), float(factor[i])))
    return moved


def scaled(parameter: Parameter, value: Json, factor: float) -> Json:
    """`value` times `factor`, within the bounds. Where values are listed it moves in that direction to another one, if
    there is one; where they have no order it stays."""
    if isinstance(parameter, CategoricalParameter):
        return _neighbour(parameter, value, 1 if factor > 1 else -1)
    if parameter.size is None:
        return min(max(value * factor, parameter.low), parameter.high)
    upwards = factor > 1 if value == 0 else value * factor > value
    return _stepped(parameter, value, value * factor, 1 if upwards else -1)


def _neighbour(parameter: CategoricalParameter, value: Json, direction: int) -> Json:
    if not parameter.ordered:
        return value
    place = list(parameter.values()).index(value) + direction
    return parameter.choices[min(max(place, 0), parameter.size - 1)]


def _stepped(parameter: FloatParameter | IntParameter, value: float, wanted: float, direction: int) -> Json:
    """The value of the grid nearest to `wanted`, by one step at least."""
    assert parameter.size is not None
    step = parameter.step or 1.0
    cell = round((value - parameter.low) / step)
    moved = round((wanted - parameter.low) / step)
    moved = max(moved, cell + 1) if direction > 0 else min(moved, cell - 1)
    moved = min(max(moved, 0), parameter.size - 1)
    if isinstance(parameter, IntParameter):
        return parameter.low + moved * parameter.step
    return parameter.from_unit((moved + 0.5) / parameter.size)
