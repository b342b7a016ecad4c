"""Losses as a Gaussian process wants them: without outliers, symmetric, of mean 0 and deviation 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_FAR = 1e6  # deviations: nothing is expected so far away
_POWERS = np.linspace(-1.0, 1.0, 21)


@dataclass(frozen=True, slots=True)
class Warp:
    """A map of losses that keeps their order: what is far above the others is clipped, the rest goes through a
    Yeo-Johnson transform of a `power` of at most 1, so that what is bad is drawn in and never stretched.

    Source: Yeo and Johnson 2000; Cowen-Rivers et al. 2022, HEBO. Differs from HEBO: the clipping, and the bound.
    """

    highest: float
    center: float
    spread: float
    power: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, y: Floats, limit: float = math.inf) -> Self:
        """The map that makes these losses (n,), finite and at least one, as normal as it can. What is above `limit`
        stays above it."""
        low, middle, upper = y.min(), np.median(y), np.quantile(y, 0.75)
        highest = middle + 5 * max(middle - low, upper - middle)
        if limit < y.max():
            highest = max(highest, limit + 0.1 * max(limit - low, upper - low))
        clipped = np.minimum(y, highest)
        center, spread = _moments(clipped)
        z = (clipped - center) / spread
        power = float(_POWERS[np.argmax([_likelihood(z, power) for power in _POWERS])])
        return cls(float(clipped.max()), center, spread, power, *_moments(_yeo_johnson(z, power)))

    def __call__(self, y: Floats) -> Floats:
        """These losses warped, of the same shape."""
        z = (np.minimum(y, self.highest) - self.center) / self.spread
        return (_yeo_johnson(z, self.power) - self.mean) / self.deviation

    def bound(self, y: float) -> float:
        """One loss warped as an upper bound: infinity where all that is clipped keeps it."""
        if y >= self.highest:
            return math.inf
        return float(self(np.array([max(y, self.center - _FAR * self.spread)]))[0])


def _moments(y: Floats) -> tuple[float, float]:
    """Mean and deviation; a deviation that is nothing but rounding is 1."""
    center, spread = float(y.mean()), float(y.std())
    return center, spread if spread > 1e-12 * abs(center) else 1.0


def _likelihood(z: Floats, power: float) -> float:
    """The log likelihood of a power, up to a constant. Yeo and Johnson 2000, section 3."""
    variance = max(float(np.var(_yeo_johnson(z, power))), 1e-300)
    return float(-0.5 * len(z) * np.log(variance) + (power - 1) * np.sum(np.sign(z) * np.log1p(np.abs(z))))


def _yeo_johnson(z: Floats, power: float) -> Floats:
    above, below = np.log1p(np.maximum(z, 0.0)), np.log1p(np.maximum(-z, 0.0))
    return np.where(z >= 0, _box_cox(above, power), -_box_cox(below, 2 - power))


def _box_cox(logs: Floats, power: float) -> Floats:
    return np.asarray(logs if abs(power) < 1e-9 else np.expm1(power * logs) / power)
