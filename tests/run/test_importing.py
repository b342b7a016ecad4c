"""Earlier results as trials: complete, counted nowhere, there once, also after a death on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeprun.errors import StoreError
from sweeprun.history import History
from sweeprun.run.budget import Budget
from sweeprun.run.earlier import Result
from sweeprun.run.importing import Imported, bring_in
from sweeprun.run.plan import Plan
from sweeprun.run.settling import settled
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import durable, records
from sweeprun.store.liveness import Lease, Observer
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Curve, Reason, Trial, TrialState

SOURCE = """
command: python train.py ${args}
metric: loss
parameters: {x: [1, 2, 3]}
algorithm: grid
budget: {trials: 2, wall: 10s}
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    spec = settled(SweepFile.parse(SOURCE, tmp_path / "demo.yaml"))
    return Sweep.create(tmp_path / "sweeps" / "demo", SOURCE.encode(), spec.resolved(), "0")


def result(x: int, loss: float, line: int = 2, step: int | None = 5, **values: float) -> Result:
    told = {"loss": loss, **values}
    curve = Curve() if step is None else Curve((step,), {name: (value,) for name, value in told.items()})
    return Result({"x": x}, told, step, line, "", curve=curve)


def brought(sweep: Sweep, *results: Result) -> Imported:
    return bring_in(sweep, Plan.load(sweep).space, results, "old.csv, line")


def test_a_result_is_a_complete_trial_that_says_where_it_is_from(sweep: Sweep) -> None:
    brought(sweep, result(1, 0.5, acc=0.9))
    [trial] = Sweep(sweep.layout.directory).trials()
    assert (trial.state, trial.origin, trial.why) == (TrialState.COMPLETE, "import", "imported from old.csv, line 2")
    assert (trial.params, trial.values) == ({"x": 1}, {"loss": 0.5, "acc": 0.9})
    assert (trial.step, trial.last_step, trial.curve.steps) == (5, 5, (5,))
    assert trial.curve.values == {"loss": (0.5,), "acc": (0.9,)}


def test_a_result_without_a_step_has_no_curve(sweep: Sweep) -> None:
    brought(sweep, result(1, 0.5, step=None))
    [trial] = sweep.trials()
    assert (trial.step, trial.last_step, trial.curve.steps, trial.values) == (None, 0, (), {"loss": 0.5})


def test_results_count_against_no_budget_and_the_search_knows_them(sweep: Sweep) -> None:
    brought(sweep, result(1, 0.5), result(2, 0.4))
    plan = Plan.load(sweep)
    trials = sweep.trials()
    used = Budget.of(sweep.resolved["budget"]).used(trials, 1e12)
    assert {key: each["used"] for key, each in used.items()} == {"trials": 0.0, "wall": 0.0}
    history = History(plan.space, plan.objectives, trials)
    assert (history.n_tried, len(history.points[0])) == (2, 2)
    suggestion = plan.sampler.suggest(history, np.random.default_rng(0))
    assert suggestion is not None
    assert suggestion.params == {"x": 3}


def test_a_configuration_is_numbered_by_its_first_trial(sweep: Sweep) -> None:
    made = brought(sweep, result(1, 0.5), result(2, 0.4), result(1, 0.6), result(2, 0.3))
    assert [trial.configuration for trial, _ in made.trials] == [0, 1, 0, 1]
    assert [trial.configuration for trial, _ in brought(sweep, result(2, 0.1)).trials] == [1]


def test_the_same_results_are_there_once(sweep: Sweep) -> None:
    first = brought(sweep, result(1, 0.5), result(1, 0.5), result(2, 0.5))
    again = brought(sweep, result(2, 0.5), result(1, 0.5, line=9), result(1, 0.25))
    assert (len(first.trials), first.n_known) == (2, 1)
    assert (len(again.trials), again.n_known) == (1, 2)
    assert len(sweep.trials()) == 3


def test_a_nan_beside_the_objective_is_the_same_nan_again(sweep: Sweep) -> None:
    brought(sweep, result(1, 0.5, acc=float("nan")))
    assert brought(sweep, result(1, 0.5, acc=float("nan"))).n_known == 1


def test_a_trial_that_ran_here_is_no_import(sweep: Sweep) -> None:
    ran = Trial(0, "uid", TrialState.RUNNING, params={"x": 1}, worker="f" * 32)
    ran = sweep.create_trial(ran, TrialState.RUNNING)
    sweep.advance(ran, TrialState.COMPLETE, "", **records.left(ran._replace(values={"loss": 0.5})))
    made = brought(sweep, result(1, 0.5))
    assert [(trial.number, trial.configuration) for trial, _ in made.trials] == [(1, 0)]


def test_the_importer_is_gone_afterwards_and_other_workers_hear_of_the_trials(sweep: Sweep) -> None:
    other = Sweep(sweep.layout.directory)
    assert other.trials() == []
    brought(sweep, result(1, 0.5))
    assert [trial.state for trial in other.trials()] == [TrialState.COMPLETE]
    assert Observer(sweep.layout, Lease()).workers() == []


def test_what_a_dead_import_has_begun_is_completed_by_the_same_import(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(durable, "put_if_absent", killed)  # the second record of a trial
        with pytest.raises(Killed):
            brought(sweep, result(1, 0.5), result(2, 0.4))
    assert [trial.state for trial in Sweep(sweep.layout.directory).trials()] == [TrialState.RUNNING]
    made = brought(sweep, result(1, 0.5), result(2, 0.4))
    assert [(trial.number, trial.run) for trial, _ in made.trials] == [(0, 2), (1, 1)]
    assert [trial.values["loss"] for trial in sweep.trials()] == [0.5, 0.4]
    assert {trial.state for trial in sweep.trials()} == {TrialState.COMPLETE}


def refused(*_: Any, **__: Any) -> Any:
    raise StoreError("full")


def test_what_a_living_import_has_begun_is_left_to_it(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Sweep, "advance", refused)
        with pytest.raises(StoreError):
            brought(sweep, result(1, 0.5))
    monkeypatch.setattr(Observer, "alive", lambda *_: True)
    assert [trial.number for trial, _ in brought(sweep, result(1, 0.5)).trials] == [1]


def test_a_trial_that_another_worker_took_over_is_left_to_it(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Sweep, "advance", refused)
        with pytest.raises(StoreError):
            brought(sweep, result(1, 0.5))
    [left] = sweep.trials()
    stale = Sweep(sweep.layout.directory)
    stale.trials()
    said = {"reason": Reason.TAKEN_OVER, "worker": "f" * 32, "run": 2}
    sweep.advance(left, TrialState.RUNNING, "its worker died", **said)
    assert [trial.number for trial, _ in brought(stale, result(1, 0.5)).trials] == [1]


def test_a_disk_that_refuses_leaves_what_was_said_and_the_next_try_goes_on(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, calls = Sweep.create_trial, []

    def refusing(self: Sweep, *args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise StoreError("full")
        return create(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Sweep, "create_trial", refusing)
        with pytest.raises(StoreError):
            brought(sweep, result(1, 0.5), result(2, 0.4))
    assert [trial.state for trial in sweep.trials()] == [TrialState.COMPLETE]
    again = brought(sweep, result(1, 0.5), result(2, 0.4))
    assert (len(again.trials), again.n_known) == (1, 1)


def test_a_number_that_another_worker_takes_first_is_no_loss(sweep: Sweep) -> None:
    slow = Sweep(sweep.layout.directory)
    slow.trials()
    brought(sweep, result(1, 0.5))
    assert [trial.number for trial, _ in brought(slow, result(2, 0.5)).trials] == [1]
