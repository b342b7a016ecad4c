"""Configurations that are run before the search begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.earlier import Earlier, EarlierSweep
from sweeprun.trials import Suggestion, Trial, TrialState

FILE = """
command: train ${args}
metric: loss
parameters: {x: {min: 0.0, max: 1.0}, opt: [sgd, adam], depth: [2, 4]}
algorithm: random
"""
FINITE = """
command: train ${args}
metric: loss
parameters: {opt: [sgd, adam], depth: [2, 4]}
algorithm: grid
"""


def plan_of(first: str, text: str = FILE) -> Plan:
    return Plan.of(SweepFile.parse(f"{text}\nwarm_start: {{first: {first}}}", Path("demo.yaml")))


def trial(number: int, suggestion: Suggestion, **said) -> Trial:
    said = {"params": suggestion.params, "notes": suggestion.notes, "origin": suggestion.origin} | said
    return Trial(number, f"uid{number}", TrialState.RUNNING, configuration=number, **said)


def suggested(plan: Plan, n: int, trials: list[Trial] | None = None) -> list[Suggestion]:
    """The next `n` suggestions after `trials`, each made when those before it run."""
    trials, found = list(trials or []), []
    for _ in range(n):
        suggestion = plan.suggest(plan.history(trials))
        assert suggestion is not None
        found.append(suggestion)
        trials.append(trial(len(trials), suggestion))
    return found


def test_they_come_first_and_in_order_and_then_the_search() -> None:
    found = suggested(plan_of("[{x: 0.25}, {opt: adam, depth: 4}, {}]"), 5)
    assert [each.origin for each in found] == ["first", "first", "first", "search", "search"]
    assert found[0].params["x"] == 0.25
    assert (found[1].params["opt"], found[1].params["depth"]) == ("adam", 4)
    assert all(set(each.params) == {"x", "opt", "depth"} for each in found)


def test_what_is_left_open_is_the_same_for_everybody_who_asks() -> None:
    first = plan_of("[{x: 0.25}, {x: 0.5}]").suggest
    assert first(plan_of("[]").history([])) == first(plan_of("[]").history([]))
    plan = plan_of("[{x: 0.25}, {x: 0.5}]")
    assert suggested(plan, 2) == suggested(plan, 2)
    other = Plan.of(SweepFile.parse(f"{FILE}\nseed: 1\nwarm_start: {{first: [{{opt: sgd}}]}}", Path("demo.yaml")))
    assert other.suggest(other.history([])) != plan_of("[{opt: sgd}]").suggest(plan.history([]))


def test_the_search_suggests_what_it_would_have_without_them() -> None:
    plan, bare = plan_of("[{x: 0.25}]"), plan_of("[]")
    trials = [trial(0, suggested(plan, 1)[0])]
    assert plan.suggest(plan.history(trials)) == bare.suggest(bare.history(trials))


def test_one_that_failed_or_was_retried_is_not_run_again() -> None:
    plan = plan_of("[{x: 0.25}]")
    [first] = suggested(plan, 1)
    failed = Trial(0, "uid0", TrialState.FAILED, params=first.params, notes=first.notes, origin="first")
    again = Trial(1, "uid1", TrialState.WAITING, params=first.params, origin="retry", parent=0)
    assert suggested(plan, 1, [failed])[0].origin == "search"
    assert suggested(plan, 1, [failed, again])[0].origin == "search"


def test_one_whose_record_cannot_be_read_is_run_again() -> None:
    plan = plan_of("[{x: 0.25}]")
    broken = Trial(0, "uid0", TrialState.FAILED, damaged=True)
    assert suggested(plan, 1, [broken])[0].params["x"] == 0.25


def test_after_a_change_only_what_is_new_in_the_list_is_run() -> None:
    trials = [trial(i, each) for i, each in enumerate(suggested(plan_of("[{x: 0.25}, {x: 0.5}]"), 3))]
    found = suggested(plan_of("[{x: 0.75}, {x: 0.5}, {depth: 2}]"), 3, trials)
    assert [each.origin for each in found] == ["first", "first", "search"]
    assert found[0].params["x"] == 0.75
    assert found[1].params["depth"] == 2


def test_a_whole_configuration_that_any_trial_has_is_not_run_again() -> None:
    added = Trial(0, "uid0", TrialState.WAITING, params={"x": 1.0, "opt": "sgd", "depth": 2}, origin="add")
    assert suggested(plan_of("[{x: 1, opt: sgd, depth: 2.0}]"), 1, [added])[0].origin == "search"


def test_a_part_is_filled_in_to_a_configuration_that_no_trial_has() -> None:
    tried = [
        Trial(i, f"uid{i}", TrialState.COMPLETE, params={"opt": opt, "depth": depth})
        for i, (opt, depth) in enumerate([("sgd", 2), ("sgd", 4), ("adam", 2)])
    ]
    plan = plan_of("[{opt: sgd}, {opt: adam}]", FINITE)
    [found] = suggested(plan, 1, tried)
    assert (found.origin, found.params) == ("first", {"opt": "adam", "depth": 4})


def test_a_grid_goes_on_with_what_is_missing() -> None:
    plan = plan_of("[{opt: adam}]", FINITE)
    found = suggested(plan, 4)
    assert len({plan.space.key(each.params) for each in found}) == 4
    assert plan.suggest(plan.history([trial(i, each) for i, each in enumerate(found)])) is None


@pytest.mark.parametrize("slots", [1, 3])
def test_each_is_run_once_by_several_workers_and_counts_in_the_budget(stage, slots) -> None:
    stage.sweep("warm_start: {first: [{x: 0.25}, {x: 0.5}, {x: 0.75}]}\nbudget: 5")
    works = [stage.worker(lambda job: stage.losses(1.0), slots=slots).work() for _ in range(3)]
    stage.interleave(*works)
    assert [trial.origin for trial in stage.trials] == ["first"] * 3 + ["search"] * 2
    assert [trial.params["x"] for trial in stage.trials[:3]] == [0.25, 0.5, 0.75]
    assert set(stage.states) == {"complete"}


def test_a_budget_smaller_than_the_list_ends_it(stage) -> None:
    stage.run(lambda job: stage.losses(1.0), "warm_start: {first: [{x: 0.25}, {x: 0.5}]}\nbudget: 1")
    assert [trial.params["x"] for trial in stage.trials] == [0.25]


def test_a_bigger_budget_goes_on_with_the_list(stage) -> None:
    text = "warm_start: {first: [{x: 0.25}, {x: 0.5}]}\nbudget: 1"
    stage.run(lambda job: stage.losses(1.0), text)
    stage.sweep().edit(set=[(["budget", "trials"], 3)])
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert [trial.origin for trial in stage.trials] == ["first", "first", "search"]
    assert stage.trials[1].params["x"] == 0.5


def test_a_worker_goes_on_with_a_changed_list_at_once(stage) -> None:
    sweep = stage.sweep("warm_start: {first: [{x: 0.25}]}\nbudget: 4")
    works = stage.worker(lambda job: stage.losses(1.0)).work()
    next(event for event in works if event.name == "trial_started" and event.trial.number == 1)
    sweep.edit(set=[(["warm_start", "first"], [{"x": 0.75}, {"x": 0.25}])])
    list(works)
    assert [trial.origin for trial in stage.trials] == ["first", "search", "first", "search"]
    assert stage.trials[2].params["x"] == 0.75


# --- earlier sweeps


def ended(number: int, loss: float, state: TrialState = TrialState.COMPLETE, **params) -> Trial:
    params = {"opt": "sgd", "depth": 2} | params
    return Trial(number, f"uid{number}", state, params=params, values={"loss": loss})


def best(top: int, *sweeps: EarlierSweep, space: str = FILE, goal: str = "minimize") -> list[tuple[str, int]]:
    text = space.replace("metric: loss", f"metric: {{name: loss, goal: {goal}}}")
    names = [sweep.name for sweep in sweeps]
    file = SweepFile.parse(f"{text}\nwarm_start: {{from: {names}, top: {top}}}", Path("demo.yaml"))
    return [(each.notes["sweep"], each.notes["trial"]) for each in Plan.of(file, Earlier(sweeps)).given]


A = EarlierSweep("u1", "a", tuple(ended(i, loss, x=i / 8) for i, loss in enumerate([0.5, 0.25, float("nan"), 0.75])))


def test_the_best_of_several_sweeps_come_from_each_in_turn() -> None:
    b = EarlierSweep("u2", "b", (ended(3, 9.0, x=0.9), ended(7, 8.0, x=0.8)))
    assert best(9, A, b) == [("a", 1), ("b", 7), ("a", 0), ("b", 3), ("a", 3)]
    assert best(2, A, b) == [("a", 1), ("b", 7)]
    assert best(2, A, goal="maximize") == [("a", 3), ("a", 0)]


def test_of_several_metrics_the_front_within_the_limits_is_run_again_before_all_else() -> None:
    def told(number: int, loss: float, ms: float) -> Trial:
        return ended(number, loss, x=number / 8)._replace(values={"loss": loss, "ms": ms})

    space = FILE.replace("metric: loss", "metrics: [{name: loss}, {name: ms, limit: 100}]")
    trials = told(0, 0.0, 900.0), told(1, 0.3, 90.0), told(2, 0.1, 110.0), told(3, 0.5, 50.0), told(4, 0.6, 95.0)
    found = best(9, EarlierSweep("u1", "a", trials), space=space)
    assert {each for _, each in found[:2]} == {1, 3}
    assert found[2:] == [("a", 4), ("a", 2), ("a", 0)]


def test_what_two_sweeps_have_in_common_is_run_once() -> None:
    b = EarlierSweep("u2", "b", (ended(0, 0.1, x=1 / 8), ended(1, 0.2, x=0.9)))
    assert best(9, A, b) == [("a", 1), ("a", 0), ("b", 1), ("a", 3)]


def test_only_complete_trials_with_a_finite_value_that_the_space_allows_are_run_again() -> None:
    trials = (
        ended(0, 0.1, TrialState.PRUNED, x=0.1),
        ended(1, 0.1, TrialState.FAILED, x=0.2),
        ended(2, float("-inf"), x=0.3),
        ended(3, 0.1, x=1.5),
        ended(4, 0.1),
        ended(5, 0.1, x=0.4, more=1),
        ended(6, 0.1, x=0.9),
        ended(7, 0.1, x=0.5),
    )
    assert best(9, EarlierSweep("u1", "a", trials), space=FILE + "constraints: [x < 0.8]") == [("a", 7)]


def test_the_search_has_each_earlier_sweep_as_a_history_of_its_own() -> None:
    b = EarlierSweep("u2", "b", (ended(17, 0.1, x=0.9), ended(23, 0.2, x=7.0)))
    plan = Plan.of(SweepFile.parse(FILE, Path("demo.yaml")), Earlier((A, b)))
    history = plan.history([]).advance([trial(0, Suggestion({"x": 0.125, "opt": "sgd", "depth": 2}))])
    first, second = history.earlier
    assert [each.number for each in first.trials] == [0, 1, 2, 3]
    assert [each.number for each in second.trials] == [0, 1]
    assert [each.params["x"] for each in second.inside] == [0.9]
    assert first.objectives == history.objectives
    assert (history.number, len(history.keys), history.n_tried, len(history.inside)) == (1, 1, 0, 1)
