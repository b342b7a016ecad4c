"""`retry` and `resume --retry`: trials once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store.sweep import Sweep
from sweeprun.trials import Failure, FailureClass, TrialState

Command = Callable[..., Any]

FILE = """
command: [python, train.py, "${args}"]
metric: loss
parameters: {x: [1, 2, 3]}
algorithm: grid
resources: {gpus: 0, slots: 1}
"""
FAILS_UNLESS_MENDED = """
import pathlib, sys, sweeprun
if sweeprun.params(x=1).x == 2 and not pathlib.Path("mended").exists():
    sys.exit("x is 2")
sweeprun.report(epoch=1, loss=0.5)
"""


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweeprun: Command) -> Any:
    """A grid of three, of which one failed; what `start` said. `mended` makes it work."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(FAILS_UNLESS_MENDED)
    (tmp_path / "demo.yaml").write_text(FILE)
    return sweeprun("start", "demo.yaml")


def trials_of(name: str = "demo") -> Any:
    return Sweep(Path("sweeps") / name).trials()


def test_a_trial_that_is_queued_again_runs_with_the_next_resume(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5, lr=1e-3)
    done = sweeprun("retry", 0)
    assert (done.code, done.out) == (0, "")
    assert "trial 1 waits, trial 0 again: lr=0.001, layers=4\n" in done.err
    assert "no worker is alive; to run what waits: sweeprun resume sweeps/demo\n" in done.err
    again = Sweep(sweep.directory).trials()[1]
    assert (again.state, again.parent, again.params) == (TrialState.WAITING, 0, {"lr": 1e-3, "layers": 4})
    status = sweeprun("status").out
    assert "trial 1: queued" in status
    assert "sweeprun resume goes on" in status


def test_several_are_queued_in_order_each_once(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for value in (0.1, 0.2, 0.3):
        sweep.ended(value)
    document = sweeprun("retry", "demo", 2, 0, 2, "--json").document
    assert [(trial["number"], trial["parent"]) for trial in document["trials"]] == [(3, 2), (4, 0)]
    assert document["schema"] == "sweeprun.retry/1"


def test_where_one_cannot_be_tried_again_none_is(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.1)
    sweep.waiting()
    done = sweeprun("retry", 0, 1)
    assert (done.code, "trial 1 is waiting" in done.err) == (2, True)
    assert len(Sweep(sweep.directory).trials()) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["7"], "demo has no trial 7; there are 0 to 0"),
        (["demo"], "expected [SWEEP] N ..., not 'demo'"),
        (["demo", "one"], "expected [SWEEP] N ..., not 'demo one'"),
        (["other", "1"], "'other' is no sweep directory"),
    ],
)
def test_what_names_no_trial_is_refused(build: Command, sweeprun: Command, words: list[str], said: str) -> None:
    build().ended(0.1)
    done = sweeprun("retry", *words)
    assert (done.code, said in done.err) == (2, True)


def test_living_workers_are_said_to_run_it(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.1)
    sweep.join_self()
    assert "the workers of the sweep run it as soon as they have room" in sweeprun("retry", 0).err


def test_what_a_limit_keeps_from_running_is_said_with_the_limit(build: Command, sweeprun: Command) -> None:
    source = "command: python train.py\nargs: none\nmetric: val_loss\nparameters: {lr: [1, 2]}\n"
    build(source=source + "budget: {target: {val_loss: 0.5}}\n").ended(0.4)
    done = sweeprun("retry", 0)
    assert done.code == 0
    assert "trial 0 reached val_loss 0.4, the target was 0.5" in done.err
    assert "sweeprun resume --edit FILE" in done.err
    assert "what waits is run where that limit is raised: sweeprun resume --edit FILE" in sweeprun("status").out


def test_who_reads_that_something_failed_reads_how_to_run_it_again(swept: Any) -> None:
    assert "1 failed (crash)" in swept.err
    assert "after mending: sweeprun resume sweeps/demo --retry failed, with --edit FILE where" in swept.err


def test_what_failed_is_run_again_and_nothing_else(swept: Any, sweeprun: Command) -> None:
    Path("mended").touch()
    done = sweeprun("resume", "--retry", "failed")
    assert done.code == 0
    failed = next(trial for trial in trials_of() if trial.state is TrialState.FAILED)
    assert f"1 failed trial is tried again: {failed.number} as 3\n" in done.err
    assert "to mend" not in done.err
    assert "--retry failed" not in done.err, "nothing is left to be tried again"
    assert [trial.origin for trial in trials_of()] == ["search", "search", "search", "retry"]
    assert trials_of()[3].state is TrialState.COMPLETE
    again = sweeprun("resume", "--retry", "failed")
    assert "nothing failed that was not tried again since" in again.err
    assert len(trials_of()) == 4


def test_a_class_of_failure_is_run_again_alone(swept: Any, sweeprun: Command) -> None:
    assert "nothing failed that was not tried again" in sweeprun("resume", "--retry", "oom").err
    assert sweeprun("resume", "--retry", "oom", "--retry", "crash").code == 0
    assert [trial.origin for trial in trials_of()][3:] == ["retry"]


def test_a_class_that_there_is_not_is_refused_with_those_there_are(swept: Any, sweeprun: Command) -> None:
    done = sweeprun("resume", "--retry", "crahs")
    assert done.code == 2
    assert "failed, crash, import, nan" in done.err
    assert "did you mean 'crash'?" in done.err


def test_who_resumes_a_sweep_that_its_failures_stopped_has_them_run_again_and_counted_anew(
    build: Command, sweeprun: Command, tmp_path: Path
) -> None:
    sweep = build(source=FILE.replace("[1, 2, 3]", "[1, 2, 3, 4, 5, 6]") + "budget: {failures: {consecutive: 2}}\n")
    (tmp_path / "train.py").write_text("raise SystemExit(1)")
    for x in (1, 2, 3, 4):
        failure = Failure(FailureClass.CRASH, "exit code 1", 1, None, ())
        sweep.params = {"x": x}
        sweep.ended(state=TrialState.FAILED, failure=failure)
    done = sweeprun("resume", "--retry", "failed")
    assert done.code == 5, "two of them failed once more"
    trials = trials_of()
    assert [trial.parent for trial in trials[4:]] == [0, 1, 2, 3]
    assert [trial.state.value for trial in trials[4:]] == ["failed", "failed", "waiting", "waiting"]
