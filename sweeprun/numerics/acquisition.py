"""What a point is worth trying for, given what models predict there: acquisition functions with their derivatives.

Predictions are means `mu` and deviations `sd`; everything is minimised. Each function answers its logarithm and the
derivatives of that by mu and by sd.

Source: Ament et al. 2023, Unexpected improvements to expected improvement for Bayesian optimization.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Acquired = tuple[Floats, Floats, Floats]

_LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
_ROOT_HALF_PI = math.sqrt(math.pi / 2)
_FARTHEST = 1e100  # deviations, instead of infinitely many
_FAR = -1e3  # below it 1 + z M(z) cancels, and its asymptotic series is exact


def log_improvement(mu: Floats, sd: Floats, lower: Floats, upper: Floats) -> Acquired:
    """log E[the volume that f adds to what is dominated], for f of m independent objectives N(mu, sd^2), all (q, m).

    `lower` and `upper` (b, m) are boxes that fill what is not dominated yet (`boxes.undominated`). The value is (q,),
    the derivatives are (q, m). With one objective and one box it is expected improvement.

    Source: Emmerich et al. 2006, Single- and multiobjective evolutionary optimization assisted by Gaussian random field
    metamodels; here as a sum over boxes of products, in logarithms.
    """
    mu, sd = mu[:, None, :], sd[:, None, :]
    z_upper, z_lower = (upper - mu) / sd, np.maximum((lower - mu) / sd, -_FARTHEST)
    (log_upper, ratio_upper), (log_lower, ratio_lower) = _log_h(z_upper), _log_h(z_lower)
    edges = _log_difference(log_upper, log_lower)
    boxes = (np.log(sd) + edges).sum(axis=2)
    highest = boxes.max(axis=1)
    value = highest + np.log(np.exp(boxes - highest[:, None]).sum(axis=1))
    shares = np.exp(boxes - value[:, None])[:, :, None] / sd
    beyond = np.exp(log_lower - edges)
    by_mu = ratio_lower * beyond - ratio_upper * (1 + beyond)
    by_sd = (1 - z_upper * ratio_upper) * (1 + beyond) - (1 - z_lower * ratio_lower) * beyond
    return value, (shares * by_mu).sum(axis=1), (shares * by_sd).sum(axis=1)


def log_below(mu: Floats, sd: Floats, limit: float) -> Acquired:
    """log P(f <= limit) for f ~ N(mu, sd^2), all (q,)."""
    from scipy.special import log_ndtr

    z = (limit - mu) / sd
    value, near = log_ndtr(z), np.maximum(z, _FAR)
    slope = np.where(z < _FAR, -z, np.exp(-0.5 * near**2 - _LOG_ROOT_2PI - log_ndtr(near)))
    return value, -slope / sd, -z * slope / sd


def _log_difference(a: Floats, b: Floats) -> Floats:
    """log(exp(a) - exp(b)) where a > b."""
    return np.asarray(a + np.log(-np.expm1(np.minimum(b - a, -1e-300))))


def _log_h(z: Floats) -> tuple[Floats, Floats]:
    """log h(z) and its derivative, with h(z) = phi(z) + z Phi(z). Ament eq. (9), with the Mills ratio M = Phi / phi."""
    from scipy.special import erfcx, ndtr

    near, far = z > -1, z < _FAR
    z_near, z_below = np.where(near, z, 0.0), np.where(near, -1.0, np.maximum(z, _FAR))
    phi = np.exp(-0.5 * z_near**2 - _LOG_ROOT_2PI)
    h = phi + z_near * ndtr(z_near)
    mills = _ROOT_HALF_PI * erfcx(-z_below / math.sqrt(2))
    rest = 1 + z_below * mills
    inverse_square = 1 / np.where(far, z, 1.0) ** 2
    rest = np.where(far, inverse_square * (1 - 3 * inverse_square), rest)
    below = -0.5 * np.square(np.where(near, 0.0, z)) - _LOG_ROOT_2PI + np.log(rest)
    ratio = np.where(near, ndtr(z_near) / h, np.where(far, -z, mills / rest))
    return np.where(near, np.log(h), below), ratio
