"""The distributions of W&B, each as an entry of `parameters`.

`log_uniform` and its kin take exponents of e, those that end in `_values` take values. The language has no bell curve
and no steps on a log axis: a normal distribution becomes the range of three standard deviations on both sides, and
logarithmic steps become choices with probabilities.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sweeprun.errors import SweepFileError, near
from sweeprun.space.identity import identity
from sweeprun.space.parameters import is_number
from sweeprun.spec import yaml12
from sweeprun.spec.wandb.ranges import Entry, Number, linear, log_stepped, logarithmic, stepped
from sweeprun.spec.words import shown
from sweeprun.trials import Json

_SIGMAS = 3
_LARGEST_EXPONENT = 700  # e to that is the order of the largest float
_PLAUSIBLE_EXPONENT = 30  # e to that is 10 to the 13


class UntranslatableError(SweepFileError):
    """A parameter that the language cannot say; `key` is the one of its keys that shows it."""

    def __init__(self, message: str, hint: str | None = None, key: str | None = None):
        super().__init__(message, hint=hint)
        self.key = key


def entry(given: Mapping[str, Json]) -> Entry:
    """One parameter's entry. Raises UntranslatableError."""
    name = _distribution(given)
    if name not in DISTRIBUTIONS:
        known = ", ".join(DISTRIBUTIONS)
        raise UntranslatableError(
            f"{shown(name)} is no distribution of W&B; there are: {known}",
            near(str(name), DISTRIBUTIONS),
            "distribution",
        )
    keys, translate = DISTRIBUTIONS[name]
    for key in sorted(given.keys() - keys - {"distribution"}):
        allowed = ", ".join(["distribution", *sorted(keys)])
        hint = near(key, sorted(keys))
        if isinstance(given[key], dict):
            hint = f"is {key} a parameter? Then it is indented too far"
        raise UntranslatableError(f"{name} has no {key}; allowed: {allowed}", hint, key)
    return translate(_Settings(name, given))


def _distribution(given: Mapping[str, Json]) -> Json:
    """The one that is named; where none is, or one that says nothing about numbers, the one that follows from the
    keys."""
    named = given.get("distribution")
    if named is not None and named not in ("constant", "categorical", "categorical_w_probabilities"):
        return named
    if "value" in given:
        return "constant"
    if "values" in given or named is not None:
        return "categorical_w_probabilities" if "probabilities" in given else "categorical"
    if not given.keys() & {"min", "max"}:
        found = ", ".join(given) or "nothing"
        raise UntranslatableError(
            f"must have value, values, min and max, or parameters alone, not {found}",
            "normal and beta distributions are named by distribution: ..." if given.keys() & _UNNAMED else None,
        )
    if "q" in given:
        return "q_uniform"
    return "int_uniform" if all(type(given.get(key, 0)) is int for key in ("min", "max")) else "uniform"


@dataclass(frozen=True)
class _Settings:
    """The keys of one parameter with a distribution."""

    name: str
    given: Mapping[str, Json]

    def number(self, key: str, default: Number | None = None) -> Number:
        value = self.given.get(key, default)
        if value is None:
            raise UntranslatableError(f"{self.name} wants {key}, which is missing", key=key)
        if isinstance(value, str):  # PyYAML reads 1e-5 as a text, so many files quote it to begin with
            value = _read(value)
        if not is_number(value):
            raise UntranslatableError(f"{key} must be a number, not {shown(value)}", key=key)
        return value  # type: ignore[no-any-return]  # is_number has looked

    def range(self) -> tuple[Number, Number]:
        low, high = self.number("min"), self.number("max")
        if low > high:
            raise UntranslatableError(f"min {low} is above max {high}", f"write min: {high}, max: {low}", "min")
        return low, high

    def exponents(self) -> tuple[float, float]:
        return self._computable(*self.range(), f"where values are meant write distribution: {self.name}_values")

    def around_the_mean(self) -> tuple[float, float]:
        mean, sigma = self.number("mu", 0), self.number("sigma", 1)
        if sigma < 0:
            raise UntranslatableError(f"sigma must not be below 0, and is {sigma}", key="sigma")
        return float(mean - _SIGMAS * sigma), float(mean + _SIGMAS * sigma)

    def exponents_around_the_mean(self) -> tuple[float, float]:
        return self._computable(*self.around_the_mean(), "mu and sigma are those of the logarithm")

    def _computable(self, low: Number, high: Number, hint: str) -> tuple[float, float]:
        for exponent in (low, high):
            if abs(exponent) > _LARGEST_EXPONENT:
                message = f"{self.name} takes exponents of e, and e to the {exponent} is no number to compute with"
                raise UntranslatableError(message, hint)
        return float(low), float(high)

    @property
    def q(self) -> Number:
        q = self.number("q", 1)
        if q <= 0:
            raise UntranslatableError(f"q must be above 0, and is {q}", key="q")
        return q


def _read(text: str) -> Json:
    try:
        return yaml12.load_value(text, "")
    except SweepFileError:
        return text


def _constant(settings: _Settings) -> Entry:
    value = settings.given["value"]
    return Entry({"value": value} if isinstance(value, dict | list) else value)


def _categorical(settings: _Settings) -> Entry:
    values = settings.given.get("values")
    if not isinstance(values, list):
        raise UntranslatableError(f"values must be a list, not {shown(values)}", key="values")
    distinct: dict[str, Json] = {}
    for value in values:
        distinct.setdefault(identity(value), value)
    if len(distinct) == len(values):
        return Entry(values)
    counts = Counter(map(identity, values))
    repeated = next(value for key, value in distinct.items() if counts[key] > 1)
    return Entry(list(distinct.values()), f"{shown(repeated)} stands more than once, and counts once")


