"""What every sampler must be. A new file in sweeprun/samplers is picked up by itself."""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sweeprun import registry
from sweeprun.errors import SpaceError
from sweeprun.expressions import Expression
from sweeprun.history import History
from sweeprun.numerics.pareto import hypervolume
from sweeprun.objective import Objective
from sweeprun.pruners.base import AFTER, Demotion, Promoter
from sweeprun.samplers.base import Sampler
from sweeprun.space import (
    ALWAYS,
    CategoricalParameter,
    Choice,
    Condition,
    Derived,
    Fixed,
    FloatParameter,
    IntParameter,
    Linked,
    Mixture,
    OneOf,
    Repeated,
    Space,
)
from sweeprun.trials import Curve, Failure, FailureClass, Params, Suggestion, Trial, TrialState

Objectives = tuple[Objective, ...]
LOSS = (Objective("loss"),)

SAMPLERS = registry.names("sampler")
POPULATIONS = [name for name in SAMPLERS if "members" in registry.find("sampler", name).model_fields]
SEED = 5
MEMBERS, END = 4, 6


def choice(parameter: FloatParameter | IntParameter | CategoricalParameter, when: Condition = ALWAYS) -> Choice:
    return Choice(parameter.name, when, parameter)


def when(name: str, *values: object) -> Condition:
    return Condition((OneOf.of(name, list(values)),))


def everything(continuous: bool) -> Space:
    """Gates, `any`, a repeat, linked rows, fixed and derived values, constraints: all that a sweep file can say."""
    step = None if continuous else 0.3
    blocks = tuple(choice(CategoricalParameter(f"width.{i}", (8, 16), ordered=True)) for i in range(3))
    decay = choice(FloatParameter("decay", 0.1, 0.7, step=step))
    return Space(
        [
            Fixed("epochs", ALWAYS, 30),
            choice(CategoricalParameter("optimizer", ("sgd", "adam", None))),
            choice(FloatParameter("momentum", 0.0, 0.9, step=step), when("optimizer", "sgd")),
            choice(CategoricalParameter("nesterov", (True, False)), when("optimizer", "sgd")),
            Mixture("decay", when("optimizer", "sgd", "adam"), (Fixed("decay", ALWAYS, 0.0), decay)),
            choice(IntParameter("n_blocks", 1, 3)),
            Repeated("width", ALWAYS, "n_blocks", blocks),
            Linked("augment", ALWAYS, ({"aug": "none", "mixup": 0.0}, {"aug": "rand", "mixup": 0.2})),
            Derived("warmup", ALWAYS, Expression.parse("round(0.1 * epochs)")),
        ],
        [Expression.parse("n_blocks < 3 or mixup > 0")],
    )


def branches() -> Space:
    """A tree of few configurations, in branches of very different sizes."""
    return Space(
        [
            choice(CategoricalParameter("optimizer", ("sgd", "adam"))),
            choice(FloatParameter("momentum", 0.0, 0.9, step=0.3), when("optimizer", "sgd")),
            choice(CategoricalParameter("nesterov", (True, False)), when("optimizer", "sgd")),
            choice(IntParameter("n_blocks", 1, 3)),
            choice(CategoricalParameter("shape", ("wide", "deep")), when("n_blocks", 2, 3)),
        ],
        [Expression.parse("n_blocks < 3 or optimizer == 'sgd'")],
    )


def box(continuous: bool) -> Space:
    step = None if continuous else 0.05
    return Space([choice(FloatParameter(name, 0.0, 1.0, step=step)) for name in ("x", "y")])


SPACES = {
    "everything, finite": everything(continuous=False),
    "everything, continuous": everything(continuous=True),
    "a box, finite": box(continuous=False),
    "a box, continuous": box(continuous=True),
    "nothing to search": Space([Fixed("epochs", ALWAYS, 3)]),
}


def load(name: str, members: int = 1000) -> Sampler:
    """A population of so many `members` has not begun to train within any of these tests."""
    options = {"bohb": {"max": END}, **{each: {"members": members, "interval": 2, "max": END} for each in POPULATIONS}}
    sampler: Sampler = registry.load("sampler", name, options.get(name, {}), seed=SEED)
    return sampler


