"""Exact counting of a finite space: how many distinct configurations there are, and which is the i-th.

Declarations that nothing connects are counted apart and multiplied. Within a connected block only those are gone
through whose values decide about others (conditions, lengths, constraints); the rest, the leaves, are multiplied.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sweeprun.errors import SpaceError
from sweeprun.expressions import Expression
from sweeprun.space.conditions import rejects
from sweeprun.space.declarations import Declaration, Derived, failing
from sweeprun.trials import Params

MAX_COMBINATIONS = 100_000  # a second or two of going through them

Digits = tuple[int, ...]


class Configurations:
    """The distinct configurations of finite `declarations`, parents first; `owners` maps each name to its declaration.

    Raises SpaceError where a block has more than 100 000 combinations to go through.
    """

    def __init__(
        self,
        declarations: Sequence[Declaration],
        constraints: Sequence[Expression],
        owners: Mapping[str, Declaration],
    ):
        self._blocks = _blocks(declarations, constraints, owners)

    @cached_property
    def size(self) -> int:
        return math.prod(block.size for block in self._blocks)

    def at(self, index: int) -> Params:
        """Every delivered and element name of the configuration of that index."""
        if not 0 <= index < self.size:
            raise IndexError(f"configuration {index} of {self.size}")
        values: Params = {}
        for block in self._blocks:
            index, within = divmod(index, block.size)
            values.update(block.at(within))
        return values


@dataclass(frozen=True)
class _Block:
    """Declarations that are connected, parents first. `deciding` are indices of those gone through."""

    declarations: tuple[Declaration, ...]
    constraints: tuple[Expression, ...]
    deciding: frozenset[int]

    @property
    def size(self) -> int:
        return self._offsets[-1]

    @cached_property
    def _rows(self) -> list[tuple[Digits, int]]:
        """Each allowed combination of the deciding declarations, and how many leaves' combinations it has."""
        rows = []
        for digits, values in self._combinations():
            leaves = [leaf for i, leaf in enumerate(self.declarations) if i not in self.deciding]
            if any(failing(leaf, values) for leaf in leaves):
                continue
            rows.append((digits, math.prod(leaf.count(values) for leaf in leaves if leaf.when.holds(values))))
        return rows

    @cached_property
    def _offsets(self) -> list[int]:
        offsets = [0]
        for _, n_leaves in self._rows:
            offsets.append(offsets[-1] + n_leaves)
        return offsets

    def _combinations(self) -> Iterator[tuple[Digits, Params]]:
        """Depth first, without recursion: a chain of conditions may be longer than the interpreter's stack."""
        order = sorted(self.deciding)
        stack: list[tuple[Digits, Params]] = [((), {})]
        seen = 0
        while stack:
            digits, values = stack.pop()
            if len(digits) == len(order):
                seen += 1
                yield digits, values
                continue
            declaration = self.declarations[order[len(digits)]]
            children = self._children(declaration, digits, values)
            if seen + len(stack) + len(children) > MAX_COMBINATIONS:
                self._give_up()
            stack.extend(reversed(children))

    def _children(self, declaration: Declaration, digits: Digits, values: Params) -> list[tuple[Digits, Params]]:
        if failing(declaration, values):
            return []
        if not declaration.when.holds(values):
            return [((*digits, 0), values)]
        n_values = declaration.count(values)
        if n_values > MAX_COMBINATIONS:
            self._give_up()
        children = []
        for i in range(n_values):
            added = declaration.nth(i, values)
            extended = {**values, **added}
            touching = (constraint for constraint in self.constraints if constraint.names & added.keys())
            if not any(rejects(constraint, extended) for constraint in touching):
                children.append(((*digits, i), extended))
        return children

    def _give_up(self) -> None:
        names = ", ".join(self.declarations[i].name for i in sorted(self.deciding))
        raise SpaceError(
            f"the parameters {names} depend on each other and have more than {MAX_COMBINATIONS} combinations",
            "use algorithm: random, or fewer values",
        )

    def at(self, index: int) -> Params:
        row = bisect_right(self._offsets, index) - 1
        digits, rest = iter(self._rows[row][0]), index - self._offsets[row]
        values: Params = {}
        for i, declaration in enumerate(self.declarations):
            digit = next(digits) if i in self.deciding else None
            if not declaration.when.holds(values):
                continue
            if digit is None:
                rest, digit = divmod(rest, declaration.count(values))
            values.update(declaration.nth(digit, values))
        return values


def _blocks(
    declarations: Sequence[Declaration], constraints: Sequence[Expression], owners: Mapping[str, Declaration]
) -> list[_Block]:
    connections = [{d.name, *(owners[name].name for name in d.when.names | d.uses)} for d in declarations]
    connections += [{owners[name].name for name in constraint.names} for constraint in constraints]
    groups: list[set[str]] = []
    for connected in connections:
        apart = [group for group in groups if not group & connected]
        groups = [*apart, connected.union(*(group for group in groups if group & connected))]
    return [_block(group, declarations, constraints, owners) for group in groups]


def _block(
    group: set[str],
    declarations: Sequence[Declaration],
    constraints: Sequence[Expression],
    owners: Mapping[str, Declaration],
) -> _Block:
    inside = tuple(declaration for declaration in declarations if declaration.name in group)
    relevant = tuple(c for c in constraints if any(owners[name].name in group for name in c.names))
    needed = [name for constraint in relevant for name in constraint.names]
    for declaration in inside:
        # One value, whatever a derived one is computed from: unless there may be none, it makes nothing deciding.
        total = isinstance(declaration, Derived) and not declaration.expression.partial
        needed += declaration.when.names | (frozenset() if total else declaration.uses)
    deciding: set[str] = set()
    while needed:
        owner = owners[needed.pop()]
        if owner.name not in deciding:
            deciding.add(owner.name)
            needed += owner.uses
    return _Block(inside, relevant, frozenset(i for i, d in enumerate(inside) if d.name in deciding))
