"""The loop: what it starts, hears, asks and says, turn by turn."""

from __future__ import annotations

import errno
import json
from itertools import pairwise

import pytest

from sweeprun.run.live import Live
from sweeprun.run.worker import Switch
from sweeprun.store.sweep import Sweep
from sweeprun.trials import FailureClass, TrialState

MEDIAN = "pruner: {name: median, warmup: 2, startup: 0, min_trials: 2}\n"


def test_events_of_a_trial_come_in_the_order_in_which_things_happened(stage):
    events = stage.run(lambda job: stage.losses(0.5, 0.25), "budget: 1")
    assert stage.names(events) == [
        "sweep_started",
        "trial_started",
        "metric",
        "metric",
        "trial_completed",
        "best_changed",
        "sweep_finished",
    ]
    assert [event.said["step"] for event in events if event.name == "metric"] == [1, 2]
    assert events[-1].said["reason"] == "trials"
    (trial,) = stage.trials
    assert (trial.state, trial.values, trial.step) == (TrialState.COMPLETE, {"loss": 0.25}, 2)


def test_a_finished_trial_has_its_cost_and_its_curve_in_the_record(stage):
    stage.run(lambda job: stage.losses(3.0, 1.0, 2.0), "budget: 1")
    (trial,) = stage.trials
    assert trial.curve.steps == (1, 2, 3)
    assert trial.curve.values == {"loss": (3.0, 1.0, 2.0)}
    assert (trial.step, trial.last_step) == (2, 3)
    (run,) = trial.runs
    assert (run.seconds, run.gpu_seconds) == (1.0, 0.5)
    assert run.memory_bytes == 1 << 20


def test_as_many_trials_run_at_once_as_there_are_slots(stage):
    seen = []

    def script(job):
        return stage.Act([lambda job: seen.append(len(stage.executors[0].running)), {"epoch": 1, "loss": 1.0}])

    stage.run(script, "budget: 7", slots=3)
    assert max(seen) == 3
    assert stage.states == ["complete"] * 7


def test_the_lines_that_come_with_the_end_are_read(stage):
    stage.run(lambda job: stage.losses(3.0, 2.0, 1.0, together=True), "budget: 1")
    assert stage.trials[0].values == {"loss": 1.0}


def test_a_trial_that_is_worse_than_the_median_is_pruned_and_keeps_its_last_value(stage):
    good, bad = stage.losses(1.0, 0.5, 0.4), stage.losses(9.0, 9.0, 8.0, 7.0, 6.0)
    events = stage.run(stage.by_trial({3: bad}, good), MEDIAN + "budget: 5")
    assert stage.states == ["complete"] * 3 + ["pruned", "complete"]
    pruned = stage.trials[3]
    assert pruned.last_step == 2
    assert pruned.values == {"loss": 9.0}
    assert "worse than the median" in pruned.why
    assert stage.executors[0].stops == [(3, 15.0)]
    assert stage.names(events).count("trial_pruned") == 1


def test_a_pruned_program_finds_the_file_stop(stage):
    good, bad = stage.losses(1.0, 0.5, 0.4), stage.losses(9.0, 9.0, 8.0, 7.0)
    stage.run(stage.by_trial({3: bad}, good), MEDIAN + "budget: 4")
    assert [(job.run_dir / "stop").exists() for job in stage.jobs] == [False, False, False, True]


def test_pruning_goes_on_where_the_disk_has_no_room_for_the_file_stop(stage):
    def squat(job):
        (job.run_dir / "stop").symlink_to("nowhere/at/all")

    bad = stage.Act([squat, *({"epoch": epoch, "loss": 9.0} for epoch in range(1, 6))])
    stage.run(stage.by_trial({3: bad}, stage.losses(1.0, 0.5, 0.4)), MEDIAN + "budget: 4")
    assert stage.states[3] == "pruned"


