"""Ask and tell: what a script that evaluates its configurations itself is told, and what it may say."""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import sweeprun
from sweeprun import Optimizer
from sweeprun.errors import SpaceError, SweepFileError, UsageError
from sweeprun.pruners.median import MedianPruner
from sweeprun.samplers.random import RandomSampler
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.trials import FailureClass, TrialState

DOCS = Path(__file__).parents[1] / "docs" / "optimizer.md"
X = {"x": {"min": 0.0, "max": 1.0}}
TREE = {
    "optimizer": ["sgd", "adam"],
    "lr": {"min": 1e-5, "max": 1e-1, "log": True},
    "momentum": {"min": 0.0, "max": 0.9, "when": {"optimizer": "sgd"}},
}


def optimizer(**settings):
    return Optimizer(**{"parameters": X, "metrics": "loss", "algorithm": "random"} | settings)


def loss(params):
    return (math.log10(params["lr"]) + 3) ** 2 + params.get("momentum", 0.5)


def tried(asked, n=25):
    """The configurations of the first `n` trials, each told before the next is asked for."""
    params = []
    for _ in range(n):
        trial = asked.ask()
        params.append(trial.params)
        asked.tell(trial, {"loss": loss(trial.params)})
    return params


def stopped(asked):
    """A trial that is worse than four others and was told to stop."""
    for _ in range(5):
        good = asked.ask()
        for step in (1, 2, 3):
            asked.report(good, step, {"loss": 1.0})
        asked.tell(good)
    bad = asked.ask()
    verdicts = [asked.report(bad, step, {"loss": 9.0}) for step in (1, 2, 3)]
    return bad, verdicts


# ---- asking


def test_a_trial_has_a_number_and_parameters_and_later_ones_learn_from_it():
    asked = optimizer(parameters=TREE, algorithm="auto", budget=40)
    trial = asked.ask()
    assert (trial.number, trial.until) == (0, None)
    assert set(trial.params) <= set(TREE)
    asked.tell(trial, {"loss": 1.0})
    tried(asked, 39)
    losses = [loss(trial.params) for trial in asked.trials[10:]]
    assert np.median(losses[-10:]) < np.median([loss(trial.params) for trial in asked.trials[:10]])


def test_the_same_seed_told_the_same_suggests_the_same():
    first, again, other = (optimizer(parameters=TREE, algorithm="tpe", seed=seed) for seed in (7, 7, 8))
    expected = tried(first)
    assert tried(again) == expected
    assert tried(other) != expected


@pytest.mark.parametrize("algorithm", ["grid", "random", "tpe"])
def test_trials_that_were_not_told_yet_are_reckoned_with(algorithm):
    asked = optimizer(parameters={"a": [1, 2, 3], "b": [1, 2]}, algorithm=algorithm)
    assert len({tuple(asked.ask().params.values()) for _ in range(6)}) == 6


def test_nothing_is_left_to_ask_for_where_the_budget_is_used_or_the_space_exhausted():
    asked = optimizer(budget=2)
    assert [asked.ask() is None for _ in range(3)] == [False, False, True]
    asked = optimizer(parameters={"a": [1, 2]})
    assert [asked.ask() is None for _ in range(3)] == [False, False, True]


def test_auto_chooses_as_a_sweep_does():
    asked = optimizer(parameters={"a": [1, 2], "b": [3, 4]}, algorithm="auto", seed=5)
    grid = optimizer(parameters={"a": [1, 2], "b": [3, 4]}, algorithm="grid", seed=5)
    assert [asked.ask().params for _ in range(4)] == [grid.ask().params for _ in range(4)]


def test_an_algorithm_is_a_name_or_a_mapping_or_an_instance():
    mapped = optimizer(parameters=TREE, algorithm={"name": "tpe", "startup": 3})
    default = optimizer(parameters=TREE, algorithm="tpe")
    assert tried(mapped) != tried(default)
    assert optimizer(algorithm=RandomSampler()).ask().params == optimizer(algorithm="random").ask().params


def test_a_configuration_of_ones_own_is_completed_and_counts_against_no_budget():
    asked = optimizer(parameters=TREE, budget=1)
    trial = asked.ask({"momentum": 0.5})
    assert (trial.params["optimizer"], trial.params["momentum"]) == ("sgd", 0.5)
    asked.tell(trial, {"loss": 3.0})
    assert asked.ask().number == 1
    assert asked.ask() is None


