"""The unit cube of a space for many points at once: what Space.decode and Space.encode say of one, on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from sweeprun.history import Flags, Floats, Integers
from sweeprun.space import CategoricalParameter, Parameter, Space
from sweeprun.space.tree import INACTIVE

_MOST_CELLS = 64  # more values that are ordered are as good as a continuum, and a kernel over them costs less as one
_MOST_MASKS = 10_000  # that are kept
_ARC = np.pi / 2  # radians from one end of a conditional range to the other, on a circle where that way is 1


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One parameter's coordinate: `points` (c,) are where its values lie, ascending, and `edges` (c + 1,) the borders
    of their cells; both None where it is a continuum."""

    points: Floats | None
    edges: Floats | None
    categorical: bool

    @classmethod
    def of(cls, parameter: Parameter) -> Axis:
        categorical = isinstance(parameter, CategoricalParameter) and not parameter.ordered
        listed = isinstance(parameter, CategoricalParameter)
        if parameter.size is None or (parameter.size > _MOST_CELLS and not listed):
            return cls(None, None, categorical)
        points = np.array([parameter.to_unit(value) for value in parameter.values()])
        return cls(points, np.array(parameter.edges), categorical)

    def cells(self, u: Floats) -> Integers:
        """Which value each of the coordinates (m,) stands for."""
        assert self.edges is not None
        return np.searchsorted(self.edges[1:-1], u, side="right")


class Cube:
    """The points of `space`. `axes` are as its parameters; `numbers` (d,) tells which of them are continua."""

    def __init__(self, space: Space):
        self.space = space
        self.axes = tuple(map(Axis.of, space.parameters))
        self.numbers: Flags = np.array([axis.points is None for axis in self.axes], dtype=bool)
        self._masks: dict[bytes, Flags] = {}

    @property
    def d(self) -> int:
        return len(self.axes)

    @cached_property
    def nodes(self) -> tuple[Integers, ...]:
        """The coordinates of each node of the space."""
        places = {parameter.name: i for i, parameter in enumerate(self.space.parameters)}
        return tuple(np.array([places[each.name] for each in node.parameters]) for node in self.space.nodes)

    def settled(self, U: Floats) -> tuple[Floats, Flags]:
        """The points themselves that coordinates U (m, d) stand for, and which coordinates are active there, (m, d)."""
        active = self.active(U)
        settled = np.where(active, U, INACTIVE)
        for i, axis in enumerate(self.axes):
            if axis.points is not None:
                here = active[:, i]
                settled[here, i] = axis.points[axis.cells(U[here, i])]
        return settled, active

    def active(self, U: Floats) -> Flags:
        """Which coordinates are active at each of U (m, d)."""
        keys = np.zeros((len(U), len(self.space.gates)))
        for column, gate in enumerate(self.space.gates):
            axis = self.axes[gate]
            keys[:, column] = U[:, gate] if axis.points is None else axis.cells(U[:, gate])
        _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        masks = [self._mask(keys[row], U[row]) for row in first]
        return np.array(masks, dtype=bool).reshape(len(first), self.d)[which.ravel()]

    def _mask(self, key: Floats, u: Floats) -> Flags:
        """What is active depends on the gates alone, so one point tells it for all with the same values there."""
        mask = self._masks.get(key.tobytes())
        if mask is None:
            point = self.space.encode(self.space.decode(u))
            mask = point[1] if point else np.zeros(self.d, dtype=bool)
            if not self.numbers[list(self.space.gates)].any():
                if len(self._masks) >= _MOST_MASKS:
                    self._masks.clear()
                self._masks[key.tobytes()] = mask
        return mask

    # ---- features: the coordinates as a kernel wants them

    @cached_property
    def conditional(self) -> Flags:
        """Which coordinates are not active everywhere."""
        conditional = np.ones(self.d, dtype=bool)
        for node, coordinates in zip(self.space.nodes, self.nodes, strict=True):
            conditional[coordinates] = bool(node.condition.clauses)
        return conditional

    @cached_property
    def owner(self) -> Integers:
        """Which coordinate each of the p features is of."""
        widths = [self._width(i) for i in range(self.d)]
        return np.repeat(np.arange(self.d), widths)

    @cached_property
    def _starts(self) -> Integers:
        """The first feature of each coordinate."""
        return np.searchsorted(self.owner, np.arange(self.d))

    @cached_property
    def _choices(self) -> Integers:
        """The coordinates whose features are unit vectors."""
        return np.flatnonzero([axis.categorical for axis in self.axes])

    @cached_property
    def _arcs(self) -> Integers:
        """The coordinates whose features are places on an arc; the rest are features as they are, `_plain`."""
        return np.setdiff1d(np.flatnonzero(self.conditional), self._choices)

    @cached_property
    def _plain(self) -> Integers:
        return np.setdiff1d(np.arange(self.d), np.append(self._choices, self._arcs))

    def _width(self, i: int) -> int:
        axis = self.axes[i]
        if axis.categorical and axis.points is not None:
            return len(axis.points)
        return 2 if self.conditional[i] else 1

    def features(self, U: Floats, active: Flags) -> Floats:
        """Points as (m, p): a number is itself, or where it is conditional a place on an arc around the origin; a
        choice is one of the unit vectors, over root 2. What is not active lies at the origin."""
        Z = np.zeros((len(U), len(self.owner)))
        Z[:, self._starts[self._plain]] = U[:, self._plain]
        for i in self._arcs:
            here, start = active[:, i], self._starts[i]
            angle = _ARC * U[here, i]
            Z[here, start], Z[here, start + 1] = np.cos(angle) / _ARC, np.sin(angle) / _ARC
        for i in self._choices:
            rows = np.flatnonzero(active[:, i])
            Z[rows, self._starts[i] + self.axes[i].cells(U[rows, i])] = np.sqrt(0.5)
        return Z

    def by_coordinates(self, U: Floats, active: Flags, by_features: Floats) -> Floats:
        """Derivatives by the coordinates (m, d) from those by the features (m, p); 0 for choices and the inactive."""
        derivative = np.zeros_like(U)
        derivative[:, self._plain] = by_features[:, self._starts[self._plain]]
        for i in self._arcs:
            angle, start = _ARC * U[:, i], self._starts[i]
            derivative[:, i] = np.cos(angle) * by_features[:, start + 1] - np.sin(angle) * by_features[:, start]
        return np.where(active, derivative, 0.0)


@lru_cache(maxsize=8)
def cube(space: Space) -> Cube:
    """The cube of a space, made once."""
    return Cube(space)
