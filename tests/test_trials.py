"""The states of a trial and the ways between them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.trials import TRANSITIONS, Run, Trial, Trials, TrialState

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
    assert trial._replace(runs=(Run(1.0, 2.5), Run(9.0, 3.0), Run(20.0))).seconds == 5.5


# --- all of them at one moment

SIZES = st.integers(0, 700)  # some chunks


def some(numbers: Iterable[int], state: TrialState = TrialState.COMPLETE) -> dict[int, Trial]:
    return {number: Trial(number, f"u{number}", state) for number in numbers}


@given(SIZES, st.sets(SIZES), SIZES)
def test_what_is_updated_is_as_if_it_had_been_made_so(n: int, changed: set[int], more: int) -> None:
    before = list(some(range(n)).values())
    fresh = some({number for number in changed if number < n} | set(range(n, n + more)), TrialState.RUNNING)
    after = Trials(before).updated(fresh)
    expected = [fresh.get(i) or before[i] for i in range(n + more)]
    assert list(after) == expected
    assert [after[i] for i in range(len(after))] == expected
    assert list(after.open) == [trial for trial in expected if trial.state is TrialState.RUNNING]
    assert sorted(after.changed_since(Trials(before))) == sorted(fresh) == sorted(Trials(before).changed_since(after))


def test_a_moment_does_not_change_when_the_next_one_is_made_of_it() -> None:
    before = Trials(some(range(300)).values())
    after = before.updated(some([7, 300], TrialState.RUNNING))
    assert (len(before), list(before.open)) == (300, [])
    assert [trial.number for trial in after.open] == [7, 300]
    assert list(after.changed_since(after)) == []


def test_trials_are_found_from_either_end_and_nowhere_else() -> None:
    trials = Trials(some(range(300)).values())
    assert (trials[-1].number, trials[299].number) == (299, 299)
    assert [trial.number for trial in trials[298:]] == [298, 299]
    for outside in (300, -301):
        with pytest.raises(IndexError, match=rf"there is no trial {outside} of 300"):
            trials[outside]
