"""Population based bandits: what the model of a population knows, and what its copies make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from sweeprun.history import History
from sweeprun.samplers.pb2 import PB2Sampler
from sweeprun.space import ALWAYS, CategoricalParameter, Choice, FloatParameter, Parameter, Space
from sweeprun.trials import Curve, Params, Trial, TrialState

MakeHistory = Callable[..., History]

SAMPLER = PB2Sampler(members=8, interval=10, max=100)


def space(*more: Parameter) -> Space:
    parameters: tuple[Parameter, ...] = (FloatParameter("x", 0.0, 1.0), *more)
    return Space([Choice(parameter.name, ALWAYS, parameter) for parameter in parameters])


def member(number: int, params: Params, losses: Sequence[float], state: TrialState = TrialState.PAUSED) -> Trial:
    """The first segment of a member, with its losses at steps 1, 10, 20 ..."""
    steps = (1, *range(10, 10 * len(losses), 10))
    curve = Curve(steps, {"loss": tuple(losses)})
    notes = {"member": number, "generation": 0}
    return Trial(number, str(number), state, params=params, notes=notes, curve=curve, last_step=steps[-1], until=20)


def given_up(trial: Trial) -> Trial:
    return trial._replace(state=TrialState.PRUNED)


def copied(trials: Sequence[Trial], make_history: MakeHistory, where: Space, n: int = 10) -> list[Params]:
    """What copies of one of the best begin with, by different generators."""
    history = make_history(trials, space=where)
    found = (SAMPLER.suggest(history, np.random.default_rng([1, i])) for i in range(n))
    return [each.params for each in found if each is not None]


def test_copies_go_where_the_loss_fell_most(make_history: MakeHistory) -> None:
    trials = [member(i, {"x": i / 7}, [9.0, 9.0 - 4 * (1 - abs(i / 7 - 0.7))]) for i in range(8)]
    trials[0] = given_up(trials[0])
    xs = [params["x"] for params in copied(trials, make_history, space())]
    assert np.median(xs) == pytest.approx(0.7, abs=0.15)


def test_what_was_good_long_ago_counts_less_than_what_is_good_now(make_history: MakeHistory) -> None:
    """Great steps of x are best in the first legs, and small ones in the last."""
    trials = []
    for i in range(8):
        x, losses = i / 7, [100.0]
        for leg in range(8):
            losses.append(losses[-1] - (x if leg < 4 else 1 - x))
        trials.append(member(i, {"x": x}, losses))
    trials[3] = given_up(trials[3])
    now = [params["x"] for params in copied(trials, make_history, space())]
    assert np.median(now) < 0.2


def test_two_copies_at_once_differ_though_nothing_new_is_known(make_history: MakeHistory) -> None:
    """Where all was alike they go where least is known."""
    trials = [member(i, {"x": 0.4 + i / 50}, [9.0, 5.0 - 0.01 * (i % 3)]) for i in range(8)]
    trials[0], trials[1] = given_up(trials[0]), given_up(trials[1])
    first = SAMPLER.suggest(make_history(trials, space=space()), np.random.default_rng(1))
    assert first is not None
    more = {"params": first.params, "notes": first.notes, "until": first.until, "parent": first.parent}
    running = Trial(8, "8", TrialState.RUNNING, **more)
    second = SAMPLER.suggest(make_history([*trials, running], space=space()), np.random.default_rng(1))
    assert second is not None
    assert abs(first.params["x"] - second.params["x"]) > 0.2


def test_choices_are_those_of_the_parent_or_drawn_anew(make_history: MakeHistory) -> None:
    kinds = CategoricalParameter("kind", ("a", "b", "c"))
    where = space(kinds)
    trials = [member(i, {"x": i / 7, "kind": "a"}, [9.0, 9.0 - i]) for i in range(8)]
    trials[0] = given_up(trials[0])
    found = [params["kind"] for params in copied(trials, make_history, where, n=40)]
    assert found.count("a") > 25
    assert set(found) == {"a", "b", "c"}


def test_before_enough_is_known_copies_are_perturbed_as_those_of_pbt(make_history: MakeHistory) -> None:
    trials = [
        member(i, {"x": 0.5}, [9.0, 9.0 - i])._replace(curve=Curve((10,), {"loss": (9.0 - i,)})) for i in range(8)
    ]
    trials[0] = given_up(trials[0])
    xs = {params["x"] for params in copied(trials, make_history, space(), n=30)}
    assert {0.4, 0.6} <= {round(x, 6) for x in xs}