def test_known_results_inform_the_search():
    asked, naive = (optimizer(algorithm="tpe", seed=1) for _ in range(2))
    for i in range(20):
        asked.tell(asked.ask({"x": i / 20}), {"loss": abs(i / 20 - 0.8)})
    assert abs(asked.ask().params["x"] - 0.8) < 0.2
    assert naive.ask() is not None


def test_what_is_done_to_the_parameters_that_were_handed_out_changes_no_trial():
    asked = optimizer()
    trial = asked.ask()
    trial.params["x"] = "spoilt"
    assert asked.trials[0].params["x"] != "spoilt"


def test_a_configuration_that_the_space_does_not_have_is_refused():
    with pytest.raises(SpaceError, match="there is no parameter 'y'; there are: x"):
        optimizer().ask({"y": 1})
    with pytest.raises(SpaceError, match=re.escape("x = 2.0 is not allowed")):
        optimizer().ask({"x": 2.0})


# ---- telling


def test_values_are_kept_whatever_kind_of_number_they_are():
    asked = optimizer()
    asked.tell(asked.ask(), {"loss": np.float32(0.5), "accuracy": 1})
    (trial,) = asked.trials
    assert (trial.state, trial.values) == (TrialState.COMPLETE, {"loss": 0.5, "accuracy": 1.0})
    assert {type(value) for value in trial.values.values()} == {float}


def test_a_trial_may_be_named_by_its_number():
    asked = optimizer()
    asked.tell(asked.ask().number, {"loss": 0.5})
    assert asked.best is not None


def test_without_values_those_of_the_best_reported_step_are_told():
    asked = optimizer()
    trial = asked.ask()
    for step, value in enumerate([3.0, 1.0, 2.0], 1):
        asked.report(trial, step, {"loss": value})
    asked.tell(trial)
    (ended,) = asked.trials
    assert (ended.values, ended.step, ended.last_step, ended.curve.steps) == ({"loss": 1.0}, 2, 3, (1, 2, 3))


def test_a_failure_has_a_class_and_informs_the_search():
    asked = optimizer()
    asked.tell(asked.ask(), failed="oom")
    (trial,) = asked.trials
    assert (trial.state, trial.failure.kind) == (TrialState.FAILED, FailureClass.OOM)
    with pytest.raises(UsageError, match="there is no class of failure 'omm'; there are crash,") as caught:
        asked.tell(asked.ask(), failed="omm")
    assert caught.value.hint == "did you mean 'oom'?"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinities_are_failures(value):
    asked = optimizer()
    asked.tell(asked.ask(), {"loss": value})
    assert asked.trials[0].failure.kind is FailureClass.NAN
    assert asked.best is None


def test_the_best_is_best_in_the_first_metric_and_ends_were_not_early():
    asked = optimizer(metrics={"accuracy": "maximize"})
    for value in (0.1, 0.9, 0.9, 0.4):
        asked.tell(asked.ask(), {"accuracy": value})
    asked.tell(asked.ask(), failed="crash")
    assert asked.best.number == 1
    assert [trial.number for trial in asked.front] == [1, 2]


def test_of_several_metrics_the_front_has_what_no_other_trial_beats():
    asked = optimizer(metrics={"loss": "minimize", "accuracy": {"goal": "maximize"}})
    for value, accuracy in [(1, 1), (2, 2), (2, 1), (3, 3), (3, 2)]:
        asked.tell(asked.ask(), {"loss": value, "accuracy": accuracy})
    assert [trial.number for trial in asked.front] == [0, 1, 3]
    assert asked.best.number == 0


def test_what_lies_beyond_a_limit_is_the_best_only_where_all_do():
    asked = optimizer(metrics={"loss": "minimize", "seconds": {"goal": "minimize", "limit": 5}})
    asked.tell(asked.ask(), {"loss": 1.0, "seconds": 9.0})
    assert asked.best.number == 0
    asked.tell(asked.ask(), {"loss": 2.0, "seconds": 5.0})
    assert (asked.best.number, [trial.number for trial in asked.front]) == (1, [1])


def test_before_anything_is_told_there_is_no_best():
    asked = optimizer()
    asked.ask()
    assert (asked.best, asked.front) == (None, ())


# ---- reporting


def test_a_trial_that_the_pruner_stops_is_pruned_when_it_is_told():
    asked = optimizer(pruner="median")
    bad, verdicts = stopped(asked)
    assert [verdict.stop for verdict in verdicts] == [False, False, True]
    assert "loss 9 at step 3 is worse than the median 1 of 5 others" in verdicts[-1].reason
    assert asked.report(bad, 4, {"loss": 0.0}) == verdicts[-1]  # it stays so
    asked.tell(bad, {"loss": 9.0})
    ended = asked.trials[bad.number]
    assert (ended.state, ended.why, ended.step) == (TrialState.PRUNED, verdicts[-1].reason, 4)
    assert asked.best.number == 0


