"""What a trial has reached, from its lines."""

from __future__ import annotations

import itertools
import math
import time

import pytest

from sweeprun.expressions import Expression
from sweeprun.objective import Objective
from sweeprun.reported import MAX_POINTS, MAX_VALUES
from sweeprun.run.progress import Progress, Reporting
from sweeprun.run.source import Source
from sweeprun.trials import SEGMENT, Curve, Trial, TrialState

NAN = float("nan")


def reporting(**rest):
    return Reporting(**{"objectives": (Objective("loss"),), "tracked": ("loss",)} | rest)


def blank(**rest):
    return Trial(0, "uid", TrialState.RUNNING, **rest)


def reached(lines, trial=None, first=None, continues=True, **rest):
    """The trial after `lines`."""
    trial = trial or blank()
    progress = Progress(reporting(**rest), trial, first, continues)
    for line in lines:
        progress.add(line, 0.0)
    return progress.trial(trial)


def epochs(*values, start=1, **more):
    return [{"epoch": epoch, "loss": value, **more} for epoch, value in enumerate(values, start)]


def test_a_program_that_begins_with_1_has_finished_as_many_steps_as_it_says():
    trial = reached(epochs(3.0, 2.0, 1.0))
    assert (trial.curve.steps, trial.last_step, trial.first) == ((1, 2, 3), 3, 1)


def test_a_program_that_begins_with_0_has_finished_one_more():
    trial = reached(epochs(3.0, 2.0, 1.0, start=0))
    assert (trial.curve.steps, trial.last_step, trial.first) == ((1, 2, 3), 3, 0)


def test_how_the_sweep_counts_wins_over_what_the_first_report_looks_like():
    assert reached(epochs(2.0, 1.0, start=4), first=0).curve.steps == (5, 6)
    assert reached(epochs(2.0, 1.0, start=0), first=1).curve.steps == (0, 1)


def test_a_step_of_which_only_other_metrics_were_reported_is_no_point_of_the_curve():
    trial = reached([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "lr": 0.1}])
    assert (trial.curve.steps, trial.last_step) == ((1,), 2)


def test_thinning_keeps_what_was_reported_between_many_steps_of_other_metrics():
    lines = [{"epoch": n, "loss" if n % 100 == 0 else "lr": 0.5} for n in range(1, 10_001)]
    assert reached(lines).curve.steps == tuple(range(100, 10_001, 100))


def test_steps_may_skip():
    assert reached([{"epoch": 5, "loss": 2.0}, {"epoch": 10, "loss": 1.0}]).curve.steps == (5, 10)


def test_without_a_step_each_line_with_a_tracked_metric_is_one():
    trial = reached([{"loss": 3.0}, {"lr": 0.1}, {"loss": 2.0}, {"note": "text"}])
    assert (trial.curve.steps, trial.last_step) == ((1, 2), 2)


def left_by_itself(lines, until, trial=None, **rest):
    """How far a trial has come whose program was to go to `until`, and left after `lines`."""
    trial = (trial or blank())._replace(until=until)
    progress = Progress(reporting(**rest), trial, 1, continues=True)
    for line in lines:
        progress.add(line, 0.0)
    return progress.ended(trial).last_step


def every(n, to):
    return [{"epoch": epoch, "loss": 1.0} for epoch in range(n, to + 1, n)]


def test_who_leaves_where_it_was_to_leave_has_come_there_though_its_last_report_was_before():
    assert left_by_itself(every(2, to=2), until=3) == 3
    assert left_by_itself(every(2, to=8), until=9) == 9
    assert left_by_itself(every(5, to=25), until=27) == 27
    went_on = reached(every(2, to=2), blank(until=3)._replace(last_step=3))
    assert left_by_itself(every(2, to=4)[1:], until=5, trial=went_on) == 5


