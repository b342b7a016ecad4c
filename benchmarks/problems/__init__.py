"""The problems that optimizers are compared on. See `problem.py` for what one is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from problems.conditional import CONDITIONAL, diverging_branch, noisy_branch
from problems.continuous import CONTINUOUS
from problems.fronts import FrontProblem
from problems.fronts import fronts as made_fronts
from problems.mixed import FAILING, MIXED, NOISY
from problems.problem import Group, Params, Problem, Values
from problems.tables import real

__all__ = ["SLOW", "FrontProblem", "Group", "Params", "Problem", "Values", "find", "fronts", "problems"]

# What slow optimizers are compared on: one or two of each group, chosen before anyone's results were seen.
SLOW = (
    "Hartmann 6-d",
    "ten mixed",
    "optimizer branch",
    "nested branches",
    "failing region",
    "noisy quadratic",
    "FCNet protein_structure",
    "LCBench 7593",
)


@cache
def problems(data: Path | None) -> tuple[Problem, ...]:
    """All of one objective, group by group; those of recorded trainings where `data` says where they are."""
    made = [make() for make in (*CONTINUOUS, *MIXED, *CONDITIONAL, *FAILING, diverging_branch, *NOISY, noisy_branch)]
    return (*made, *(real(data) if data else []))


@cache
def fronts(data: Path | None) -> tuple[FrontProblem, ...]:
    """All of two objectives."""
    return tuple(made_fronts(data))


def find(name: str, data: Path | None) -> Problem:
    """The problem of that name; those of two objectives are only made where they are asked for."""
    known = {problem.name: problem for problem in problems(data)}
    return known.get(name) or next(problem for problem in fronts(data) if problem.name == name)