def suggest(sampler: Sampler, history: History) -> Suggestion | None:
    """As the caller does it: the generator depends on the sweep's seed and the trial's number."""
    return sampler.suggest(history, np.random.default_rng([SEED, history.number]))


def history_of(space: Space, trials: list[Trial], objectives: Objectives = LOSS) -> History:
    return History(space, objectives, trials)


def run(
    sampler: Sampler,
    space: Space,
    n_trials: int,
    tell: Callable[[Params, int], dict[str, Any]],
    objectives: Objectives = LOSS,
) -> list[Trial]:
    """A sweep of one worker; `tell` says what becomes of trial `number`. Ends early where the space is exhausted."""
    history = history_of(space, [], objectives)
    while history.number < n_trials and (found := suggest(sampler, history)) is not None:
        end = {"state": TrialState.COMPLETE, **tell(found.params, history.number)}
        trial = Trial(history.number, str(history.number), params=found.params, notes=found.notes, **end)
        history = history.advance([*history.trials, trial])
    return list(history.trials)


def completes(loss: float, **others: float) -> dict[str, Any]:
    return {"values": {"loss": loss, **others}}


def fails(kind: FailureClass) -> dict[str, Any]:
    return {"state": TrialState.FAILED, "failure": Failure(kind, "")}


PENDING = (TrialState.RUNNING, TrialState.WAITING, TrialState.PAUSED)
STORIES: dict[str, Callable[[Params, int], dict[str, Any]]] = {
    "numbers": lambda params, number: completes(math.sin(number)),
    "all failed": lambda params, number: fails(FailureClass.GPU_OOM),
    "all pruned": lambda params, number: {"state": TrialState.PRUNED, "values": {"loss": 1.0}},
    "all NaN": lambda params, number: completes(math.nan),
    "infinite": lambda params, number: completes(math.inf if number % 2 else -math.inf),
    "constant": lambda params, number: completes(1.0),
    "pending": lambda params, number: {"state": PENDING[number % 3]},
    "mixed": lambda params, number: completes(number) if number % 2 else fails(FailureClass.NAN),
    "damaged": lambda params, number: {"state": TrialState.FAILED, "damaged": True},
}

LIMITED = (Objective("loss"), Objective("speed", "maximize", limit=10.0))
STORIES_OF_TWO: dict[str, Callable[[Params, int], dict[str, Any]]] = {
    "a trade-off": lambda params, number: completes(number, speed=10.0 + number),
    "all break the limit": lambda params, number: completes(math.sin(number), speed=9.0 - number),
    "some break the limit": lambda params, number: completes(math.sin(number), speed=20.0 * (number % 2)),
    "one metric missing": lambda params, number: completes(1.0) if number % 2 else completes(number, speed=11.0),
    "infinite": lambda params, number: completes(math.inf if number % 2 else 1.0, speed=math.inf),
    "mixed": lambda params, number: fails(FailureClass.NAN) if number % 3 else completes(number, speed=number),
}


@pytest.fixture(params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> Sampler:
    return load(request.param)


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest, sampler: Sampler) -> Space:
    return searched(sampler, SPACES[request.param])


def searched(sampler: Sampler, space: Space) -> Space:
    """A space that the sampler can search: one that cannot search all kinds of parameters says which and what else."""
    error = refusal(sampler, space)
    if error is not None:
        assert any(parameter.name in error.message for parameter in space.parameters), error
        assert error.hint
        pytest.skip(error.message)
    return space


def refusal(sampler: Sampler, space: Space) -> SpaceError | None:
    try:
        suggest(sampler, history_of(space, []))
    except SpaceError as error:
        return error
    return None


@pytest.mark.parametrize("story", STORIES)
def test_suggestions_are_configurations_of_the_space_in_json_types_whatever_happened(
    sampler: Sampler, space: Space, story: str
) -> None:
    trials = run(sampler, space, 20, STORIES[story])
    check_configurations(space, trials)
    assert len(trials) == most(sampler, space, 20)


