"""What `--require` asks of the best trial, or of one trial of the front."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sweeprun.cli.view import say, short
from sweeprun.errors import UsageError, near
from sweeprun.expressions import Expression, MissingNameError
from sweeprun.trials import Trial


def _names(condition: Expression) -> frozenset[str]:
    return condition.names | condition.metric_names


def unknown(condition: Expression, known: Collection[str], what: str) -> UsageError | None:
    """The error of naming something that is not `known`, but what the sentence ends with; None where all is known."""
    names = sorted(_names(condition).difference(known))
    hints = (near(name, known) for name in names)
    return UsageError(f"--require: {names[0]!r} {what}", next(filter(None, hints), None)) if names else None


def met(condition: Expression, trials: Sequence[Trial]) -> bool:
    """Whether one of them meets it; says so where none does. Raises UsageError where it names what none of them has."""
    missing = None
    for trial in trials:
        try:
            if condition.evaluate(trial.params, trial.values):
                return True
        except MissingNameError as error:  # of a front, others may have the parameter
            missing = error
    seen = {name: value for trial in trials for name, value in {**trial.params, **trial.values}.items()}
    if missing is not None and _names(condition) - seen.keys():
        hints = (near(name, seen) for name in sorted(_names(condition) - seen.keys()))
        raise UsageError(f"--require: {missing}", next(filter(None, hints), None))
    if len(trials) > 1:
        say(f"not met by any of the {len(trials)} trials of the front: {condition.text}")
        return False
    values = ", ".join(f"{name} is {short(seen[name])}" for name in sorted(condition.names) if name in seen)
    say(f"not met by trial {trials[0].number}: {condition.text}" + (f" ({values})" if values else ""))
    return False
