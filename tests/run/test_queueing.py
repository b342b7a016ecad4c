"""Trials that a person asks for: a configuration of their own, a trial once more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sweeprun import seeds
from sweeprun.errors import SpaceError, StoreError, UsageError
from sweeprun.run import queueing
from sweeprun.run.budget import configurations
from sweeprun.run.plan import Plan
from sweeprun.store.sweep import Sweep
from sweeprun.trials import FailureClass, TrialState

FINITE = "parameters={a: [1, 2], b: [1, 2]}"


@pytest.fixture
def add(stage):
    """Queues a configuration of the stage's sweep."""
    return lambda **given: queueing.add(sweep := Sweep(stage.directory), Plan.load(sweep), given)


@pytest.fixture
def retry(stage):
    return lambda number: queueing.retry(sweep := Sweep(stage.directory), Plan.load(sweep), number)


def test_a_configuration_that_is_added_waits_and_the_next_worker_runs_it_first(stage, add):
    stage.sweep("budget: 2")
    added = add(x=0.25)
    assert (added.number, added.state, added.because, added.run) == (0, TrialState.WAITING, "queued", 0)
    stage.run(lambda job: stage.losses(1.0))
    first, *rest = stage.trials
    assert (first.params, first.origin, first.configuration, first.state) == ({"x": 0.25}, "add", 0, "complete")
    assert [trial.origin for trial in rest] == ["search", "search"]


def test_what_is_asked_for_by_hand_does_not_count_against_the_budget(stage, add, retry):
    stage.run(lambda job: stage.losses(1.0), "budget: 2")
    add(x=0.25)
    retry(1)
    stage.run(lambda job: stage.losses(2.0))
    assert stage.states == ["complete"] * 4
    assert configurations(stage.trials) == 2
    assert stage.run(lambda job: stage.losses(3.0))[-1].said["reason"] == "trials"
    assert len(stage.trials) == 4, "a budget of 2 means 2"


def test_a_trial_once_more_is_the_same_but_for_its_number(stage, retry):
    stage.run(lambda job: stage.losses(1.0), "budget: 3\nseed: 7")
    again = retry(1)
    of = stage.trials[1]
    assert (again.number, again.origin, again.parent, again.state) == (3, "retry", 1, TrialState.WAITING)
    assert (again.params, again.configuration, again.repeat, again.seed) == (of.params, 1, 0, seeds.of_trials(7, 0))
    stage.run(lambda job: stage.losses(0.5))
    assert (stage.trials[3].values, stage.trials[1].values) == ({"loss": 0.5}, {"loss": 1.0})
    assert stage.jobs[-1].env["SWEEPRUN_SEED"] == stage.jobs[1].env["SWEEPRUN_SEED"]


def test_what_is_asked_for_goes_as_far_at_first_as_what_is_searched(stage, add, retry):
    stage.sweep("budget: 3", "pruner={name: asha, min: 1, max: 9}")
    stage.run(lambda job: stage.Act(code=1) if job.trial == 0 else stage.losses(1.0))
    assert [add(x=0.5).until, retry(0).until] == [1, 1]


def test_what_is_asked_for_has_a_place_in_a_bracket(stage, add, retry):
    stage.sweep("budget: 3", "pruner={name: hyperband, min: 1, max: 9}")
    stage.run(lambda job: stage.Act(code=1))
    asked = [add(x=0.5), retry(0)]
    assert [(each.until, dict(each.notes)) for each in asked] == [(1, {"round": 0, "bracket": 0})] * 2


@pytest.mark.parametrize("halves", ["pruner={name: hyperband", "algorithm={name: bohb"])
def test_what_failed_in_a_bracket_is_tried_again_there(stage, retry, halves):
    stage.sweep("budget: 10", f"{halves}, min: 1, max: 9}}", "budget.failures.consecutive=99")
    stage.run(lambda job: stage.Act(code=1))
    assert [trial.notes["bracket"] for trial in stage.trials] == [0] * 9 + [1]
    again = retry(0)
    assert (again.until, dict(again.notes)) == (1, {"round": 0, "bracket": 0})


