"""The problems that optimizers are compared on. See `problem.py` for what one is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from problems.conditional import CONDITIONAL, diverging_branch, noisy_branch
from problems.continuous import CONTINUOUS
from problems.mixed import FAILING, MIXED, NOISY
from problems.problem import Group, Params, Problem, Values
from problems.tables import real

__all__ = ["SLOW", "Group", "Params", "Problem", "Values", "find", "problems"]

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


def find(name: str, data: Path | None) -> Problem:
    return next(problem for problem in problems(data) if problem.name == name)
