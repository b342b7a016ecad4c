"""Gaussian process regression: Matern-5/2, one lengthscale for each parameter, hyperparameters of highest posterior.

    symbol      shape    meaning
    Z           (n, p)   features of the points that were observed
    owner       (p,)     which of the d parameters each feature belongs to
    y           (n,)     what was observed there, of mean 0 and deviation 1
    Q           (q, p)   features of the points at which a prediction is asked for
    theta       (d + 2,) log lengthscales, log signal variance, log noise variance

Source: Rasmussen and Williams 2006, Gaussian processes for machine learning, ch. 2, 4 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_ROOT_5 = math.sqrt(5)
_JITTER = 1e-8
_LEAST_VARIANCE = 1e-12
_BOUNDS = (-5.0, 6.0)  # of a log lengthscale: beyond them the kernel is white, or constant
_NOISE_BOUNDS = (-14.0, 1.0)
_SIGNAL_BOUNDS = (-4.0, 4.0)
_ITERATIONS = 40
_FORGOTTEN = (0.0, 0.03, 0.1, 0.3)  # shares of what was known that are lost in a unit of time


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of theta before anything is seen: independent normals.

    Of log lengthscales about log(n_active) / 2 - 0.3, deviation 1.2; of the log noise variance about -6, deviation 2;
    of the log signal variance about 0, deviation 1. `n_active` is the mean number of active parameters of a point.
    """

    n_active: float

    def moments(self, d: int) -> tuple[Floats, Floats]:
        """Means and deviations, each (d + 2,)."""
        scale = math.log(max(self.n_active, 1.0)) / 2 - 0.3
        return np.array([scale] * d + [0.0, -6.0]), np.array([1.2] * d + [1.0, 2.0])


@dataclass(frozen=True, slots=True, eq=False)
class Fading:
    """The function changes with time: it was observed at times `t` (n,) and is asked for `now`. Of what is known of it
    the share `forgotten` is lost in a unit of time.

    Source: Bogunovic et al. 2016, Time-varying Gaussian process bandit optimization.
    """

    t: Floats
    now: float
    forgotten: float

    @property
    def among(self) -> Floats:
        """What the kernel of the observations is multiplied with, (n, n)."""
        return np.asarray((1 - self.forgotten) ** (np.abs(self.t[:, None] - self.t) / 2))

    @property
    def until_now(self) -> Floats:
        """The same between now and each of them, (n,)."""
        return np.asarray((1 - self.forgotten) ** (np.abs(self.now - self.t) / 2))