def test_a_pruner_is_a_mapping_or_an_instance_too():
    for pruner in ({"name": "median", "warmup": 9}, MedianPruner(warmup=9)):
        assert not any(verdict.stop for verdict in stopped(optimizer(pruner=pruner))[1])


def test_a_pruner_may_look_at_a_metric_that_is_no_objective():
    asked = optimizer(pruner={"name": "median", "metric": "accuracy", "goal": "maximize", "warmup": 1})
    for _ in range(5):
        trial = asked.ask()
        asked.report(trial, 1, {"accuracy": 0.9})
        asked.tell(trial, {"loss": 1.0})
    verdict = asked.report(asked.ask(), 1, {"accuracy": 0.1})
    assert (verdict.stop, verdict.reason[:12]) == (True, "accuracy 0.1")


def test_nan_stops_at_once_and_stays_a_failure():
    asked = optimizer()
    trial = asked.ask()
    assert not asked.report(trial, 1, {"loss": 1.0}).stop
    verdict = asked.report(trial, 2, {"loss": math.nan})
    assert (verdict.stop, verdict.reason) == (True, "loss became NaN or infinite at step 2")
    asked.tell(trial, {"loss": 1.0})
    assert asked.trials[0].failure.kind is FailureClass.NAN


# ---- what may not be said


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"los": 1.0}, "trial 0 has no loss; told are: los", "did you mean 'los'?"),
        (None, "trial 0 has no loss; nothing was reported either", 'optimizer.tell(0, {"loss": ...})'),
        ({"loss": "0.5"}, "trial 0: loss is '0.5', which is no number", None),
        ({"loss": None}, "trial 0: loss is None, which is no number", None),
        ({"loss": np.zeros(2)}, "trial 0: loss is array([0., 0.]), which is no number", None),
    ],
)
def test_values_that_are_none_are_refused_and_the_trial_may_be_told_again(values, message, hint):
    asked = optimizer()
    trial = asked.ask()
    with pytest.raises(UsageError) as caught:
        asked.tell(trial, values)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    asked.tell(trial, {"loss": 0.5})


def test_nothing_is_told_twice_and_nothing_of_trials_that_there_are_not():
    asked = optimizer()
    with pytest.raises(UsageError, match="there is no trial 0; none was asked for yet"):
        asked.tell(0, {"loss": 0.5})
    trial = asked.ask()
    asked.tell(trial, {"loss": 0.5})
    for again in (lambda: asked.tell(trial, {"loss": 0.1}), lambda: asked.report(trial, 1, {"loss": 0.1})):
        with pytest.raises(UsageError, match="trial 0 was told already: it is complete"):
            again()
    with pytest.raises(UsageError, match="there is no trial 5; there are 0 to 0"):
        asked.tell(5, {"loss": 0.5})


def test_steps_go_forward():
    asked = optimizer()
    trial = asked.ask()
    asked.report(trial, np.int64(3), {"loss": 1.0})
    asked.report(trial, 3, {"loss": 0.9})
    with pytest.raises(UsageError, match="trial 0 has reported step 3 already; step 2 comes too late"):
        asked.report(trial, 2, {"loss": 1.0})
    for step in (-1, 2**53):
        with pytest.raises(UsageError, match=f"a step is a whole number of finished ones, from 0, not {step}"):
            asked.report(trial, step, {"loss": 1.0})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parameters": {"x": {"min": 0}}}, "parameters.x must have both min and max; max is missing"),
        ({"parameters": {"x": {1, 2}}}, "parameters.x.value must be a number, text, true, false, null, a list or"),
        ({"parameters": {"x": {"min": 2, "max": 1}}}, "parameters.x: min 2 is above max 1"),
        ({"constraints": ["y < 1"]}, "constraints.0: 'y' is no parameter; there are: x"),
        ({"linked": {"size": []}}, "linked.size: linked wants a list of rows"),
        ({"metrics": {"loss": "min"}}, "metrics.loss.goal must be minimize or maximize, not 'min'"),
        ({"metrics": {}}, "metrics must name one that you tell"),
        ({"algorithm": "tpee"}, "there is no algorithm 'tpee'; there are auto, "),
        ({"algorithm": {"name": "tpe", "gama": 1}}, "sampler 'tpe' has no option 'gama'"),
        ({"pruner": {"name": "median", "warmup": -1}}, "pruner 'median': warmup is -1; allowed is a number"),
        ({"budget": 0}, "budget must be a whole number, at least 1, not 0"),
        ({"seed": -1}, "seed must be a whole number, at least 0, not -1"),
    ],
)
def test_settings_are_judged_as_in_a_sweep_file_without_naming_one(settings, message):
    with pytest.raises(SweepFileError) as caught:
        optimizer(**settings)
    assert str(caught.value).startswith(message)