@pytest.mark.parametrize(
    ("said", "state", "asked"),
    [("fail", TrialState.FAILED, True), ("prune", TrialState.PRUNED, True), ("ignore", TrialState.COMPLETE, False)],
)
def test_a_loss_of_nan_ends_a_trial_as_the_file_says(stage, said, state, asked):
    act = stage.losses(1.0, float("nan"), 0.5, 0.25)
    stage.run(lambda job: act, f"on_nonfinite: {said}\nbudget: 1")
    (trial,) = stage.trials
    assert trial.state is state
    assert bool(stage.executors[0].stops) is asked
    if said == "fail":
        assert trial.failure.kind is FailureClass.NAN
        assert "loss became NaN or infinite at step 2" in trial.failure.message


def test_a_nan_is_seen_though_the_program_ends_with_it(stage):
    stage.run(lambda job: stage.losses(1.0, float("inf"), together=True), "budget: 1")
    assert stage.trials[0].failure.kind is FailureClass.NAN


def test_infinities_of_metrics_that_do_not_matter_end_nothing(stage):
    act = stage.Act([{"epoch": 1, "loss": 1.0, "grad_norm": float("inf")}])
    stage.run(lambda job: act, "budget: 1")
    assert stage.states == ["complete"]


def test_a_trial_that_runs_longer_than_trial_wall_fails_of_timeout(stage):
    stage.run(lambda job: stage.losses(1.0, code=None), "budget: {trials: 1, trial_wall: 5s}")
    (trial,) = stage.trials
    assert trial.failure.kind is FailureClass.TIMEOUT
    assert 5.0 < trial.seconds < 6.5


def test_trial_wall_is_for_each_run_of_a_trial(stage):
    first, second = (stage.Act([{"epoch": epoch, "loss": 1.0}, *[{}] * 14], code=75) for epoch in (1, 2))
    third = stage.Act([{"epoch": 3, "loss": 1.0}], code=None)
    stage.run(stage.by_trial({0: [first, second, third]}), "budget: {trials: 1, trial_wall: 5s}")
    (trial,) = stage.trials
    assert trial.failure.kind is FailureClass.TIMEOUT
    assert [run.seconds < 5.0 for run in trial.runs] == [True, True, False]


def test_no_metric_and_no_output_for_no_progress_is_a_hang(stage):
    stage.run(lambda job: stage.losses(1.0, code=None), "budget: {trials: 1, no_progress: 3s}")
    assert stage.trials[0].failure.kind is FailureClass.HANG


def test_growing_logs_are_progress(stage):
    def log(job):
        with open(job.run_dir / "stdout.log", "a") as file:
            file.write("still here\n")

    talk = [turn for _ in range(4) for turn in ({}, {}, {}, {}, {}, log)]
    stage.run(lambda job: stage.Act([*talk, {"epoch": 1, "loss": 1.0}]), "budget: {trials: 1, no_progress: 2s}")
    assert stage.states == ["complete"]


def test_a_failure_is_tried_again_as_often_as_the_file_allows(stage):
    crash = stage.Act([{"epoch": 1, "loss": 2.0}], code=1, stderr="CUDA out of memory")
    acts = {0: [crash, crash, stage.losses(2.0, 1.0)], 1: [crash, crash, crash]}
    events = stage.run(stage.by_trial(acts), "budget: 2\nretry: {max: 2, on: [gpu_oom]}")
    assert stage.states == ["complete", "failed"]
    assert [trial.retries for trial in stage.trials] == [2, 2]
    assert [job.trial for job in stage.jobs] == [0, 0, 0, 1, 1, 1]
    assert stage.names(events).count("trial_waiting") == 4
    assert stage.trials[1].failure.kind is FailureClass.GPU_OOM


def test_runs_of_a_trial_have_directories_of_their_own_and_one_checkpoint(stage):
    def save(job):
        path = job.env["SWEEPRUN_CHECKPOINT"]
        with open(path + "/model", "a") as file:
            file.write(path.rpartition("/")[2] + "\n")

    act = stage.Act([save, {"epoch": 1, "loss": 2.0}], code=75)
    stage.run(stage.by_trial({0: [act, stage.losses(2.0, 1.0)]}), "budget: 1")
    first, second = stage.jobs
    assert [job.run_dir.name for job in stage.jobs] == ["run1", "run2"]
    assert first.env["SWEEPRUN_CHECKPOINT"].endswith("checkpoint.1")
    with open(second.env["SWEEPRUN_CHECKPOINT"] + "/model") as file:
        assert file.read() == "checkpoint.1\n"
    assert stage.trials[0].preemptions == 0


