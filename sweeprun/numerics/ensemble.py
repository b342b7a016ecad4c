"""Several models of one function as one, each weighing as often as it ranks best what was observed.

Source: Feurer et al. 2018, Practical transfer learning for Bayesian optimization (RGPE).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sweeprun.numerics.gaussian_process import GaussianProcess

Floats = npt.NDArray[np.float64]

_RESAMPLES = 128
_BELIEVED = 3  # pairs: those of three trials


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """The weighted sum of independent processes; `weights` (k,) sum to 1."""

    processes: tuple[GaussianProcess, ...]
    weights: Floats

    def predict(self, Q: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation, each (q,)."""
        mu, sd = (np.array(parts) for parts in zip(*(each.predict(Q) for each in self.processes), strict=True))
        return self.weights @ mu, np.sqrt(self.weights**2 @ sd**2)

    def slopes(self, Q: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean and deviation, each (q,), and their derivatives by the features of Q, each (q, p)."""
        parts = zip(*(each.slopes(Q) for each in self.processes), strict=True)
        mu, sd, dmu, dsd = (np.array(part) for part in parts)
        spread = np.sqrt(self.weights**2 @ sd**2)
        variance_slope = np.einsum("k,kq,kqp->qp", self.weights**2, sd, dsd)
        return self.weights @ mu, spread, np.einsum("k,kqp->qp", self.weights, dmu), variance_slope / spread[:, None]

    def believing(self, Q: Floats, at_least: float = -math.inf) -> Ensemble:
        """The same as if what each process expects at Q, or `at_least`, had been observed by it."""
        return Ensemble(tuple(each.believing(Q, at_least) for each in self.processes), self.weights)


def rank_weights(predicted: Sequence[Floats], y: Floats, rng: np.random.Generator) -> Floats:
    """How much each of k models is to be believed (k,), from what it predicts, (n,) each, where y (n,) was observed.

    The share of resamples of the n points in which it ranks fewest pairs wrongly; who is equal shares. Where a model
    was made from y itself, it is the last one, and predicts each point as if that had been left out. Who is worse
    than the last one in most resamples gets nothing: many that are useless would add up.
    """
    wrong = np.array([(mu[:, None] < mu) != (y[:, None] < y) for mu in predicted])
    draws = rng.integers(len(y), size=(_RESAMPLES, len(y)))
    losses = np.array([wrong[:, draw][:, :, draw].sum(axis=(1, 2)) for draw in draws])
    useless = np.mean(losses > losses[:, -1:], axis=0) > 0.5
    lowest = np.where(useless, np.inf, losses)
    best = lowest == lowest.min(axis=1, keepdims=True)
    return np.asarray((best / best.sum(axis=1, keepdims=True)).mean(axis=0))


def agreement(predicted: Floats, y: Floats) -> float:
    """How well a model, from what it predicts (n,), ranks what was observed, y (n,): 1 where it ranks all pairs right,
    0 where no more of them than wrongly. Some pairs that were never seen count as right: it is believed at first."""
    signs = np.sign(predicted[:, None] - predicted) * np.sign(y[:, None] - y)
    balance, n_pairs = float(np.triu(signs, 1).sum()), len(y) * (len(y) - 1) / 2
    return max(0.0, (balance + _BELIEVED) / (n_pairs + _BELIEVED))
