"""A disk that refuses: what is said is kept, what failed meanwhile is not held against anybody."""

from __future__ import annotations

import errno
import os
import sys

import pytest

from sweeprun.errors import StoreError
from sweeprun.run.ledger import Ledger
from sweeprun.run.worker import Switch
from sweeprun.store import durable
from sweeprun.store.sweep import Sweep
from sweeprun.trials import TrialState


class Disk:
    """Refuses to make new files while it is `full`, wherever or only where `refuses` says."""

    def __init__(self, monkeypatch):
        self.full, self.tries = False, 0
        self.refuses = lambda path: True
        write = durable.write_new

        def write_new(path, data):
            if self.full and self.refuses(path):
                self.tries += 1
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            write(path, data)

        for module in _users_of(write):
            monkeypatch.setattr(module, "write_new", write_new)


def _users_of(write):
    ours = [module for name, module in sys.modules.items() if name.startswith("sweeprun.store")]
    return [module for module in ours if vars(module).get("write_new") is write]


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def filling(disk):
    """A line of an act that fills the disk."""

    def fill(job):
        disk.full = True

    return fill


def until(work, condition):
    """Go on with `work` until `condition`; what is told meanwhile."""
    told = []
    for event in work:
        told.append(event)
        if condition(event):
            return told
    raise AssertionError("it ended before")


def freed_after(stage, disk, turns):
    """Empty the disk after so many polls of the newest executor, counted from when it is full."""
    left = [turns]

    def hook():
        left[0] -= disk.full
        if left[0] == 0:
            disk.full = False

    stage.executors[-1].on_poll = hook


def test_a_result_waits_for_the_disk_and_nothing_new_is_begun_meanwhile(stage, disk):
    stage.sweep("budget: 3")
    act = stage.Act([filling(disk), {"epoch": 1, "loss": 0.5}])
    worker = stage.worker(stage.by_trial({0: act}))
    freed_after(stage, disk, 60)
    began = stage.clock()
    list(worker.work())
    assert stage.states == ["complete"] * 3
    assert stage.trials[0].values == {"loss": 0.5}
    assert 10 < stage.clock() - began < 60
    assert 3 <= disk.tries < 60, "with growing waits"


def test_a_failure_while_the_disk_refuses_counts_nowhere(stage, disk):
    stage.sweep("budget: 2")
    acts = {0: stage.Act([filling(disk)], code=75), 1: [stage.Act([{}] * 8, code=1), stage.losses(1.0)]}
    acts[0] = [acts[0], stage.losses(1.0)]
    worker = stage.worker(stage.by_trial(acts), slots=2)
    freed_after(stage, disk, 40)
    list(worker.work())
    assert stage.states == ["complete"] * 2
    assert (stage.trials[1].retries, stage.trials[1].deaths, stage.trials[1].run) == (0, 0, 2)


def test_running_trials_are_not_ended_for_the_disk_before_its_patience_is_out(stage, disk):
    stage.sweep("budget: 2\nstore: {retry: 30s}")
    acts = {0: stage.Act([filling(disk)]), 1: stage.losses(1.0, code=None)}
    worker = stage.worker(stage.by_trial(acts), slots=2)
    began = stage.clock()
    events = list(worker.work())
    assert events[-1].said["reason"] == "store"
    assert "No space left on device" in events[-1].said["why"]
    assert stage.executors[0].stops[0][0] == 1
    assert 30 <= stage.clock() - began < 45
    assert stage.states == ["running"] * 2, "what the record could not take; their exit.json tells the next worker"


def test_what_a_worker_could_not_say_the_next_one_finds(stage, disk):
    stage.sweep("budget: 2\nstore: {retry: 5s}")
    acts = {0: stage.Act([filling(disk), {"epoch": 1, "loss": 0.5}])}
    worker = stage.worker(stage.by_trial(acts))
    list(worker.work())
    assert stage.states == ["running"]
    disk.full = False
    worker._member.leave()  # as a process it would be dead by now
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.states == ["complete"] * 2
    assert (stage.trials[0].values, stage.trials[0].run) == ({"loss": 0.5}, 1)


def test_ctrl_c_while_the_disk_refuses_leaves(stage, disk):
    stage.sweep("budget: 2")
    switch = Switch()
    worker = stage.worker(lambda job: stage.Act([filling(disk)]), switch=switch)
    began = stage.clock()
    stage.executors[0].on_poll = lambda: stage.clock() > began + 5 and switch.turn(2, "Ctrl-C twice")
    events = list(worker.work())
    assert events[-1].said["reason"] == "switch"
    assert stage.clock() - began < 10


def test_the_first_ctrl_c_still_waits_for_the_disk(stage, disk):
    stage.sweep("budget: 2")
    switch = Switch()
    worker = stage.worker(lambda job: stage.Act([filling(disk), {"epoch": 1, "loss": 1.0}]), switch=switch)
    freed_after(stage, disk, 60)
    work = worker.work()
    until(work, lambda event: event.name == "metric")
    switch.turn(1, "Ctrl-C")
    list(work)
    assert stage.states == ["complete"]