def test_a_program_that_cannot_be_started_fails_of_spawn_and_five_in_a_row_end_the_sweep(stage):
    events = stage.run(lambda job: stage.Act(spawn_errno=errno.ENOENT), "budget: 50")
    assert stage.states == ["failed"] * 5
    assert {trial.failure.kind for trial in stage.trials} == {FailureClass.SPAWN}
    assert "ENOENT" in stage.trials[0].failure.message
    assert events[-1].said["reason"] == "failures"
    assert "could not be started" in events[-1].said["why"]


def test_a_start_that_works_begins_the_counting_of_spawn_failures_anew(stage):
    broken = stage.Act(spawn_errno=errno.ENOENT)
    acts = dict.fromkeys((0, 1, 2, 3, 5, 6, 7, 8), broken)
    text = "budget: {trials: 10, failures: {consecutive: 99, fraction: 1.0}}"
    stage.run(stage.by_trial(acts), text)
    assert len(stage.trials) == 10


def test_want_of_processes_passes_and_counts_nowhere(stage):
    acts = {0: [stage.Act(spawn_errno=errno.EAGAIN)] * 7 + [stage.losses(1.0)]}
    began = stage.clock()
    stage.run(stage.by_trial(acts), "budget: 1")
    (trial,) = stage.trials
    assert (trial.state, trial.run, trial.retries, trial.deaths) == (TrialState.COMPLETE, 8, 0, 0)
    assert stage.clock() - began >= 7.0


def test_waiting_for_room_is_said_once(stage):
    stage.sweep("budget: 1")
    worker = stage.worker(lambda job: stage.losses(1.0))
    stage.executors[0].no_room = "GPU 0 is leased by sweep other"
    work = worker.work()
    events = [next(work), next(work)]
    stage.executors[0].no_room = None
    events += list(work)
    assert [event.said["text"] for event in events if event.name == "notice"] == [
        "waiting: GPU 0 is leased by sweep other"
    ]


# ---- being told to leave


def started(stage, worker, n=1):
    """The worker's events until `n` trials have started."""
    work = worker.work()
    while n:
        n -= next(work).name == "trial_started"
    return work


def test_a_stop_request_lets_running_trials_finish(stage):
    stage.sweep("budget: 9")
    worker = stage.worker(lambda job: stage.losses(3.0, 2.0, 1.0))
    work = started(stage, worker)
    stage.sweep().request_stop()
    assert list(work)[-1].said["reason"] == "stop"
    assert stage.states == ["complete"]
    assert stage.executors[0].stops == []


def test_a_stop_request_with_now_ends_running_trials_which_wait(stage):
    stage.sweep("budget: 9")
    work = started(stage, stage.worker(lambda job: stage.losses(3.0, 2.0, 1.0, code=None)))
    stage.sweep().request_stop(now=True)
    list(work)
    (trial,) = stage.trials
    assert (trial.state, trial.preemptions, trial.deaths) == (TrialState.WAITING, 0, 0)
    assert trial.because == "preempted: sweeprun stop was typed"


def test_a_stop_request_that_is_older_than_the_worker_is_not_obeyed(stage):
    stage.sweep("budget: 2").request_stop(now=True)
    list(stage.worker(lambda job: stage.losses(1.0)).work())
    assert stage.states == ["complete"] * 2


def test_a_request_to_stop_one_trial_prunes_it(stage):
    sweep = stage.sweep("budget: 2")
    work = started(stage, stage.worker(stage.by_trial({0: stage.losses(2.0, code=None)})))
    sweep.request_stop(trial=0)
    list(work)
    assert stage.states == ["pruned", "complete"]
    assert stage.trials[0].why == "sweeprun stop --trial was typed"