class GaussianProcess:
    """What is known of a function after observing `y` (n,) at `Z` (n, p), where `theta` is as given. The mean far from
    everything is 0. `fading`: it changes with time."""

    def __init__(self, Z: Floats, owner: Integers, y: Floats, theta: Floats, fading: Fading | None = None):
        from scipy.linalg import cho_factor, cho_solve

        self.theta, self.owner, self.fading = theta, owner, fading
        self._scale = np.exp(-theta[:-2])[owner]
        self._signal, self._noise = math.exp(theta[-2]), math.exp(theta[-1])
        self.Z, self.y = Z, y
        self._X = Z * self._scale
        K, _ = _matern(_squared_distances(self._X, self._X))
        K *= self._signal
        self._weight: float | Floats = self._signal
        if fading is not None:
            K *= fading.among
            self._weight = self._signal * fading.until_now
        K[np.diag_indices_from(K)] += self._noise + _JITTER
        factor = cho_factor(K, lower=True)
        self._alpha = cho_solve(factor, y)
        self._inverse = cho_solve(factor, np.eye(len(y)))

    def predict(self, Q: Floats) -> tuple[Floats, Floats]:
        """Mean and deviation, each (q,), of the function itself, without noise."""
        k, _ = _matern(_squared_distances(Q * self._scale, self._X))
        k *= self._weight
        return k @ self._alpha, self._deviation(k, k @ self._inverse)

    def slopes(self, Q: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean and deviation, each (q,), and their derivatives by the features of Q, each (q, p)."""
        X = Q * self._scale
        k, slope = _matern(_squared_distances(X, self._X))
        k, slope = self._weight * k, self._weight * slope
        v = k @ self._inverse
        sd = self._deviation(k, v)
        dmu = self._by_features(X, slope * self._alpha)
        dsd = -self._by_features(X, slope * v) / sd[:, None]
        return k @ self._alpha, sd, dmu, dsd

    def believing(self, Q: Floats, at_least: float = -math.inf) -> GaussianProcess:
        """The same as if its own means had been observed at Q too, or `at_least` where they are below that: what is not
        known is believed (kriging believer, Ginsbourger 2010)."""
        if not len(Q):
            return self
        y, fading = np.append(self.y, np.maximum(self.predict(Q)[0], at_least)), self.fading
        if fading is not None:
            fading = replace(fading, t=np.append(fading.t, np.full(len(Q), fading.now)))
        return GaussianProcess(np.vstack([self.Z, Q]), self.owner, y, self.theta, fading)

    def left_out(self) -> Floats:
        """What it would predict (n,) at each point that was observed, had that one not been. R&W eq. (5.12)."""
        return np.asarray(self.y - self._alpha / np.diag(self._inverse))

    def _deviation(self, k: Floats, v: Floats) -> Floats:
        variance = self._signal - np.einsum("ij,ij->i", k, v)
        return np.asarray(np.sqrt(np.maximum(variance, _LEAST_VARIANCE)))

    def _by_features(self, X: Floats, weights: Floats) -> Floats:
        """The derivative by the features of X (q, p) of the sum of kernels, where `weights` (q, n) are those of their
        derivatives by the squared distance."""
        return np.asarray(2 * self._scale * (X * weights.sum(axis=1, keepdims=True) - weights @ self._X))


def fit(Z: Floats, owner: Integers, y: Floats, prior: Prior) -> Floats:
    """The theta of highest posterior density, from fixed starts. The same arguments are not fitted twice in a row."""
    return _fit(Z.tobytes(), Z.shape, owner.tobytes(), y.tobytes(), prior)[1]


def fit_fading(Z: Floats, owner: Integers, y: Floats, prior: Prior, t: Floats, now: float) -> tuple[Floats, Fading]:
    """The same for a function that may change with time, and how fast it seems to."""
    fits = []
    for fading in (Fading(t, now, forgotten) for forgotten in _FORGOTTEN):
        known = Z.tobytes(), Z.shape, owner.tobytes(), y.tobytes(), prior, fading.among.tobytes()
        fits.append((*_fit(*known), fading))
    _, theta, fading = min(fits, key=lambda each: each[0])
    return theta, fading


@lru_cache(maxsize=128)
def _fit(
    Z: bytes, shape: tuple[int, int], owner: bytes, y: bytes, prior: Prior, among: bytes | None = None
) -> tuple[float, Floats]:
    """Minus the log posterior density of the best theta up to a constant, and that theta."""
    from scipy.optimize import minimize

    observed = np.frombuffer(y)
    D = _squared_differences(np.frombuffer(Z).reshape(shape), np.frombuffer(owner, dtype=np.int64))
    d = len(D)
    means, deviations = prior.moments(d)
    bounds = [_BOUNDS] * d + [_SIGNAL_BOUNDS, _NOISE_BOUNDS]
    weights = None if among is None else np.frombuffer(among).reshape(len(observed), -1)
    known = D, observed, means, deviations, weights
    starts = (means, means - np.array([0.0] * d + [0.0, -3.0]))
    options = {"maxiter": _ITERATIONS}
    results = [
        minimize(_objective, start, known, "L-BFGS-B", True, bounds=bounds, options=options)
        for start in starts
    ]
    found = min(results, key=lambda result: float(result.fun))
    best = np.asarray(found.x, dtype=np.float64)
    best.flags.writeable = False  # it is kept
    return float(found.fun), best


def _objective(
    theta: Floats, D: Floats, y: Floats, means: Floats, deviations: Floats, among: Floats | None = None
) -> tuple[float, Floats]:
    """Minus the log posterior density up to a constant, and its gradient (d + 2,). R&W eq. (5.8) and (5.9)."""
    from scipy.linalg.lapack import dpotrf, dpotri

    n, inverse_squares = len(y), np.exp(-2 * theta[:-2])
    signal, noise = math.exp(theta[-2]), math.exp(theta[-1])
    M, slope = _matern((inverse_squares @ D).reshape(n, n))
    if among is not None:
        M, slope = M * among, slope * among
    K = signal * M
    K[np.diag_indices(n)] += noise + _JITTER
    L, failed = dpotrf(K, lower=1, overwrite_a=0)
    if failed:
        return math.inf, np.zeros_like(theta)
    inverse, _ = dpotri(L, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    alpha = inverse @ y
    W = inverse - np.outer(alpha, alpha)
    gradient = np.empty_like(theta)
    gradient[:-2] = -signal * (D @ (W * slope).ravel()) * inverse_squares
    gradient[-2] = 0.5 * signal * np.sum(W * M)
    gradient[-1] = 0.5 * noise * np.trace(W)
    z = (theta - means) / deviations
    value = 0.5 * y @ alpha + np.sum(np.log(np.diag(L))) + 0.5 * z @ z
    return float(value), gradient + z / deviations


def _matern(squares: Floats) -> tuple[Floats, Floats]:
    """The kernel of unit variance at these squared distances, and its derivative by them. R&W eq. (4.17)."""
    r = _ROOT_5 * np.sqrt(squares)
    decay = np.exp(-r)
    return (1 + r + squares * (5 / 3)) * decay, (-5 / 6) * (1 + r) * decay


def _squared_distances(A: Floats, B: Floats) -> Floats:
    squares = np.einsum("ij,ij->i", A, A)[:, None] + np.einsum("ij,ij->i", B, B) - 2 * A @ B.T
    return np.asarray(np.maximum(squares, 0.0))


def _squared_differences(Z: Floats, owner: Integers) -> Floats:
    """For each parameter the squared distances between all points in its features alone: (d, n * n)."""
    n = len(Z)
    D = np.zeros((int(owner.max(initial=-1)) + 1, n * n))
    for feature, parameter in enumerate(owner):
        z = Z[:, feature]
        D[parameter] += np.square(z[:, None] - z).ravel()
    return D