@pytest.mark.parametrize("story", STORIES_OF_TWO)
def test_so_they_are_with_several_objectives_and_a_limit(sampler: Sampler, space: Space, story: str) -> None:
    trials = run(sampler, space, 20, STORIES_OF_TWO[story], LIMITED)
    check_configurations(space, trials)
    assert len(trials) == most(sampler, space, 20)


def most(sampler: Sampler, space: Space, n: int) -> int:
    """How many of n trials there are. The members of a population may begin alike: they do not stay so."""
    return n if space.size is None or hasattr(sampler, "members") else min(n, space.size)


def check_configurations(space: Space, trials: list[Trial]) -> None:
    for trial in trials:
        assert space.encode(trial.params) is not None
        assert space.satisfies(trial.params)
        as_json = json.loads(json.dumps([trial.params, dict(trial.notes)], allow_nan=False))
        assert as_json == [trial.params, dict(trial.notes)]
        assert native([trial.params, dict(trial.notes)])


def native(value: object) -> bool:
    """Whether it is of JSON's own types, which a subclass such as numpy.float64 is not."""
    if isinstance(value, dict | list):
        return all(map(native, value.values() if isinstance(value, dict) else value))
    return type(value) in (str, int, float, bool, type(None))


def test_the_same_history_and_generator_give_the_same_suggestion_twice(sampler: Sampler, space: Space) -> None:
    history = history_of(space, run(sampler, space, 10, STORIES["mixed"]))
    again = history_of(space, list(history.trials))
    assert suggest(sampler, history) == suggest(sampler, history) == suggest(sampler, again)


def test_an_advanced_history_gives_the_same_suggestion_as_one_read_anew(sampler: Sampler, space: Space) -> None:
    trials = run(sampler, space, 12, STORIES["mixed"])  # each one suggested from an advanced history
    for trial in trials:
        found = suggest(sampler, history_of(space, trials[: trial.number]))
        assert found is not None
        assert (found.params, found.notes) == (trial.params, trial.notes)


def test_the_history_is_not_changed(sampler: Sampler, space: Space) -> None:
    history = history_of(space, run(sampler, space, 10, STORIES["mixed"]))
    before = copy.deepcopy(history.trials)
    suggest(sampler, history)
    assert history.trials == before


def test_maximising_is_minimising_the_negative(sampler: Sampler, space: Space) -> None:
    lower = run(sampler, space, 15, lambda params, number: completes(math.sin(number)))
    higher = run(
        sampler, space, 15, lambda params, number: completes(-math.sin(number)), (Objective("loss", "maximize"),)
    )
    assert [trial.params for trial in lower] == [trial.params for trial in higher]


def test_so_it_is_for_each_of_several_objectives_and_its_limit(sampler: Sampler, space: Space) -> None:
    tell = STORIES_OF_TWO["some break the limit"]

    def negated(params: Params, number: int) -> dict[str, Any]:
        return {"values": {name: -value for name, value in tell(params, number)["values"].items()}}

    opposite = (Objective("loss", "maximize"), Objective("speed", "minimize", limit=-10.0))
    here, there = run(sampler, space, 15, tell, LIMITED), run(sampler, space, 15, negated, opposite)
    assert [trial.params for trial in here] == [trial.params for trial in there]


def test_eight_asks_without_a_tell_give_eight_different_points(sampler: Sampler, space: Space) -> None:
    trials = run(sampler, space, 8, lambda params, number: {"state": TrialState.RUNNING})
    assert len({space.key(trial.params) for trial in trials}) == (8 if space.size is None else min(8, space.size))


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in POPULATIONS], indirect=True)
def test_a_finite_space_is_tried_completely_without_repetition_and_then_exhausted(sampler: Sampler) -> None:
    space = searched(sampler, branches())
    trials = run(sampler, space, 100, STORIES["mixed"])
    n_sgd, n_adam = 4 * 2 * (1 + 2 + 2), 1 * (1 + 2)
    assert len(trials) == len({space.key(trial.params) for trial in trials}) == n_sgd + n_adam


def test_given_configurations_are_not_suggested_again(sampler: Sampler) -> None:
    space = box(continuous=False)
    given = [Trial(i, str(i), TrialState.WAITING, params=space.configuration(i)) for i in range(440)]
    left = suggest(sampler, history_of(space, given))
    assert left is not None
    assert left.params == space.configuration(440)


