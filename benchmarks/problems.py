"""Problems for samplers: a space, a function to minimise over it, and the lowest value that it has.

A function returns NaN where the trial fails. `noise` is the standard deviation of what is added to a value when it is
observed; how good a configuration is goes by the value without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweeprun.expressions import Expression
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    Condition,
    FloatParameter,
    Holds,
    IntParameter,
    OneOf,
    Parameter,
    Repeated,
    Space,
)

Function = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Problem:
    name: str
    space: Space
    function: Function
    lowest: float
    noise: float = 0.0


def choice(parameter: Parameter, when: Condition = ALWAYS) -> Choice:
    return Choice(parameter.name, when, parameter)


def is_(name: str, *values: object) -> Condition:
    return Condition((OneOf.of(name, list(values)),))


def box(d: int, low: float = 0.0, high: float = 1.0) -> Space:
    return Space([choice(FloatParameter(f"x{i}", low, high)) for i in range(d)])


def vector(params: Mapping[str, Any]) -> np.ndarray:
    return np.array([value for name, value in sorted(params.items()) if name.startswith("x")])


def quadratic() -> Problem:
    center = np.array([0.7, 0.2, 0.55, 0.35])
    return Problem("quadratic 4-d", box(4), lambda p: float(np.sum((vector(p) - center) ** 2)), 0.0)


def branin() -> Problem:
    def value(p: Mapping[str, Any]) -> float:
        x, y = p["x"], p["y"]
        bent = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
        return float(bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)

    space = Space([choice(FloatParameter("x", -5.0, 10.0)), choice(FloatParameter("y", 0.0, 15.0))])
    return Problem("Branin", space, value, 0.39788735772973816)


_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann() -> Problem:
    def value(p: Mapping[str, Any]) -> float:
        return float(-_ALPHA @ np.exp(-np.sum(_A * (vector(p) - _P) ** 2, axis=1)))

    return Problem("Hartmann 6-d", box(6), value, -3.32236801141551)


def rosenbrock() -> Problem:
    def value(p: Mapping[str, Any]) -> float:
        x = vector(p)
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    return Problem("Rosenbrock 4-d", box(4, -2.0, 2.0), value, 0.0)


def mixed() -> Problem:
    """A training, roughly: a learning rate whose best value moves with the batch size, a depth, a kind of network."""
    offsets = {"relu": 0.0, "gelu": 0.05, "tanh": 0.4, "sigmoid": 0.8}

    def value(p: Mapping[str, Any]) -> float:
        rate = math.log10(p["lr"]) + 2.5 - 0.4 * math.log2(p["batch"] / 64)
        return float(
            0.6 * rate**2
            + 0.03 * (p["layers"] - 6) ** 2
            + offsets[p["activation"]]
            + 2.0 * (p["dropout"] - 0.15) ** 2
            + (0.0 if p["norm"] else 0.3)
        )

    space = Space(
        [
            choice(FloatParameter("lr", 1e-5, 1e-1, log=True)),
            choice(CategoricalParameter("batch", (16, 32, 64, 128, 256), ordered=True)),
            choice(IntParameter("layers", 1, 12)),
            choice(CategoricalParameter("activation", tuple(offsets))),
            choice(FloatParameter("dropout", 0.0, 0.6)),
            choice(CategoricalParameter("norm", (True, False))),
        ]
    )
    return Problem("mixed 6-d", space, value, 0.0)


def optimizer_branch() -> Problem:
    """Each optimizer has a learning rate of its own; sgd's is best by a little, and needs its momentum."""

    def value(p: Mapping[str, Any]) -> float:
        common = 0.5 * (math.log10(p["wd"]) + 4) ** 2 / 4
        if p["optimizer"] == "sgd":
            rate = math.log10(p["lr_sgd"]) + 1 + 2 * (p["momentum"] - 0.9)
            return float(common + rate**2 + 2 * (p["momentum"] - 0.9) ** 2)
        if p["optimizer"] == "adam":
            return float(0.1 + common + 0.7 * (math.log10(p["lr_adam"]) + 3) ** 2 + 3 * (p["beta"] - 0.9) ** 2)
        return float(0.5 + common + 0.3 * (math.log10(p["lr_rms"]) + 3.5) ** 2)

    space = Space(
        [
            choice(CategoricalParameter("optimizer", ("sgd", "adam", "rmsprop"))),
            choice(FloatParameter("wd", 1e-6, 1e-1, log=True)),
            choice(FloatParameter("lr_sgd", 1e-4, 10.0, log=True), is_("optimizer", "sgd")),
            choice(FloatParameter("momentum", 0.0, 0.99), is_("optimizer", "sgd")),
            choice(FloatParameter("lr_adam", 1e-6, 1e-1, log=True), is_("optimizer", "adam")),
            choice(FloatParameter("beta", 0.0, 0.999), is_("optimizer", "adam")),
            choice(FloatParameter("lr_rms", 1e-6, 1e-1, log=True), is_("optimizer", "rmsprop")),
        ]
    )
    return Problem("optimizer branch", space, value, 0.0)