def test_who_leaves_before_it_was_to_leave_has_come_as_far_as_it_said():
    assert left_by_itself(every(1, to=2), until=4) == 2
    assert left_by_itself(every(2, to=4), until=9) == 4
    assert left_by_itself([{"loss": 1.0}], until=3) == 1  # each line is a step
    assert left_by_itself([], until=3) == 0
    assert left_by_itself(every(1, to=1), until=81) == 1  # once in its life, or about to stop by itself
    counted = Source("wandb"), "_step"
    assert left_by_itself([{"_step": 1, "loss": 1.0}], until=3, source=counted[0], step=counted[1]) == 1
    told = reached(every(1, to=4000))
    assert left_by_itself([], until=4003, trial=told) == 4000


def copy_at(step):
    """A trial that was born with the checkpoint of another one."""
    return blank(origin=SEGMENT, parent=3, notes={"member": 0, "generation": 1, "from_step": step})


def test_the_steps_of_a_copy_go_on_from_those_that_it_was_given():
    trial = reached(epochs(2.0, 1.0, start=11), copy_at(10), first=1)
    assert (trial.curve.steps, trial.last_step, trial.step) == ((11, 12), 12, 12)
    assert reached([], copy_at(10)).last_step == 0


def test_without_a_step_the_lines_of_a_copy_go_on_too():
    assert reached([{"loss": 2.0}, {"loss": 1.0}], copy_at(10)).curve.steps == (11, 12)


def test_what_a_copy_reports_again_of_its_parent_is_no_value_of_its_own():
    trial = reached(epochs(0.5, 2.0, 1.0, start=10), copy_at(10), first=1)
    assert (trial.curve.steps, trial.values) == ((11, 12), {"loss": 1.0})


def test_a_copy_that_is_preempted_without_a_step_of_its_own_has_made_none():
    before = copy_at(10)._replace(preemptions=2)
    assert reached(epochs(0.5, start=10), before, first=1).preemptions == 2
    assert reached(epochs(0.5, start=11), before, first=1).preemptions == 0


@pytest.mark.parametrize(("continues", "steps"), [(True, (1, 2, 3, 4)), (False, (1, 2))])
def test_without_a_step_a_run_begins_again_where_it_found_no_checkpoint(continues, steps):
    before = reached([{"loss": 3.0}, {"loss": 2.0}])
    assert reached([{"loss": 1.5}, {"loss": 1.0}], before, continues=continues).curve.steps == steps


@pytest.mark.parametrize(
    ("continues", "logged", "steps"),
    [
        (True, (0, 1), (1, 2, 3, 4)),
        (False, (0, 1), (1, 2)),
        (True, (2, 3), (1, 2, 3, 4)),  # the program gives them itself
        (True, (1, 2), (1, 2, 3)),
    ],
)
def test_calls_of_wandb_log_are_counted_on_where_the_run_found_a_checkpoint(continues, logged, steps):
    counting = {"step": "_step", "source": Source("wandb")}
    before = reached([{"_step": step, "loss": 9.0} for step in (0, 1)], first=0, **counting)
    lines = [{"_step": step, "loss": 1.0} for step in logged]
    found = reached(lines, before, first=0, continues=continues, **counting)
    assert (found.curve.steps, found.curve.values["loss"][-2:]) == (steps, (1.0, 1.0))


def test_a_step_that_the_file_names_is_never_counted_on():
    before = reached(epochs(3.0, 2.0, start=0), source=Source("wandb"))
    assert reached(epochs(1.0, start=0), before, source=Source("wandb")).curve.steps == (1,)


def test_a_line_without_the_step_that_others_name_speaks_of_the_newest():
    trial = reached([{"epoch": 1, "loss": 3.0}, {"loss": 2.0}, {"epoch": 2, "loss": 4.0}])
    assert trial.curve.values["loss"] == (2.0, 4.0)


def test_a_later_run_replaces_all_steps_from_its_first_step_on():
    before = reached(epochs(5.0, 4.0, 3.0, 2.0, 1.0))
    trial = reached(epochs(3.5, 2.5, start=3), before)
    assert trial.curve.steps == (1, 2, 3, 4)
    assert trial.curve.values["loss"] == (5.0, 4.0, 3.5, 2.5)
    assert (trial.step, trial.values) == (4, {"loss": 2.5})
    assert trial.last_step == 5, "the furthest that any run reached"