def test_every_gate_leads_to_each_of_its_branches_soon(sampler: Sampler) -> None:
    space = searched(sampler, everything(continuous=False))
    trials = run(sampler, space, 24, STORIES["numbers"])
    for gate in ("optimizer", "n_blocks"):
        assert len({trial.params[gate] for trial in trials}) == 3


def test_constraints_that_reject_everything_are_named(sampler: Sampler) -> None:
    error = refusal(sampler, Space([choice(IntParameter("n", 1, 9))], [Expression.parse("n > 9")]))
    assert error is not None
    assert "n > 9" in error.message


def regret(name: str, seed: int) -> float:
    """The best of 40 trials on a quadratic over 441 points, averaged over where its minimum is."""
    optimum = np.random.default_rng([99, seed]).random(2)

    def loss(params: Params) -> float:
        return float((params["x"] - optimum[0]) ** 2 + (params["y"] - optimum[1]) ** 2)

    options = {"max": END} if name == "bohb" else {}
    sampler: Sampler = registry.load("sampler", name, options, seed=seed)
    trials = run(sampler, box(continuous=False), 40, lambda params, number: completes(loss(params)))
    return min(trial.values["loss"] for trial in trials)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in ("random", *POPULATIONS)])
def test_it_is_not_worse_than_random_on_a_quadratic(name: str) -> None:
    seeds = range(20)
    assert np.mean([regret(name, seed) for seed in seeds]) <= np.mean([regret("random", seed) for seed in seeds])


def covered(name: str, seed: int) -> float:
    """The hypervolume after 60 trials of a problem in the manner of ZDT1, whose front is anywhere along `x`."""
    space = Space([choice(FloatParameter(each, 0.0, 1.0)) for each in ("x", "y", "z")])
    optimum = np.random.default_rng([98, seed]).random(2)

    def tell(params: Params, number: int) -> dict[str, Any]:
        g = 1 + 4 * (abs(params["y"] - optimum[0]) + abs(params["z"] - optimum[1]))
        return completes(params["x"], other=g - math.sqrt(g * params["x"]))

    objectives = (Objective("loss"), Objective("other"))
    trials = run(registry.load("sampler", name, {}, seed=seed), space, 60, tell, objectives)
    return hypervolume(np.array([list(trial.values.values()) for trial in trials]), np.array([1.1, 3.0]))


@pytest.mark.parametrize("name", ["nsga2", "tpe"])
def test_it_covers_more_of_two_objectives_than_random(name: str) -> None:
    gained = [covered(name, seed) - covered("random", seed) for seed in range(8)]
    assert np.mean(gained) > 0.1  # random search covers 2.3, the whole front 3.0


# ---- populations, which decide how far each trial goes, too


Train = Callable[[Params, int, int], float | None]


def falls(params: Params, number: int, step: int) -> float | None:
    """The loss of a trial at a step."""
    return 10.0 * math.sin(number) - step


LESSONS: dict[str, Train] = {
    "they learn": falls,
    "constant": lambda params, number, step: 1.0,
    "some fail": lambda params, number, step: None if number % 3 == 2 and step > 1 else falls(params, number, step),
    "infinite": lambda params, number, step: math.inf if number % 2 else -math.inf,
    "one is left": lambda params, number, step: None if 0 < number < 9 and step > 2 else 1.0,
}


