"""Numbers, integers and categories beside each other; and some of it failing, or seen through noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from problems.continuous import BRANIN_LOWEST, ackley_value, branin_value, hartmann_value, quadratic
from problems.problem import Params, Problem, choice, failing_where, noisy, vector
from sweeprun.space import CategoricalParameter, FloatParameter, IntParameter, Space


def mixed() -> Problem:
    """A training, roughly: a learning rate whose best value moves with the batch size, a depth, a kind of network."""
    offsets = {"relu": 0.0, "gelu": 0.05, "tanh": 0.4, "sigmoid": 0.8}

    def value(p: Params) -> float:
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
    return Problem("mixed 6-d", "mixed", space, value)


def ten_mixed_space() -> Space:
    floats = [choice(FloatParameter(f"f{i}", 1e-4, 1.0, log=i % 2 == 0)) for i in range(4)]
    integers = [choice(IntParameter(f"i{i}", 1, 16 * (i + 1))) for i in range(3)]
    return Space([*floats, *integers, *(choice(CategoricalParameter(f"c{i}", tuple("abcd"))) for i in range(3))])


def ten_mixed() -> Problem:
    """Two of the categories say where the best numbers are; the third costs by itself."""
    targets = {"a": 0.3, "b": 0.75, "c": 0.15, "d": 0.5}

    def value(p: Params) -> float:
        logs = [1 + math.log10(p[f"f{i}"]) / 4 for i in (0, 2)]
        first, second = targets[p["c0"]], targets[p["c1"]]
        integers = [(p[f"i{i}"] - (5, 20, 33)[i]) / (16 * (i + 1)) for i in range(3)]
        return float(
            2 * (logs[0] - first) ** 2
            + (logs[1] - second) ** 2
            + (p["f1"] - first) ** 2
            + 0.3 * (p["f3"] - 0.6) ** 2
            + sum(miss**2 for miss in integers)
            + 0.15 * "badc".index(p["c0"])
            + 0.1 * "cadb".index(p["c1"])
            + 0.05 * "dcba".index(p["c2"])
        )

    return Problem("ten mixed", "mixed", ten_mixed_space(), value)


def four_branins() -> Problem:
    """Which of four Branin functions, of other scales and places, is a category; one has the lowest floor."""
    kinds = {"low": (0.0, 1.0, 0.0), "left": (2.0, 1.5, 4.0), "flat": (-1.0, 0.3, 8.0), "steep": (1.0, 3.0, 1.5)}

    def value(p: Params) -> float:
        shift, scale, floor = kinds[p["kind"]]
        return floor + scale * branin_value(p["x"] + shift, p["y"])

    space = Space(
        [
            choice(CategoricalParameter("kind", tuple(kinds))),
            choice(FloatParameter("x", -5.0, 10.0)),
            choice(FloatParameter("y", 0.0, 15.0)),
        ]
    )
    return Problem("four Branins", "mixed", space, value, BRANIN_LOWEST)


def discrete_hartmann() -> Problem:
    """On a grid of nine integers an axis; the lowest is that of all 531 441 points."""

    def value(p: Params) -> float:
        return hartmann_value(vector(p) / 8)

    space = Space([choice(IntParameter(f"x{i}", 0, 8)) for i in range(6)])
    return Problem("discretised Hartmann 6-d", "mixed", space, value, -3.054398741805399)


def mixed_ackley() -> Problem:
    """Ackley's function of three yes or no, two integers and three numbers, its minimum off the center."""

    def value(p: Params) -> float:
        flags = [float(p[f"flag{i}"] != (i != 1)) for i in range(3)]
        integers = [(p["i0"] - 3) / 4, (p["i1"] - 11) / 4]
        return ackley_value(np.array(flags + integers + [p["a"] - 0.4, p["b"] + 0.7, p["c"] - 1.1]))

    space = Space(
        [
            *(choice(CategoricalParameter(f"flag{i}", (False, True))) for i in range(3)),
            *(choice(IntParameter(f"i{i}", 0, 16)) for i in range(2)),
            *(choice(FloatParameter(name, -2.0, 2.0)) for name in "abc"),
        ]
    )
    return Problem("mixed Ackley 8-d", "mixed", space, value)


def failing() -> Problem:
    """A third of the square fails, and the minimum lies at its border."""

    def value(p: Params) -> float:
        return float((p["x"] - 0.75) ** 2 + (p["y"] - 0.4) ** 2 + 0.5 * (p["z"] - 0.3) ** 2)

    space = Space([choice(FloatParameter(n, 0.0, 1.0)) for n in "xyz"])
    return failing_where(
        Problem("cube", "continuous", space, value), "failing region", lambda p: p["x"] + p["y"] > 1.2
    )


def failing_most() -> Problem:
    """Nine in ten points fail: all but a band around a plane."""

    def fails(p: Params) -> bool:
        return abs(float(vector(p) @ [1.0, -1.0, 0.5, 0.5]) - 0.95) > 0.1

    return failing_where(quadratic(), "failing outside a band", fails)


def diverging() -> Problem:
    """Diverges at high learning rates, the sooner the deeper, and runs out of memory when deep at large batches."""

    def fails(p: Params) -> bool:
        return math.log10(p["lr"]) > -1.2 - 0.2 * (p["layers"] - 6) or p["layers"] * p["batch"] > 1000

    return failing_where(mixed(), "diverging mixed 6-d", fails)


def noisy_quadratic() -> Problem:
    return replace(noisy(quadratic(), 0.05), name="noisy quadratic")


def noisy_mixed() -> Problem:
    return noisy(mixed(), 0.1)


MIXED = (mixed, ten_mixed, four_branins, discrete_hartmann, mixed_ackley)
FAILING = (failing, failing_most, diverging)
NOISY = (noisy_quadratic, noisy_mixed)
