"""Population based training with processes and checkpoints of their own, and workers that are killed over it."""

from __future__ import annotations

import json
import os

import pytest

from sweeprun.trials import TrialState

pytestmark = pytest.mark.slow

# Jaderberg et al. 2017, section 4.1: q = 1.2 - theta0^2 - theta1^2 is climbed through 1.2 - h0 theta0^2 - h1 theta1^2.
TOY = """
import json, os

checkpoint = os.path.join(os.environ["SWEEPRUN_CHECKPOINT"], "state")
os.makedirs(checkpoint, exist_ok=True)
h = json.load(open(os.environ["SWEEPRUN_PARAMS"]))
state = {"step": 0, "theta": [0.9, 0.9], "lineage": []}
if os.path.exists(checkpoint + "/theta.json"):
    state = json.load(open(checkpoint + "/theta.json"))
metrics = os.open(os.environ["SWEEPRUN_METRICS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def report():
    loss = state["theta"][0] ** 2 + state["theta"][1] ** 2 - 1.2
    os.write(metrics, json.dumps({"epoch": state["step"], "loss": loss}).encode() + b"\\n")
with open(checkpoint + "/ballast", "a") as file:
    file.truncate(int(os.environ.get("BALLAST", "0")))
if state["step"]:
    report()  # again: the end may have come between saving and reporting
for step in range(state["step"] + 1, int(os.environ["SWEEPRUN_UNTIL"]) + 1):
    theta = [t - 0.02 * 2 * h[name] * t for t, name in zip(state["theta"], ("h0", "h1"))]
    lineage = state["lineage"] + [int(os.environ["SWEEPRUN_TRIAL"])]
    state = {"step": step, "theta": theta, "lineage": lineage}
    with open(checkpoint + "/new", "w") as file:
        json.dump(state, file)
    os.rename(checkpoint + "/new", checkpoint + "/theta.json")
    report()
"""
SPACE = "parameters={h0: {min: 0.0, max: 1.0}, h1: {min: 0.0, max: 1.0}}"
PBT = "algorithm={name: pbt, max: 20, interval: 5}"
IN_STEP = "algorithm={name: pbt, max: 20, interval: 5, sync: true}"  # somebody is replaced, however fast each one is


def toy(site, algorithm=PBT, **env):
    return site.sweep(4, program=TOY, overrides=[SPACE, algorithm], **env)


def lineage(trials, trial):
    """Who has trained each of the steps that the trial stands on, by the record."""
    before = [] if trial.parent is None else lineage(trials, trials[trial.parent])[: trial.from_step]
    return before + [trial.number] * (trial.last_step - len(before))


def check_lineages(site, sweep):
    """Whether what every member has saved is what its parents had saved where they were copied, step for step."""
    trials = site.trials
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    assert {trial.notes["member"] for trial in complete} == set(range(4))
    for trial in complete:
        state = json.loads((sweep.layout.checkpoint(trial.number, trial.run) / "state" / "theta.json").read_text())
        assert state["step"] == 20
        assert state["lineage"] == lineage(trials, trial)
        theta = [0.9, 0.9]
        for number in state["lineage"]:
            theta = [t - 0.02 * 2 * trials[number].params[h] * t for t, h in zip(theta, ("h0", "h1"), strict=True)]
        assert state["theta"] == pytest.approx(theta)


def test_copies_go_on_from_the_weights_of_their_parents(site):
    sweep = toy(site, IN_STEP)
    workers = [site.start(slots=2), site.start(slots=2)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert any(trial.parent is not None for trial in site.trials)
    check_lineages(site, sweep)


def test_a_worker_that_is_killed_while_it_copies_leaves_no_trial_that_lacks_its_checkpoint(site):
    sweep = toy(site, IN_STEP, BALLAST=80 << 20)
    worker = site.start(slots=2)

    def is_copying():
        return [copy for copy in sweep.layout.scratch.glob("*/checkpoint.1") if copy.is_dir()]

    site.wait_until(is_copying, pause_s=0.001)
    worker.kill()
    worker.wait()
    (torn,) = is_copying()
    assert all(trial.parent is None for trial in site.trials)
    assert site.start(slots=2).wait(90) == 0
    assert any(trial.parent is not None for trial in site.trials)
    check_lineages(site, sweep)
    an_hour_ago = torn.parent.stat().st_mtime - 3700
    os.utime(torn.parent, (an_hour_ago, an_hour_ago))
    sweep.tidy()
    assert is_copying() == []


def test_workers_that_are_killed_at_any_moment_lose_nothing(site):
    sweep = toy(site)
    for n_started in (3, 9, 15):
        worker = site.start(slots=2)
        site.wait_until(
            lambda n=n_started, worker=worker: site.said.count("trial_started") >= n or worker.poll() is not None
        )
        worker.kill()
        worker.wait()
    assert site.start(slots=2).wait(60) == 0
    check_lineages(site, sweep)
