"""Whole sweeps under a clock that does not wait."""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sweeprun.executors.base import Event
from sweeprun.executors.simulated import SimulatedExecutor, Training
from sweeprun.run.simulation import Simulation
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import durable
from sweeprun.trials import Params, Trial, TrialState
from tests.replay import check_promotions, replayed
from tests.run.conftest import Baton

FILE = """
command: [program, "${args}"]
metric: loss
parameters: {x: {min: 0.0, max: 1.0}, y: {min: 0.0, max: 1.0}}
algorithm: random
pruner: {name: asha, max: 27}
budget: 27
"""
RUNGS = (3, 9, 27)


@pytest.fixture(autouse=True)
def no_disk() -> Iterator[None]:
    """No power fails in these tests, and a disk would be most of their time."""
    with durable.unsynced():
        yield


def training(params: Params) -> Training:
    """It falls towards a level of its own, at a speed of its own."""
    floor, speed = (params["x"] - 0.3) ** 2, 0.1 + params["y"]
    return Training(27, 1.0 + params["y"], lambda step: {"loss": floor + math.exp(-speed * step)})


def sometimes_nan(params: Params) -> Training:
    sound = training(params)
    return replace(sound, values=lambda step: {"loss": math.nan}) if params["x"] > 0.8 else sound


def simulation(directory: Path, text: str = "", trainings: Callable[[Params], Training] = training) -> Simulation:
    return Simulation(directory / "s", SweepFile.parse(FILE + text, directory / "s.yaml"), trainings)


def rungs(trials: Sequence[Trial]) -> list[int]:
    """How many trials have come to each rung."""
    return [sum(trial.last_step >= step for trial in trials) for step in RUNGS]


def due(trials: Iterable[Trial]) -> tuple[int, int] | None:
    """The rule, from the top rung down: which trial is to go on, and to where."""
    for step, following in reversed(list(pairwise(RUNGS))):
        there = [trial for trial in trials if trial.until == step and trial.state is not TrialState.RUNNING]
        beyond = sum(trial.until > step for trial in trials)
        waiting = [(min(t.curve.values["loss"]), t.number) for t in there if t.state is TrialState.PAUSED]
        if waiting and beyond < (len(there) + beyond) // 3:
            return min(waiting)[1], following
    return None


@pytest.mark.parametrize("slots", [1, 8, 64])
def test_the_rungs_fill_as_the_rule_says_however_many_slots_there_are(tmp_path: Path, slots: int) -> None:
    trials = simulation(tmp_path).run(slots)
    assert rungs(trials) == [27, 9, 3]
    assert Counter(trial.state for trial in trials) == {TrialState.PAUSED: 24, TrialState.COMPLETE: 3}
    assert check_promotions(tmp_path / "s") == 12


@pytest.mark.parametrize("slots", [1, 8])
def test_each_promotion_is_that_of_the_rule_and_nan_is_never_promoted(tmp_path: Path, slots: int) -> None:
    simulation(tmp_path, "on_nonfinite: ignore", sometimes_nan).run(slots)
    promoted = []
    for moment in replayed(tmp_path / "s"):
        if moment.after.reason == "promoted":
            assert due(moment.before) == (moment.after.number, moment.after.until)
            promoted.append(moment.after)
        elif moment.after.reason == "new":
            assert due(moment.before) is None
    assert len(promoted) == 9 + 3
    assert all(trial.params["x"] <= 0.8 for trial in promoted)


def test_a_promoted_trial_goes_on_after_the_step_at_which_it_was_paused(tmp_path: Path) -> None:
    trials = simulation(tmp_path).run(8)
    trial = next(trial for trial in trials if trial.state is TrialState.COMPLETE)
    runs = [tmp_path / f"s/trials/00000/{trial.number:08d}/run{run}/metrics.jsonl" for run in (1, 2, 3)]
    steps = [[json.loads(line)["epoch"] for line in run.read_text().splitlines()] for run in runs]
    assert steps == [[1, 2, 3], [4, 5, 6, 7, 8, 9], list(range(10, 28))]
    assert trial.curve.steps == tuple(range(1, 28))
    assert trial.seconds == pytest.approx(27 * training(trial.params).step_s)


def test_more_slots_take_less_of_the_simulated_time(tmp_path: Path) -> None:
    took = []
    for slots in (1, 9):
        directory = tmp_path / str(slots)
        directory.mkdir()
        one = simulation(directory)
        trials = one.run(slots)
        took.append(one.clock())
        assert one.clock() * slots >= sum(trial.seconds for trial in trials) * 0.999
    assert took[0] > 4 * took[1]


def bare(trial: Trial) -> Trial:
    """The trial without what is drawn by chance: who worked on it, and its unique name."""
    return trial._replace(uid="", worker="")


def test_the_same_seed_leaves_the_same_record(tmp_path: Path) -> None:
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        found.append([bare(trial) for trial in simulation(tmp_path / name, f"seed: {seed}").run(8)])
    assert found[0] == found[1] != found[2]


def test_two_workers_on_one_directory_fill_the_rungs_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = simulation(tmp_path)
    workers, baton, turn, poll = [one.worker(4), one.worker(4)], Baton(2), threading.local(), SimulatedExecutor.poll

    def giving_way(executor: SimulatedExecutor, timeout_s: float) -> list[Event]:
        baton.pass_on(turn.me)
        return poll(executor, timeout_s)

    def work(me: int) -> None:
        turn.me = me
        baton.take(me)
        try:
            list(workers[me].work())
        finally:
            baton.leave(me)

    monkeypatch.setattr(SimulatedExecutor, "poll", giving_way)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert rungs(one.trials) == [27, 9, 3]
    assert len({trial.worker for trial in one.trials}) == 2
    assert check_promotions(tmp_path / "s") == 12


def test_a_rule_that_only_stops_works_in_a_simulation_too(tmp_path: Path) -> None:
    file = SweepFile.parse(FILE, tmp_path / "s.yaml", ["pruner=median"])
    trials = Simulation(tmp_path / "s", file, training).run(4)
    pruned = [trial for trial in trials if trial.state is TrialState.PRUNED]
    assert {trial.state for trial in trials} == {TrialState.PRUNED, TrialState.COMPLETE}
    assert len(pruned) > 5
    assert max(trial.last_step for trial in pruned) < 27
