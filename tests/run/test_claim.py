"""Which trial a free slot gets."""

from __future__ import annotations

import numpy as np
import pytest

from sweeprun.history import History
from sweeprun.optimizer import Optimizer
from sweeprun.run.claim import Claims, Nothing
from sweeprun.run.ledger import Ledger
from sweeprun.run.plan import Plan
from sweeprun.store import liveness
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Curve, Suggestion, Trial, TrialState


@pytest.fixture
def claims(stage):
    """Makes the claims of a worker, and `next` as the loop calls it."""

    def made(text="budget: 9", may_create=lambda history: True, running=()):
        sweep = stage.sweep(text)
        worker = stage.worker(lambda job: stage.losses(1.0))._member.worker
        plan = Plan.load(sweep)
        ledger = Ledger(sweep, worker.uuid, sweep.layout.worker_log(worker.uuid), stage.clock)
        observer = liveness.Observer(sweep.layout, stage.lease, stage.clock)
        claims = Claims(sweep, plan, ledger, observer, worker.uuid)
        return lambda: claims.next(running, may_create), worker

    return made


def trial_of(member):
    """Trial 0 as the worker `member` creates it."""
    return Trial(0, "its uid", TrialState.RUNNING, params={"x": 0.25}, worker=member.worker.uuid)


def test_a_new_trial_is_ours_and_running(stage, claims):
    claim, worker = claims("seed: 7\nbudget: 9")
    trial = claim()
    assert (trial.number, trial.state, trial.worker, trial.run) == (0, TrialState.RUNNING, worker.uuid, 1)
    assert trial.configuration == 0
    assert stage.trials == [trial]


def test_the_same_sweep_suggests_the_same_on_any_worker(stage, claims):
    claim, _ = claims("seed: 7\nbudget: 9")
    plan = Plan.load(stage.sweep())
    history = History(plan.space, plan.objectives, [])
    expected = plan.sampler.suggest(history, np.random.default_rng([7, 0]))
    assert claim().params == expected.params


@pytest.mark.parametrize("algorithm", ["random", "tpe", "sobol"])
def test_the_sweep_tries_what_an_optimizer_of_the_same_seed_suggests(stage, algorithm):
    stage.sweep("seed: 3\nbudget: 14", f"algorithm={algorithm}")
    stage.run(lambda job: stage.losses(2.0, 1.0 + job.trial % 5, 3.0))
    optimizer = Optimizer(Plan.load(stage.sweep()).declared, "loss", algorithm, seed=3)
    assert len(stage.trials) == 14
    for trial in stage.trials:
        ours = optimizer.ask()
        assert (ours.params, ours.seed) == (trial.params, trial.seed)
        optimizer.tell(ours, trial.values)


def test_every_trial_of_a_sweep_has_the_same_seed(stage, claims):
    claim, _ = claims("seed: 7\nbudget: 9", running=range(9))
    assert len({claim().seed for _ in range(3)}) == 1


def test_nothing_is_created_that_the_budget_forbids(stage, claims):
    claim, _ = claims(may_create=lambda history: history.number < 2, running=range(9))
    assert [type(claim()).__name__ for _ in range(3)] == ["Trial", "Trial", "Nothing"]
    assert len(stage.trials) == 2


def test_a_waiting_trial_comes_before_a_new_one(stage, claims):
    claim, _ = claims()
    first = claim()
    sweep = Sweep(stage.directory)
    sweep.advance(sweep.trials()[0], TrialState.WAITING, "Ctrl-C", **stage.left(first))
    other, worker = claims()
    trial = other()
    assert (trial.number, trial.run, trial.worker) == (0, 2, worker.uuid)
    assert trial.because == "resumed: Ctrl-C"


def test_a_trial_that_was_created_and_never_started_is_given_out_again(stage, claims):
    claim, _ = claims()
    assert claim() == claim()


def test_running_trials_are_not_given_out_again(stage, claims):
    claim, _ = claims(running=(0, 1))
    assert [claim().number, claim().number] == [0, 1]


def test_a_number_that_is_taken_is_read_and_the_next_one_asked_for(stage, claims, monkeypatch):
    claim, _ = claims(running=range(9))
    other = stage.worker(lambda job: stage.losses(1.0))._member
    asked, create = [], Sweep.create_trial

    def taken(self, trial, *more):
        if not asked:
            asked.append(trial)
            rival = Sweep(stage.directory)
            create(rival, trial_of(other), TrialState.RUNNING)
        return create(self, trial, *more)

    monkeypatch.setattr(Sweep, "create_trial", taken)
    trial = claim()
    assert trial.number == 1
    assert trial.params != asked[0].params, "the generator depends on the number"
    assert [trial.number for trial in stage.trials] == [0, 1]


def test_an_exhausted_sampler_is_told_from_a_used_up_budget(stage, claims, monkeypatch):
    claim, _ = claims()
    monkeypatch.setattr("sweeprun.samplers.random.RandomSampler.suggest", lambda *_: None)
    assert claim() == Nothing(exhausted=True)
    claim, _ = claims(may_create=lambda history: False)
    assert claim() == Nothing(exhausted=False)


def test_what_a_sampler_must_remember_is_written_on_the_trial(stage, claims, monkeypatch):
    suggestion = Suggestion({"x": 0.5}, until=9, notes={"why": "because"}, origin="first")
    monkeypatch.setattr("sweeprun.samplers.random.RandomSampler.suggest", lambda *_: suggestion)
    claim, _ = claims()
    claim()
    (trial,) = stage.trials
    assert (trial.until, trial.notes, trial.origin) == (9, {"why": "because"}, "first")


def test_an_orphan_is_seen_without_the_lock(stage):
    sweep = stage.sweep("budget: 9")
    mine, other = (stage.worker(lambda job: stage.losses(1.0)) for _ in range(2))
    claims = other._claims
    member = mine._member
    trial = sweep.create_trial(trial_of(member), TrialState.RUNNING, member.log)
    assert not claims.orphaned([trial], ())
    member.leave()
    assert not claims.orphaned([trial], (0,))
    assert claims.orphaned([trial], ())


def test_a_paused_trial_is_not_promoted_where_its_program_still_runs(stage, claims):
    """It was ours, another worker took it over and let it go, and what we started of it is about to end."""
    claim, worker = claims("pruner: {name: asha, min: 1, max: 9, eta: 2}\nbudget: 9", running={0, 1})
    member = stage.workers[-1]._member
    for number in range(2):
        said = trial_of(member)._replace(number=number, uid=str(number), until=1, curve=Curve((1,), {"loss": (1.0,)}))
        trial = stage.sweep().create_trial(said, TrialState.RUNNING, member.log)
        left = stage.left(said._replace(runs=trial.runs, last_step=1))
        stage.sweep().advance(trial, TrialState.PAUSED, "", member.log, worker=worker.uuid, **left)
    assert claim().number == 2
