"""How a space of ours is told to others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from problems import Params
from sweeprun.space import Parameter, Repeated, Space


def configuration(space: Space, value_of: Callable[[Parameter], Any]) -> Params:
    """What the program is given, where `value_of` draws each active parameter, parents before children."""
    values: dict[str, Any] = {}
    for declaration in space.declarations:
        if declaration.when.holds(values):
            for parameter, condition in declaration.searched:
                if condition.holds(values):
                    values[parameter.name] = value_of(parameter)
            values.update(declaration.deliver(values))
    elements = {e.name for d in space.declarations if isinstance(d, Repeated) for e in d.elements}
    return {name: value for name, value in values.items() if name not in elements}


def gates(space: Space) -> Mapping[str, tuple[Parameter, list[Any]]]:
    """For each parameter that is not always active: the gate right above it, and the gate's values that activate it.

    A condition over several parameters must name them along one path of the tree.
    """
    found: dict[str, tuple[Parameter, list[Any]]] = {}
    for node in space.nodes:
        names = node.condition.names
        if names:
            gate = [parameter for parameter in space.parameters if parameter.name in names][-1]
            above = _above(gate, found)
            allowed = [value for value in gate.values() if node.condition.holds({**above, gate.name: value})]
            found.update({parameter.name: (gate, allowed) for parameter in node.parameters})
    return found


def _above(parameter: Parameter, found: Mapping[str, tuple[Parameter, list[Any]]]) -> dict[str, Any]:
    """Values of the gates above `parameter` that activate it."""
    values: dict[str, Any] = {}
    while parameter.name in found:
        parameter, allowed = found[parameter.name]
        values[parameter.name] = allowed[0]
    return values


@dataclass
class Finite:
    """For optimizers that take no failures: one counts as the worst value so far. Before there is a value, it waits."""

    worst: float = -math.inf
    waiting: list[int] = field(default_factory=list)

    def told(self, number: int, value: float) -> list[tuple[int, float, bool]]:
        """What can be told now: the number of a trial, its value, whether it failed."""
        if math.isnan(value):
            self.waiting.append(number)
            known = []
        else:
            self.worst = max(self.worst, value)
            known = [(number, value, False)]
        if math.isinf(self.worst):
            return known
        failed, self.waiting = self.waiting, []
        return known + [(each, self.worst, True) for each in failed]
