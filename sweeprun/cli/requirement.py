"""What `--require` asks of the best trial, or of one trial of the front."""

from __future__ import annotations

from collections.abc import Sequence

from sweeprun.cli.view import say, short
from sweeprun.errors import UsageError, near
from sweeprun.expressions import Expression, MissingNameError
from sweeprun.trials import Trial


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
    if missing is not None and condition.names - seen.keys():
        hints = (near(name, seen) for name in sorted(condition.names - seen.keys()))
        raise UsageError(f"--require: {missing}", next(filter(None, hints), None))
    if len(trials) > 1:
        say(f"not met by any of the {len(trials)} trials of the front: {condition.text}")
        return False
    values = ", ".join(f"{name} is {short(seen[name])}" for name in sorted(condition.names) if name in seen)
    say(f"not met by trial {trials[0].number}: {condition.text}" + (f" ({values})" if values else ""))
    return False
