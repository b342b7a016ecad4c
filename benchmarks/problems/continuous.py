"""Functions of real numbers."""

from __future__ import annotations

import math

import numpy as np

from problems.problem import Params, Problem, box, choice, shifted, vector
from sweeprun.space import FloatParameter, Space


def quadratic() -> Problem:
    center = np.array([0.7, 0.2, 0.55, 0.35])
    return Problem("quadratic 4-d", "continuous", box(4), lambda p: float(np.sum((vector(p) - center) ** 2)))


def branin_value(x: float, y: float) -> float:
    bent = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return float(bent**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


BRANIN_LOWEST = 0.39788735772973816


def branin() -> Problem:
    space = Space([choice(FloatParameter("x", -5.0, 10.0)), choice(FloatParameter("y", 0.0, 15.0))])
    return Problem("Branin", "continuous", space, lambda p: branin_value(p["x"], p["y"]), BRANIN_LOWEST)


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


def hartmann_value(x: np.ndarray) -> float:
    return float(-_ALPHA @ np.exp(-np.sum(_A * (x - _P) ** 2, axis=1)))


def hartmann() -> Problem:
    return Problem("Hartmann 6-d", "continuous", box(6), lambda p: hartmann_value(vector(p)), -3.32236801141551)


def rosenbrock() -> Problem:
    def value(p: Params) -> float:
        x = vector(p)
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    return Problem("Rosenbrock 4-d", "continuous", box(4, -2.0, 2.0), value)


def ackley_value(x: np.ndarray) -> float:
    near = -20 * math.exp(-0.2 * math.sqrt(np.mean(x**2)))
    return float(near - math.exp(np.mean(np.cos(2 * math.pi * x))) + 20 + math.e)


def ackley() -> Problem:
    """Off the center of the box, which some samplers try by themselves."""
    problem = Problem("Ackley 10-d", "continuous", box(10, -16.0, 16.0), lambda p: ackley_value(vector(p)))
    return shifted(problem, np.random.default_rng(1).uniform(-8, 8, 10))


def levy() -> Problem:
    def value(p: Params) -> float:
        w = 1 + (vector(p) - 1) / 4
        inner = (w[:-1] - 1) ** 2 * (1 + 10 * np.sin(math.pi * w[:-1] + 1) ** 2)
        last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
        return float(math.sin(math.pi * w[0]) ** 2 + np.sum(inner) + last)

    return shifted(Problem("Levy 6-d", "continuous", box(6, -10.0, 10.0), value), np.array([3, -5, 1, 6, -2, 4.0]))


def narrow_valley() -> Problem:
    """Two rates on logarithmic axes whose ratio matters ten times more than either, and a third number."""

    def value(p: Params) -> float:
        a, b = math.log10(p["lr"]) + 2.6, math.log10(p["wd"]) + 3.4
        return (a + b) ** 2 + 0.1 * (a - b) ** 2 + 0.5 * (p["momentum"] - 0.85) ** 2

    space = Space(
        [
            choice(FloatParameter("lr", 1e-5, 1.0, log=True)),
            choice(FloatParameter("wd", 1e-7, 1e-1, log=True)),
            choice(FloatParameter("momentum", 0.0, 1.0)),
        ]
    )
    return Problem("narrow valley 3-d", "continuous", space, value)


CONTINUOUS = (quadratic, branin, hartmann, rosenbrock, ackley, levy, narrow_valley)
