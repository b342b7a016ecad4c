"""The chargpt recipe: it learns to spell, its schedules do what their names say, and it continues exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.client import Params

pytest.importorskip("torch", reason="the recipes need the extra `recipes`")

UNIGRAM = 3.29  # nats per character for who knows how frequent each one is and no more
SHORT = {"iterations": 60, "batch_size": 8, "width": 16, "n_blocks": 1}
pytestmark = pytest.mark.slow  # each program imports torch


@pytest.fixture(scope="module")
def rates(module: Callable[[str], Any]) -> Callable[..., list[float]]:
    """The learning rate of 1000 iterations, as a multiple of `lr`."""
    chargpt = module("chargpt/train.py")

    def given(**params: Any) -> list[float]:
        every = Params(chargpt.DEFAULTS | {"lr": 1.0} | params)
        return [chargpt.rate(every, (i + 0.5) / 1000) for i in range(1000)]

    return given


@pytest.fixture(scope="module")
def undisturbed(training: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    trial = training(tmp_path_factory.mktemp("chargpt") / "undisturbed", "chargpt/train.py", **SHORT)
    trial.finish()
    return trial


def test_it_learns_more_than_how_frequent_each_character_is(training: Callable[..., Any], tmp_path: Path) -> None:
    trial = training(tmp_path / "trial", "chargpt/train.py", iterations=200, schedule="one_cycle")
    trial.finish()
    losses = [said["val_loss"] for said in trial.reports(1)]
    assert losses[-1] == min(losses) < UNIGRAM - 0.2


def test_it_reports_every_25_iterations_and_after_the_last_one(undisturbed: Any) -> None:
    assert [said["iteration"] for said in undisturbed.reports(1)] == [25, 50, 60]


def test_it_leaves_at_until_and_killed_while_it_saves_it_continues_to_the_very_same_numbers(
    undisturbed: Any, training: Callable[..., Any], tmp_path: Path
) -> None:
    trial = training(tmp_path / "trial", "chargpt/train.py", **SHORT)
    trial.finish(SWEEPRUN_UNTIL="25", SWEEPRUN_STEP="iteration")
    assert [said["iteration"] for said in trial.reports(1)] == [25]
    trial.start_and_kill_while_saving("last.tmp")
    trial.finish()
    assert trial.curve("iteration") == undisturbed.curve("iteration")


def test_every_schedule_has_the_shape_of_its_name(rates: Callable[..., list[float]]) -> None:
    constant = rates(schedule="constant", warmup=0.0)
    assert set(constant) == {1.0}
    steps = rates(schedule="step", warmup=0.0, n_drops=2, drop_to=0.1)
    assert [steps[i] for i in (0, 332, 334, 665, 667, 999)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    falling = rates(schedule="exponential", warmup=0.0, end_fraction=0.01)
    assert [falling[0], falling[500], falling[-1]] == pytest.approx([1.0, 0.1, 0.01], rel=0.01)
    cosine = rates(schedule="cosine", warmup=0.0, end_fraction=0.2)
    assert [cosine[0], cosine[500], cosine[-1]] == pytest.approx([1.0, 0.6, 0.2], rel=0.01)


def test_warm_up_rises_evenly_to_the_rate_from_which_the_schedule_goes_on(
    rates: Callable[..., list[float]],
) -> None:
    for schedule in ("constant", "step", "exponential", "cosine"):
        warm = rates(schedule=schedule, warmup=0.2)
        assert warm[:200] == pytest.approx([(i + 0.5) / 200 for i in range(200)])
        assert warm[200] == max(warm) == pytest.approx(1.0, rel=0.01)


def test_one_cycle_peaks_where_it_is_told_and_ends_at_nothing(rates: Callable[..., list[float]]) -> None:
    cycle = rates(schedule="one_cycle", peak_at=0.3, start_fraction=0.1, warmup=0.2)
    assert cycle[0] == pytest.approx(0.1, rel=0.01)
    assert abs(cycle.index(max(cycle)) - 300) <= 1
    assert max(cycle) == pytest.approx(1.0, rel=1e-4)
    assert cycle[-1] == pytest.approx(0.0, abs=1e-5)
    assert cycle[650] == pytest.approx((1 + math.cos(math.pi / 2)) / 2, abs=0.01)


def test_a_schedule_that_there_is_not_is_refused_with_those_there_are(rates: Callable[..., list[float]]) -> None:
    with pytest.raises(SystemExit, match="'linear': constant, step"):
        rates(schedule="linear", warmup=0.0)


def test_no_prediction_looks_at_what_comes_after_it(module: Callable[[str], Any]) -> None:
    chargpt = module("chargpt/train.py")
    model = chargpt.Transformer(width=16, n_blocks=2, n_heads=2)
    text = chargpt.encoded("In the face of ambiguity, refuse")[None]
    other = text.clone()
    other[0, 20] = chargpt.encoded("!")
    before, after = model(text), model(other)
    assert before[0, :20].equal(after[0, :20])
    assert not before[0, 20:].isclose(after[0, 20:]).all(1).any()