def test_values_of_a_step_that_was_not_replaced_stay():
    before = reached(epochs(5.0, 1.0, 3.0, acc=0.5))
    trial = reached(epochs(3.5, start=3), before)
    assert (trial.step, trial.values) == (2, {"loss": 1.0, "acc": 0.5})


def test_within_a_run_the_last_report_of_a_step_counts_and_the_first_one_for_rungs():
    trial = reached([{"epoch": 1, "loss": 3.0}, {"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])
    assert trial.curve.values["loss"] == (2.0, 1.0)
    assert trial.curve.firsts == {"loss": {1: 3.0}}


def test_firsts_survive_a_later_run():
    before = reached([{"epoch": 1, "loss": 3.0}, {"epoch": 1, "loss": 2.0}])
    assert reached(epochs(1.0, start=2), before).curve.firsts == {"loss": {1: 3.0}}


def test_values_come_from_the_best_step_or_the_last():
    lines = epochs(3.0, 1.0, 2.0)
    assert reached(lines).step == 2
    assert reached(lines, reduce="last").values == {"loss": 2.0}
    assert reached(lines, objectives=(Objective("loss", "maximize"),)).step == 1


def test_all_values_come_from_the_step_at_which_the_first_metric_is_best():
    two = {"objectives": (Objective("loss"), Objective("ms")), "tracked": ("loss", "ms")}
    lines = [{"epoch": 1, "loss": 3.0, "ms": 1.0}, {"epoch": 2, "loss": 1.0, "ms": 9.0}, {"epoch": 3, "loss": 2.0}]
    assert reached(lines, **two).values == {"loss": 1.0, "ms": 9.0}
    assert reached(lines, **two, reduce="last").values == {"loss": 2.0}


def test_the_first_metric_may_be_a_derived_one():
    gap = {"objectives": (Objective("gap"),), "tracked": ("gap",), "derived": {"gap": Expression.parse("a - b")}}
    trial = reached([{"epoch": 1, "a": 3.0, "b": 1.0}, {"epoch": 2, "a": 2.0}, {"epoch": 2, "b": 1.5}], **gap)
    assert (trial.step, trial.values, trial.curve.values) == (2, {"gap": 0.5, "a": 2.0, "b": 1.5}, {"gap": (2.0, 0.5)})


def test_without_a_step_lines_that_complete_each_other_are_one():
    two = {"objectives": (Objective("loss"), Objective("ms")), "tracked": ("loss", "ms")}
    lines = [{"loss": 3.0}, {"ms": 30.0}, {"loss": 2.0}, {"ms": 20.0}, {"lr": 0.1}]
    trial = reached(lines, **two)
    assert (trial.last_step, trial.values) == (2, {"loss": 2.0, "ms": 20.0, "lr": 0.1})


def test_the_last_step_is_the_furthest_not_the_one_told_last():
    lines = [{"epoch": 2, "loss": 2.0}, {"epoch": 3, "loss": 3.0}, {"epoch": 2, "loss": 1.0}]
    assert (reached(lines, reduce="last").step, reached(lines, reduce="last").values) == (3, {"loss": 3.0})


def test_a_step_that_takes_its_best_value_back_is_not_the_best_any_more():
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}, {"epoch": 2, "loss": 9.0}]
    assert (reached(lines).step, reached(lines).values) == (1, {"loss": 2.0})


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_several_lines_may_speak_of_one_step(order):
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 1, "acc": 0.75}]
    trial = reached([lines[i] for i in order])
    assert trial.values == {"loss": 2.0, "acc": 0.75}
    assert trial.curve.steps == (1,)


def test_what_other_steps_said_stays_with_them():
    trial = reached([{"epoch": 1, "acc": 0.5}, {"epoch": 2, "loss": 1.0}])
    assert trial.values == {"loss": 1.0}


def test_derived_metrics_are_computed_at_each_step_from_all_its_lines():
    derived = {"score": Expression.parse("acc / loss"), "twice": Expression.parse("2 * x")}
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 1, "acc": 0.5}]
    trial = reached(lines, blank(params={"x": 3}), derived=derived)
    assert trial.values == {"loss": 2.0, "acc": 0.5, "score": 0.25, "twice": 6.0}


