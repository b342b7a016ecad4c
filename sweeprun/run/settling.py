"""What a sweep file leaves open, decided once, when its sweep is created."""

from __future__ import annotations

from sweeprun.pruners._rungs import with_first
from sweeprun.samplers import auto
from sweeprun.spec.sections import Named
from sweeprun.spec.sweepfile import SweepFile


def auto_choice(file: SweepFile) -> auto.Choice:
    """What `algorithm: auto` stands for in this file, and why."""
    earlier = bool(file.warm_start.from_)
    return auto.choose(file.space, file.budget.trials, len(file.objectives), earlier)


def settled(file: SweepFile) -> SweepFile:
    """`file` with what it leaves open decided: once, when a sweep is created."""
    return file.model_copy(update={"algorithm": _staged(file, algorithm(file)), "pruner": _staged(file, file.pruner)})


def as_chosen(file: SweepFile, was: SweepFile) -> SweepFile:
    """`file` with what it leaves open as that was decided for `was`."""
    auto = file.algorithm.name == "auto"
    kept = {"algorithm": was.algorithm if auto else file.algorithm, "pruner": file.pruner}
    for key, before in (("algorithm", was.algorithm), ("pruner", was.pruner)):
        left_open = Named(name=before.name, **{k: v for k, v in before.options.items() if k != "min"})
        if kept[key] == left_open and before == _staged(was, left_open):
            kept[key] = before
    return file.model_copy(update=kept)


def first_rung(file: SweepFile, chosen: SweepFile) -> str | None:
    """What was decided about the first rung of `file` when it was settled, and why; None: nothing."""
    for said, now in ((file.algorithm, chosen.algorithm), (file.pruner, chosen.pruner)):
        if "min" in now.options and "min" not in said.options:
            return f"the first one is at {now.options['min']}, a tenth of a training, as a warmup is searched"
    return None


def _staged(file: SweepFile, named: Named) -> Named:
    """With the first rung that suits the parameters; levels of fidelity are rungs themselves."""
    if file.fidelity is not None:
        return named
    searched = (parameter.name for parameter in file.space.parameters)
    return Named(name=named.name, **with_first(named.name, named.options, searched))


def algorithm(file: SweepFile) -> Named:
    """What `algorithm: auto` chooses."""
    if file.algorithm.name != "auto":
        return file.algorithm
    choice = auto_choice(file)
    return Named(name=choice.name, **{**_time(file, choice.name), **file.algorithm.options})


def _time(file: SweepFile, algorithm: str) -> dict[str, float]:
    """The option that tells the gp how much time there is, where that alone is the budget."""
    if algorithm != "gp" or file.budget.trials is not None or file.budget.wall is None:
        return {}
    return {"seconds": file.budget.wall}
