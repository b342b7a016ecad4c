"""Trainings under a clock that does not wait."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sweeprun.executors.base import Ended, Job, Lease, NoRoom, Started
from sweeprun.executors.simulated import Clock, SimulatedExecutor, Training


def training(params: dict[str, Any]) -> Training:
    return Training(params["steps"], params["step_s"], lambda step: {"loss": params["steps"] - step})


@dataclass
class Bench:
    """Executors of one clock, and jobs for them."""

    directory: Path
    clock: Clock

    def executor(self, slots: int = 4) -> SimulatedExecutor:
        return SimulatedExecutor(training, slots, self.clock)

    def start(self, executor: SimulatedExecutor, trial: int, steps: int = 3, step_s: float = 2.0, **env: str) -> None:
        lease = executor.lease()
        assert isinstance(lease, Lease)
        run, checkpoint = self.directory / f"run{trial}", self.directory / f"checkpoint{trial}"
        for directory in (run, checkpoint):
            directory.mkdir(exist_ok=True)
        (run / "params.json").write_text(json.dumps({"steps": steps, "step_s": step_s}))
        given = {
            "SWEEPRUN_PARAMS": str(run / "params.json"),
            "SWEEPRUN_METRICS": str(run / "metrics.jsonl"),
            "SWEEPRUN_CHECKPOINT": str(checkpoint),
            "SWEEPRUN_STEP": "epoch",
        }
        executor.start(Job(trial, f"uid{trial}", ("program",), given | env, run, run, lease))

    def lines(self, trial: int) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.directory / f"run{trial}/metrics.jsonl").read_text().splitlines()]

    def epochs(self, trial: int) -> list[int]:
        return [line["epoch"] for line in self.lines(trial)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, Clock(100.0))


def ended(events: Sequence[object]) -> list[int]:
    return [event.trial for event in events if isinstance(event, Ended)]


def test_time_jumps_from_one_report_to_the_next(bench: Bench) -> None:
    executor = bench.executor()
    bench.start(executor, 0, steps=3, step_s=60.0)
    assert [type(event) for event in executor.poll(0.2)] == [Started]
    assert bench.clock() == 100.0
    assert executor.poll(0.2) == []
    assert (bench.clock(), bench.epochs(0)) == (160.0, [1])
    executor.poll(0.2)
    (end,) = executor.poll(0.2)
    assert isinstance(end, Ended)
    assert (bench.clock(), bench.epochs(0), end.code, end.seconds) == (280.0, [1, 2, 3], 0, 180.0)
    assert bench.lines(0)[0] == {"epoch": 1, "loss": 2}


def test_reports_do_not_wake_who_waits_and_ends_do(bench: Bench) -> None:
    executor = bench.executor()
    bench.start(executor, 0, steps=30, step_s=1.0)
    bench.start(executor, 1, steps=1, step_s=5.5)
    executor.poll(0.2)
    assert ended(executor.poll(10.0)) == [1]
    assert (bench.clock(), bench.epochs(0)) == (105.5, [1, 2, 3, 4, 5])
    assert executor.poll(2.0) == []
    assert (bench.clock(), len(bench.epochs(0))) == (107.5, 7)


def test_where_nothing_runs_time_passes_as_it_does_for_who_waits(bench: Bench) -> None:
    executor = bench.executor()
    assert executor.poll(0.25) == []
    assert bench.clock() == 100.25


def test_ends_of_one_instant_come_together(bench: Bench) -> None:
    executor = bench.executor()
    for trial in range(3):
        bench.start(executor, trial, steps=2)
    executor.poll(0.2)
    executor.poll(0.2)
    assert ended(executor.poll(0.2)) == [0, 1, 2]


def test_a_program_leaves_where_it_is_told_to_and_goes_on_from_there(bench: Bench) -> None:
    executor = bench.executor()
    bench.start(executor, 0, steps=9, SWEEPRUN_UNTIL="2")
    executor.poll(0.2)
    assert ended(executor.poll(9.0)) == [0]
    assert bench.epochs(0) == [1, 2]
    bench.start(executor, 0, steps=9, SWEEPRUN_UNTIL="4")
    executor.poll(0.2)
    assert ended(executor.poll(9.0)) == [0]
    assert bench.epochs(0) == [1, 2, 3, 4]


def test_a_program_calls_its_first_step_what_the_sweep_calls_it(bench: Bench) -> None:
    executor = bench.executor()
    bench.start(executor, 0, SWEEPRUN_STEP_FIRST="0")
    executor.poll(0.2)
    executor.poll(9.0)
    assert bench.epochs(0) == [0, 1, 2]


def test_a_program_that_is_stopped_ends_at_once_and_reports_no_more(bench: Bench) -> None:
    executor = bench.executor(slots=1)
    bench.start(executor, 0)
    executor.poll(0.2)
    executor.poll(0.2)
    executor.stop(0, 15.0)
    assert isinstance(executor.lease(), NoRoom)
    (end,) = executor.poll(0.2)
    assert isinstance(end, Ended)
    assert (end.code, end.signal, end.ended_by, end.seconds) == (None, "SIGTERM", "stop", 2.0)
    assert isinstance(executor.lease(), Lease)
    executor.stop(0, 0.0)
    executor.poll(60.0)
    assert bench.epochs(0) == [1]


def test_closing_ends_what_runs(bench: Bench) -> None:
    executor = bench.executor()
    bench.start(executor, 0)
    bench.start(executor, 1)
    assert ended(executor.close(15.0)) == [0, 1]
    assert executor.poll(0.2) == []


def test_while_one_waits_the_programs_of_another_go_on(bench: Bench) -> None:
    one, other = bench.executor(), bench.executor()
    bench.start(one, 0, steps=1, step_s=5.0)
    bench.start(other, 1, steps=3, step_s=1.0)
    one.poll(0.2), other.poll(0.2)
    assert ended(one.poll(9.0)) == [0]
    assert (bench.clock(), bench.epochs(1)) == (105.0, [1, 2, 3])
    assert ended(other.poll(9.0)) == [1]
    assert bench.clock() == 105.0


def test_a_training_may_report_some_of_its_steps_and_always_the_last_that_it_comes_to() -> None:
    training = Training(9, 1.0, lambda step: {}, at=(2, 5))
    assert [training.following(step, 9) for step in (0, 2, 5, 7)] == [2, 5, 9, 9]
    assert training.following(2, 4) == 4
