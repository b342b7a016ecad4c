"""A worker that cannot be seen: by itself while its loop turns, by its launcher where the loop hangs."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from sweeprun.run.worker import Switch
from sweeprun.store.sweep import Sweep
from sweeprun.trials import TrialState


@pytest.fixture
def elsewhere(stage):
    """A sweep on which a worker of another host works."""
    stage.sweep("budget: 9")
    return stage.worker(lambda job: stage.losses(1.0), boot_id="another", host="there")


def started(worker, n=1):
    work = worker.work()
    while n:
        n -= next(work).name == "trial_started"
    return work


def turns(stage, work, seconds):
    """Let the loop turn for so long; its executor is the newest."""
    until, switch = stage.clock() + seconds, stage.workers[-1]._switch
    stage.executors[-1].on_poll = lambda: stage.clock() > until and switch.turn(2, "enough")
    return list(work)


def test_each_beat_that_arrives_puts_the_launchers_fence_off(stage, elsewhere):
    work = started(stage.worker(lambda job: stage.losses(2.0, code=None)))
    turns(stage, work, 35.0)
    assert stage.executors[-1].fences == [(60.0, 15.0)] * 4


def test_trials_that_are_fenced_are_gone_before_others_take_them(stage, elsewhere):
    stage.sweep().edit(set=[(["stop", "grace"], 300.0)])
    work = started(stage.worker(lambda job: stage.losses(2.0, code=None)))
    turns(stage, work, 5.0)
    assert stage.executors[-1].fences == [(60.0, 30.0)]


def test_a_beat_that_does_not_arrive_does_not_put_the_fence_off(stage, elsewhere, monkeypatch):
    worker = stage.worker(lambda job: stage.losses(2.0, code=None))
    work = started(worker)
    monkeypatch.setattr(type(worker._member), "beat", lambda self: None)
    turns(stage, work, 35.0)
    assert len(stage.executors[-1].fences) == 1


def test_among_workers_of_one_machine_there_is_no_fence(stage):
    stage.sweep("budget: 9")
    stage.worker(lambda job: stage.losses(1.0))
    turns(stage, started(stage.worker(lambda job: stage.losses(2.0, code=None))), 35.0)
    assert stage.executors[-1].fences == []


def test_the_fence_is_taken_away_when_the_last_worker_elsewhere_has_left(stage, elsewhere):
    act = stage.Act([*[{}] * 60, lambda job: elsewhere._member.leave()], code=None)
    turns(stage, started(stage.worker(lambda job: act)), 55.0)
    assert stage.executors[-1].fences == [(60.0, 15.0)] * 2 + [(None, 15.0)]


def test_what_the_launcher_has_fenced_waits_and_is_run_again(stage):
    stage.sweep("budget: 1")
    worker = stage.worker(stage.by_trial({0: [stage.losses(2.0, code=None), stage.losses(1.0)]}))
    work = started(worker)
    executor = stage.executors[-1]
    executor._end(executor.running[0], by="fenced")
    (waiting,) = [event.trial for event in work if event.name == "trial_waiting"]
    assert waiting.because == "preempted: its worker could not show that it lives"
    (trial,) = stage.trials
    assert (trial.state, trial.run, trial.deaths, trial.preemptions) == (TrialState.COMPLETE, 2, 0, 0)


def test_a_fenced_trial_that_another_has_taken_over_is_the_others(stage, elsewhere):
    worker = stage.worker(lambda job: stage.losses(2.0, code=None))
    work = started(worker)
    sweep, member = stage.sweep(), elsewhere._member
    said = {"log": member.log, "worker": member.worker.uuid}
    taken = sweep.advance(sweep.trials()[0], TrialState.RUNNING, "its worker died", run=2, **said)
    sweep.advance(taken, TrialState.PRUNED, "by the other", **said, **stage.left(taken))
    executor = stage.executors[-1]
    executor._end(executor.running[0], by="fenced")
    notices = [event.said["text"] for event in turns(stage, work, 2.0) if event.name == "notice"]
    assert "trial 0 belongs to another worker now" in notices
    assert (stage.trials[0].state, stage.trials[0].why) == (TrialState.PRUNED, "by the other")


def test_a_trial_that_its_new_owner_lets_go_is_not_started_while_our_process_of_it_dies(stage, elsewhere):
    stage.sweep().edit(set=[(["budget", "trials"], 1)])
    worker = stage.worker(stage.by_trial({0: [stage.losses(2.0, code=None), stage.losses(1.0)]}), slots=2)
    work, executor = started(worker), stage.executors[-1]
    sweep, member = stage.sweep(), elsewhere._member
    said = {"log": member.log, "worker": member.worker.uuid}
    taken = sweep.advance(sweep.trials()[0], TrialState.RUNNING, "its worker died", run=2, **said)
    sweep.advance(taken, TrialState.WAITING, "it left", **said, **stage.left(taken))
    dies_at, turn = stage.clock() + 3.0, executor._turn
    executor._turn = lambda one: turn(one) if one.job.run_dir.name != "run1" or stage.clock() > dies_at else None
    list(work)
    assert [(trial.state, trial.run) for trial in stage.trials] == [(TrialState.COMPLETE, 3)]
    assert stage.clock() > dies_at


# ---- a lock that somebody holds who is stopped


@pytest.fixture
def slow_lock(stage, monkeypatch):
    """Every claim waits 10 s for the lock. What is appended to the list is called then."""
    lock, meanwhile = Sweep.lock, []

    def waited(self):
        stage.clock.time += 10.0
        for call in meanwhile:
            call()
        return lock(self)

    monkeypatch.setattr(Sweep, "lock", waited)
    return meanwhile


def test_a_worker_beats_between_claims_that_wait_for_the_lock(stage, slow_lock):
    stage.sweep("budget: 8")
    worker = stage.worker(lambda job: stage.losses(2.0, 1.0), slots=8)
    silent = []
    slow_lock.append(lambda: silent.append(worker._member.silent_s))
    list(worker.work())
    assert len(silent) >= 8
    assert max(silent) <= 20.0


def test_a_worker_that_is_told_to_leave_makes_no_further_claim(stage, slow_lock):
    stage.sweep("budget: 8")
    switch = Switch()
    slow_lock.append(lambda: switch.turn(1, "Ctrl-C"))
    list(stage.worker(lambda job: stage.losses(2.0, 1.0), slots=8, switch=switch).work())
    assert stage.states == ["complete"]


def test_a_lock_that_is_done_without_is_said_once(stage, monkeypatch):
    sweep = stage.sweep("budget: 3")
    worker = stage.worker(lambda job: stage.losses(1.0))
    worker._sweep.lock_trouble = "going on without the lock"
    monkeypatch.setattr(Sweep, "lock", lambda self: nullcontext())
    events = list(worker.work())
    assert [event.said["text"] for event in events if event.name == "notice"] == ["going on without the lock"]
    assert len(sweep.trials()) == 3
