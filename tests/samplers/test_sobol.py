"""Quasi-random search: what it promises beyond the conformance suite."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.stats import qmc

from sweeprun.expressions import Expression
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.samplers.sobol import SobolSampler
from sweeprun.space import ALWAYS, CategoricalParameter, Choice, FloatParameter, IntParameter, Parameter, Space
from sweeprun.trials import Trial, TrialState


def space_of(*parameters: Parameter, constraints: tuple[str, ...] = ()) -> Space:
    return Space([Choice(each.name, ALWAYS, each) for each in parameters], map(Expression.parse, constraints))


SQUARE = (FloatParameter("x", 0.0, 1.0), FloatParameter("y", 0.0, 1.0))


def run(space: Space, n: int, sampler: SobolSampler, trials: list[Trial] | None = None) -> list[Trial]:
    history = History(space, [Objective("loss", "minimize")], trials or [])
    while history.number < n:
        found = sampler.suggest(history, np.random.default_rng([0, history.number]))
        assert found is not None
        trial = Trial(history.number, str(history.number), TrialState.RUNNING, params=found.params, notes=found.notes)
        history = history.advance([*history.trials, trial])
    return list(history.trials)


def test_it_is_scipys_scrambled_sequence_point_by_point() -> None:
    trials = run(space_of(*SQUARE), 16, SobolSampler(seed=3))
    reference = qmc.Sobol(2, scramble=True, seed=3).random(16)
    assert np.allclose([[trial.params["x"], trial.params["y"]] for trial in trials], reference, atol=1e-15)
    assert [trial.notes["point"] for trial in trials] == list(range(16))


def test_the_seed_decides_the_scrambling() -> None:
    first, second = (run(space_of(*SQUARE), 1, SobolSampler(seed=seed))[0].params for seed in (1, 2))
    assert first != second


def test_every_sixteenth_of_the_square_gets_one_of_sixteen_points() -> None:
    cells = {(int(4 * t.params["x"]), int(4 * t.params["y"])) for t in run(space_of(*SQUARE), 16, SobolSampler())}
    assert len(cells) == 16


def test_branches_get_their_share() -> None:
    space = space_of(CategoricalParameter("gate", ("a", "b", "c", "d")), *SQUARE)
    assert set(Counter(t.params["gate"] for t in run(space, 32, SobolSampler())).values()) == {8}


def test_points_that_break_a_constraint_are_skipped() -> None:
    space = space_of(*SQUARE, constraints=("x < 0.25",))
    trials = run(space, 8, SobolSampler())
    sequence = qmc.Sobol(2, seed=0).random(64)
    expected = [i for i, (x, _) in enumerate(sequence) if x < 0.25][:8]
    assert [trial.notes["point"] for trial in trials] == expected


def test_points_of_a_finite_space_that_repeat_are_skipped() -> None:
    trials = run(space_of(IntParameter("n", 1, 11)), 11, SobolSampler(seed=1))
    points = [trial.notes["point"] for trial in trials]
    assert sorted(trial.params["n"] for trial in trials) == list(range(1, 12))
    first_of = {1 + int(11 * u): i for i, (u,) in reversed(list(enumerate(qmc.Sobol(1, seed=1).random(64))))}
    assert points == sorted(first_of.values())
    assert points[-1] > 10


def test_a_trial_that_is_not_of_the_sequence_does_not_advance_it() -> None:
    by_hand = [Trial(0, "0", TrialState.WAITING, params={"x": 0.5, "y": 0.5})]
    assert run(space_of(*SQUARE), 2, SobolSampler(), by_hand)[1].notes["point"] == 0


def test_a_feasible_region_that_a_thousand_points_miss_is_still_found() -> None:
    space = space_of(*SQUARE, constraints=("x < 0.001",))
    trials = run(space, 3, SobolSampler())
    assert all(space.satisfies(trial.params) for trial in trials)
    points = [trial.notes["point"] for trial in trials]
    assert points == sorted(set(points))
