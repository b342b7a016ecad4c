"""What `start` shows while it works."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sweeprun.cli import live
from sweeprun.cli.live import Lines, LiveTable
from sweeprun.history import History
from sweeprun.run.events import Event
from sweeprun.run.plan import Plan
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Curve, TrialState

Command = Callable[..., Any]


def history(sweep: Any) -> History:
    plan = Plan.load(sweep.sweep)
    return History(plan.space, plan.objectives, Sweep(sweep.directory).trials())


def seen(sweep: Any) -> tuple[Callable[[], Plan], Callable[[], History], str]:
    """What a worker of `sweep` shows of itself, and how the sweep is typed."""
    return lambda: Plan.load(sweep.sweep), lambda: history(sweep), "sweeps/demo"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a terminal of a given size shows."""

    def shown(table: LiveTable, columns: int = 80, lines: int = 24) -> str:
        from rich.console import Console

        monkeypatch.setattr(os, "get_terminal_size", lambda descriptor: os.terminal_size((columns, lines)))
        console = Console(width=columns, height=lines)
        with console.capture() as captured:
            console.print(table.drawn())
        return captured.get()

    return shown


def test_each_running_trial_has_a_row_with_its_parameters(build: Command, screen: Command) -> None:
    sweep = build()
    sweep.ended(0.25)
    trial = sweep.running(lr=0.5)
    table = LiveTable("demo", *seen(sweep))
    table.show(Event("trial_started", trial, {"devices": ["0"]}))
    progress, totals, headings, row = (line.split() for line in screen(table).splitlines()[:4])
    assert " ".join(progress) == "demo: random, 2 of 6 configurations, 10s of training, about 50s left"
    assert " ".join(totals) == "1 running, 1 complete; best val_loss 0.25 (trial 0)"
    assert headings == ["trial", "device", "step", "val_loss", "rank", "curve", "lr"]
    assert row == ["1", "0", "-", "0.5"]


def test_of_several_metrics_each_has_a_column_and_the_totals_tell_of_the_front(build: Command, screen: Command) -> None:
    source = "{command: [x], args: none, metrics: [loss, {name: ms, limit: 9}], parameters: {lr: {min: 0.1, max: 1}}}"
    sweep = build(source=source)
    for loss, ms in ((0.5, 3.0), (0.4, 8.0), (0.1, 10.0)):
        sweep.ended(values={"loss": loss, "ms": ms})
    sweep.running()
    lines = [" ".join(line.split()) for line in screen(LiveTable("demo", *seen(sweep))).splitlines()]
    assert lines[1] == "1 running, 3 complete; front of 2: loss 0.4 (trial 1), ms 3 (trial 0)"
    assert lines[2] == "trial device step loss rank curve ms"


def test_damaged_trials_are_no_failed_ones_in_the_totals(build: Command, screen: Command) -> None:
    sweep = build()
    sweep.failed()
    broken = sweep.ended(0.1)
    path = sweep.sweep.layout.state(broken.number, 2)
    path.write_bytes(path.read_bytes()[:-20])
    assert screen(LiveTable("demo", *seen(sweep))).splitlines()[1].strip() == "1 failed"


def test_columns_that_have_no_room_are_left_out_and_the_trials_number_never(build: Command, screen: Command) -> None:
    names = [f"a_parameter_{i}" for i in range(10)]
    declared = "".join(f"  {name}: {{min: 0.0, max: 1.0}}\n" for name in names)
    sweep = build(source=f"command: python t.py\nmetric: val_loss\nparameters:\n{declared}  z: [1, 2]\n")
    for value in (0.25, 0.75):
        sweep.params = dict.fromkeys(names, value)
        sweep.running(z=round(value * 2))
    lines = screen(LiveTable("demo", *seen(sweep)), columns=80).splitlines()
    assert lines[2].split() == ["trial", "device", "step", "val_loss", "rank", "curve", *names[:2], "z"]
    assert max(map(len, lines)) <= 80


def test_rows_that_have_no_room_are_counted(build: Command, screen: Command) -> None:
    sweep = build()
    for _ in range(30):
        sweep.running()
    lines = screen(LiveTable("demo", *seen(sweep)), lines=24).splitlines()
    assert len(lines) < 24
    assert "and 13 more" in [line.strip() for line in lines]


def test_a_cell_that_is_very_long_is_cut(build: Command, screen: Command) -> None:
    sweep = build()
    sweep.running(layers="long " * 50)
    assert f"{'long ' * 4}lon…" in screen(LiveTable("demo", *seen(sweep)), columns=120)


def test_a_notice_stands_below_the_table_until_the_next_one(build: Command, screen: Command) -> None:
    sweep = build()
    table = LiveTable("demo", *seen(sweep))
    table.show(Event("notice", said={"text": "waiting: device 0 is in use"}))
    assert screen(table).splitlines()[-1].strip() == "waiting: device 0 is in use"
    table.show(Event("sweep_finished", said={"why": "all is done", "reason": "trials"}))
    assert table.notice == "ended: all is done"


