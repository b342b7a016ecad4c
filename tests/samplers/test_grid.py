"""Grid search: what it promises beyond the conformance suite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.errors import SpaceError
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers._untried import Order
from sweeprun.samplers.grid import GridSampler
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    Condition,
    FloatParameter,
    IntParameter,
    OneOf,
    Space,
)
from sweeprun.trials import Trial, TrialState


def table(n_x: int, n_y: int) -> Space:
    return Space([Choice(name, ALWAYS, IntParameter(name, 1, n)) for name, n in (("x", n_x), ("y", n_y))])


def history_of(space: Space, trials: list[Trial]) -> History:
    return History(space, [Objective("loss", "minimize")], trials)


def run(space: Space, sampler: GridSampler, trials: list[Trial], limit: int = 10**6) -> list[Trial]:
    """Goes on after `trials` until the grid is exhausted or there are `limit` of them."""
    history = history_of(space, trials)
    while history.number < limit and (found := sampler.suggest(history, np.random.default_rng(0))) is not None:
        trial = Trial(
            history.number, str(history.number), TrialState.COMPLETE, params=found.params, notes=found.notes
        )
        history = history.advance([*history.trials, trial])
    return list(history.trials)


def pairs(trials: list[Trial]) -> list[tuple[int, int]]:
    return [(trial.params["x"], trial.params["y"]) for trial in trials]


def test_conditions_do_not_multiply() -> None:
    sgd = Condition((OneOf.of("optimizer", ["sgd"]),))
    space = Space(
        [
            Choice("optimizer", ALWAYS, CategoricalParameter("optimizer", ("sgd", "adam"))),
            Choice("momentum", sgd, FloatParameter("momentum", 0.0, 0.9, step=0.3)),
        ]
    )
    keys = sorted(space.key(trial.params) for trial in run(space, GridSampler(), []))
    assert keys == ['{"momentum":0,"optimizer":"sgd"}'] + [
        f'{{"momentum":{momentum},"optimizer":"sgd"}}' for momentum in (0.3, 0.6, 0.9)
    ] + ['{"optimizer":"adam"}']


def test_notes_name_the_point() -> None:
    space = table(3, 4)
    for trial in run(space, GridSampler(seed=2), []):
        assert space.configuration(trial.notes["point"]) == trial.params


def test_the_seed_decides_the_order_and_not_the_set() -> None:
    first, second = (pairs(run(table(5, 7), GridSampler(seed=seed), [])) for seed in (1, 2))
    assert first != second
    assert sorted(first) == sorted(second)


def test_a_grid_stopped_early_is_not_one_corner() -> None:
    for seed in range(5):
        early = pairs(run(table(10, 10), GridSampler(seed=seed), [], limit=20))
        assert len({x for x, _ in early}) >= 8
        assert len({y for _, y in early}) >= 8
        assert len({(x > 5, y > 5) for x, y in early}) == 4


def test_a_resumed_grid_repeats_none_and_misses_none() -> None:
    half = run(table(6, 6), GridSampler(), [], limit=17)
    assert pairs(run(table(6, 6), GridSampler(), half)) == pairs(run(table(6, 6), GridSampler(), []))


@pytest.mark.parametrize(("n_x", "n_y"), [(9, 6), (6, 9), (4, 9), (3, 3)])
def test_an_edited_grid_runs_exactly_what_is_missing(n_x: int, n_y: int) -> None:
    old = run(table(6, 6), GridSampler(), [], limit=17)
    new = run(table(n_x, n_y), GridSampler(), old)[17:]
    expected = {(x, y) for x in range(1, n_x + 1) for y in range(1, n_y + 1)} - set(pairs(old))
    assert sorted(pairs(new)) == sorted(expected)


def test_a_configuration_that_was_added_by_hand_is_not_run_again() -> None:
    given = [Trial(0, "0", TrialState.WAITING, params={"x": 2, "y": 2}, origin="first")]
    found = pairs(run(table(3, 3), GridSampler(), given))
    assert len(found) == len(set(found)) == 9


def test_a_continuous_parameter_is_refused_by_name_with_the_fix() -> None:
    space = Space([Choice("lr", ALWAYS, FloatParameter("lr", 0.1, 1.0, log=True))])
    with pytest.raises(SpaceError, match="lr is continuous") as caught:
        GridSampler().suggest(history_of(space, []), np.random.default_rng(0))
    assert caught.value.hint is not None
    assert "give lr a step" in caught.value.hint


def test_a_failed_point_is_not_repeated() -> None:
    failed = [Trial(0, "0", TrialState.FAILED, params={"x": 1, "y": 1}, notes={"point": 0})]
    assert pairs(run(table(1, 2), GridSampler(), failed)) == [(1, 1), (1, 2)]


@given(size=st.integers(1, 10**30), seed=st.integers(0, 2**32), position=st.integers(0, 10**31))
def test_an_order_goes_both_ways_at_any_size(size: int, seed: int, position: int) -> None:
    order = Order.seeded(size, seed)
    assert 0 <= order.index(position) < size
    assert order.position(order.index(position)) == position % size


@given(size=st.integers(1, 500), seed=st.integers(0, 100))
def test_an_order_visits_every_index_once(size: int, seed: int) -> None:
    order = Order.seeded(size, seed)
    assert sorted(map(order.index, range(size))) == list(range(size))


def test_the_next_point_of_a_large_grid_does_not_cost_the_walk_over_those_before() -> None:
    space, looked_up = table(100, 100), []
    configuration = space.configuration
    space.configuration = lambda index: looked_up.append(index) or configuration(index)  # type: ignore[method-assign]
    run(space, GridSampler(), [], limit=60)
    assert len(looked_up) == 60