def test_the_first_level_of_the_switch_lets_trials_finish_the_second_ends_them_the_third_kills_them(stage):
    stage.sweep("budget: 9")
    switch = Switch()
    script = stage.by_trial({0: stage.losses(1.0, 1.0, 1.0)}, stage.losses(2.0, code=None))
    work = started(stage, stage.worker(script, switch=switch))
    switch.turn(1, "Ctrl-C")
    list(work)
    assert stage.states == ["complete"]

    switch = Switch()
    worker = stage.worker(script, switch=switch)
    work = started(stage, worker)
    switch.turn(2, "Ctrl-C twice")
    switch.turn(1, "too late")
    list(work)
    assert stage.states == ["complete", "waiting"]
    assert stage.executors[1].stops == [(1, 15.0)]
    assert worker.halt.why == "Ctrl-C twice"

    switch = Switch()
    work = started(stage, stage.worker(script, switch=switch))
    switch.turn(3, "Ctrl-C thrice")
    list(work)
    assert stage.executors[2].stops == [(1, 0.0)]


def test_a_trial_that_is_being_pruned_when_the_worker_is_told_to_leave_stays_pruned(stage):
    sweep = stage.sweep("budget: 2")
    switch = Switch()
    work = started(stage, stage.worker(lambda job: stage.losses(2.0, 2.0, code=None), switch=switch))
    for event in work:
        if event.name == "metric":
            sweep.request_stop(trial=0)
            switch.turn(2, "SIGTERM")
    assert stage.states == ["pruned"]


@pytest.mark.parametrize("asked", ["stop --now", "stop --trial", "trial_wall"])
def test_a_trial_that_had_ended_by_itself_before_anything_was_asked_of_it_is_what_it_was(stage, asked):
    """Something that it left behind keeps its run open for a while."""
    stage.sweep(f"budget: {{trials: 1, trial_wall: {2.0 if asked == 'trial_wall' else 999}}}\n")
    worker = stage.worker(lambda job: stage.Act([{"epoch": 1, "loss": 0.5}], lingers=9))

    def ask():
        running = [*stage.executors[0].running.values()]
        if running and running[0].over is not None and asked != "trial_wall":
            Sweep(stage.directory).request_stop(asked == "stop --now", 0 if asked == "stop --trial" else None)

    stage.executors[0].on_poll = ask
    list(worker.work())
    assert stage.executors[0].stops
    assert [(trial.state, trial.values) for trial in stage.trials] == [(TrialState.COMPLETE, {"loss": 0.5})]


def test_a_generator_that_is_closed_ends_its_processes_and_says_what_became_of_them(stage):
    stage.sweep("budget: 9")
    worker = stage.worker(lambda job: stage.losses(2.0, code=None), slots=2)
    started(stage, worker, n=2).close()
    assert stage.executors[0].closed
    assert stage.states == ["waiting", "waiting"]
    assert {trial.because for trial in stage.trials} == {"preempted: its worker left"}
    assert {trial.deaths for trial in stage.trials} == {0}


def test_a_trial_that_ended_by_itself_before_its_worker_left_is_what_it_was(stage):
    stage.sweep("budget: 9")
    worker = stage.worker(lambda job: stage.losses(2.0, together=True))
    work = started(stage, worker)
    executor = stage.executors[0]
    executor._turn(executor.running[0])  # nobody polls any more
    work.close()
    assert stage.states == ["complete"]