def test_a_disk_that_takes_probes_and_no_trials_is_given_up_too(stage, disk):
    stage.sweep("budget: 2\nstore: {retry: 20s}")
    disk.full, disk.refuses = True, lambda path: path.name.startswith("state.")
    events = list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert events[-1].said["reason"] == "store"
    assert stage.trials == []


def test_a_trial_whose_directory_could_not_be_made_is_started_when_it_can(stage, disk):
    stage.sweep("budget: 1")
    disk.full, disk.refuses = True, lambda path: path.name == "params.json"
    worker = stage.worker(lambda job: stage.losses(1.0))
    freed_after(stage, disk, 20)
    list(worker.work())
    assert stage.states == ["complete"]
    assert (stage.trials[0].run, stage.trials[0].deaths) == (1, 0)


def test_an_old_trouble_does_not_shorten_the_patience_with_a_new_one(stage, disk):
    sweep = stage.sweep("budget: 1\nstore: {retry: 30s}")
    ledger = Ledger(sweep, "f" * 32, sweep.layout.directory / "log", stage.clock)
    ledger.refused(StoreError("full"))
    stage.clock.time += 1.0
    assert ledger.said() == []
    assert ledger.trouble is None, "the probe went well"
    stage.clock.time += 3600.0
    ledger.refused(StoreError("full again"))
    assert ledger.trouble_s == 0.0


def test_the_reserve_makes_room_for_final_records(stage, disk):
    sweep = stage.sweep("budget: 1")
    sweep.tidy()
    assert sweep.layout.reserve.exists()
    worker = stage.worker(lambda job: stage.Act([filling(disk), {"epoch": 1, "loss": 1.0}]))
    freed_after(stage, disk, 10)
    left = []
    stage.executors[0].on_poll, hook = (
        lambda: (left.append(sweep.layout.reserve.exists()), hook()),
        stage.executors[0].on_poll,
    )
    list(worker.work())
    assert False in left
    assert sweep.layout.reserve.exists(), "filled again"


def test_a_result_that_comes_second_does_not_count(stage):
    sweep = stage.sweep("budget: 1")
    other = stage.worker(lambda job: stage.losses(1.0))._member
    worker = stage.worker(lambda job: stage.losses(0.5))

    def steal(job):
        trial = Sweep(stage.directory).trials()[0]
        sweep.trials()
        said = {"worker": other.worker.uuid, **stage.left(trial)}
        sweep.advance(trial, TrialState.PRUNED, "by the other", **said)  # not in its log: found by contention alone

    stage.executors[1]._script = lambda job: stage.Act([steal, {"epoch": 1, "loss": 0.5}])
    events = list(worker.work())
    assert [event.said["text"] for event in events if event.name == "notice"] == [
        "trial 0 belongs to another worker now"
    ]
    assert stage.trials[0].why == "by the other"


def test_a_directory_that_cannot_be_read_for_a_while_ends_nothing(stage, monkeypatch):
    stage.sweep("budget: 3")
    worker = stage.worker(lambda job: stage.losses(0.5, 0.4))
    read, calls = Sweep.trials, []

    def stale(sweep):
        calls.append(sweep)
        if 5 <= len(calls) < 15:
            raise StoreError("cannot read trials: Stale file handle")
        return read(sweep)

    monkeypatch.setattr(Sweep, "trials", stale)
    events = list(worker.work())
    assert [event.name for event in events].count("trial_completed") == 3
    assert worker.halt.key == "trials"
    assert len(calls) > 15


def test_a_directory_that_stays_away_ends_the_worker_after_its_patience(stage, monkeypatch):
    stage.sweep("budget: 3\nstore: {retry: 30s}")
    worker = stage.worker(lambda job: stage.losses(0.5))

    def gone(sweep):
        raise StoreError("cannot read trials: No such file or directory")

    monkeypatch.setattr(Sweep, "trials", gone)
    list(worker.work())
    assert worker.halt.key == "store"


def test_a_long_lived_worker_saves_snapshots(stage, monkeypatch):
    monkeypatch.setattr("sweeprun.run.worker.TIDY_EVERY", 2)
    monkeypatch.setattr("sweeprun.store.snapshot.due", lambda n_final, n_saved: n_final > n_saved)
    stage.run(lambda job: stage.losses(0.5), "budget: 5")
    assert sorted(path.name for path in stage.sweep().layout.snapshots.iterdir()) == ["2.json", "4.json"]


TARGET = "trial 0 reached loss 0.5, the target was 0.6"


@pytest.mark.parametrize(("slots", "notices"), [(2, [TARGET]), (1, [])])
def test_what_ends_the_work_before_its_time_is_said_at_once_to_those_who_wait_for_running_trials(
    stage, slots, notices
):
    stage.sweep("budget: {trials: 5, target: {loss: 0.6}}")
    acts = {0: stage.losses(0.5), 1: stage.losses(3.0, 2.0, 1.0, 0.7)}
    events = list(stage.worker(stage.by_trial(acts), slots=slots).work())
    assert [event.said["text"] for event in events if event.name == "notice"] == notices
    assert events[-1].said["why"] == TARGET
