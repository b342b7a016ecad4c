"""How starts that fail are waited out or given up."""

from __future__ import annotations

import errno

import pytest

from sweeprun.executors.base import SpawnFailed
from sweeprun.run.spawning import Spawning
from sweeprun.trials import TrialState


class Times:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Times()


@pytest.fixture
def spawning(clock):
    return Spawning(clock)


def refused(spawning, number=errno.EAGAIN, message="cannot start a process"):
    return spawning.failed(SpawnFailed(0, number, message))


def pause(spawning, clock):
    """For how long there is no other try."""
    began = clock.now
    while spawning.paused:
        clock.now += 0.5
    return clock.now - began


def test_each_want_of_processes_in_a_row_is_waited_out_for_longer(spawning, clock):
    pauses = []
    for _ in range(7):
        assert refused(spawning).state is TrialState.WAITING
        pauses.append(pause(spawning, clock))
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert spawning.hopeless is None


def test_starts_that_fail_together_make_one_pause(spawning, clock):
    for _ in range(8):
        refused(spawning, errno.EMFILE)
    assert pause(spawning, clock) == 1.0
    refused(spawning)
    assert pause(spawning, clock) == 2.0


def test_a_start_that_works_makes_the_pauses_short_again(spawning, clock):
    for _ in range(4):
        refused(spawning)
        pause(spawning, clock)
    spawning.worked()
    refused(spawning)
    assert pause(spawning, clock) == 1.0


def test_a_program_that_is_not_there_is_no_reason_to_pause(spawning):
    assert refused(spawning, errno.ENOENT).state is TrialState.FAILED
    assert not spawning.paused


def test_five_failures_of_one_kind_are_hopeless_and_failures_of_two_kinds_are_not(spawning):
    for _ in range(4):
        refused(spawning, errno.ENOENT)
    refused(spawning, errno.EACCES)
    assert spawning.hopeless is None
    for _ in range(4):
        refused(spawning, errno.EACCES)
    assert spawning.hopeless.key == "failures"
    assert spawning.hopeless.why.startswith("5 trials in a row could not be started")
