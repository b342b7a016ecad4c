"""Random search."""

from __future__ import annotations

from typing import final

import numpy as np

from sweeprun.history import Flags, Floats, History
from sweeprun.samplers._untried import find_rare, is_new
from sweeprun.samplers.base import Sampler
from sweeprun.space import CategoricalParameter, IntParameter, Parameter
from sweeprun.trials import Suggestion

_TRIES = 20  # draws into the branch that is due, which constraints may rule out or which may be exhausted
_MOST_CELLS = 100  # a gate with more values hardly ever repeats one: there is nothing to even out


@final
class RandomSampler(Sampler):
    """Independent draws: the baseline, and a good choice for many workers and few assumptions.

    Where the tree branches, the next draw goes to a branch that had the fewest so far; all else is independent. A
    finite space is drawn from without repetition until it is exhausted.

    Paper: Bergstra and Bengio 2012, Random search for hyper-parameter optimization.
    Differs from the paper: the branches are stratified.

        algorithm: random
    """

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion | None:
        space, gates = history.space, _gates(history)
        for _ in range(_TRIES):
            u = rng.random(len(space.parameters))
            for gate, centers, due in gates:
                u[gate] = centers[rng.choice(np.flatnonzero(due))]
            params = space.decode(u)
            if is_new(params, history):
                return Suggestion(params)
        rare = find_rare(history, rng)
        return Suggestion(rare) if rare is not None else None


def _gates(history: History) -> list[tuple[int, Floats, Flags]]:
    """For each gate: its coordinate, its cells' centers (k,), and which of them lag most behind their share (k,)."""
    gates = []
    for gate in history.space.gates:
        shares = _shares(history.space.parameters[gate])
        if shares is None:
            continue
        U, active = history.points
        edges = np.cumsum(shares)
        used = np.searchsorted(edges, U[active[:, gate], gate], side="right")
        deficit = shares * (len(used) + 1) - np.bincount(used, minlength=len(shares))
        gates.append((gate, edges - shares / 2, deficit == deficit.max()))
    return gates


def _shares(parameter: Parameter) -> Floats | None:
    """The width of each cell in the unit interval; None where the cells are not to be evened out."""
    if isinstance(parameter, CategoricalParameter) and parameter.weights:
        return np.array(parameter.weights) / sum(parameter.weights)
    even = not (isinstance(parameter, IntParameter) and parameter.log)
    if parameter.size is None or parameter.size > _MOST_CELLS or not even:
        return None
    return np.full(parameter.size, 1 / parameter.size)
