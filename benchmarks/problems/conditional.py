"""Spaces that branch: which parameters there are depends on the values of others."""

from __future__ import annotations

import math
from dataclasses import replace

from problems.problem import Params, Problem, choice, failing_where, is_, noisy
from sweeprun.expressions import Expression
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Condition,
    FloatParameter,
    Holds,
    IntParameter,
    Repeated,
    Space,
)


def optimizer_branch() -> Problem:
    """Each optimizer has a learning rate of its own; sgd's is best by a little, and needs its momentum."""

    def value(p: Params) -> float:
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
    return Problem("optimizer branch", "conditional", space, value)


def rare_branch() -> Problem:
    """One of eight kinds is best, and only near a point of its own two parameters."""

    def value(p: Params) -> float:
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
    return Problem("rare branch", "conditional", space, value)


def variable_depth() -> Problem:
    """A list of widths, as long as the depth says; the best is three, narrowing."""
    best = (0.8, 0.55, 0.3)

    def value(p: Params) -> float:
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
    return Problem("variable depth", "conditional", space, value)


def nested() -> Problem:
    """Two levels: a scheduler only with warm restarts has a period, which only then has a multiplier."""

    def value(p: Params) -> float:
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
    return Problem("nested branches", "conditional", space, value)


def branch_ranges() -> Problem:
    """Three families of models with ranges and shapes of their own; the best family looks worst at random points."""

    def value(p: Params) -> float:
        if p["model"] == "boosting":
            rate = math.log10(p["boosting_rate"]) + 1.5 + 0.5 * (math.log10(p["rounds"]) - 2)
            return 4 * rate**2 + 0.1 * (p["boosting_depth"] - 6) ** 2 + 0.5 * (p["share"] - 0.7) ** 2
        if p["model"] == "forest":
            return 0.2 + 0.02 * (12 - p["forest_depth"]) ** 2 / 4 + 0.1 * abs(math.log10(p["trees"]) - 2.5)
        return 0.15 + 0.3 * (math.log10(p["c"]) - 1) ** 2 + 0.4 * (math.log10(p["width"]) + 2) ** 2

    boosting, forest, kernel = (is_("model", name) for name in ("boosting", "forest", "kernel"))
    space = Space(
        [
            choice(CategoricalParameter("model", ("boosting", "forest", "kernel"))),
            choice(FloatParameter("boosting_rate", 1e-4, 1.0, log=True), boosting),
            choice(IntParameter("rounds", 10, 1000, log=True), boosting),
            choice(IntParameter("boosting_depth", 1, 16), boosting),
            choice(FloatParameter("share", 0.1, 1.0), boosting),
            choice(IntParameter("forest_depth", 1, 20), forest),
            choice(IntParameter("trees", 10, 1000, log=True), forest),
            choice(FloatParameter("c", 1e-3, 1e3, log=True), kernel),
            choice(FloatParameter("width", 1e-5, 10.0, log=True), kernel),
        ]
    )
    return Problem("branch ranges", "conditional", space, value)


def three_switches() -> Problem:
    """Three independent switches, each with a strength of its own; two help when it is right and hurt when not."""
    best, gain = {"mixup": 0.2, "smoothing": 0.1, "jitter": 0.6}, {"mixup": 0.3, "smoothing": 0.2, "jitter": -0.2}

    def value(p: Params) -> float:
        loss = 0.5 + (math.log10(p["lr"]) + 3) ** 2 / 4
        for name, strength in best.items():
            if p[name]:
                loss += 3 * (p[f"{name}_strength"] - strength) ** 2 - gain[name]
        return loss

    switches = [choice(CategoricalParameter(name, (False, True))) for name in best]
    strengths = [choice(FloatParameter(f"{name}_strength", 0.0, 1.0), is_(name, True)) for name in best]
    space = Space([choice(FloatParameter("lr", 1e-5, 1e-1, log=True)), *switches, *strengths])
    return Problem("three switches", "conditional", space, value)


def diverging_branch() -> Problem:
    """Without its momentum near the right place the best optimizer diverges at the rates that it needs."""

    def fails(p: Params) -> bool:
        return p["optimizer"] == "sgd" and math.log10(p["lr_sgd"]) > -3 + 2.3 * p["momentum"]

    return failing_where(optimizer_branch(), "diverging branch", fails)


def noisy_branch() -> Problem:
    return replace(noisy(optimizer_branch(), 0.1), name="noisy optimizer branch")


CONDITIONAL = (optimizer_branch, rare_branch, variable_depth, nested, branch_ranges, three_switches)