def test_what_went_to_its_end_goes_there_again(stage, retry):
    stage.sweep("budget: 1", "pruner={name: asha, rungs: [1]}")
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.states == ["complete"]
    assert retry(0).until is None


def test_what_is_added_to_a_population_is_none_of_its_members(stage, add):
    stage.sweep("", "algorithm={name: pbt, members: 2, interval: 1, max: 3}")
    added = add(x=0.5)
    assert (added.until, dict(added.notes)) == (None, {})


def test_a_member_that_is_tried_again_begins_anew_and_what_was_replaced_is_not(stage, retry):
    stage.sweep("", "algorithm={name: pbt, members: 2, interval: 1, max: 3}")
    stage.run(lambda job: stage.Act(code=1))
    members = [trial.notes["member"] for trial in stage.trials]
    assert sorted(members) == [0, 0, 0, 1, 1, 1]
    oldest, newest = members.index(0), 5 - members[::-1].index(0)
    with pytest.raises(UsageError, match=f"has a successor in the population already: trial {newest}, which is failed"):
        retry(oldest)
    assert queueing.failed(stage.trials, set(FailureClass)) == sorted([newest, 5 - members[::-1].index(1)])
    again = retry(newest)
    assert (again.until, dict(again.notes)) == (1, {"member": 0, "generation": 3})
    stage.run(lambda job: stage.losses(*[1.0] * int(job.env["SWEEPRUN_UNTIL"])))
    chain = [trial for trial in stage.trials if trial.notes["member"] == 0]
    assert (chain[-1].number, chain[-1].state, chain[-1].last_step) == (again.number, TrialState.COMPLETE, 3)


def test_a_retry_of_a_retry_is_of_the_same_configuration(stage, retry):
    stage.run(lambda job: stage.losses(1.0), "budget: 2")
    retry(1)
    stage.run(lambda job: stage.losses(1.0))
    again = retry(2)
    assert (again.parent, again.configuration) == (2, 1)


def test_a_trial_is_not_tried_again_while_it_is_tried_again(stage, retry):
    stage.run(lambda job: stage.losses(1.0), "budget: 1")
    retry(0)
    with pytest.raises(UsageError, match="trial 0 is tried again already: as trial 1, which is waiting"):
        retry(0)
    stage.run(lambda job: stage.losses(1.0))
    assert retry(0).number == 2


def test_only_what_has_ended_is_tried_again(stage, add, retry):
    stage.sweep("budget: 1")
    add(x=0.5)
    with pytest.raises(UsageError, match="trial 0 is waiting; only what has ended"):
        retry(0)


def test_a_trial_whose_parameters_cannot_be_read_is_not_tried_again(stage, retry):
    stage.run(lambda job: stage.losses(1.0), "budget: 2")
    layout = Sweep(stage.directory).layout
    layout.state(1, 1).write_text("{")
    with pytest.raises(UsageError, match="its parameters cannot be read"):
        retry(1)
    layout.state(0, 2).write_text("{")
    assert retry(0).params == stage.trials[0].params, "what created it can still be read"


def test_sixteen_who_ask_for_the_same_at_once_get_it_once(stage):
    stage.run(lambda job: stage.losses(1.0), "budget: 1")

    def ask(_):
        try:
            return queueing.retry(sweep := Sweep(stage.directory), Plan.load(sweep), 0).number
        except UsageError:
            return None

    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(ask, range(16)))
    assert sorted(n for n in numbers if n) == [1]
    assert len(stage.trials) == 2


def test_without_a_lock_a_number_that_was_taken_is_read_before_it_is_asked_again(stage, add, monkeypatch):
    stage.sweep("budget: 1")
    monkeypatch.setattr("sweeprun.store.sweep.LOCK_TIMEOUT_S", 0.0)
    create, asked = Sweep.create_trial, []

    def taken(self, trial, *more):
        if not asked:
            asked.append(trial)
            rival = Sweep(stage.directory)
            queueing.add(rival, Plan.load(rival), {"x": 0.5})
        return create(self, trial, *more)

    monkeypatch.setattr(Sweep, "create_trial", taken)
    with pytest.raises(UsageError, match="this configuration is there already: trial 0"):
        add(x=0.5)
    assert len(stage.trials) == 1


