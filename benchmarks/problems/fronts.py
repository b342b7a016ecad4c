"""Problems of two objectives, with the hypervolume of the best front that is known.

ZDT: Zitzler, Deb and Thiele 2000, here of ten parameters; DTLZ: Deb, Thiele, Laumanns and Zitzler 2002. A hypervolume
is what a set of points dominates of the box below a reference point, which here is the worst of each objective over
random configurations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from problems.problem import Params, Problem, Values, choice, vector
from problems.tables import AXES, FCNET_INPUTS, FCNET_SPACE, fcnet, fcnet_means
from sweeprun.numerics import pareto
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Space

Pair = tuple[float, float]
_D = 10
_N_RANDOM = 200


@dataclass(frozen=True)
class FrontProblem(Problem):
    """`best` is the hypervolume below `reference` of the best front."""

    reference: Pair = (1.0, 1.0)
    best: float = 1.0


def hypervolume(points: Iterable[Values], reference: Pair) -> float:
    """Of what did not fail; points beyond the reference add nothing."""
    found = np.array([pair for pair in points if not any(map(math.isnan, pair))]).reshape(-1, 2)
    return pareto.hypervolume(found, np.array(reference))


def front(
    name: str,
    space: Space,
    function: Callable[[Params], Pair],
    best: Iterable[Pair],
    observe: Callable[[Params, np.random.Generator], Pair] | None = None,
) -> FrontProblem:
    rng = np.random.default_rng(0)
    random = [function(space.sample(rng)) for _ in range(_N_RANDOM)]
    reference = (max(x for x, _ in random), max(y for _, y in random))
    return FrontProblem(
        name,
        "fronts",
        space,
        function,
        observe=observe,
        n_objectives=2,
        reference=reference,
        best=hypervolume(best, reference),
    )


def zdt(number: int, shape: Callable[[float, float], float], g: Callable[[np.ndarray], float]) -> FrontProblem:
    """`shape` is the second objective over g, of the first and of g, which is 1 on the best front."""
    low, high = (-5.0, 5.0) if number == 4 else (0.0, 1.0)
    others = [choice(FloatParameter(f"x{i}", low, high)) for i in range(1, _D)]

    def first(x: float) -> float:
        return 1 - math.exp(-4 * x) * math.sin(6 * math.pi * x) ** 6 if number == 6 else x

    def values(p: Params) -> Pair:
        x = vector(p)
        f, rest = first(float(x[0])), g(x[1:])
        return f, rest * shape(f, rest)

    best = [(first(x), shape(first(x), 1.0)) for x in np.linspace(0, 1, 5001).tolist()]
    return front(f"ZDT{number}", Space([choice(FloatParameter("x0", 0.0, 1.0)), *others]), values, best)


def _convex(f: float, g: float) -> float:
    return 1 - math.sqrt(f / g)


def _concave(f: float, g: float) -> float:
    return 1 - (f / g) ** 2


def _torn(f: float, g: float) -> float:
    return _convex(f, g) - f / g * math.sin(10 * math.pi * f)


def _linear(x: np.ndarray) -> float:
    return float(1 + 9 * np.mean(x))


def _rugged(x: np.ndarray) -> float:
    return float(1 + 10 * len(x) + np.sum(x**2 - 10 * np.cos(4 * math.pi * x)))


def _steep(x: np.ndarray) -> float:
    return float(1 + 9 * np.mean(x) ** 0.25)


def _round(f: float, g: float) -> Pair:
    turned = f * math.pi / 2
    return (1 + g) * math.cos(turned), (1 + g) * math.sin(turned)


def _islands(f: float, g: float) -> Pair:
    return f, (2 + g) * 2 - f * (1 + math.sin(3 * math.pi * f))


def mixed_dtlz(
    number: int, pair: Callable[[float, float], Pair], outside: Callable[[np.ndarray], float], at: float
) -> FrontProblem:
    """DTLZ of two objectives where the distance from the front is up to integers, ordered and unordered categories and
    one number, each of them best at `at`. The letters stand for fifths of the range in an order that nobody is told."""
    letters = dict(zip("abcde", (0.5, 1.0, 0.0, 0.25, 0.75), strict=True))

    def values(p: Params) -> Pair:
        x = [p["i0"] / 10, p["i1"] / 20, p["width"] / 32, letters[p["c0"]], letters[p["c1"]], at + 0.4 * p["off"]]
        return pair(p["x0"], outside(np.array([*x, p["x1"]])))

    space = Space(
        [
            choice(FloatParameter("x0", 0.0, 1.0)),
            choice(FloatParameter("x1", 0.0, 1.0)),
            choice(IntParameter("i0", 0, 10)),
            choice(IntParameter("i1", 0, 20)),
            choice(CategoricalParameter("width", (0, 4, 8, 16, 32), ordered=True)),
            choice(CategoricalParameter("c0", tuple(letters))),
            choice(CategoricalParameter("c1", tuple(letters))),
            choice(CategoricalParameter("off", (True, False))),
        ]
    )
    return front(f"mixed DTLZ{number}", space, values, [pair(x, 0.0) for x in np.linspace(0, 1, 5001).tolist()])


def _squares(x: np.ndarray) -> float:
    return float(np.sum((x - 0.5) ** 2))


def fcnet_size(folder: Path, task: str) -> FrontProblem:
    """The logarithms of the validation loss and of the number of weights."""
    losses = fcnet(folder, task)
    observed = losses.observe
    assert observed

    def size(first: int, second: int) -> float:
        return math.log10((FCNET_INPUTS[task] + 1) * first + (first + 2) * second + 1)

    def values(p: Params) -> Pair:
        return math.log10(losses.function(p)), size(p["n_units_1"], p["n_units_2"])

    def observe(p: Params, rng: np.random.Generator) -> Pair:
        return math.log10(observed(p, rng)), size(p["n_units_1"], p["n_units_2"])

    lowest = fcnet_means(folder, task).min(axis=tuple(range(len(AXES) - 2)))  # of all networks of these two widths
    widths = AXES[-1].choices
    best = [
        (math.log10(lowest[i, j]), size(first, second))
        for i, first in enumerate(widths)
        for j, second in enumerate(widths)
    ]
    return front(f"FCNet {task} and size", FCNET_SPACE, values, best, observe)


def fronts(data: Path | None) -> list[FrontProblem]:
    made = [
        zdt(1, _convex, _linear),
        zdt(2, _concave, _linear),
        zdt(3, _torn, _linear),
        zdt(4, _convex, _rugged),
        zdt(6, _concave, _steep),
        mixed_dtlz(2, _round, _squares, at=0.5),
        mixed_dtlz(7, _islands, lambda x: float(9 * np.mean(x)), at=0.0),
    ]
    return made + ([fcnet_size(data, task) for task in FCNET_INPUTS] if data else [])
