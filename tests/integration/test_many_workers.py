"""Sixteen workers of one sweep, in peace and under fire: the budget is exact and every trial has one verdict."""

from __future__ import annotations

import itertools
import json
import random
import threading

import pytest

from sweeprun.processes import by_cookie

pytestmark = pytest.mark.slow
WORKERS, TRIALS = 16, 200


def assert_exact(site, sweep):
    """200 configurations, numbers without a gap, one verdict each, nothing alive."""
    assert site.states == {"complete": TRIALS}, site.said[-2000:]
    assert [trial.number for trial in site.trials] == list(range(TRIALS))
    assert len({trial.uid for trial in site.trials}) == TRIALS
    for trial in site.trials:
        records = sorted(sweep.layout.trial(trial.number).glob("state.*.json"))
        states = [json.loads(path.read_text())["state"] for path in records]
        assert states.count("complete") == 1
        assert states[-1] == "complete"
        assert [path.name for path in records] == [f"state.{n:04d}.json" for n in range(1, trial.n + 1)]
    assert not sweep.layout.trial(TRIALS).exists()
    assert by_cookie({trial.uid for trial in site.trials}) == []
    assert site.processes() == []
    assert "Traceback" not in site.said


def test_sixteen_workers_share_a_budget_exactly(site):
    sweep = site.sweep(TRIALS)
    for worker in [site.start() for _ in range(WORKERS)]:
        assert worker.wait(120) == 0, site.said[-2000:]
    assert_exact(site, sweep)
    assert {trial.run for trial in site.trials} == {1}
    assert len({trial.worker for trial in site.trials}) > WORKERS // 2


def test_sixteen_workers_of_which_one_is_killed_every_half_second_share_a_budget_exactly(site):
    sweep = site.sweep(TRIALS, PAUSE=0.6)
    workers = [site.start() for _ in range(WORKERS)]
    site.wait_until(lambda: site.said.count("sweep_started") == WORKERS, 60)
    victims, pause = random.Random(0), threading.Event()
    for _ in itertools.takewhile(lambda _: any(worker.poll() is None for worker in workers), itertools.count()):
        pause.wait(0.5)
        alive = [worker for worker in workers if worker.poll() is None]
        if alive:
            victims.choice(alive).kill()
    assert sum(worker.returncode == -9 for worker in workers) >= 3
    site.wait_until(lambda: not site.processes())
    assert site.start(slots=4).wait(120) == 0, site.said[-2000:]
    assert_exact(site, sweep)


def test_given_configurations_are_run_once_and_first_by_workers_that_are_killed(site):
    given = [i / 16 for i in range(8)]
    listed = ", ".join(f"{{x: {x}}}" for x in given)
    sweep = site.sweep(10, more=f"warm_start: {{first: [{listed}]}}\n", STEPS=6, PAUSE=0.05)
    for n in (2, 6):
        workers = [site.start() for _ in range(3)]
        site.wait_until(lambda n=n: len(site.trials) >= n, 60)
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.wait()
    site.wait_until(lambda: not site.processes())
    for worker in [site.start() for _ in range(3)]:
        assert worker.wait(60) == 0, site.said[-2000:]
    assert [trial.origin for trial in site.trials] == ["first"] * 8 + ["search"] * 2
    assert [trial.params["x"] for trial in site.trials[:8]] == given
    assert site.states == {"complete": 10}
    assert not sweep.layout.trial(10).exists()