def test_an_error_in_the_loop_ends_its_processes_too(stage, monkeypatch):
    stage.sweep("budget: 9")
    worker = stage.worker(lambda job: stage.losses(2.0, code=None))
    work = started(stage, worker)
    monkeypatch.setattr(type(worker), "_enforce", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(work)
    assert stage.executors[0].closed
    assert stage.states == ["waiting"]


# ---- the end of a sweep


@pytest.mark.parametrize(
    ("budget", "reason", "states"),
    [
        ("{trials: 9, target: {loss: 0.2}}", "target", ["complete"] * 4),
        ("{trials: 9, plateau: {trials: 2}}", "plateau", ["complete"] * 7),
        ("{trials: 9, failures: {consecutive: 2}}", "trials", ["complete"] * 9),
    ],
)
def test_a_limit_lets_running_trials_finish(stage, budget, reason, states):
    values = [0.5, 0.4, 0.3, 0.2, 0.15, 0.15, 0.15, 0.1, 0.1]
    events = stage.run(lambda job: stage.losses(values[job.trial]), f"budget: {budget}")
    assert events[-1].said["reason"] == reason
    assert stage.states == states


def test_a_target_that_a_trial_reported_before_it_failed_does_not_end_the_sweep(stage):
    def script(job):
        return stage.losses(1.0, code=3) if job.trial == 0 else stage.losses(2.0)

    events = stage.run(script, "budget: {trials: 3, target: {loss: 1.5}}")
    assert stage.states == ["failed", "complete", "complete"]
    assert events[-1].said["reason"] == "trials"


def test_failures_in_a_row_end_the_sweep(stage):
    events = stage.run(lambda job: stage.Act(code=1), "budget: {trials: 9, failures: {consecutive: 3}}")
    assert events[-1].said["reason"] == "failures"
    assert stage.states == ["failed"] * 3


def test_the_wall_ends_running_trials_which_wait(stage):
    events = stage.run(lambda job: stage.losses(1.0, code=None), "budget: {trials: 9, wall: 60s}", slots=2)
    assert events[-1].said["reason"] == "wall"
    assert stage.states == ["waiting"] * 2
    assert stage.trials[0].seconds == pytest.approx(60.0, abs=1.0)


def test_a_grid_ends_when_every_configuration_has_been_tried(stage):
    text = "parameters: {x: [1, 2], y: [a, b, c]}\nalgorithm: grid"
    stage.directory.parent.mkdir()
    from sweeprun.run.settling import settled
    from sweeprun.spec.sweepfile import SweepFile

    source = f'command: [program, "${{args}}"]\nmetric: loss\n{text}\n'
    file = settled(SweepFile.parse(source, stage.directory.parent / "s.yaml"))
    Sweep.create(stage.directory, source.encode(), file.resolved(), "0")
    events = list(stage.worker(lambda job: stage.losses(1.0), slots=4).work())
    assert events[-1].said["why"] == "every configuration of the space has been tried"
    assert sorted((trial.params["x"], trial.params["y"]) for trial in stage.trials) == [
        (x, y) for x in (1, 2) for y in "abc"
    ]


def test_the_best_of_the_whole_sweep_is_announced_and_no_other(stage):
    stage.run(stage.by_trial({0: stage.losses(5.0), 1: stage.losses(3.0), 2: stage.losses(4.0)}), "budget: 3")
    stage.sweep().edit(set=[(["budget", "trials"], 5)])
    events = list(stage.worker(stage.by_trial({3: stage.losses(3.5), 4: stage.losses(2.0)})).work())
    assert [event.trial.number for event in events if event.name == "best_changed"] == [4]


def reporting(*rows, **more):
    """A program that reports these losses and milliseconds."""
    named = [dict(zip(("loss", "ms"), row, strict=False)) for row in rows]
    return lambda stage: stage.Act([{"epoch": epoch} | row for epoch, row in enumerate(named, 1)], **more)


def with_two_metrics(stage, text, *programs):
    """The events of a sweep for `loss` and `ms`, not above 50, whose trials run these programs."""
    stage.sweep(f"{text}\nbudget: {len(programs)}", "metric=null", "metrics=[loss, {name: ms, limit: 50}]")
    return list(stage.worker(stage.by_trial({i: program(stage) for i, program in enumerate(programs)})).work())


def test_of_several_metrics_each_trial_that_joins_the_front_is_announced(stage):
    rows = [(2.0, 20.0), (3.0, 30.0), (1.0, 40.0), (0.5, 60.0), (0.9, 10.0), (0.9, 10.0)]
    events = with_two_metrics(stage, "", *map(reporting, rows))
    told = [(event.trial.number, event.said["front"]) for event in events if event.name == "best_changed"]
    assert told == [(0, 1), (2, 2), (4, 1)]


def test_a_trial_that_goes_beyond_a_limit_runs_to_its_end(stage):
    with_two_metrics(stage, "", reporting((2.0, 90.0), (1.0, 80.0)))
    assert (stage.states, stage.trials[0].last_step, stage.executors[0].stops) == (["complete"], 2, [])


def test_a_trial_without_one_of_several_metrics_fails_and_names_it(stage):
    with_two_metrics(stage, "", reporting((1.0,)))
    [trial] = stage.trials
    assert (trial.state, trial.failure.kind) == (TrialState.FAILED, FailureClass.NO_METRIC)
    assert trial.failure.message == "it ended well and never reported 'ms'; it reported loss"


def test_a_budget_that_is_raised_while_a_worker_runs_is_noticed(stage):
    sweep = stage.sweep("budget: 1")
    work = started(stage, stage.worker(lambda job: stage.losses(3.0, 2.0, 1.0)))
    sweep.edit(set=[(["budget", "trials"], 3)])
    list(work)
    assert stage.states == ["complete"] * 3


# ---- several workers


def test_workers_share_one_budget_exactly(stage):
    stage.sweep("budget: 25")
    stage.interleave(*(stage.worker(lambda job: stage.losses(2.0, 1.0), slots=n).work() for n in (1, 2, 3)))
    assert stage.states == ["complete"] * 25
    assert sorted(job.trial for job in stage.jobs) == list(range(25))
    assert all(executor.jobs for executor in stage.executors)


def test_a_trial_is_judged_by_the_curves_of_other_workers_too(stage):
    stage.sweep(MEDIAN + "budget: 4")
    long = [{"epoch": epoch, "loss": 1.0} for epoch in range(1, 40)]
    first = stage.worker(lambda job: stage.Act(long), slots=3).work()
    for event in first:
        if event.name == "metric" and event.said["step"] == 5:
            break
    second = stage.worker(lambda job: stage.losses(9.0, 9.0, 9.0, 9.0)).work()
    stage.interleave(first, second)
    assert stage.states == ["complete"] * 3 + ["pruned"]


def test_a_trial_that_another_worker_took_over_is_dropped_and_the_others_go_on(stage):
    sweep = stage.sweep("budget: 3")
    acts = {0: [stage.losses(2.0, code=None)], 1: stage.losses(3.0, 2.0, 1.0, 0.5)}
    worker = stage.worker(stage.by_trial(acts), slots=2)
    work = started(stage, worker, n=2)
    other = stage.worker(lambda job: stage.losses(1.0))._member
    said = {"log": other.log, "worker": other.worker.uuid}
    taken = sweep.advance(sweep.trials()[0], TrialState.RUNNING, "taken over", run=2, **said)
    sweep.advance(taken, TrialState.PRUNED, "by the other", **said, **stage.left(taken))
    events = list(work)
    assert stage.executors[0].stops[0] == (0, 0.0)
    assert [event.said["text"] for event in events if event.name == "notice"] == [
        "trial 0 belongs to another worker now"
    ]
    assert stage.states == ["pruned", "complete", "complete"]
    assert stage.trials[0].why == "by the other"


# ---- being seen


def test_a_worker_that_others_elsewhere_cannot_see_ends_its_trials(stage):
    stage.sweep("budget: 3")
    elsewhere = stage.worker(lambda job: stage.losses(1.0), boot_id="another", host="there")
    assert elsewhere
    worker = stage.worker(stage.by_trial({0: [stage.losses(2.0, code=None), stage.losses(1.0)]}))
    work = started(stage, worker)
    stage.clock.time += 61.0  # suspended
    list(work)
    assert stage.executors[1].stops == [(0, 15.0)]
    assert stage.states == ["complete"] * 3
    assert stage.trials[0].run == 2


def test_a_worker_that_was_suspended_goes_on_where_all_others_are_on_its_machine(stage):
    stage.sweep("budget: 3")
    stage.worker(lambda job: stage.losses(1.0))
    worker = stage.worker(stage.by_trial({0: stage.losses(*[2.0] * 9)}))
    work = started(stage, worker)
    stage.clock.time += 61.0
    list(work)
    assert stage.executors[1].stops == []


def test_a_worker_whose_beats_do_not_arrive_starts_nothing(stage, monkeypatch):
    stage.sweep("budget: 2")
    stage.worker(lambda job: stage.losses(1.0), boot_id="another", host="there")
    switch = Switch()
    worker = stage.worker(lambda job: stage.losses(2.0, code=None), switch=switch)
    work = started(stage, worker)
    monkeypatch.setattr(type(worker._member), "beat", lambda self: None)
    stage.clock.time += 61.0
    until = stage.clock() + 10.0
    stage.executors[1].on_poll = lambda: stage.clock() > until and switch.turn(2, "SIGTERM")
    (waiting,) = [event.trial for event in work if event.name == "trial_waiting"]
    assert waiting.because.startswith("preempted: its worker could not show for 6")
    assert len(stage.jobs) == 1


def test_idle_turns_do_not_take_the_lock(stage, monkeypatch):
    stage.sweep("budget: 1")
    taken = []
    lock = Sweep.lock
    monkeypatch.setattr(Sweep, "lock", lambda self: (taken.append(1), lock(self))[1])
    stage.run(lambda job: stage.Act([{}] * 200 + [{"epoch": 1, "loss": 1.0}]), slots=4)
    assert len(taken) < 8


def test_metrics_are_read_from_stdout_where_the_file_says_so(stage):
    def talk(job):
        with open(job.run_dir / "stdout.log", "a") as file:
            file.write("epoch 1\n" + json.dumps({"epoch": 1, "loss": 0.5}) + "\n[1, 2]\n")

    stage.run(lambda job: stage.Act([talk]), "metrics_from: stdout\nbudget: 1")
    assert stage.trials[0].values == {"loss": 0.5}


def test_the_longer_a_run_is_silent_the_more_rarely_it_is_looked_at(stage, monkeypatch):
    looks, read = [], Live.read

    def counted(live, now, final=False):
        looks.append(now)
        return read(live, now, final)

    monkeypatch.setattr(Live, "read", counted)
    stage.sweep("budget: 1")
    line = {"epoch": 1, "loss": 1.0}
    worker = stage.worker(lambda job: stage.Act([line, *[{}] * 400, line | {"epoch": 2}, *[{}] * 10]))
    list(worker.work())
    gaps = [later - sooner for sooner, later in pairwise(looks[:-1])]
    rising = gaps[: gaps.index(max(gaps)) + 1]
    assert rising == sorted(rising)
    assert (rising[0], rising[-1]) == (0.25, 1.0)
    assert 0.5 in gaps[len(rising) :], "it is looked at often again when it speaks"
    assert len(looks) < 160


def test_who_reports_every_second_is_looked_at_twice_a_second(stage, monkeypatch):
    looks, read = [], Live.read
    monkeypatch.setattr(Live, "read", lambda live, now, final=False: (looks.append(now), read(live, now, final))[1])
    lines = [line for epoch in range(1, 61) for line in ({"epoch": epoch, "loss": 1.0}, {}, {}, {})]
    events = stage.run(lambda job: stage.Act(lines), "budget: 1")
    assert 115 <= len(looks) <= 130
    assert sum(event.name == "metric" for event in events) == 60


@pytest.mark.parametrize("pruner", ["median", "{name: patience, patience: 9}", "{name: threshold, upper: 5}"])
def test_a_trial_of_whose_newest_step_the_metric_is_not_reported_yet_has_not_become_nan(stage, pruner):
    lines = [{"epoch": n, name: 1.0 / n} for n in range(1, 5) for name in ("train_loss", "loss")]
    stage.run(lambda job: stage.Act(lines), f"pruner: {pruner}\nbudget: 1")
    assert stage.states == ["complete"]


def test_a_trial_waits_at_its_rung_only_when_it_has_reported_what_it_is_compared_by(stage):
    """Metrics of a step that come first, such as those of the training, do not have it leave before the others."""
    long = [{}] * 20
    lines = [{"epoch": n, name: 1.0 / n} for n in (1, 2) for name in ("train_loss", "loss")]
    act = stage.Act([*lines[:3], *long, lines[3], *long])
    stage.run(lambda job: act, "pruner: {name: asha, rungs: [2, 4]}\nbudget: 1")
    (trial,) = stage.trials
    assert (trial.state, trial.curve.steps) == (TrialState.PAUSED, (1, 2))


def test_a_trial_that_no_longer_improves_ends_complete_with_its_best(stage):
    text = "budget: 1\npruner: {name: patience, patience: 2}"
    stage.run(lambda job: stage.losses(3.0, 1.0, 2.0, 2.0, 2.0, code=None), text)
    (trial,) = stage.trials
    assert (trial.state, trial.values, trial.step) == (TrialState.COMPLETE, {"loss": 1.0}, 2)
    assert "not improved in 2 steps" in trial.why