def test_a_history_that_takes_long_to_look_through_is_drawn_for_a_twentieth_of_the_time(
    build: Command, screen: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep, clock, drawn = build(), [100.0], []

    def slowly() -> History:
        drawn.append(clock[0])
        clock[0] += 0.5
        return history(sweep)

    table = LiveTable("demo", seen(sweep)[0], slowly, None)
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    screen(table)
    drawn.clear()
    while clock[0] < 130.0:
        table.rendered()
        clock[0] += 0.25
    assert len(drawn) == 3
    assert drawn[2] - drawn[1] == pytest.approx(10.0, abs=0.5)


def test_elsewhere_than_on_a_terminal_a_change_of_state_is_a_line(
    build: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = build()
    lines = Lines(*seen(sweep))
    trial = sweep.running()
    lines.show(Event("trial_started", trial, {"devices": []}))
    lines.show(Event("metric", trial, {"step": 1, "values": {"val_loss": 0.5}}))
    done = trial._replace(state=TrialState.COMPLETE, values={"val_loss": 0.5}, last_step=1)
    lines.show(Event("trial_completed", done, {}))
    lines.show(Event("best_changed", done, {"values": {"val_loss": 0.5}}))
    lines.show(Event("best_changed", done, {"values": {"val_loss": 0.5}, "front": 2}))
    assert capsys.readouterr().err.splitlines() == [
        "trial 0 started: lr=1e-05, layers=4",
        "trial 0 completed after 1 step, 0.0s: val_loss 0.5",
        "trial 0 is the best so far",
        "trial 0 joins the front, now of 2",
    ]


def test_what_the_file_fixes_is_not_said_of_each_trial(build: Command, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = build(source="{command: [x], args: none, metric: loss, parameters: {lr: {min: 0.1, max: 1}, layers: 4}}")
    Lines(*seen(sweep)).show(Event("trial_started", sweep.running(), {"devices": []}))
    assert capsys.readouterr().err == "trial 0 started: lr=1e-05\n"


def test_a_trial_that_begins_from_nothing_in_place_of_a_copy_is_said_to(
    build: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = build()
    trial = sweep.running()._replace(why="from nothing, as trial 3 has saved nothing")
    Lines(*seen(sweep)).show(Event("trial_started", trial, {"devices": []}))
    said = "trial 0 started from nothing, as trial 3 has saved nothing: lr=1e-05, layers=4\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("kept_as", ["elsewhere/demo", None])
def test_where_to_read_about_a_failure_is_said_if_it_is_kept(
    build: Command, capsys: pytest.CaptureFixture[str], kept_as: str | None
) -> None:
    sweep = build()
    Lines(*seen(sweep)[:2], kept_as).show(Event("trial_failed", sweep.failed(), {}))
    hint = "  sweeprun show elsewhere/demo 0 says more; sweeprun logs elsewhere/demo 0 what it printed"
    assert (hint in capsys.readouterr().err.splitlines()) is (kept_as is not None)


def test_a_sweep_that_has_nothing_to_say_for_long_shows_that_it_lives(
    build: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = build()
    sweep.running()
    said: list[str] = []
    twice = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            twice.set()

    monkeypatch.setattr(live, "say", say)
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.01)
    with Lines(*seen(sweep)).heartbeat():
        assert twice.wait(10)
    assert all(line.startswith("random, 1 of 6 configurations") and line.endswith("; 1 running") for line in said)


def test_a_running_trial_has_its_rank_among_all_that_came_to_its_step(build: Command, screen: Command) -> None:
    sweep = build()
    for value in (0.1, 0.2, 0.4):
        sweep.ended(value, step=3)
    trial = sweep.running()
    known = history(sweep).trials
    here = known[trial.number]._replace(curve=Curve((3,), {"val_loss": (0.3,)}), last_step=3)
    now = history(sweep).advance([*known[:-1], here])
    shown = screen(LiveTable("demo", seen(sweep)[0], lambda: now, None))
    assert "3/4" in shown.splitlines()[3].split()


def test_what_pruning_saved_is_each_trials_own_pace_to_the_usual_end(build: Command, screen: Command) -> None:
    sweep = build()
    sweep.ended(0.1, step=10, seconds=100.0)
    sweep.ended(0.9, TrialState.PRUNED, step=2, seconds=60.0)
    assert "2m 40s of training, 4m 00s saved by pruning" in screen(LiveTable("demo", *seen(sweep))).splitlines()[0]


def test_nothing_is_said_to_be_saved_before_a_trial_was_complete(build: Command, screen: Command) -> None:
    sweep = build()
    sweep.ended(0.9, TrialState.PRUNED, step=2, seconds=60.0)
    assert "saved" not in screen(LiveTable("demo", *seen(sweep)))
