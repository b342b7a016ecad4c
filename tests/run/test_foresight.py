"""What is suggested next, worked out while the program before still leaves."""

from __future__ import annotations

import pytest

from sweeprun.optimizer import Optimizer
from sweeprun.run import foresight
from sweeprun.run.plan import Plan


@pytest.fixture
def asked(stage, monkeypatch):
    """Of each suggestion that was worked out: the trial's number, and whether a program ran meanwhile."""
    monkeypatch.setattr(foresight, "WORTH_S", 0.0)
    found, suggest = [], Plan.suggest

    def noted(plan, history):
        found.append((history.number, any(executor.running for executor in stage.executors)))
        return suggest(plan, history)

    monkeypatch.setattr(Plan, "suggest", noted)
    return found


def slow_to_leave(stage, *more):
    """Its loss is that of its number; it reports `more` after three steps, and a turn later it leaves."""

    def act(job):
        lines = [{"epoch": epoch, "loss": 1.0 + job.trial % 5} for epoch in (1, 2, 3)]
        return stage.Act([*lines, {}, *(more if job.trial % 3 == 2 else ())])

    return act


def test_a_suggestion_is_ready_when_the_slot_is_free_and_is_not_worked_out_twice(stage, asked):
    stage.run(slow_to_leave(stage), "budget: 9", slots=1)
    assert asked == [(0, False), (1, False), *((number, True) for number in range(2, 9))]


def test_what_comes_after_all_changes_what_is_suggested(stage, asked):
    """As if nothing had been worked out ahead."""
    stage.sweep("seed: 3\nbudget: 14", "algorithm=tpe")
    late = {"epoch": 4, "loss": 0.5}
    stage.run(slow_to_leave(stage, late))
    n_ahead = [number for number, ahead in asked if ahead]
    assert len(n_ahead) > len({*n_ahead}), "what was worked out for nothing is worked out again"
    optimizer = Optimizer(Plan.load(stage.sweep()).declared, "loss", "tpe", seed=3)
    for trial in stage.trials:
        ours = optimizer.ask()
        assert ours.params == trial.params
        for step, value in zip(trial.curve.steps, trial.curve.values["loss"], strict=True):
            optimizer.report(ours, step, {"loss": value})
        optimizer.tell(ours, trial.values)


def test_who_looks_at_times_is_not_asked_ahead(stage, asked):
    stage.sweep("budget: 4", "algorithm={name: gp, seconds: 60}")
    stage.run(slow_to_leave(stage))
    assert not any(ahead for _, ahead in asked)