def trained(sampler: Sampler, space: Space, lesson: Train, slots: int = 3, sign: float = 1.0) -> list[Trial]:
    """A population that is trained to the end, whose losses a `lesson` tells; None: the trial fails."""
    assert isinstance(sampler, Promoter)
    objective = Objective("loss", "minimize" if sign > 0 else "maximize")
    history, trials, running = history_of(space, [], (objective,)), list[Trial](), list[int]()
    while True:
        history = history.advance(trials)
        if len(running) < slots:
            decided = sampler.promotion(history)
            assert decided == sampler.promotion(history_of(space, list(trials), (objective,)))
            if isinstance(decided, Demotion):
                trials[decided.trial] = trials[decided.trial]._replace(state=TrialState.PRUNED, why=decided.reason)
                continue
            if decided is not None:
                goes_on = {"state": TrialState.RUNNING, "until": decided.until, "why": decided.reason}
                trials[decided.trial] = trials[decided.trial]._replace(**goes_on)
                running.append(decided.trial)
                continue
            if (found := suggest(sampler, history)) is not None:
                more = {"until": found.until, "parent": found.parent, "origin": found.origin}
                running.append(len(trials))
                trials.append(begun(len(trials), found, **more))
                continue
        if not running:
            return trials
        number = running.pop(0)
        trials[number] = gone_on(trials[number], lesson, sampler, history, sign)


def begun(number: int, found: Suggestion, **more: Any) -> Trial:
    return Trial(number, str(number), TrialState.RUNNING, params=found.params, notes=found.notes, **more)


def gone_on(trial: Trial, lesson: Train, sampler: Promoter, history: History, sign: float) -> Trial:
    """The trial where it stops next."""
    assert trial.until is not None
    before = max(trial.last_step, trial.from_step)
    for step in range(before + 1, trial.until + 1):
        loss = lesson(trial.params, trial.number, step)
        if loss is None:
            return trial._replace(state=TrialState.FAILED, failure=Failure(FailureClass.CRASH, ""))
        column = (*trial.curve.values.get("loss", ()), sign * loss)
        curve = Curve((*trial.curve.steps, step), {"loss": column})
        trial = trial._replace(curve=curve, last_step=step, values={"loss": sign * loss})
    return trial._replace(state=AFTER[sampler.verdict(trial, history).action])


@pytest.fixture(params=POPULATIONS)
def population(request: pytest.FixtureRequest) -> Sampler:
    return load(request.param, MEMBERS)


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("space", SPACES)
def test_a_population_has_configurations_of_the_space_and_comes_to_its_end_whatever_happens(
    population: Sampler, space: str, lesson: str
) -> None:
    trials = trained(population, SPACES[space], LESSONS[lesson])
    check_configurations(SPACES[space], trials)
    newest = {trial.notes["member"]: trial for trial in trials}
    ended = [trial for trial in newest.values() if trial.state is TrialState.COMPLETE]
    assert [trial.last_step for trial in ended] == [END] * len(ended)
    assert ended
    # Who fails on the last leg has nobody left to go on from.
    assert len(ended) == MEMBERS or any(trial.state is TrialState.FAILED for trial in newest.values())
    assert all(trial.state.final for trial in trials)


def test_a_copy_begins_where_its_parent_stood(population: Sampler) -> None:
    trials = trained(population, box(continuous=True), falls)
    copies = [trial for trial in trials if trial.parent is not None]
    assert copies
    for trial in copies:
        assert trial.curve.steps[0] == trial.from_step + 1
        assert trial.from_step in trials[trial.parent or 0].curve.steps


def test_a_population_that_maximises_does_as_one_that_minimises_the_negative(population: Sampler) -> None:
    space = everything(continuous=True)
    lower, higher = (trained(population, space, falls, sign=sign) for sign in (1.0, -1.0))
    assert [(trial.params, trial.parent) for trial in lower] == [(trial.params, trial.parent) for trial in higher]


def suggestions(name: str) -> str:
    """Twelve suggestions in the first space that it can search, as JSON."""
    sampler = load(name, MEMBERS)
    space = next(space for space in SPACES.values() if refusal(sampler, space) is None)
    if name in POPULATIONS:
        trials = trained(sampler, everything(continuous=True), falls)
    else:
        trials = run(sampler, space, 12, STORIES["mixed"])
    return json.dumps([[trial.params, dict(trial.notes)] for trial in trials])


@pytest.mark.parametrize("name", SAMPLERS)
def test_another_process_with_another_hash_seed_suggests_the_same(name: str) -> None:
    env = {**os.environ, "PYTHONHASHSEED": "1234"}
    done = subprocess.run([sys.executable, __file__, name], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == suggestions(name)


if __name__ == "__main__":
    print(suggestions(sys.argv[1]))
