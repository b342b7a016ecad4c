"""What a sweep will cost, known before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.run.forecast import MOST_SIMULATED, Forecast, forecast
from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile

FILE = """
command: [program, "${args}"]
metric: {name: accuracy, goal: maximize}
parameters: {x: {min: 0.0, max: 1.0}, epochs: [20, 40]}
"""


def known(*said: str, slots: int = 2) -> Forecast:
    file = SweepFile.parse(FILE, Path("s.yaml"), said)
    return forecast(file, Plan.of(file), slots)


def counted(found: Forecast) -> list[tuple[object, int, int]]:
    assert found.simulated is not None
    return [(rung.at, rung.trials, rung.steps) for rung in found.simulated.rungs]


@pytest.mark.parametrize("slots", [1, 8])
def test_asha_is_counted_as_its_rule_says(slots: int) -> None:
    found = known("pruner={name: asha, max: 81, metric: other}", "budget=30", slots=slots)
    assert counted(found) == [(5, 30, 150), (15, 10, 100), (45, 3, 90), (81, 1, 36)]
    assert found.full_trainings == pytest.approx(376 / 81)
    assert found.simulated is not None
    assert (found.simulated.runs, found.simulated.steps_without) == (44, 30 * 81)


@pytest.mark.parametrize(
    "said", ["pruner={name: hyperband, max: 27}", "algorithm={name: bohb, max: 27, metric: other}"]
)
def test_a_round_of_hyperband_begins_at_every_rung(said: str) -> None:
    found = known(said, "budget=17")
    assert counted(found) == [(3, 9, 27), (9, 8, 3 * 6 + 5 * 9), (27, 5, 2 * 18 + 3 * 27)]
    assert found.simulated is not None
    assert [rung.begin for rung in found.simulated.rungs] == [9, 5, 3]


def test_who_goes_on_without_a_checkpoint_pays_for_all_steps_again() -> None:
    found = known("pruner={name: hyperband, max: 27}", "budget=17", "resumes=false")
    assert counted(found) == [(3, 9, 27), (9, 8, 8 * 9), (27, 5, 5 * 27)]


def test_rungs_are_shares_where_the_length_is_a_parameter() -> None:
    found = known("pruner={name: asha, length: epochs, min: 0.1}", "budget=9")
    assert [(at, trials) for at, trials, _ in counted(found)] == [(0.1, 9), (pytest.approx(0.3), 3), (1.0, 1)]
    assert found.full_trainings == pytest.approx((9 * 0.1 + 3 * 0.2 + 0.7), abs=0.6)


def test_a_level_of_fidelity_is_a_run_and_costs_in_proportion_where_it_is_a_number() -> None:
    found = known("pruner=asha", "fidelity={share: [0.1, 0.3, 1.0]}", "budget=9")
    assert [(at, trials) for at, trials, _ in counted(found)] == [(0.1, 9), (0.3, 3), (1.0, 1)]
    assert found.full_trainings == pytest.approx(0.9 + 0.9 + 1)
    assert known("pruner=asha", "fidelity={share: [few, all]}", "budget=9").full_trainings is None


@pytest.mark.parametrize("algorithm", ["pbt", "pb2"])
def test_a_population_is_its_members_over_all_generations(algorithm: str) -> None:
    found = known(f"algorithm={{name: {algorithm}, members: 4, max: 20, interval: 5}}", slots=4)
    assert found.simulated is not None
    assert (found.trials, [rung.at for rung in found.simulated.rungs]) == (4, [5, 10, 15, 20])
    assert found.simulated.rungs[0].begin == 4
    assert found.simulated.steps_without == 80


def test_without_a_number_of_trials_one_round_is_counted() -> None:
    found = known("pruner={name: asha, min: 3, max: 27}", "budget.wall=2h")
    assert found.trials is None
    assert [trials for _, trials, _ in counted(found)] == [9, 3, 1]


def test_a_finite_space_ends_before_the_budget() -> None:
    found = known("parameters={a: [1, 2, 3], b: [1, 2]}", "pruner={name: asha, min: 3, max: 9}", "budget=50")
    assert (found.size, found.trials) == (6, 6)
    assert [trials for _, trials, _ in counted(found)] == [6, 2]


@pytest.mark.parametrize("pruner", ["none", "median", "{name: asha, mode: stop, min: 3, max: 1000000000}"])
def test_what_no_file_says_is_not_made_up(pruner: str) -> None:
    found = known(f"pruner={pruner}", "budget=5")
    assert (found.trials, found.simulated, found.full_trainings) == (5, None, None)


def test_of_many_trials_whole_rounds_are_simulated_and_as_large_a_share_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MOST_SIMULATED >= 27
    monkeypatch.setattr("sweeprun.run.forecast.MOST_SIMULATED", 30)
    found = known("pruner={name: asha, max: 27, min: 3}", "budget=2700", slots=200)
    assert found.simulated is not None
    assert (found.simulated.trials, found.simulated.slots) == (27, 2)
    assert counted(found) == [(3, 2700, 8100), (9, 900, 5400), (27, 300, 5400)]


def test_mode_stop_lets_fewer_come_to_each_rung() -> None:
    found = known("pruner={name: asha, max: 27, min: 3, mode: stop}", "budget=40")
    trials = [n for _, n, _ in counted(found)]
    assert trials[0] == 40
    assert trials[0] > trials[1] > trials[2] > 0
