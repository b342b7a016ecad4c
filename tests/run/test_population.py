"""A population through the loop: who is given up, what the copies are born with, and that nothing of it can be lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sweeprun.errors import NothingSaved, SweepFileError
from sweeprun.run.plan import Plan
from sweeprun.run.worker import Switch
from sweeprun.store import copying
from sweeprun.store.sweep import Sweep
from sweeprun.trials import SEGMENT, TrialState

SYNC = "algorithm: {name: pbt, members: 4, interval: 2, max: 6, sync: true}\n"
ASYNC = SYNC.replace("true", "false")


def trains(stage, saves=True):
    """A program whose loss falls by its x at every step, and which goes on after what it has saved."""

    def script(job):
        x = json.loads(Path(job.env["SWEEPRUN_PARAMS"]).read_text())["x"]
        memory = Path(job.env["SWEEPRUN_CHECKPOINT"], "deep", "memory")
        done, loss = json.loads(memory.read_text()) if memory.exists() else (0, 100.0)

        def step(number):
            def save_and_report(job):
                said = number, loss - x * (number - done)
                if saves:
                    memory.parent.mkdir(exist_ok=True)
                    memory.write_text(json.dumps(said))
                with open(job.env["SWEEPRUN_METRICS"], "a") as file:
                    file.write(json.dumps({"epoch": number, "loss": said[1]}) + "\n")

            return save_and_report

        return stage.Act([step(number) for number in range(done + 1, int(job.env["SWEEPRUN_UNTIL"]) + 1)])

    return script


def population(stage, text, slots=1):
    stage.sweep("", *[f"{key}={value}" for key, value in [line.split(": ", 1) for line in text.splitlines()]])
    return list(stage.worker(trains(stage), slots=slots).work())


def chains(stage):
    """The numbers of each member's trials."""
    found = {}
    for trial in stage.trials:
        found.setdefault(trial.notes["member"], []).append(trial.number)
    return found


def test_the_worst_of_a_generation_is_replaced_by_a_copy_of_the_best(stage):
    events = population(stage, SYNC, slots=4)
    assert events[-1].said["why"] == "every member has come to its end"
    by_x = sorted(stage.trials[:4], key=lambda trial: trial.params["x"])
    worst, best, child = by_x[0], by_x[-1], stage.trials[4]
    assert (worst.state, worst.last_step) == (TrialState.PRUNED, 2)
    assert "at step 2 is number 4 of 4; the worst one begins again" in worst.why
    assert (child.parent, child.origin, child.until) == (best.number, SEGMENT, 6)
    assert dict(child.notes) == {"member": worst.notes["member"], "generation": 1, "from_step": 2}


def test_a_copy_goes_on_from_the_step_and_the_state_of_its_parent(stage):
    population(stage, SYNC, slots=4)
    child = stage.trials[4]
    parent = stage.trials[child.parent]
    inherited = parent.curve.values["loss"][1]
    assert child.curve.steps[0] == 3
    assert child.curve.values["loss"][0] == pytest.approx(inherited - child.params["x"])
    first = next(job for job in stage.jobs if job.trial == child.number)
    assert (first.env["SWEEPRUN_FROM_STEP"], first.env["SWEEPRUN_UNTIL"]) == ("2", "4")


@pytest.mark.parametrize("text", [SYNC, ASYNC])
@pytest.mark.parametrize("slots", [1, 3, 4])
def test_every_member_comes_to_its_end_on_any_number_of_slots(stage, text, slots):
    population(stage, text, slots)
    ends = [stage.trials[numbers[-1]] for numbers in chains(stage).values()]
    assert [(trial.state, trial.last_step) for trial in ends] == [(TrialState.COMPLETE, 6)] * 4
    assert {trial.state for trial in stage.trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(stage.trials) > 4


def test_a_generation_is_the_same_on_any_number_of_slots(stage, tmp_path):
    population(stage, SYNC, slots=1)
    other = type(stage)(tmp_path / "others" / "s")
    population(other, SYNC, slots=3)
    told = [[(t.params, dict(t.notes), t.parent, t.values) for t in each.trials] for each in (stage, other)]
    assert told[0] == told[1]
