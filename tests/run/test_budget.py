"""Each limit, by histories made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sweeprun.objective import Objective
from sweeprun.run.budget import Budget, FailureLimit, Halt, Plateau, configurations, wall_s
from sweeprun.trials import Failure, FailureClass, Run, TrialState

FAILED, RUNNING, WAITING, PRUNED = TrialState.FAILED, TrialState.RUNNING, TrialState.WAITING, TrialState.PRUNED


@pytest.fixture
def trials(make_trial):
    """Trials by their losses; None failed, a state is that state."""

    def made(*said):
        found = []
        for number, one in enumerate(said):
            if one is None:
                found.append(make_trial(number, state=FAILED, failure=Failure(FailureClass.CRASH, "")))
            elif isinstance(one, TrialState):
                found.append(make_trial(number, state=one))
            else:
                found.append(make_trial(number, [one]))
        return found

    return made


@pytest.fixture
def spent(trials):
    def judged(budget, *said, **rest):
        reached = replace(budget, **rest).spent(trials(*said), [Objective("loss")])
        return reached and (reached.key, reached.halt)

    return judged


def everyone(worker):
    return True


def test_trials_counts_configurations_in_any_state(spent):
    budget = Budget(trials=3)
    assert spent(budget, 1.0, RUNNING) is None
    assert spent(budget, 1.0, RUNNING, WAITING) == ("trials", Halt.FINISH)


def test_only_new_configurations_count(make_trial):
    trials = [
        make_trial(0),
        make_trial(1, origin="first"),
        make_trial(2, origin="retry"),
        make_trial(3, origin="validate"),
        make_trial(4, repeat=1),
    ]
    assert configurations(trials) == 2


def test_a_damaged_record_counts_for_what_it_still_tells(make_trial):
    readable = [make_trial(0, origin="retry", damaged=True), make_trial(1, repeat=1, damaged=True)]
    unreadable = [make_trial(2, damaged=True)]
    assert (configurations(readable), configurations(unreadable)) == (0, 1)


def test_the_target_is_reached_from_the_right_side(make_trial, make_history):
    trials = [make_trial(0, [0.5])]

    def reached(wanted, goal):
        return Budget(target={"loss": wanted}).spent(trials, make_history(goal=goal).objectives)

    assert reached(0.4, "minimize") is None
    assert reached(0.5, "minimize").key == "target"
    assert reached(0.6, "maximize") is None
    assert reached(0.5, "maximize").why == "trial 0 reached loss 0.5, the target was 0.5"


@pytest.mark.parametrize(
    ("state", "damaged", "counts"),
    [(FAILED, False, False), (FAILED, True, False), (PRUNED, False, True), (TrialState.PAUSED, False, True)],
)
def test_who_failed_reached_no_target(make_trial, make_history, state, damaged, counts):
    trials = [make_trial(0, [0.5], state=state, damaged=damaged)]
    reached = Budget(target={"loss": 1.0}).spent(trials, make_history().objectives)
    assert (reached is not None) is counts


def test_a_plateau_is_so_many_trials_without_improvement(spent):
    budget = Budget(plateau=Plateau(3, 0.1))
    assert spent(budget, 1.0, 0.5, 0.5, 0.5) is None, "the first of the three improved"
    assert spent(budget, 1.0, 0.5, 0.5, 0.5, 0.5) == ("plateau", Halt.FINISH)
    assert spent(budget, 1.0, 0.95, 0.92, 0.91) == ("plateau", Halt.FINISH), "less than min_delta is none"
    assert spent(budget, 1.0, 0.95, 0.92, 0.85) is None
    assert spent(budget, 0.5, 0.5, 0.5) is None, "nothing to compare with"


def test_failures_are_no_improvement_and_running_trials_do_not_count(spent):
    budget = Budget(plateau=Plateau(2))
    assert spent(budget, 0.5, None, RUNNING) is None
    assert spent(budget, 0.5, None, RUNNING, 0.6) == ("plateau", Halt.FINISH)


def test_failures_in_a_row_go_by_number_not_by_arrival(spent):
    budget = Budget(failures=FailureLimit(consecutive=3, after=99))
    assert spent(budget, 1.0, None, None, None) == ("failures", Halt.FINISH)
    assert spent(budget, None, None, 1.0, None) is None
    assert spent(budget, 1.0, None, None, RUNNING, None) == ("failures", Halt.FINISH)


def test_a_share_of_failures_counts_once_there_are_enough_trials(spent):
    budget = Budget(failures=FailureLimit(consecutive=99, fraction=0.5, after=4))
    assert spent(budget, None, None, None) is None
    assert spent(budget, None, 1.0, None, 1.0) is None, "not more than half"
    assert spent(budget, None, 1.0, None, None, 1.0) == ("failures", Halt.FINISH)


def test_failures_that_were_forgiven_and_nan_do_not_count(spent, make_trial):
    budget = Budget(failures=FailureLimit(consecutive=2))
    assert spent(budget, None, None) == ("failures", Halt.FINISH)
    assert spent(budget, None, None, forgiven=2) is None
    assert spent(budget, None, None, None, None, forgiven=2) == ("failures", Halt.FINISH)
    diverged = [make_trial(n, state=FAILED, failure=Failure(FailureClass.NAN, "")) for n in range(4)]
    assert budget.spent(diverged, [Objective("loss")]) is None


def test_pruned_trials_are_no_failures(spent):
    assert spent(Budget(failures=FailureLimit(consecutive=2)), None, PRUNED) is None


def test_the_wall_is_the_union_of_all_runs(make_trial):
    trials = [
        make_trial(0, runs=(Run(100.0, 50.0), Run(400.0, 10.0))),
        make_trial(1, runs=(Run(120.0, 60.0),)),
        make_trial(2, state=RUNNING, runs=(Run(500.0),)),
        make_trial(3, state=WAITING, runs=(Run(600.0),)),
    ]
    assert wall_s(trials, 530.0, everyone) == 80.0 + 10.0 + 30.0
    assert wall_s([], 530.0, everyone) == 0.0


def test_the_time_after_a_worker_died_is_not_its_trials(make_trial):
    trials = [make_trial(0, state=RUNNING, runs=(Run(100.0, 5.0), Run(500.0)), worker="dead")]
    assert wall_s(trials, 90_000.0, lambda worker: worker != "dead") == 5.0


def test_limits_of_time_end_running_trials(make_trial, make_history):
    trials = [make_trial(0, state=RUNNING, runs=(Run(100.0),))]

    def reached(now, **limits):
        found = Budget(**limits).reached(trials, make_history().objectives, now)
        return found and (found.key, found.halt)

    assert reached(159.0, wall=60.0) is None
    assert reached(160.0, wall=60.0) == ("wall", Halt.STOP)
    assert reached(199.0, deadline=200.0) is None
    assert reached(200.0, deadline=200.0) == ("deadline", Halt.STOP)


def test_the_time_that_is_left_is_that_of_the_nearest_limit(make_trial):
    trials = [make_trial(0, state=RUNNING, runs=(Run(100.0),))]
    assert Budget().time_left_s(trials, 130.0, everyone) == float("inf")
    assert Budget(wall=60.0, deadline=200.0).time_left_s(trials, 130.0, everyone) == 30.0
    assert Budget(wall=99.0, deadline=200.0).time_left_s(trials, 130.0, everyone) == 69.0


def test_limits_of_time_come_first_then_failures(trials):
    failed, objectives = trials(None, None), [Objective("loss")]
    budget = Budget(trials=2, deadline=100.0, failures=FailureLimit(consecutive=2))
    assert budget.reached(failed, objectives, 100.0).key == "deadline"
    assert budget.reached(failed, objectives, 99.0).key == "failures"


def test_a_limit_of_one_is_said_as_one(trials):
    def why(*said, **limits):
        return Budget(**limits).spent(trials(*said), [Objective("loss")]).why

    assert why(None, failures=FailureLimit(consecutive=1)) == "the last trial failed"
    assert why(None, failures=FailureLimit(after=1)) == "1 of 1 trial failed"
    assert why(1.0, 1.0, plateau=Plateau(1)) == "the last trial improved the best by no more than 0"


def test_what_is_used_is_told_beside_the_limit(trials):
    used = Budget(trials=5).used(trials(1.0, RUNNING), 0.0)
    assert used == {"trials": {"used": 2.0, "limit": 5}, "wall": {"used": 0.0, "limit": None}}


TWO = [Objective("acc", "maximize"), Objective("ms", limit=100.0)]


@pytest.fixture
def with_two(make_trial):
    """Trials by their accuracy and their milliseconds."""

    def made(*said):
        return [make_trial(n)._replace(values={"acc": acc, "ms": ms}) for n, (acc, ms) in enumerate(said)]

    return made


def test_a_target_of_several_metrics_is_met_by_one_trial_or_not_at_all(with_two):
    budget = Budget(target={"acc": 0.9, "ms": 30.0})
    assert budget.spent(with_two((0.95, 50.0), (0.5, 20.0)), TWO) is None
    reached = budget.spent(with_two((0.95, 50.0), (0.9, 25.0)), TWO)
    assert reached.why == "trial 1 reached acc 0.9 and ms 25, the target was 0.9 and 30"


def test_a_target_is_not_met_beyond_the_limit_of_another_metric(with_two, make_trial):
    budget = Budget(target={"acc": 0.9})
    assert budget.spent(with_two((0.95, 101.0)), TWO) is None
    assert budget.spent([make_trial(0, [0.95], metric="acc")], TWO) is None, "whose other metric is not known yet"
    assert budget.spent(with_two((0.95, 99.0)), TWO).key == "target"


def test_a_trial_that_joins_the_front_is_an_improvement(with_two):
    budget = Budget(plateau=Plateau(2))
    assert budget.spent(with_two((0.9, 50.0), (0.8, 60.0), (0.7, 40.0)), TWO) is None, "the last one is the fastest"
    reached = budget.spent(with_two((0.9, 50.0), (0.8, 60.0), (0.9, 50.0)), TWO)
    assert reached.why == "the last 2 trials improved the front by no more than 0"
    assert budget.spent(with_two((0.9, 50.0), (0.99, 101.0), (0.99, 200.0)), TWO).key == "plateau", "not feasible"
    assert budget.spent(with_two((0.9, 101.0), (0.9, 102.0), (0.9, 103.0)), TWO) is None, "nothing to compare with"


def test_a_front_may_have_to_improve_by_so_much_in_some_metric(with_two):
    trials = with_two((0.9, 50.0), (0.8, 49.5), (0.95, 60.0))
    assert Budget(plateau=Plateau(2, 0.6)).spent(trials, TWO).key == "plateau"
    assert Budget(plateau=Plateau(2, 0.4)).spent(trials, TWO) is None
