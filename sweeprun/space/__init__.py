"""The search space: parameters, the tree they stand in, values <-> unit cube."""

from sweeprun.space.composites import Linked, Mixture, Repeated
from sweeprun.space.conditions import ALWAYS, Active, Condition, Holds, OneOf
from sweeprun.space.declarations import Choice, Declaration, Derived, Fixed
from sweeprun.space.filling import NotAllowedError, filled
from sweeprun.space.identity import identity
from sweeprun.space.parameters import CategoricalParameter, FloatParameter, IntParameter, Parameter
from sweeprun.space.tree import CircularConditionError, Node, Space
from sweeprun.space.written import from_cells

__all__ = [
    "ALWAYS",
    "Active",
    "CategoricalParameter",
    "Choice",
    "CircularConditionError",
    "Condition",
    "Declaration",
    "Derived",
    "Fixed",
    "FloatParameter",
    "Holds",
    "IntParameter",
    "Linked",
    "Mixture",
    "Node",
    "NotAllowedError",
    "OneOf",
    "Parameter",
    "Repeated",
    "Space",
    "filled",
    "from_cells",
    "identity",
]
