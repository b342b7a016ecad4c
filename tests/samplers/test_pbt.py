"""Population based training: who is given up, who goes on, who begins, and what it is good for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sweeprun.errors import SweepFileError
from sweeprun.history import History
from sweeprun.optimizer import Optimizer
from sweeprun.pruners.base import Demotion, Promotion
from sweeprun.samplers.pb2 import PB2Sampler
from sweeprun.samplers.pbt import PBTSampler
from sweeprun.trials import Curve, Suggestion, Trial, TrialState

MakeHistory = Callable[..., History]

PAUSED, RUNNING = TrialState.PAUSED, TrialState.RUNNING
FOUR = PBTSampler(members=4, interval=10, max=40)
FOUR_SYNC = PBTSampler(members=4, interval=10, max=40, sync=True)


def member(number: int, *losses: float, state: TrialState = PAUSED, until: int | None = None) -> Trial:
    """The first segment of a member, with its losses at steps 10, 20 ..."""
    steps = tuple(range(10, 10 * len(losses) + 1, 10))
    return Trial(
        number,
        str(number),
        state,
        params={"x": 0.1 + 0.2 * number},
        notes={"member": number, "generation": 0},
        curve=Curve(steps, {"loss": losses}) if losses else Curve(),
        last_step=steps[-1] if steps else 0,
        until=until or (steps[-1] if state is PAUSED else (steps[-1] if steps else 0) + 10),
    )


def asked(sampler: PBTSampler, history: History) -> Suggestion | None:
    return sampler.suggest(history, np.random.default_rng([0, history.number]))


# ---- who is given up


def test_the_worst_of_those_at_a_ready_point_is_given_up_and_the_reason_says_where_it_stands(
    make_history: MakeHistory,
) -> None:
    history = make_history([member(0, 4.0), member(1, 1.0), member(2, 2.0), member(3, 3.0)])
    assert FOUR.promotion(history) == Demotion(
        0, "loss 4 at step 10 is number 4 of 4; the worst one begins again from what better ones have saved"
    )


def test_who_is_not_among_the_worst_goes_on_to_the_next_ready_point(make_history: MakeHistory) -> None:
    history = make_history([member(0, 3.0), member(1, 1.0), member(2, 2.0), member(3, 4.0)])
    assert FOUR.promotion(history) == Promotion(0, 20, "loss 3 at step 10 is number 3 of 4; it goes on to step 20")


def test_who_is_ahead_is_compared_where_enough_others_have_come(make_history: MakeHistory) -> None:
    behind = [member(number, 3.0, state=RUNNING) for number in (1, 2)]
    ahead = [member(3, 3.5, 2.0, state=RUNNING)]
    was_worst = FOUR.promotion(make_history([member(0, 9.0, 0.1), *behind, *ahead]))
    assert was_worst == Demotion(
        0, "loss 9 at step 10 is number 4 of 4; the worst one begins again from what better ones have saved"
    )
    was_good = FOUR.promotion(make_history([member(0, 2.0, 9.0), *behind, *ahead]))
    assert was_good == Promotion(0, 30, "loss 2 at step 10 is number 1 of 4; it goes on to step 30")


def test_who_has_begun_as_a_copy_is_not_compared_by_what_its_member_gave_up(make_history: MakeHistory) -> None:
    copy = member(4, 0.0, 2.0)._replace(
        notes={"member": 0, "generation": 1, "from_step": 10},
        parent=1,
        curve=Curve((20,), {"loss": (2.0,)}),
    )
    given_up = member(0, 9.0)._replace(state=TrialState.PRUNED)
    others = [member(1, 1.0, state=RUNNING), member(2, 2.0, state=RUNNING), member(3, 3.0, state=RUNNING)]
    assert FOUR.promotion(make_history([given_up, *others, copy])) == Promotion(
        4, 30, "too few are ready to be compared with; it goes on to step 30"
    )


def test_who_ended_before_keeps_nobody_from_being_compared(make_history: MakeHistory) -> None:
    ended = member(0, 2.0, 1.9, state=TrialState.COMPLETE)
    others = [member(1, 1.0, 1.0, 1.0, 1.0, state=RUNNING), member(2, 2.0, 2.0, 2.0, 2.0, state=RUNNING)]
    sampler = PBTSampler(members=4, interval=10, max=60)
    history = make_history([ended, *others, member(3, 1.5, 1.5, 99.0, 999.0)])
    assert sampler.promotion(history) == Demotion(
        3, "loss 999 at step 40 is number 3 of 3; the worst one begins again from what better ones have saved"
    )


def test_a_metric_that_is_reported_between_ready_points_counts_as_it_was_before_them(
    make_history: MakeHistory,
) -> None:
    def at_fives(number: int, *losses: float, **rest: Any) -> Trial:
        steps = tuple(range(5, 5 * len(losses) + 1, 5))
        return member(number, until=9, **rest)._replace(curve=Curve(steps, {"loss": losses}), last_step=steps[-1])

    ahead = [at_fives(number, 7.5, 5.0, state=RUNNING) for number in (1, 2, 3)]
    sampler = PBTSampler(members=4, interval=9, max=36)
    stands = at_fives(0, 7.0)._replace(last_step=9)
    assert sampler.promotion(make_history([stands, *ahead])) == Promotion(
        0, 18, "loss 7 at step 9 is number 1 of 4; it goes on to step 18"
    )


def test_a_copy_from_further_on_is_better_where_its_member_never_was(make_history: MakeHistory) -> None:
    failed = member(0, state=TrialState.FAILED)._replace(until=10)
    copy = member(4, state=RUNNING)._replace(
        notes={"member": 0, "generation": 1, "from_step": 20},
        parent=1,
        until=30,
        last_step=20,
    )
    others = [member(1, 1.0, 1.0, state=RUNNING), member(2, 2.0, 2.0, state=RUNNING), member(3, 3.0, 3.0)]
    assert FOUR.promotion(make_history([failed, *others, copy])) == Demotion(
        3, "loss 3 at step 20 is number 4 of 4; the worst one begins again from what better ones have saved"
    )


def test_nobody_is_given_up_before_half_of_the_members_are_ready(make_history: MakeHistory) -> None:
    sampler = PBTSampler(members=8, interval=10, max=40)
    young = [member(number, state=RUNNING) for number in range(3, 8)]
    three = [member(0, 9.0), member(1, 1.0), member(2, 2.0)]
    assert isinstance(sampler.promotion(make_history([*three, *young])), Promotion)
    four = [*three, member(3, 3.0, state=RUNNING), *young[1:]]
    assert isinstance(sampler.promotion(make_history(four)), Demotion)


def test_nobody_is_given_up_among_equals(make_history: MakeHistory) -> None:
    for sampler in (FOUR, FOUR_SYNC):
        assert isinstance(sampler.promotion(make_history([member(i, 1.0) for i in range(4)])), Promotion)


def test_who_is_worst_goes_on_where_those_that_are_better_have_nothing_left_to_train(make_history: MakeHistory) -> None:
    ended = [member(i, 3.0, 2.0, 1.0, 0.5, state=TrialState.COMPLETE) for i in (1, 2, 3)]
    decided = FOUR.promotion(make_history([member(0, 9.0, 9.0, 9.0), *ended]))
    assert decided is not None
    assert isinstance(decided, Promotion)
    assert decided.until == 40


# ---- in step


def test_in_step_nobody_goes_on_before_all_are_ready(make_history: MakeHistory) -> None:
    history = make_history([member(0, 4.0), member(1, 1.0), member(2, 2.0), member(3, state=RUNNING)])
    assert FOUR_SYNC.promotion(history) is None
    assert asked(FOUR_SYNC, history) is None


def test_in_step_who_is_given_up_is_replaced_before_anybody_goes_on(make_history: MakeHistory) -> None:
    trials = [member(0, 1.0), member(1, 2.0), member(2, 3.0), member(3, 4.0)]
    decided = FOUR_SYNC.promotion(make_history(trials))
    assert isinstance(decided, Demotion)
    trials[decided.trial] = trials[decided.trial]._replace(state=TrialState.PRUNED)
    history = make_history(trials)
    assert FOUR_SYNC.promotion(history) is None
    found = asked(FOUR_SYNC, history)
    assert found is not None
    assert (found.parent, found.until) == (0, 20)
    trials.append(begun(4, found))
    assert FOUR_SYNC.promotion(make_history(trials)) == Promotion(
        0, 20, "loss 1 at step 10 is number 1 of 4; it goes on to step 20"
    )


def begun(number: int, found: Suggestion) -> Trial:
    return Trial(
        number,
        str(number),
        RUNNING,
        params=found.params,
        notes=found.notes,
        until=found.until,
        parent=found.parent,
        origin=found.origin,
    )


# ---- who begins


def test_a_copy_is_taken_only_of_who_stands_still_and_before_that_one_goes_on(make_history: MakeHistory) -> None:
    given_up = member(0, 9.0)._replace(state=TrialState.PRUNED)
    others = [member(2, 2.0, state=RUNNING), member(3, 3.0)]
    runs, stands = (make_history([given_up, member(1, 1.0, state=state), *others]) for state in (RUNNING, PAUSED))
    assert asked(FOUR, runs) is None
    assert isinstance(FOUR.promotion(runs), Promotion)  # of trial 3, which is not the best
    assert FOUR.promotion(stands) is None
    found = asked(FOUR, stands)
    assert found is not None
    assert (found.parent, found.until, found.origin) == (1, 20, "segment")
    assert dict(found.notes) == {"member": 0, "generation": 1, "from_step": 10}


def test_with_fewer_slots_than_members_who_is_furthest_behind_comes_first(make_history: MakeHistory) -> None:
    three = [member(0, 1.0), member(1, 2.0), member(2, 3.0, 3.0)]
    assert FOUR.promotion(make_history(three)) is None  # member 3 has not begun
    assert asked(FOUR, make_history(three)) is not None
    last = FOUR.promotion(make_history([*three[:2], three[2], member(3, 0.5, 0.5)]))
    assert isinstance(last, Promotion | Demotion)
    assert last.trial == 0


def test_a_copy_goes_on_from_where_its_parent_really_is(make_history: MakeHistory) -> None:
    beyond = member(1, 1.0)._replace(last_step=13, curve=Curve((10, 13), {"loss": (1.0, 1.0)})
    )  # a program that did not leave at once
    given_up = member(0, 9.0)._replace(state=TrialState.PRUNED)
    found = asked(FOUR, make_history([given_up, beyond, member(2, 3.0), member(3, 3.0)]))
    assert found is not None
    assert (found.notes["from_step"], found.until) == (13, 20)


def test_trials_that_a_person_asked_for_are_nobody_in_the_population(make_history: MakeHistory) -> None:
    added = member(3, 0.0)._replace(notes={}, origin="add", until=None, state=RUNNING)
    history = make_history([member(0, 1.0), member(1, 2.0), member(2, 3.0), added])
    found = asked(FOUR, history)
    assert found is not None
    assert found.notes["member"] == 3
    assert FOUR.verdict(added._replace(last_step=10), history).action == "continue"
    assert FOUR.verdict(added._replace(last_step=40), history).action == "finish"


# ---- its options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs the option 'max'"),
        ({"max": 10, "quantile": 0.9}, "quantile is 0.9; allowed is a number of at most 0.5"),
        ({"max": 10, "factors": [0.8]}, "factors"),
        ({"max": 10, "members": 1}, "members is 1; allowed is a number of at least 2"),
    ],
)
def test_what_it_cannot_do_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepFileError, match=message):
        Optimizer({"x": {"min": 0.0, "max": 1.0}}, "loss", {"name": "pbt", **options})


def test_no_pruner_goes_with_it() -> None:
    for pruner in ("median", {"name": "asha", "max": 9}):
        with pytest.raises(SweepFileError, match="pbt decides itself how far each trial goes"):
            Optimizer({"x": {"min": 0.0, "max": 1.0}}, "loss", {"name": "pbt", "max": 9}, pruner)


# ---- what it is good for


def toy(algorithm: PBTSampler | PB2Sampler | str, seed: int, slots: int = 4) -> float:
    """How far from its maximum the best member, or trial, ends on q = 1.2 - theta0^2 - theta1^2, which is climbed
    through 1.2 - h0 theta0^2 - h1 theta1^2: the problem of section 4.1 of the paper. 50 steps, of which every fifth is
    reported; slots take turns."""
    space = {f"h{i}": {"min": 0.0, "max": 1.0} for i in (0, 1)}
    optimizer = Optimizer(space, {"q": "maximize"}, algorithm, budget=4, seed=seed)
    saved: dict[int, tuple[int, list[float]]] = {}
    running: list[Trial] = []
    while True:
        while len(running) < slots and (trial := optimizer.ask()) is not None:
            if trial.number not in saved:
                saved[trial.number] = (0, [0.9, 0.9]) if trial.parent is None else saved[trial.parent]
            running.append(trial)
        if not running:
            assert optimizer.best is not None
            return 1.2 - optimizer.best.values["q"]
        trial = running.pop(0)
        step, theta = saved[trial.number]
        step, theta = step + 5, [t * (1 - 0.08 * trial.params[h]) ** 5 for t, h in zip(theta, space, strict=True)]
        saved[trial.number] = step, theta
        if optimizer.report(trial, step, {"q": 1.2 - sum(t * t for t in theta)}).stop or step == 50:
            optimizer.tell(trial)
        else:
            running.append(trial)


@pytest.fixture(scope="module")
def constant() -> float:
    """What the best of four constant configurations leaves, over ten seeds: those that populations begin with."""
    return float(np.mean([toy("random", seed) for seed in range(10)]))


@pytest.mark.parametrize(("sync", "slots"), [(False, 1), (False, 4), (True, 4)])
def test_it_is_better_than_the_best_constant_configuration_of_the_same_population(
    constant: float, sync: bool, slots: int
) -> None:
    sampler = PBTSampler(members=4, interval=5, max=50, sync=sync)
    assert np.mean([toy(sampler, seed, slots) for seed in range(10)]) < 0.6 * constant
