"""`status`: where a sweep stands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun import processes
from sweeprun.cli import presence
from sweeprun.cli import status as status_command
from sweeprun.trials import TrialState

Command = Callable[..., Any]
SOURCE = """
command: python train.py ${args}
metric: val_loss
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  layers: [2, 4, 8]
algorithm: random
budget: 6
"""


def test_a_sweep_with_a_living_worker_is_running(build: Command, sweeprun: Command) -> None:
    sweep = build()
    uuid = sweep.join_self()
    sweep.running()
    document = sweeprun("status", "--json").document
    assert (document["state"], document["reason"]) == ("running", "")
    [worker] = document["workers"]
    assert (worker["uuid"], worker["pid"], worker["host"], worker["here"]) == (uuid, os.getpid(), "thishost", True)


def test_what_trials_failed_of_is_added_up_and_the_newest_is_named(build: Command, sweeprun: Command) -> None:
    sweep = build()
    assert "\nfailed " not in sweeprun("status").out
    sweep.failed("exit code 1")
    sweep.failed("exit code 2: no such layer")
    [line] = [line for line in sweeprun("status").out.splitlines() if line.startswith("failed")]
    assert line.split(maxsplit=1)[1] == "crash 2 times; the newest, trial 1: exit code 2: no such layer"


def test_a_sweep_whose_worker_died_is_stopped_and_its_trial_waits_to_be_taken_over(
    build: Command, sweeprun: Command
) -> None:
    sweep = build()
    sweep.join(os.getpid(), 1, processes.boot_id(), processes.pid_namespace())
    sweep.running()
    document = sweeprun("status", "--json").document
    assert document["state"] == "stopped"
    assert "1 running" in document["reason"]
    assert document["running"][0]["alive"] is False
    assert "died" in sweeprun("status").out


def test_a_worker_of_another_machine_counts_until_its_beat_has_been_watched(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.join(4711, 1, "another boot", "another namespace")
    assert sweeprun("status", "--json").document["state"] == "running"
    assert "as far as can be seen" in sweeprun("status").out


def test_a_worker_of_another_machine_whose_beat_is_long_ago_is_not_at_work(build: Command, sweeprun: Command) -> None:
    sweep = build()
    uuid = sweep.join(4711, 1, "another boot", "another namespace")
    sweep.running()
    ago = time.time() - presence.UNSEEN_S - 60
    os.utime(sweep.sweep.layout.worker_beat(uuid), (ago, ago))
    document = sweeprun("status", "--json").document
    assert (document["state"], document["workers"], document["running"][0]["alive"]) == ("stopped", [], False)
    [unseen] = document["unseen"]
    assert (unseen["pid"], unseen["since"]) == (4711, pytest.approx(ago))
    shown = sweeprun("status").out
    assert "thishost pid 4711, not seen since" in shown
    assert "not seen: the next worker takes it over" in shown


def test_a_worker_that_died_elsewhere_keeps_no_sweep_from_being_finished(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.join(4711, 1, "another boot", "another namespace")
    for _ in range(6):
        sweep.ended(0.5)
    assert sweeprun("status", "--json").document["state"] == "finished"


@pytest.mark.parametrize(
    ("budget", "values", "why"),
    [
        ("{trials: 9, target: {val_loss: 0.3}}", (0.5, 0.2), "trial 1 reached val_loss 0.2"),
        ("{trials: 9, plateau: {trials: 2}}", (0.1, 0.2, 0.3), "the last 2 trials improved the best by no more than 0"),
        ("{trials: 9, failures: {consecutive: 2}}", (None, None), "all failed; sweeprun resume forgives them"),
    ],
)
def test_a_limit_that_ends_the_work_ends_it_for_trials_that_wait(
    build: Command, sweeprun: Command, budget: str, values: tuple[float | None, ...], why: str
) -> None:
    sweep = build(source=SOURCE.replace("budget: 6", f"budget: {budget}"))
    for value in values:
        sweep.failed() if value is None else sweep.ended(value)
    sweep.waiting()
    document = sweeprun("status", "--json").document
    assert document["state"] == "finished"
    assert why in document["reason"]


def test_a_trial_that_still_runs_when_the_target_is_reached_keeps_its_sweep_running(
    build: Command, sweeprun: Command
) -> None:
    sweep = build(source=SOURCE.replace("budget: 6", "budget: {target: {val_loss: 0.3}}"))
    sweep.join_self()
    sweep.ended(0.2)
    sweep.running()
    assert sweeprun("status", "--json").document["state"] == "running"


def test_failures_that_a_resume_has_forgiven_do_not_finish_a_sweep(build: Command, sweeprun: Command) -> None:
    sweep = build(source=SOURCE.replace("budget: 6", "budget: {trials: 9, failures: {consecutive: 2}}"))
    sweep.failed()
    sweep.failed()
    sweep.sweep.edit(forgiven=2)
    assert sweeprun("status", "--json").document["state"] == "stopped"


def test_a_sweep_whose_budget_is_used_up_is_finished(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for _ in range(6):
        sweep.ended(0.5)
    document = sweeprun("status", "--json").document
    assert (document["state"], document["reason"]) == ("finished", "all 6 configurations of the budget are tried")


def test_a_sweep_with_budget_left_is_stopped(build: Command, sweeprun: Command) -> None:
    build().ended(0.5)
    document = sweeprun("status", "--json").document
    assert document["state"] == "stopped"
    assert "sweeprun resume" in document["reason"]


def test_a_trial_that_waits_keeps_a_sweep_from_being_finished(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for _ in range(6):
        sweep.ended(0.5)
    sweep.waiting("the worker left")
    assert sweeprun("status", "--json").document["state"] == "stopped"
    assert "trial 6: preempted: the worker left" in sweeprun("status").out


def test_a_sweep_that_has_tried_its_whole_space_is_finished(build: Command, sweeprun: Command) -> None:
    source = "command: python t.py\nmetric: val_loss\nparameters: {layers: [2, 4]}\n"
    sweep = build(source=source)
    sweep.params = {}
    sweep.ended(0.5, layers=2)
    assert sweeprun("status", "--json").document["state"] == "stopped"
    sweep.ended(0.5, layers=4)
    document = sweeprun("status", "--json").document
    assert (document["state"], document["reason"]) == ("finished", "every configuration of the space has been tried")


def test_more_trials_by_an_edit_reopen_a_finished_sweep(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for _ in range(6):
        sweep.ended(0.5)
    sweep.sweep.edit(set=[(["budget", "trials"], 8)])
    document = sweeprun("status", "--json").document
    assert (document["state"], document["budget"]["trials"]) == ("stopped", {"used": 6, "limit": 8})


def test_every_state_is_counted_and_damage_is_counted_apart(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    sweep.ended(0.5, TrialState.PRUNED)
    sweep.ended(0.5, TrialState.PAUSED)
    sweep.failed()
    sweep.running()
    sweep.waiting()
    broken = sweep.ended(0.1)
    path = sweep.sweep.layout.state(broken.number, 2)
    path.write_bytes(path.read_bytes()[:-20])
    document = sweeprun("status", "--json").document
    states = ("waiting", "running", "paused", "complete", "pruned", "failed", "damaged")
    assert document["counts"] == dict.fromkeys(states, 1)
    [damaged] = document["damaged"]
    assert damaged["number"] == broken.number
    assert str(path) in damaged["why"]
    assert str(path) in sweeprun("status").out


def test_what_does_not_belong_in_the_directory_is_named(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    stranger = sweep.directory / "trials" / "00000" / "notes.txt"
    stranger.write_text("mine")
    assert sweeprun("status", "--json").document["strangers"] == [str(stranger)]
    assert str(stranger) in sweeprun("status").out


def test_running_trials_show_what_they_have_reported(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.join_self()
    trial = sweep.running()
    sweep.report(trial, {"epoch": 1, "val_loss": 0.9}, {"epoch": 2, "val_loss": 0.75})
    [running] = sweeprun("status", "--json").document["running"]
    assert (running["number"], running["step"], running["values"]) == (0, 2, {"val_loss": 0.75})
    assert running["alive"] is True
    assert 0 <= running["seconds"] < 60
    assert "0.75" in sweeprun("status").out


def test_the_best_so_far_may_be_a_running_trial(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.report(sweep.running(), {"epoch": 1, "val_loss": 0.9})
    best = sweeprun("status", "--json").document["best"]
    assert (best["number"], best["state"], best["values"]) == (0, "running", {"val_loss": 0.9})


def test_a_sweep_without_trials_has_no_best_and_no_estimate(build: Command, sweeprun: Command) -> None:
    build()
    document = sweeprun("status", "--json").document
    assert (document["best"], document["eta_s"], document["running"]) == (None, None, [])


def test_the_estimate_follows_from_mean_duration_what_is_left_and_how_many_run(
    build: Command, sweeprun: Command
) -> None:
    sweep = build()
    sweep.join_self()
    sweep.ended(0.5, seconds=1000.0)
    sweep.ended(0.5, seconds=3000.0)
    sweep.running()
    sweep.running()
    # Two of six are done and two have just begun: four times 2000 s, two at a time.
    assert sweeprun("status", "--json").document["eta_s"] == pytest.approx(4000.0, abs=60.0)


def test_without_a_limit_there_is_no_estimate(build: Command, sweeprun: Command) -> None:
    source = "command: python t.py\nmetric: val_loss\nparameters: {lr: {min: 0.1, max: 0.2}}\n"
    sweep = build(source=source)
    sweep.join_self()
    sweep.ended(0.5)
    sweep.running()
    document = sweeprun("status", "--json").document
    assert (document["state"], document["eta_s"]) == ("running", None)


def test_watching_ends_when_no_worker_is_left(
    build: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = build()
    worker = sweep.sweep.layout.worker(sweep.join_self())
    sweep.ended(0.5)
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 2:
            sweep.ended(0.4)
        if len(naps) == 3:
            (worker / "left").touch()

    monkeypatch.setattr(status_command.time, "sleep", nap)
    done = sweeprun("status", "--watch")
    # Not a terminal: a line whenever something has changed, no more.
    assert done.out.splitlines() == ["running: 1 complete", "running: 2 complete", "stopped: 2 complete"]


def test_watching_and_json_exclude_each_other(build: Command, sweeprun: Command) -> None:
    build()
    assert sweeprun("status", "--watch", "--json").code == 2


def test_a_sweep_of_a_hundred_trials_is_shown_at_once(build: Command, sweeprun: Command) -> None:
    sweep = build()
    for _ in range(100):
        sweep.ended(0.5)
    start = time.perf_counter()
    assert sweeprun("status").code == 0
    assert time.perf_counter() - start < 2.0
