"""Trials that pause at rungs and go on from their checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

from sweeprun.run.worker import Switch
from sweeprun.store import runs
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Reason, TrialState

ASHA = "pruner: {name: asha, min: 2, max: 4, eta: 2}\n"  # rungs at 2 and 4
MEMORY = "saved"


def trains(stage, loss_of, leaves=True, saves=True, steps=8):
    """A program that saves and reports every step, and goes on after what it has saved; it `leaves` at its rung."""

    def script(job):
        memory = Path(job.env["SWEEPRUN_CHECKPOINT"], MEMORY)
        done = int(memory.read_text()) if memory.exists() else 0

        def step(number):
            def save_and_report(job):
                if saves:
                    memory.write_text(str(number))
                with open(job.env["SWEEPRUN_METRICS"], "a") as file:
                    file.write(json.dumps({"epoch": number, "loss": loss_of(job.trial, number)}) + "\n")

            return save_and_report

        end = int(job.env["SWEEPRUN_UNTIL"]) if leaves else steps
        return stage.Act([step(number) for number in range(done + 1, end + 1)])

    return script


def level(number, step):
    return float(number) + 1 / step


def states(stage):
    return [(trial.state.value, trial.last_step) for trial in stage.trials]


def reported(stage, number):
    """The steps that each run of a trial has reported."""
    sweep = Sweep(stage.directory)
    trial = stage.trials[number]
    found = []
    for run in range(1, trial.run + 1):
        path = sweep.layout.run(number, run) / "metrics.jsonl"
        found.append([json.loads(line)["epoch"] for line in path.read_text().splitlines()])
    return found


def test_trials_pause_at_their_rung_and_the_best_half_go_on_from_their_checkpoints(stage):
    stage.run(trains(stage, level), ASHA + "budget: 4", slots=2)
    assert states(stage) == [("complete", 4), ("complete", 4), ("paused", 2), ("paused", 2)]
    assert reported(stage, 0) == [[1, 2], [3, 4]]


def test_a_program_that_does_not_leave_at_its_rung_is_ended_there(stage):
    stage.run(trains(stage, level, leaves=False), ASHA + "budget: 2")
    assert stage.states == ["complete", "paused"]
    assert [number for number, _ in stage.executors[0].stops] == [0, 1, 0]
    assert all((job.run_dir / "stop").exists() for job in stage.jobs)
    assert stage.trials[1].last_step < 8


def test_the_rung_goes_by_its_own_step_where_a_program_went_beyond_it(stage):
    falls = {0: [9, 5, 0, 0, 0, 0, 0, 0], 1: [9, 4, 9, 9, 9, 9, 9, 9]}
    stage.run(trains(stage, lambda number, step: falls[number][step - 1], leaves=False), ASHA + "budget: 2")
    assert stage.states == ["paused", "complete"]


def test_a_program_that_leaves_by_itself_is_not_sent_a_signal(stage):
    stage.run(trains(stage, level), ASHA + "budget: 4")
    assert stage.executors[0].stops == []


def test_the_record_says_why_a_trial_waits_and_why_it_goes_on(stage):
    events = stage.run(trains(stage, level), ASHA + "budget: 2")
    paused = next(event for event in events if event.name == "trial_paused")
    assert paused.said["why"] == "loss 0.5 at step 2 is number 1 of 1 there"
    promoted = [event.trial for event in events if event.name == "trial_started"][-1]
    assert (promoted.reason, promoted.until) == (Reason.PROMOTED, 4)
    said = "the best of 2 that wait at step 2, loss 0.5; 0 of 2 there were promoted before, 1 may be"
    assert promoted.why == said


def test_what_a_paused_trial_reached_is_never_run_again(stage):
    stage.run(trains(stage, level), ASHA + "budget: 6", slots=3)
    for trial in stage.trials:
        steps = [step for run in reported(stage, trial.number) for step in run]
        assert steps == list(range(1, trial.last_step + 1))


def test_promotions_go_on_after_the_budget_of_configurations_is_used(stage):
    stage.run(trains(stage, lambda number, step: -float(number)), ASHA + "budget: 4")
    assert states(stage)[3] == ("complete", 4)


def test_a_budget_that_is_raised_lets_those_that_wait_go_on(stage):
    stage.run(trains(stage, level), ASHA + "budget: 3")
    assert states(stage) == [("complete", 4), ("paused", 2), ("paused", 2)]
    Sweep(stage.directory).edit(set=[(["budget", "trials"], 4)])
    list(stage.worker(trains(stage, level)).work())
    assert states(stage) == [("complete", 4), ("complete", 4), ("paused", 2), ("paused", 2)]


def test_a_program_without_a_checkpoint_begins_again_and_goes_further(stage):
    stage.run(trains(stage, level, saves=False), ASHA + "budget: 2")
    assert reported(stage, 0) == [[1, 2], [1, 2, 3, 4]]
    assert stage.trials[0].curve.steps == (1, 2, 3, 4)


def test_a_program_that_ends_before_its_rung_is_complete(stage):
    stage.run(lambda job: stage.losses(1.0), ASHA + "budget: 2")
    assert states(stage) == [("complete", 1), ("complete", 1)]


def test_a_program_that_crashes_on_its_way_out_has_failed(stage):
    act = stage.losses(1.0, 0.5, code=3)
    stage.run(lambda job: act, ASHA + "budget: 1")
    assert stage.states == ["failed"]


def test_a_worker_that_leaves_lets_a_trial_wait_at_the_rung_that_it_has_come_to(stage):
    switch = Switch()

    def leave(job):
        switch.turn(2, "we were told to")
        Path(job.env["SWEEPRUN_METRICS"]).write_text('{"epoch": 2, "loss": 0.5}\n')

    stage.run(lambda job: stage.Act([leave], code=None), ASHA + "budget: 1", switch=switch)
    assert states(stage) == [("paused", 2)]


def test_two_workers_that_want_to_promote_at_once_promote_one_trial_once(stage):
    stage.sweep(ASHA + "budget: 8")
    workers = [stage.worker(trains(stage, level), slots=2) for _ in range(2)]
    stage.interleave(*(worker.work() for worker in workers))
    counts = sorted(states(stage))
    assert counts == [("complete", 4)] * 4 + [("paused", 2)] * 4
    assert {trial.run for trial in stage.trials if trial.state is TrialState.COMPLETE} == {2}


def test_another_worker_promotes_what_a_dead_one_has_paused(stage):
    stage.sweep(ASHA + "budget: 2")
    work = stage.worker(trains(stage, level), pid=1, start_time=1).work()  # nobody: no such process lives
    assert any(event.name == "trial_paused" for event in work)
    list(stage.worker(trains(stage, level)).work())
    assert ("complete", 4) in states(stage)


def test_a_trial_whose_worker_died_at_its_rung_waits_there_and_runs_no_step_again(stage):
    sweep = stage.sweep(ASHA + "budget: 2")
    work = stage.worker(trains(stage, level), pid=1, start_time=1).work()
    assert any(event.name == "metric" and event.said["step"] == 2 for event in work)
    files = runs.files(sweep.layout, sweep.trials()[0])
    started = json.loads(files.command.read_text())
    files.command.unlink()
    runs.write_json(files.command, started | {"launcher": None})
    list(stage.worker(trains(stage, level)).work())
    assert states(stage) == [("complete", 4), ("paused", 2)]
    assert reported(stage, 0) == [[1, 2], [3, 4]]


def test_a_program_that_trains_on_to_its_end_before_it_can_be_told_to_leave_is_complete_and_run_once(stage):
    def script(job):
        return stage.Act([{"epoch": epoch, "loss": 1.0 / epoch} for epoch in range(1, 5)], together=True)

    stage.run(script, ASHA + "budget: 4")
    assert states(stage) == [("complete", 4)] * 4
    assert len(stage.jobs) == 4


def all_at_once(*lines):
    """Reports that are read together."""

    def write(job):
        with open(job.env["SWEEPRUN_METRICS"], "a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    return write


def falling(n):
    return [{"epoch": epoch, "loss": 1.0 / epoch} for epoch in range(1, n + 1)]


def test_what_a_trial_does_after_its_last_step_is_not_cut_short(stage):
    """It did not heed its rung, came to its end before it could be told to leave, and evaluates for three seconds."""
    act = stage.Act([all_at_once(*falling(2)), all_at_once(*falling(4)[2:]), *[{}] * 12, {"epoch": 4, "acc": 0.9}])
    stage.run(lambda job: act, ASHA + "budget: 2")
    assert states(stage) == [("complete", 4)] * 2
    assert [trial.values["acc"] for trial in stage.trials] == [0.9, 0.9]
    assert (stage.executors[0].stops, len(stage.jobs)) == ([], 2)


def test_a_trial_that_goes_on_after_its_last_step_is_ended_and_complete(stage):
    stage.run(lambda job: stage.Act(falling(50)), "pruner: {name: asha, rungs: [4]}\nbudget: 1")
    (trial,) = stage.trials
    assert (trial.state, stage.executors[0].stops) == (TrialState.COMPLETE, [(0, 15.0)])
    assert trial.last_step < 10


def test_a_trial_that_hangs_after_its_last_step_is_ended_and_complete(stage):
    """Half as long as its training took, or a minute, is enough for what it has left to do."""
    stage.run(lambda job: stage.Act(falling(4), code=None), "pruner: {name: asha, rungs: [4]}\nbudget: 1")
    (trial,) = stage.trials
    assert trial.state is TrialState.COMPLETE
    assert 60 <= trial.seconds < 70


def test_a_trial_that_is_asked_to_pause_and_comes_to_its_end_before_it_leaves_is_complete(stage):
    def script(job):
        return stage.Act([all_at_once(*falling(2)), *[{}] * 9], code=None, on_stop=0)

    def come_to_the_end(*stopped):
        [running] = stage.executors[0].running.values()
        all_at_once(*falling(4)[2:])(running.job)
        stop(*stopped)

    stage.sweep(ASHA + "budget: 1")
    worker = stage.worker(script)
    stop, stage.executors[0].stop = stage.executors[0].stop, come_to_the_end
    list(worker.work())
    assert states(stage) == [("complete", 4)]


def test_a_trial_that_comes_to_its_rung_without_what_it_is_compared_by_has_failed(stage):
    """It would wait for ever, and a sweep of such trials would use its whole budget before anything is said."""
    act = stage.Act([{"epoch": epoch, "los": 0.5} for epoch in (1, 2)])
    stage.run(lambda job: act, ASHA + "budget: {trials: 9, failures: {consecutive: 3}}")
    assert [trial.failure.kind for trial in stage.trials] == ["no_metric"] * 3
    assert "it reported los; did you mean 'los'?" in stage.trials[0].why


def test_a_trial_is_not_complete_at_its_end_without_all_objectives(stage):
    text = "pruner: {name: asha, min: 2, max: 4, eta: 2, metric: acc}\nbudget: 2\n"
    act = stage.Act([{"epoch": epoch, "acc": 0.5} for epoch in range(1, 5)])
    stage.run(lambda job: act, text)
    assert stage.states == ["failed", "paused"]
    assert "never reported 'loss'" in stage.trials[0].failure.message


def test_a_rung_that_lies_between_two_looks_is_judged_at(stage):
    """Trials from the third on are worse at step 2, and better from step 3 on; all steps but the last are read at
    once."""
    good = [0.4, 0.4, 0.5, 0.5]

    def script(job):
        losses = good if job.trial < 2 else [9.0, 9.0, 0.1, 0.1]
        lines = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate(losses, 1)]
        return stage.Act([all_at_once(*lines[:3]), *[{}] * 9, lines[3]])

    stage.run(script, "pruner: {name: asha, rungs: [2, 4], eta: 2, mode: stop, min_trials: 2}\nbudget: 4\n")
    assert stage.states == ["complete", "complete", "pruned", "pruned"]
    assert "loss 9 at step 2 is number 3 of 3 there" in stage.trials[2].why


STOPS = "pruner: {name: asha, rungs: [2, 8], eta: 2, mode: stop, min_trials: 2}\n"


def test_who_was_good_enough_at_a_rung_is_not_judged_there_again(stage):
    """Others overtake it there while it runs, and it is resumed after that."""
    lines = [{"epoch": epoch, "loss": 0.5} for epoch in range(1, 9)]

    def script(job):
        if job.trial > 0:
            return stage.Act([{"epoch": epoch, "loss": 0.1 * job.trial} for epoch in range(1, 9)])
        if job.run_dir.name == "run1":
            return stage.Act([*lines[:2], *[{}] * 60, *lines[2:4], *[{}] * 5], 75)
        return stage.Act(lines[4:])

    stage.run(script, STOPS + "budget: 4\n", slots=2)
    assert (stage.trials[0].state, stage.trials[0].run) == (TrialState.COMPLETE, 2)


def test_a_rung_that_the_pruners_metric_comes_to_in_a_later_run_is_judged_at(stage):
    """It is reported at every fifth step only, and the objective at each."""
    text = "pruner: {name: asha, rungs: [6, 12], eta: 2, mode: stop, min_trials: 2, metric: val}\nbudget: 4\n"

    def lines(job, steps):
        val = 0.1 if job.trial < 3 else 9.0
        return [{"epoch": n, "loss": 0.5} | ({"val": val} if n % 5 == 0 else {}) for n in steps]

    def script(job):
        if job.trial < 3:
            return stage.Act(lines(job, range(1, 13)))
        if job.run_dir.name == "run1":
            return stage.Act([all_at_once(*lines(job, range(1, 8)))], 75)
        return stage.Act([all_at_once(*lines(job, range(8, 11))), *[{}] * 9, *lines(job, range(11, 13))])

    stage.run(script, text)
    assert stage.states == ["complete"] * 3 + ["pruned"]
