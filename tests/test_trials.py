"""The states of a trial and the ways between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sweeprun.trials import TRANSITIONS, Run, Trial, TrialState

FINAL = {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED}


def test_three_states_are_final_and_lead_nowhere() -> None:
    assert {state for state in TrialState if state.final} == FINAL
    assert {state for state in TrialState if not TRANSITIONS[state]} == FINAL


def test_every_state_can_be_reached_and_every_one_that_is_not_final_can_be_left() -> None:
    reached: set[TrialState | None] = {None}
    for _ in TrialState:
        reached |= {after for before in reached for after in TRANSITIONS[before]}
    assert reached == {None, *TrialState}


@pytest.mark.parametrize("state", sorted(set(TrialState) - FINAL))
def test_what_is_not_over_can_be_run_and_can_be_pruned(state: TrialState) -> None:
    assert {TrialState.RUNNING, TrialState.PRUNED} <= TRANSITIONS[state]


def test_only_a_running_trial_completes_pauses_or_fails() -> None:
    for after in (TrialState.COMPLETE, TrialState.PAUSED, TrialState.FAILED):
        assert [before for before, to in TRANSITIONS.items() if after in to] == [TrialState.RUNNING]


def test_states_read_as_they_are_written() -> None:
    assert [TrialState(str(state)) for state in TrialState] == list(TrialState)


def test_the_seconds_of_a_trial_are_those_of_its_finished_runs() -> None:
    trial = Trial(0, "u", TrialState.RUNNING)
    assert trial.seconds == 0.0
    assert replace(trial, runs=(Run(1.0, 2.5), Run(9.0, 3.0), Run(20.0))).seconds == 5.5