def test_the_rest_of_a_configuration_is_drawn_by_its_number(stage, add):
    stage.sweep("seed: 3\nbudget: 1", FINITE)
    plan = Plan.load(Sweep(stage.directory))
    first = queueing.filled(plan.space, {"a": 2}, seeds.generator(3, 0))
    assert add(a=2).params == first


def test_what_is_left_out_is_drawn_so_that_the_configuration_is_new(stage, add):
    stage.sweep("budget: 1", FINITE)
    assert {add(a=2).params["b"] for _ in range(2)} == {1, 2}
    with pytest.raises(UsageError, match="is there already: trial 0 and 1 other") as refused:
        add(a=2)
    assert refused.value.hint == "sweeprun retry s 0"


def test_a_configuration_that_was_tried_is_refused_whatever_became_of_it(stage, add):
    stage.sweep("budget: 9", FINITE, "algorithm=grid")
    stage.run(lambda job: stage.Act(code=1))
    with pytest.raises(UsageError, match=r"is there already: trial \d, which is failed"):
        add(a=1, b=1)


def test_what_is_not_in_the_space_is_not_queued(stage, add):
    stage.sweep("budget: 1")
    with pytest.raises(SpaceError, match="x = 2 is not allowed"):
        add(x=2)
    assert stage.trials == []


@pytest.mark.parametrize(
    ("kinds", "numbers"),
    [(set(FailureClass), [0, 2, 3]), ({FailureClass.CRASH}, [0, 2]), ({FailureClass.SIGNAL}, [3]), (set(), [])],
)
def test_what_failed_is_found_by_its_class(stage, kinds, numbers):
    acts = {0: stage.Act(code=1), 2: stage.Act(code=2), 3: stage.Act(signal="SIGSEGV")}
    stage.run(stage.by_trial(acts), "budget: 5")
    assert queueing.failed(stage.trials, kinds) == numbers


def test_what_failed_and_was_tried_again_is_left_to_its_retry(stage, retry):
    stage.run(lambda job: stage.Act(code=1), "budget: 1")
    retry(0)
    assert queueing.failed(stage.trials, set(FailureClass)) == []
    stage.run(lambda job: stage.Act(code=1))
    assert queueing.failed(stage.trials, set(FailureClass)) == [1]


def test_a_worker_that_is_at_work_takes_what_is_queued(stage):
    """Also when its budget is used up and its last trial is about to end."""

    def ask(job):
        queueing.add(sweep := Sweep(stage.directory), Plan.load(sweep), {"x": 0.5})

    acts = {0: stage.Act([ask, {"epoch": 1, "loss": 1.0}])}
    stage.run(stage.by_trial(acts), "budget: 1")
    assert [(trial.origin, trial.state.value) for trial in stage.trials] == [
        ("search", "complete"),
        ("add", "complete"),
    ]


def test_an_exhausted_grid_runs_what_is_tried_again(stage, retry):
    stage.sweep("", "parameters={a: [1, 2]}", "algorithm=grid")
    stage.run(lambda job: stage.losses(1.0))
    retry(0)
    stage.run(lambda job: stage.losses(1.0))
    assert stage.states == ["complete"] * 3


def test_what_a_full_disk_kept_from_being_queued_is_what_is_asked_for_next(stage, retry, monkeypatch):
    stage.run(lambda job: stage.Act(code=1), "budget: 3")
    create = Sweep.create_trial

    def full(self, trial, *more):
        if trial.number == 4:
            raise StoreError("the disk is full")
        return create(self, trial, *more)

    monkeypatch.setattr(Sweep, "create_trial", full)
    assert retry(0).number == 3
    with pytest.raises(StoreError):
        retry(1)
    assert queueing.failed(stage.trials, set(FailureClass)) == [1, 2]
