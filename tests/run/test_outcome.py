"""Each row of `How it ends`."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from sweeprun.executors.base import Ended, SpawnFailed
from sweeprun.run.outcome import Outcome, Retry, Traces, ended, lost, not_spawned, retried
from sweeprun.trials import FailureClass, Trial, TrialState

ENDED = Ended(0, 0, None, "program", 1.0, 0, 0.5, False, 0, False)
TRIAL = Trial(0, "uid", TrialState.RUNNING, values={"loss": 0.5})


def meaning(request=None, trial=TRIAL, progressed=False, stderr=(), missing="", **end):
    traces = Traces(progressed, tuple(stderr), missing)
    return ended(replace(ENDED, **end), request, trial, traces)


def crashed(*stderr, code=1, **end):
    return meaning(code=code, stderr=stderr, **end).failure.kind


def test_exit_0_with_the_objective_is_complete():
    outcome = meaning()
    assert (outcome.state, outcome.failure) == (TrialState.COMPLETE, None)


def test_what_a_complete_program_left_behind_is_told():
    assert "2 processes" in meaning(leftovers=2).why


def test_exit_0_without_the_objective_fails_and_says_what_there_was_instead():
    outcome = meaning(missing="never reported 'loss'; it reported Loss, val_acc")
    assert outcome.failure.kind is FailureClass.NO_METRIC
    assert outcome.failure.message == "it ended well and never reported 'loss'; it reported Loss, val_acc"


@pytest.mark.parametrize("end", [{}, {"code": None, "signal": "SIGKILL"}, {"code": 1}, {"ended_by": "launcher_lost"}])
def test_what_we_asked_for_stands_however_the_program_ended(end):
    pruned = meaning(("prune", "worse than the median"), **end)
    assert (pruned.state, pruned.why) == (TrialState.PRUNED, "worse than the median")
    preempted = meaning(("preempt", "Ctrl-C"), **end)
    assert (preempted.state, preempted.counts) == (TrialState.WAITING, None)
    assert meaning(("timeout", "too long"), **end).failure.kind is FailureClass.TIMEOUT
    assert meaning(("hang", "silence"), **end).failure.kind is FailureClass.HANG
    assert meaning(("nan", "loss is NaN"), **end).failure.kind is FailureClass.NAN


def test_a_run_that_had_come_as_far_as_it_was_to_go_when_it_was_asked_to_leave_off_is_what_it_has_become():
    there = Outcome(TrialState.COMPLETE, "step 9 is the end")
    for request in ("pause", "finish", "preempt"):
        assert ended(ENDED, (request, "why"), TRIAL, Traces(), there) == there
    assert ended(ENDED, ("prune", "why"), TRIAL, Traces(), there).state is TrialState.PRUNED


def test_nobody_is_complete_without_a_value_though_it_has_come_to_its_end():
    there, missing = Outcome(TrialState.COMPLETE, "step 9 is the end"), Traces(missing="never reported 'loss'")
    assert ended(ENDED, None, TRIAL, missing, there).failure.kind is FailureClass.NO_METRIC
    stopped = replace(ENDED, code=None, signal="SIGTERM", ended_by="stop")
    finished = ended(stopped, ("finish", "not improved in 2 steps"), TRIAL, missing)
    assert (finished.state, finished.why) == (TrialState.PRUNED, "not improved in 2 steps; it never reported 'loss'")


def test_what_is_interrupted_after_its_last_step_and_has_a_value_to_report_yet_is_run_again():
    there, missing = Outcome(TrialState.COMPLETE, "step 9 is the end"), Traces(missing="never reported 'loss'")
    dead = replace(ENDED, code=None, ended_by="launcher_lost")
    outcomes = [
        ended(replace(ENDED, code=75), None, TRIAL, missing, there),
        ended(ENDED, ("preempt", "Ctrl-C"), TRIAL, missing, there),
        ended(dead, None, TRIAL, missing, there),
        lost(TRIAL, missing, there),
    ]
    assert [outcome.state for outcome in outcomes] == [TrialState.WAITING] * 4


@pytest.mark.parametrize("end", [{"code": 75}, {"code": 143}, {"code": None, "signal": "SIGTERM"}])
def test_exit_75_and_a_sigterm_that_was_not_ours_are_preemptions(end):
    outcome = meaning(**end)
    assert (outcome.state, outcome.counts) == (TrialState.WAITING, "preemption")


def test_the_third_preemption_in_a_row_without_a_new_step_is_a_hang():
    assert meaning(code=75, trial=TRIAL._replace(preemptions=1)).state is TrialState.WAITING
    assert meaning(code=75, trial=TRIAL._replace(preemptions=2)).failure.kind is FailureClass.HANG


def test_a_preemption_of_a_run_that_came_further_is_free():
    outcome = meaning(code=75, trial=TRIAL._replace(preemptions=2), progressed=True)
    assert (outcome.state, outcome.counts) == (TrialState.WAITING, None)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ValueError: no", FailureClass.CRASH),
        ("ModuleNotFoundError: No module named 'x'", FailureClass.IMPORT),
        ("ImportError: cannot import name 'x'", FailureClass.IMPORT),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", FailureClass.GPU_OOM),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED", FailureClass.GPU_OOM),
        ("MemoryError", FailureClass.OOM),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 1 TiB", FailureClass.OOM),
        ("OSError: [Errno 12] Cannot allocate memory", FailureClass.OOM),
        ("RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", FailureClass.OOM),
        ("RuntimeError: MyMemoryErrorHandler", FailureClass.CRASH),
    ],
)
def test_a_crash_is_classed_by_its_last_words(line, kind):
    assert crashed("Traceback (most recent call last):", line) is kind


def test_an_import_that_failed_and_was_survived_is_not_the_cause():
    assert crashed("ImportError: optional thing", "ValueError: no") is FailureClass.CRASH


def test_signals_are_told_from_the_kernel_running_out_of_memory():
    assert crashed(code=None, signal="SIGSEGV") is FailureClass.SIGNAL
    assert crashed(code=None, signal="SIGKILL") is FailureClass.SIGNAL
    assert crashed(code=None, signal="SIGKILL", oom=None) is FailureClass.SIGNAL
    assert crashed(code=None, signal="SIGKILL", oom=True) is FailureClass.OOM
    assert crashed(code=137, oom=True) is FailureClass.OOM
    assert crashed(code=None, signal="SIGSEGV", oom=True) is FailureClass.SIGNAL


def test_a_failure_holds_how_it_ended_and_the_last_lines():
    failure = meaning(code=3, stderr=("a", "ValueError: no", "")).failure
    assert (failure.exit_code, failure.signal, failure.stderr) == (3, None, ("a", "ValueError: no", ""))
    assert failure.message == "exit code 3: ValueError: no"


def test_a_launcher_that_died_is_a_death_and_the_third_is_the_end():
    assert meaning(ended_by="launcher_lost", code=None).counts == "death"
    outcome = meaning(ended_by="launcher_lost", code=None, trial=TRIAL._replace(deaths=2))
    assert outcome.failure.kind is FailureClass.LOST
    assert lost(TRIAL._replace(deaths=1), Traces()).state is TrialState.WAITING
    assert lost(TRIAL._replace(deaths=2), Traces()).failure.kind is FailureClass.LOST


def test_what_cannot_be_killed_is_said_whatever_was_asked():
    assert meaning(("prune", "bad"), unkillable=True).failure.kind is FailureClass.UNKILLABLE


def test_a_program_that_could_not_be_started_says_the_errno():
    outcome = not_spawned(SpawnFailed(0, errno.ENOENT, "cannot start 'pyton'"))
    assert outcome.failure.kind is FailureClass.SPAWN
    assert outcome.why == "cannot start 'pyton': No such file or directory (ENOENT)"


def test_only_listed_failures_are_tried_again_and_only_so_often():
    outcome, retry = meaning(code=1), Retry(2, ("crash",))
    assert retried(outcome, TRIAL, retry).state is TrialState.WAITING
    assert retried(outcome, TRIAL, retry).counts == "retry"
    assert retried(outcome, TRIAL._replace(retries=2), retry) is outcome
    assert retried(outcome, TRIAL, Retry(2, ("oom",))) is outcome
    assert retried(meaning(), TRIAL, retry) == meaning()


def test_a_requeued_end_counts_nowhere():
    outcome = meaning(code=1).requeued()
    assert (outcome.state, outcome.failure, outcome.counts) == (TrialState.WAITING, None, None)
