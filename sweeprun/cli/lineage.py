"""From which trials a trial has come: who trained which of its steps, with which parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from sweeprun.cli.view import short
from sweeprun.trials import SEGMENT, Json, Params, Trial


def lineage(trials: Sequence[Trial], trial: Trial) -> list[Trial]:
    """The trial, and before it those whose checkpoints it has gone on from, the first one first."""
    chain = [trial]
    while chain[0].origin == SEGMENT and (parent := chain[0].parent) is not None and parent < chain[0].number:
        chain.insert(0, trials[parent])
    return chain


def schedule(trials: Sequence[Trial], trial: Trial) -> list[dict[str, Json]]:
    """The parameters with which all that the trial stands on was trained, and the step from which on they held."""
    return [{"from_step": each.from_step, "params": each.params} for each in lineage(trials, trial)]


def shown(trials: Sequence[Trial], trial: Trial) -> Iterator[tuple[str, str]]:
    """The same for people, a line a trial; nothing where it has come from no other one."""
    chain = lineage(trials, trial)
    if len(chain) == 1:
        return
    ends = [*(each.from_step for each in chain[1:]), trial.last_step]
    changes = [_listed(chain[0].params), *(_changed(one.params, next_.params) for one, next_ in pairwise(chain))]
    for each, end, said in zip(chain, ends, changes, strict=True):
        yield f"to step {end}", f"trial {each.number}: {said}"


def _listed(params: Params) -> str:
    return " ".join(f"{name}={short(value)}" for name, value in params.items())


def _changed(before: Mapping[str, Json], after: Mapping[str, Json]) -> str:
    """What of the parameters is new, and what has gone."""
    new = [f"{name}={short(after[name])}" for name in after if name not in before or after[name] != before[name]]
    gone = [f"without {name}" for name in before if name not in after]
    return " ".join([*new, *gone]) or "as before"