def test_a_derived_metric_of_metrics_that_never_come_is_left_out():
    assert reached(epochs(1.0), derived={"score": Expression.parse("1 / cost")}).values == {"loss": 1.0}


def test_nan_is_never_the_best_and_is_told():
    progress = Progress(reporting(), blank(), None, True)
    for line in epochs(NAN, 2.0, NAN):
        progress.add(line, 0.0)
    assert progress.nonfinite == ("loss", 1)
    trial = progress.trial(blank())
    assert (trial.step, trial.values) == (2, {"loss": 2.0})
    assert [math.isnan(value) for value in trial.curve.values["loss"]] == [True, False, True]


def test_only_numbers_are_values():
    progress = Progress(reporting(), blank(), None, True)
    assert progress.add({"epoch": 1, "loss": "0.5", "ok": True, "list": [1]}, 0.0) is None
    measurement = progress.add({"epoch": 1, "loss": 1, "big": 10**400, "why": None}, 2.5)
    assert (measurement.step, measurement.values, measurement.seconds) == (1, {"loss": 1.0}, 2.5)
    assert progress.names == {"loss"}


def test_thinning_again_and_again_keeps_the_beginning():
    steps = reached([{"epoch": step, "loss": 1.0} for step in range(1, 20_001)]).curve.steps
    assert sum(step <= 10_000 for step in steps) > MAX_POINTS / 3


@pytest.mark.parametrize("step", [-1, NAN, float("inf"), "3", 1e300, 2**53, 10**30])
def test_a_step_that_is_none_is_not_taken(step):
    assert reached([{"epoch": step, "loss": 1.0}]).curve.steps == (1,)


def test_a_long_curve_is_thinned_to_its_ends_its_best_and_its_rungs():
    values = [1.0] * 4000
    values[1233] = 0.5
    trial = reached(epochs(*values), rungs=frozenset({81, 243, 9999}))
    steps = trial.curve.steps
    assert len(steps) <= MAX_POINTS
    assert list(steps) == sorted(set(steps))
    assert {1, 81, 243, 1234, 4000} <= set(steps)
    assert 9999 not in steps
    assert max(after - before for before, after in itertools.pairwise(steps)) < 4000 / MAX_POINTS * 3
    assert (trial.step, trial.last_step) == (1234, 4000)


@pytest.mark.slow
def test_tens_of_thousands_of_lines_take_seconds_and_little_room():
    progress = Progress(reporting(), blank(), None, True)
    began = time.process_time()
    for step in range(1, 30_001):
        progress.add({"epoch": step, "loss": 1 / step}, 0.0)
    assert progress.trial(blank()).step == 30_000
    assert time.process_time() - began < 20.0  # with annotations checked at run time; a third of a second without
    assert len(progress._reported._points) <= 4 * MAX_POINTS


def test_metrics_that_come_late_have_nan_before():
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "acc": 0.5}]
    curve = reached(lines, tracked=("loss", "acc")).curve
    assert math.isnan(curve.values["acc"][0])
    assert curve.values["acc"][1] == 0.5


def test_a_run_that_reports_nothing_leaves_the_trial_as_it_was():
    before = reached(epochs(2.0, 1.0))
    assert reached([], before) == before
    assert before.curve != Curve()


def test_a_new_step_forgives_preemptions_and_an_old_one_does_not():
    before = blank(last_step=3, preemptions=2)
    assert reached(epochs(1.0, start=3), before).preemptions == 2
    assert reached(epochs(1.0, start=4), before).preemptions == 0


@pytest.mark.parametrize("reduce", ["best", "last"])
def test_of_more_metrics_than_a_record_holds_those_of_the_sweep_file_are_kept(reduce):
    crowd = {f"layer{i}": float(i) for i in range(2 * MAX_VALUES)}
    lines = [{**crowd, "epoch": epoch, "loss": loss} for epoch, loss in [(1, 3.0), (2, 2.0)]]
    trial = reached(lines, reduce=reduce, derived={"twice": Expression.parse("2 * loss")})
    assert len(trial.values) == MAX_VALUES
    assert (trial.values["loss"], trial.values["twice"], trial.step) == (2.0, 4.0, 2)
