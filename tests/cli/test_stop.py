"""`stop`: what is asked of whom."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

Command = Callable[..., Any]


@pytest.mark.parametrize(("words", "now"), [((), False), (("--now",), True)])
def test_living_workers_are_asked_to_leave(build: Command, sweeprun: Command, words: Any, now: bool) -> None:
    sweep = build()
    sweep.join_self()
    done = sweeprun("stop", *words)
    assert (done.code, done.out) == (0, "")
    request = sweep.sweep.stop_request()
    assert request.now is now
    assert "1 worker is asked" in done.err


def test_a_worker_that_was_not_seen_for_long_is_not_counted(build: Command, sweeprun: Command) -> None:
    sweep = build()
    lost = sweep.join(4711, 1, "another boot", "another namespace")
    os.utime(sweep.sweep.layout.worker_beat(lost), (0, 0))
    assert "no worker is alive; 1 not seen for long; there is nothing to stop" in sweeprun("stop").err
    sweep.join_self()
    assert "1 worker is asked to finish its trials and leave; 1 not seen for long" in sweeprun("stop").err


def test_without_a_worker_nothing_is_asked(build: Command, sweeprun: Command) -> None:
    sweep = build()
    done = sweeprun("stop")
    assert done.code == 0
    assert "nothing to stop" in done.err
    assert sweep.sweep.stop_request() is None


def test_a_running_trial_is_asked_for_by_a_file_of_its_own(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.running()
    assert sweeprun("stop", "--trial", 0).code == 0
    assert sweep.sweep.layout.trial_stop(0).exists()
    assert sweep.sweep.stop_request() is None


@pytest.mark.parametrize("state", [TrialState.WAITING, TrialState.PAUSED])
def test_a_trial_that_does_not_run_is_pruned_at_once(build: Command, sweeprun: Command, state: TrialState) -> None:
    sweep = build()
    if state is TrialState.WAITING:
        sweep.waiting()
    else:
        sweep.ended(0.5, TrialState.PAUSED)
    done = sweeprun("stop", "demo", "--trial", 0)
    assert f"trial 0 is pruned; it was {state}" in done.err
    [trial] = Sweep(sweep.directory).trials()
    assert (trial.state, trial.why) == (TrialState.PRUNED, "sweeprun stop --trial was typed")


def test_the_worker_that_left_a_trial_waiting_can_tell_our_record_from_its_own(
    build: Command, sweeprun: Command
) -> None:
    sweep = build()
    waiting = sweep.waiting()
    sweeprun("stop", "--trial", 0)
    [trial] = Sweep(sweep.directory).trials()
    assert trial.worker != waiting.worker


def test_a_trial_that_has_ended_is_left_alone(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    done = sweeprun("stop", "--trial", 0)
    assert (done.code, done.err) == (0, "demo: trial 0 is complete already\n")


def test_a_trial_that_a_worker_claims_meanwhile_is_asked_for_instead(
    build: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = build()
    waiting = sweep.waiting()
    advance = Sweep.advance

    def claimed_first(self: Sweep, trial: Trial, *rest: Any, **said: Any) -> Trial:
        monkeypatch.setattr(Sweep, "advance", advance)
        advance(Sweep(sweep.directory), waiting, TrialState.RUNNING, "new", worker="1" * 32, run=1)
        return advance(self, trial, *rest, **said)

    monkeypatch.setattr(Sweep, "advance", claimed_first)
    done = sweeprun("stop", "--trial", 0)
    assert "the worker of trial 0 is asked to prune it" in done.err
    assert sweep.sweep.layout.trial_stop(0).exists()


def test_a_number_that_is_not_there_is_bad_usage(build: Command, sweeprun: Command) -> None:
    sweep = build()
    assert "there is none yet" in sweeprun("stop", "--trial", 0).err
    sweep.waiting()
    done = sweeprun("stop", "--trial", 3)
    assert done.code == 2
    assert "there are 0 to 0" in done.err


def test_now_and_trial_exclude_each_other(build: Command, sweeprun: Command) -> None:
    build().waiting()
    assert sweeprun("stop", "--now", "--trial", 0).code == 2


def test_json_says_what_was_done(build: Command, sweeprun: Command) -> None:
    sweep = build()
    document = sweeprun("stop", "--json").document
    said = "no worker is alive; there is nothing to stop"
    assert document == {"schema": "sweeprun.stop/1", "sweep": "demo", "dir": str(sweep.directory), "said": said}


def test_a_trial_whose_record_is_damaged_is_left_alone(build: Command, sweeprun: Command) -> None:
    sweep = build()
    trial = sweep.waiting()
    sweep.sweep.layout.state(trial.number, 1).write_bytes(b"")
    done = sweeprun("stop", "--trial", 0)
    assert done.code == 2
    assert "trial 0 is damaged" in done.err
