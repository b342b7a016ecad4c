"""How records add up to a trial."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeprun.store import durable, records
from sweeprun.trials import TRANSITIONS, Curve, Failure, FailureClass, Run, Trial, TrialState

Record = dict[str, Any]
STATES = [None, *TrialState]
ROUTES = {  # how to get a trial into each state
    None: [],
    TrialState.WAITING: [TrialState.WAITING],
    TrialState.RUNNING: [TrialState.RUNNING],
    TrialState.PAUSED: [TrialState.RUNNING, TrialState.PAUSED],
    TrialState.COMPLETE: [TrialState.RUNNING, TrialState.COMPLETE],
    TrialState.PRUNED: [TrialState.RUNNING, TrialState.PRUNED],
    TrialState.FAILED: [TrialState.RUNNING, TrialState.FAILED],
}


USUAL = {"waiting": "requeued", "running": "resumed"}


def record(n: int, state: TrialState | str, **said: Any) -> Record:
    first = {"number": 0, "params": {"x": 1}, "notes": {}, "origin": "search", "configuration": 0, "repeat": 0}
    every = {"format": 1, "id": "i", "n": n, "uid": "u", "state": str(state), "why": "r", "at": float(n)}
    every |= {"worker": "w", "run": 1, "until": None, "reason": USUAL.get(str(state))}
    created = first | {"seed": 1, "parent": None} if n == 1 else {}
    return every | created | said


def left(**said: Any) -> Record:
    curve = {"steps": [1], "values": {"loss": [0.5]}, "firsts": {}}
    run = {"started": 1.0, "seconds": 2.0, "gpu_seconds": 0.0, "memory_bytes": 0, "skipped": 0, "cut": 0}
    return run | {"step": 1, "last_step": 1, "first": 1, "values": {}, "curve": curve, "failure": None} | said


def folded(*parts: Record) -> Trial:
    trial: Trial | None = None
    for part in parts:
        trial = records.fold(trial, part)
    assert trial is not None
    return trial


def preempted(n: int, last_step: int) -> tuple[Record, Record]:
    """A run that starts with record n - 1 and is preempted with record n, at `last_step`."""
    return (
        record(n - 1, TrialState.RUNNING),
        record(n, TrialState.WAITING, counts=records.PREEMPTION, **left(last_step=last_step)),
    )


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", list(TrialState))
def test_a_trial_moves_where_the_table_says_and_nowhere_else(before: TrialState | None, after: TrialState) -> None:
    route = [record(n, state) for n, state in enumerate(ROUTES[before], 1)]
    last = record(len(route) + 1, after)
    if after in TRANSITIONS[before]:
        assert folded(*route, last).state is after
    else:
        with pytest.raises(ValueError, match="cannot go from"):
            folded(*route, last)


def test_a_record_says_where_it_stands() -> None:
    with pytest.raises(ValueError, match="record 3 stands where 2 belongs"):
        folded(record(1, TrialState.RUNNING), record(3, TrialState.COMPLETE))
    with pytest.raises(ValueError, match="record 2 stands where 1 belongs"):
        folded(record(1, TrialState.RUNNING) | {"n": 2})


def test_a_record_of_another_trial_is_refused() -> None:
    with pytest.raises(ValueError, match="of the trial v, not of u"):
        folded(record(1, TrialState.RUNNING), record(2, TrialState.COMPLETE, uid="v"))


def test_a_record_of_a_newer_sweeprun_is_refused() -> None:
    with pytest.raises(ValueError, match="newer sweeprun"):
        folded(record(1, TrialState.RUNNING, format=records.FORMAT + 1))


def test_a_key_that_is_not_known_is_passed_over() -> None:
    assert folded(record(1, TrialState.RUNNING, later="idea")) == folded(record(1, TrialState.RUNNING))


def test_each_run_of_a_trial_is_kept_with_what_it_cost() -> None:
    trial = folded(
        record(1, TrialState.RUNNING),
        record(2, TrialState.RUNNING, run=2, worker="v", counts=records.DEATH, **left(seconds=9.0, gpu_seconds=3.0)),
        record(3, TrialState.COMPLETE, run=2, worker="v", **left(started=2.0, memory_bytes=5)),
    )
    assert trial.runs == (Run(1.0, 9.0, 3.0, 0), Run(2.0, 2.0, 0.0, 5))
    assert trial.seconds == 11.0
    assert (trial.deaths, trial.worker, trial.run) == (1, "v", 2)
    assert (trial.created, trial.changed) == (1.0, 3.0)


def test_a_trial_that_waits_has_no_run_and_gets_one_when_it_is_claimed() -> None:
    waits = folded(record(1, TrialState.WAITING, run=0))
    assert waits.runs == ()
    claimed = records.fold(waits, record(2, TrialState.RUNNING, until=9))
    assert claimed.runs == (Run(2.0),)
    assert claimed.until == 9


def test_deaths_and_retries_add_up_each_for_itself() -> None:
    parts = [record(1, TrialState.RUNNING)]
    for kind in (records.DEATH, records.RETRY, records.RETRY):
        n = len(parts) + 1
        parts += [record(n, TrialState.WAITING, counts=kind, **left()), record(n + 1, TrialState.RUNNING)]
    trial = folded(*parts)
    assert (trial.deaths, trial.retries, trial.preemptions) == (1, 2, 0)


def test_preemptions_count_in_a_row_and_only_without_a_new_step() -> None:
    start = record(1, TrialState.WAITING, run=0)
    stuck = [*preempted(3, 0), *preempted(5, 0)]
    assert folded(start, *stuck).preemptions == 2
    assert folded(start, *stuck, *preempted(7, 4)).preemptions == 0
    assert folded(start, *stuck, *preempted(7, 4), *preempted(9, 4)).preemptions == 1


def test_numbers_that_json_lacks_survive_and_the_file_stays_strict(after_run: Callable[..., Trial]) -> None:
    running = folded(record(1, TrialState.RUNNING))
    for value in (math.nan, math.inf, -math.inf, 1e-320, -0.0):
        said = records.left(after_run(running, value, earlier=math.nan))
        data = durable.encode(record(2, TrialState.COMPLETE, **said))
        strict = json.loads(data, parse_constant=pytest.fail)
        trial = records.fold(running, strict)
        assert repr(trial.values["loss"]) == repr(value)
        assert repr(trial.curve.values["loss"]) == repr((math.nan, value))
        assert trial.curve.firsts == {"loss": {3: math.inf}}


def test_a_failure_survives_with_its_class_and_its_last_words() -> None:
    failure = Failure(FailureClass.GPU_OOM, "exit code 1: CUDA out of memory", 1, None, ("a", "b"))
    assert records.failure_from(json.loads(json.dumps(records.failure_record(failure)))) == failure
    assert records.failure_record(None) is None


@given(st.lists(st.integers(0, 10**9), unique=True).map(sorted), st.data())
def test_any_curve_survives(steps: list[int], data: st.DataObject) -> None:
    column = st.lists(st.floats(), min_size=len(steps), max_size=len(steps)).map(tuple)
    firsts = st.dictionaries(st.sampled_from(steps), st.floats()) if steps else st.just({})
    curve = Curve(tuple(steps), {"loss": data.draw(column)}, {"loss": data.draw(firsts)})
    assert repr(records.curve_from(json.loads(json.dumps(records.curve_record(curve), allow_nan=False)))) == repr(curve)


@pytest.mark.parametrize("steps", [[2, 1], [1, 1], [-1], [1.0], ["1"], [True], [2**63]])
def test_a_curve_whose_steps_are_none_is_refused(steps: list[Any]) -> None:
    record = {"steps": steps, "values": {"loss": [0.5] * len(steps)}, "firsts": {}}
    with pytest.raises(ValueError, match="the steps of its curve"):
        records.curve_from(record)


WRONG = st.none() | st.integers(-3, 3) | st.just(10**400) | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
WRONG |= st.dictionaries(st.text(max_size=3), st.integers(), max_size=2) | st.booleans() | st.floats(-1, 1)


@given(st.sampled_from(sorted(record(1, "running"))), WRONG)
def test_a_first_record_with_anything_in_it_folds_or_is_refused(key: str, value: Any) -> None:
    _folds_or_is_refused(None, record(1, TrialState.RUNNING) | {key: value})


@given(st.sampled_from(sorted(record(2, "failed") | left())), WRONG)
def test_a_last_record_with_anything_in_it_folds_or_is_refused(key: str, value: Any) -> None:
    _folds_or_is_refused(folded(record(1, TrialState.RUNNING)), record(2, TrialState.FAILED, **left()) | {key: value})


@given(st.sampled_from(sorted(record(1, "running"))))
def test_a_record_that_lacks_a_key_folds_or_is_refused(key: str) -> None:
    short = record(1, TrialState.RUNNING)
    del short[key]
    _folds_or_is_refused(None, short)


def _folds_or_is_refused(trial: Trial | None, said: Record) -> None:
    try:
        found = records.fold(trial, said)
    except ValueError:
        return
    assert isinstance(found.run, int)  # these become names of files
    assert isinstance(found.number, int)
    assert isinstance(found.worker, str)


def test_what_created_says_is_what_a_trial_is_born_with() -> None:
    trial = Trial(7, "u", TrialState.RUNNING, params={"x": [1, 2]}, notes={"a": 1}, origin="first", seed=3, parent=2)
    said = record(1, TrialState.RUNNING) | records.created(trial)
    born = records.fold(None, said)
    waiting = born._replace(state=trial.state, reason=None, why="", runs=(), worker="", run=0)
    assert waiting == trial._replace(created=1.0, changed=1.0)