def _weighted(settings: _Settings) -> Entry:
    values, weights = settings.given.get("values"), settings.given["probabilities"]
    if not isinstance(values, list) or not isinstance(weights, list) or len(values) != len(weights):
        message = "values and probabilities must be lists of one length"
        raise UntranslatableError(message, key="probabilities")
    kept = [(value, weight) for value, weight in zip(values, weights, strict=True) if weight != 0]
    why = "a value of probability 0 is left out" if len(kept) < len(values) else ""
    return Entry({"values": [value for value, _ in kept], "probabilities": [weight for _, weight in kept]}, why)


def _int_uniform(settings: _Settings) -> Entry:
    low, high = settings.range()
    for key, bound in (("min", low), ("max", high)):
        if bound != int(bound):
            message = f"int_uniform wants whole numbers, and {key} is {bound}"
            raise UntranslatableError(message, "for real numbers write distribution: uniform", key)
    return Entry({"min": int(low), "max": int(high)})


def _uniform(settings: _Settings) -> Entry:
    low, high = settings.range()
    return linear(low, high)


def _q_uniform(settings: _Settings) -> Entry:
    low, high = settings.range()
    return stepped(low, high, settings.q, "W&B draws the two ends half as often as the rest; here all are alike")


def _log_uniform(settings: _Settings) -> Entry:
    low, high = settings.exponents()
    found = logarithmic(math.exp(low), math.exp(high))
    return Entry(found.value, _meant(settings.name, low, high))


def _log_uniform_values(settings: _Settings) -> Entry:
    return logarithmic(*_positive(settings))


def _inv_log_uniform(settings: _Settings) -> Entry:
    low, high = settings.exponents()
    return logarithmic(math.exp(-high), math.exp(-low))


def _q_log_uniform(settings: _Settings) -> Entry:
    low, high = settings.exponents()
    found = log_stepped(math.exp(low), math.exp(high), settings.q)
    return Entry(found.value, "; ".join(filter(None, [found.why, _meant(settings.name, low, high)])))


def _q_log_uniform_values(settings: _Settings) -> Entry:
    return log_stepped(*_positive(settings), settings.q)


def _normal(settings: _Settings) -> Entry:
    return Entry(linear(*settings.around_the_mean()).value, _EVENLY)


def _q_normal(settings: _Settings) -> Entry:
    return stepped(*settings.around_the_mean(), settings.q, _EVENLY)


def _log_normal(settings: _Settings) -> Entry:
    low, high = settings.exponents_around_the_mean()
    return Entry(logarithmic(math.exp(low), math.exp(high)).value, _EVENLY)


def _q_log_normal(settings: _Settings) -> Entry:
    low, high = settings.exponents_around_the_mean()
    return Entry(log_stepped(math.exp(low), math.exp(high), settings.q).value, _EVENLY)


def _beta(settings: _Settings) -> Entry:
    a, b = settings.number("a", 1), settings.number("b", 1)
    if (a, b) != (1, 1):
        raise UntranslatableError(
            f"a beta distribution (a {a}, b {b}) cannot be drawn from",
            "write the range that matters, as min: 0.0, max: 1.0",
            "distribution",
        )
    if settings.name == "q_beta":
        return stepped(0, 1, settings.q, "the uniform distribution")
    return Entry({"min": 0.0, "max": 1.0}, "the uniform distribution")


_EVENLY = f"the range of {_SIGMAS} sigma on both sides, drawn evenly: there is no bell curve here"


def _meant(name: str, low: float, high: float) -> str:
    """What to say of exponents that look like values: 1e-5 to 0.1, or 16 to 512."""
    if not 0 < low < high <= 1 and high <= _PLAUSIBLE_EXPONENT:
        return "its bounds are exponents of e"
    return f"its bounds are exponents of e; were values meant? Then write distribution: {name}_values"


def _positive(settings: _Settings) -> tuple[float, float]:
    low, high = settings.range()
    if low <= 0:
        raise UntranslatableError(f"{settings.name} wants a min above 0, and it is {low}", key="min")
    return float(low), float(high)


_RANGE, _BELL, _SHAPE, _Q = {"min", "max"}, {"mu", "sigma"}, {"a", "b"}, {"q"}
_UNNAMED = _BELL | _SHAPE
DISTRIBUTIONS: Mapping[str, tuple[set[str], Callable[[_Settings], Entry]]] = {
    "constant": ({"value"}, _constant),
    "categorical": ({"values"}, _categorical),
    "categorical_w_probabilities": ({"values", "probabilities"}, _weighted),
    "int_uniform": (_RANGE, _int_uniform),
    "uniform": (_RANGE, _uniform),
    "q_uniform": (_RANGE | _Q, _q_uniform),
    "log_uniform": (_RANGE, _log_uniform),
    "log_uniform_values": (_RANGE, _log_uniform_values),
    "q_log_uniform": (_RANGE | _Q, _q_log_uniform),
    "q_log_uniform_values": (_RANGE | _Q, _q_log_uniform_values),
    "inv_log_uniform": (_RANGE, _inv_log_uniform),
    "inv_log_uniform_values": (_RANGE, _log_uniform_values),  # log(1/x) is uniform where log(x) is
    "normal": (_BELL, _normal),
    "q_normal": (_BELL | _Q, _q_normal),
    "log_normal": (_BELL, _log_normal),
    "q_log_normal": (_BELL | _Q, _q_log_normal),
    "beta": (_SHAPE, _beta),
    "q_beta": (_SHAPE | _Q, _beta),
}
