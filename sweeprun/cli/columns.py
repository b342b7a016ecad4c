"""Which columns a list of trials has."""

from __future__ import annotations

from collections.abc import Sequence

from sweeprun.trial import Trial


def varying(trials: Sequence[Trial]) -> list[str]:
    """The parameters that are not the same in all of these trials; all of them where there is one trial."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    if len(trials) == 1:
        return names
    return [name for name in names if len({repr(trial.params.get(name)) for trial in trials}) > 1]