def rare_branch() -> Problem:
    """One of eight kinds is best, and only near a point of its own two parameters."""

    def value(p: Mapping[str, Any]) -> float:
        if p["kind"] != 5:
            return float(0.5 + 0.02 * p["kind"] + 0.3 * (p["x"] - 0.5) ** 2)
        return float(0.3 * (p["x"] - 0.5) ** 2 + 4 * ((p["a"] - 0.25) ** 2 + (p["b"] - 0.8) ** 2))

    space = Space(
        [
            choice(CategoricalParameter("kind", tuple(range(8)))),
            choice(FloatParameter("x", 0.0, 1.0)),
            choice(FloatParameter("a", 0.0, 1.0), is_("kind", 5)),
            choice(FloatParameter("b", 0.0, 1.0), is_("kind", 5)),
        ]
    )
    return Problem("rare branch", space, value, 0.0)


def variable_depth() -> Problem:
    """A list of widths, as long as the depth says; the best is three, narrowing."""
    best = (0.8, 0.55, 0.3)

    def value(p: Mapping[str, Any]) -> float:
        miss = sum((w - b) ** 2 for w, b in zip(p["width"], best, strict=False))
        return float(0.25 * abs(p["depth"] - 3) + 2 * miss + (math.log10(p["lr"]) + 3) ** 2 / 4)

    widths = tuple(choice(FloatParameter(f"width.{i}", 0.0, 1.0)) for i in range(5))
    space = Space(
        [
            choice(IntParameter("depth", 1, 5)),
            Repeated("width", ALWAYS, "depth", widths),
            choice(FloatParameter("lr", 1e-5, 1e-1, log=True)),
        ]
    )
    return Problem("variable depth", space, value, 0.0)


def nested() -> Problem:
    """Two levels: a scheduler only with warm restarts has a period, which only then has a multiplier."""

    def value(p: Mapping[str, Any]) -> float:
        rate = (math.log10(p["lr"]) + 2) ** 2 / 2
        if p["schedule"] == "none":
            return float(0.6 + rate)
        decay = 2 * (p["decay"] - 0.3) ** 2
        if not p["restarts"]:
            return float(0.3 + rate + decay)
        return float(rate + decay + 0.05 * abs(p["period"] - 7) + 2 * (p["factor"] - 1.6) ** 2)

    deep = Condition((Holds(Expression.parse("schedule == 'cosine' and restarts")),))
    space = Space(
        [
            choice(FloatParameter("lr", 1e-5, 1.0, log=True)),
            choice(CategoricalParameter("schedule", ("none", "cosine"))),
            choice(FloatParameter("decay", 0.0, 1.0), is_("schedule", "cosine")),
            choice(CategoricalParameter("restarts", (True, False)), is_("schedule", "cosine")),
            choice(IntParameter("period", 1, 20), deep),
            choice(FloatParameter("factor", 1.0, 3.0), deep),
        ]
    )
    return Problem("nested branches", space, value, 0.0)


def failing() -> Problem:
    """A third of the square fails, and the minimum lies at its border."""

    def value(p: Mapping[str, Any]) -> float:
        x, y, z = p["x"], p["y"], p["z"]
        if x + y > 1.2:
            return math.nan
        return float((x - 0.75) ** 2 + (y - 0.4) ** 2 + 0.5 * (z - 0.3) ** 2)

    return Problem("failing region", Space([choice(FloatParameter(n, 0.0, 1.0)) for n in "xyz"]), value, 0.0)


def noisy() -> Problem:
    return replace(quadratic(), name="noisy quadratic", noise=0.05)


PROBLEMS: tuple[Callable[[], Problem], ...] = (
    quadratic,
    branin,
    hartmann,
    rosenbrock,
    mixed,
    optimizer_branch,
    rare_branch,
    variable_depth,
    nested,
    failing,
    noisy,
)
