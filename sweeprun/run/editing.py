"""What of a sweep's file must stay as it is once trials have reported: whatever says how their values were read."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from sweeprun.errors import SweepFileError
from sweeprun.run.progress import Reporting
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.trials import Trial, TrialState


def check_comparable(was: SweepFile, now: SweepFile, trials: Sequence[Trial], alive: Container[str]) -> None:
    """Raises SweepFileError where values that `now` reads would not compare with those that `trials` have by `was`.

    A trial has the values of one step, by default that at which its metric was best: of another metric, or the other
    way up, it would have been another step. `alive` are the workers whose trials are being read at this moment.
    """
    for key in _changed(was, now):
        running = next((t.number for t in trials if t.state is TrialState.RUNNING and t.worker in alive), None)
        if running is not None:
            message = f"cannot change while trial {running} is running, whose values are read as before"
            raise now.placed(SweepFileError(message, hint="sweeprun stop --now, and then the same again"), key)
        objection = _counted_otherwise(was, now, trials) if key == "step" else _from_another_step(was, now, trials)
        objection = objection or _unreported([each.name for each in now.objectives], trials)
        if objection is not None:
            anew = f"sweeprun start FILE --set name={now.name}-2 begins anew"
            raise now.placed(SweepFileError(objection, hint=anew), key)


def _changed(was: SweepFile, now: SweepFile) -> Iterator[str]:
    """The keys that say how values are read, if they do so in another way."""
    if _step(was) != _step(now):
        yield "step"
    if was.reduce != now.reduce:
        yield "reduce"
    if _first(was) != _first(now) or {each.name for each in now.objectives} - {each.name for each in was.objectives}:
        yield "metric" if now.metric else "metrics"


def _first(file: SweepFile) -> tuple[str, str]:
    return file.objectives[0].name, file.objectives[0].goal


def _step(file: SweepFile) -> tuple[str, int | None]:
    reporting = Reporting.of(file.resolved())
    return reporting.step, file.step.first if file.step else None


def _counted_otherwise(was: SweepFile, now: SweepFile, trials: Sequence[Trial]) -> str | None:
    (name, _), (now_name, first) = _step(was), _step(now)
    counted = [trial for trial in trials if trial.last_step and (name != now_name or first not in (None, trial.first))]
    if not counted:
        return None
    return f"the steps of {_several(counted)} were counted in another way, and would not compare with those to come"


def _from_another_step(was: SweepFile, now: SweepFile, trials: Sequence[Trial]) -> str | None:
    if _first(was) == _first(now) and was.reduce == now.reduce:
        return None
    metric, _ = _first(was)
    chosen = [trial for trial in trials if metric in trial.values and len(trial.curve.steps) > 1]
    if not chosen or was.reduce == now.reduce == "last":
        return None
    step = "the last step" if was.reduce == "last" else f"the step at which {metric} was best"
    return f"the values of {_several(chosen)} are those of {step}, and would not compare with those to come"


def _unreported(metrics: Sequence[str], trials: Sequence[Trial]) -> str | None:
    valued = [trial for trial in trials if trial.values and trial.state is not TrialState.FAILED]
    for metric in metrics if valued else ():
        if not any(metric in trial.values for trial in valued):
            return f"none of the trials that have values, {_several(valued)}, has reported {metric}: none would count"
    return None


def _several(trials: Sequence[Trial]) -> str:
    shown = ", ".join(str(trial.number) for trial in trials[:3])
    more = f" and {len(trials) - 3} more" if len(trials) > 3 else ""
    return f"{'trials' if len(trials) > 1 else 'trial'} {shown}{more}"