def test_everything_that_a_sweep_file_can_declare_may_be_searched():
    file = SweepFile.load(Path(__file__).parents[1] / "configs" / "quickstart.yaml")
    said = file.resolved()
    asked = optimizer(**{key: said[key] for key in ("parameters", "linked", "constraints")})
    assert file.space.encode(asked.ask().params) is not None


# ---- threads, docs


def test_threads_may_share_it():
    asked = optimizer(budget=200, pruner="median")

    def work(_):
        while trial := asked.ask():
            asked.report(trial, 1, {"loss": trial.params["x"]})
            asked.tell(trial)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert [trial.number for trial in asked.trials] == list(range(200))
    assert {trial.state for trial in asked.trials} == {TrialState.COMPLETE}
    assert len({trial.params["x"] for trial in asked.trials}) == 200


def test_importing_sweeprun_does_not_load_it():
    assert "Optimizer" in sweeprun.__all__
    assert sweeprun.Optimizer is Optimizer


def test_the_example_of_the_docs_runs():
    examples = re.findall(r"```python\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    assert len(examples) >= 2
    for example in examples:
        exec(compile(example, str(DOCS), "exec"), {})


def test_a_report_without_any_metric_that_counts_is_refused_with_what_it_has():
    optimizer = Optimizer({"x": {"min": 0.0, "max": 1.0}}, "loss")
    trial = optimizer.ask()
    with pytest.raises(UsageError, match="trial 0 reports lss, and not loss") as refused:
        optimizer.report(trial, 1, {"lss": 1.0})
    assert refused.value.hint == "did you mean 'lss'?"
    optimizer.report(trial, 1, {"loss": 1.0, "more": 2.0})


ASHA = {"name": "asha", "min": 1, "max": 9}


def trained(asked, loss, n=1000):
    """Ask, report every step until told to leave, and tell, as often as there is something to do."""
    for _ in range(n):
        trial = asked.ask()
        if trial is None:
            return
        for step in range(trial.last_step + 1, 10):
            if asked.report(trial, step, {"loss": loss(trial.params) + 1 / step}).stop:
                break
        asked.tell(trial)


def test_a_pruner_that_pauses_has_old_trials_go_on():
    asked = optimizer(parameters={"x": {"min": 0.0, "max": 1.0}}, pruner=ASHA, budget=9)
    trained(asked, lambda params: params["x"])
    ends = sorted((trial.state.value, trial.last_step) for trial in asked.trials)
    assert ends == [("complete", 9)] + [("paused", 1)] * 6 + [("paused", 3)] * 2
    best = min(asked.trials, key=lambda trial: trial.params["x"])
    assert best.last_step == 9
    assert best.curve.steps == tuple(range(1, 10))


def test_a_promoted_trial_says_where_it_stands_and_how_far_it_goes():
    asked = optimizer(pruner=ASHA)
    trained(asked, lambda params: 1.0, n=3)
    again = asked.ask()
    assert (again.number, again.last_step, again.until, again.reason) == (0, 1, 3, "promoted")
    assert [asked.report(0, step, {"loss": 1.0}).stop for step in (2, 3)] == [False, True]
    asked.tell(0)
    assert (asked.trials[0].state, asked.trials[0].why) == ("paused", "loss 1 at step 3 is number 1 of 1 there")


def test_a_promoted_trial_may_begin_again_at_its_first_step():
    asked = optimizer(pruner=ASHA)
    trained(asked, lambda params: 1.0, n=3)
    again = asked.ask()
    assert [asked.report(again, step, {"loss": 0.5}).stop for step in (1, 2, 3)] == [False, False, True]
    asked.tell(again)
    assert asked.trials[0].curve.values["loss"] == (0.5, 0.5, 0.5)
    asked.report(asked.ask(), 2, {"loss": 1.0})
    with pytest.raises(UsageError, match="step 1 comes too late"):
        asked.report(3, 1, {"loss": 1.0})


def test_promotions_go_on_where_the_budget_of_configurations_is_used():
    asked = optimizer(pruner=ASHA, budget=3)
    trained(asked, lambda params: 1.0, n=3)
    assert asked.ask().number == 0
    assert asked.ask() is None
