"""The signed-rank test: do the differences of pairs lean to one side?

    symbol  shape  meaning
    D       (n,)   the difference of each pair; no NaN

The sizes of all differences are ranked, equal ones share their mean rank, and the ranks of the positive ones are
summed. If either sign were as likely, each rank would be in that sum with a chance of one half; a difference of 0 takes
its rank and is in no sum (Pratt). The distribution of the sum is computed as it is, with ties and zeros, and is normal,
with a correction for continuity, where more than 50 differences are not 0.

Sources: Wilcoxon 1945, Individual comparisons by ranking methods; Pratt 1959, Remarks on zeros and ties in the Wilcoxon
signed rank procedures.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MOST_EXACT = 50  # differences


def chance(D: Floats) -> float:
    """How likely the positive differences would have so high a sum of ranks or a higher one: small where they prevail.

    1 where there is no difference at all.
    """
    sizes = np.abs(D)
    ordered = np.sort(sizes)
    twice = np.searchsorted(ordered, sizes, "left") + np.searchsorted(ordered, sizes, "right") + 1
    observed, ranks = int(twice[D > 0].sum()), twice[D != 0]  # twice the ranks are whole also where they are shared
    if len(ranks) > _MOST_EXACT:
        z = (observed - 1 - ranks.sum() / 2) / (math.sqrt(float(np.square(ranks).sum())) / 2)
        return math.erfc(z / math.sqrt(2)) / 2
    return min(1.0, float(_distribution(ranks)[observed:].sum()))


def _distribution(ranks: Integers) -> Floats:
    """The chance of each sum (sum(ranks) + 1,) that a random half of `ranks` may have."""
    chances = np.ones(1)
    for rank in ranks.tolist():
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    return chances
