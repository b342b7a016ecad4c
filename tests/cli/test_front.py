"""A sweep with several metrics, as each command shows it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.trials import TrialState
from tests.cli.test_main import HEAVY, imported_by

Command = Callable[..., Any]
SOURCE = """
command: python train.py ${args}
metrics:
  - {name: acc, goal: maximize}
  - {name: ms, limit: 50}
parameters:
  lr: {min: 1e-5, max: 1e-1, log: true}
  layers: [2, 4, 8]
algorithm: random
budget: 9
"""
VALUES = [(0.9, 40.0), (0.7, 30.0), (0.8, 20.0), (0.99, 60.0), (0.6, 10.0)]


@pytest.fixture
def fronted(build: Command) -> Callable[..., Any]:
    """A sweep whose trials have these accuracies and milliseconds; by default 0, 2 and 4 are the front."""

    def made(name: str = "demo", values: Any = VALUES, source: str = SOURCE) -> Any:
        sweep = build(name, source)
        for acc, ms in values:
            sweep.ended(values={"acc": acc, "ms": ms})
        return sweep

    return made


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# ---- best


def test_the_best_trials_are_the_front_in_the_order_of_the_first_metric(fronted: Command, sweeprun: Command) -> None:
    fronted()
    headings, *shown = rows(sweeprun("best").out)
    assert headings[:4] == ["trial", "acc", "ms", "feasible"]
    assert [" ".join(row[:4]) for row in shown] == ["0 0.9 40 yes", "2 0.8 20 yes", "4 0.6 10 yes"]


def test_a_document_has_all_of_the_front_and_what_it_is_a_front_of(fronted: Command, sweeprun: Command) -> None:
    fronted()
    document = sweeprun("best", "--json").document
    assert [trial["number"] for trial in document["trials"]] == [0, 2, 4]
    assert (document["metric"], document["goal"]) == ("acc", "maximize")
    assert document["metrics"] == [
        {"name": "acc", "goal": "maximize", "limit": None},
        {"name": "ms", "goal": "minimize", "limit": 50},
    ]
    assert document["trials"][0]["feasible"] is True


def test_a_number_takes_the_first_of_the_front_and_no_more_than_there_are(fronted: Command, sweeprun: Command) -> None:
    fronted()
    assert [trial["number"] for trial in sweeprun("best", "--json", "-n", 2).document["trials"]] == [0, 2]
    assert [trial["number"] for trial in sweeprun("best", "--json", "-n", 9).document["trials"]] == [0, 2, 4]


def test_values_are_a_line_a_trial_in_the_order_of_the_metrics(fronted: Command, sweeprun: Command) -> None:
    fronted()
    assert sweeprun("best", "-f", "value").out == "0.9\t40.0\n0.8\t20.0\n0.6\t10.0\n"


def test_csv_has_all_metrics_and_whether_they_are_within_their_limits(fronted: Command, sweeprun: Command) -> None:
    fronted()
    found = list(csv.DictReader(io.StringIO(sweeprun("best", "-f", "csv").out)))
    assert [(row["number"], row["acc"], row["ms"], row["feasible"]) for row in found] == [
        ("0", "0.9", "40.0", "true"),
        ("2", "0.8", "20.0", "true"),
        ("4", "0.6", "10.0", "true"),
    ]


@pytest.mark.parametrize("form", ["args", "env"])
def test_what_is_typed_into_a_shell_is_one_trial_and_says_which(
    fronted: Command, sweeprun: Command, form: str
) -> None:
    fronted()
    done = sweeprun("best", "-f", form)
    assert done.out.count("layers") == 1
    assert done.err == "demo: this is trial 0, the best by acc of a front of 3; -n 3 prints all\n"
    assert sweeprun("best", "-f", form, "-n", 3).out.count("layers") == 3


def test_of_one_metric_nothing_is_said_about_a_front(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    sweep.ended(0.3)
    assert sweeprun("best", "-f", "args").err == ""


def test_a_requirement_is_met_by_one_trial_of_the_front(fronted: Command, sweeprun: Command) -> None:
    fronted()
    assert sweeprun("best", "--require", "acc >= 0.8 and ms <= 20").code == 0
    done = sweeprun("best", "--require", "acc >= 0.9 and ms <= 20")
    assert (done.code, done.err) == (1, "not met by any of the 3 trials of the front: acc >= 0.9 and ms <= 20\n")
    assert sweeprun("best", "--require", "accc >= 0.9").code == 2


def test_a_requirement_may_name_what_only_some_of_the_front_have(build: Command, sweeprun: Command) -> None:
    sweep = build(source=SOURCE)
    sweep.ended(values={"acc": 0.9, "ms": 40.0})
    sweep.ended(values={"acc": 0.8, "ms": 20.0}, momentum=0.5)
    assert sweeprun("best", "--require", "momentum > 0.4").code == 0
    assert sweeprun("best", "--require", "momentum > 0.6").code == 1


def test_where_none_is_within_the_limits_the_nearest_come_first_and_no_requirement_is_met(
    fronted: Command, sweeprun: Command
) -> None:
    fronted(values=[(0.9, 90.0), (0.7, 60.0), (0.8, 70.0)])
    done = sweeprun("best", "--require", "acc > 0.1")
    assert [row[:4] for row in rows(done.out)[1:]] == [
        ["1", "0.7", "60", "no"],
        ["2", "0.8", "70", "no"],
        ["0", "0.9", "90", "no"],
    ]
    assert done.code == 1
    assert done.err.splitlines() == [
        "demo: no trial has ms <= 50; the nearest come first",
        "not met by a trial that is within the limits: acc > 0.1",
    ]
    assert sweeprun("best").code == 0


def test_one_metric_may_have_a_limit_too(build: Command, sweeprun: Command) -> None:
    sweep = build(source=SOURCE.replace("metrics:", "metric: {name: val_loss, limit: 0.4}").replace("  - {", "# {"))
    sweep.ended(0.5)
    assert "no trial has val_loss <= 0.4" in sweeprun("best").err
    sweep.ended(0.3)
    done = sweeprun("best")
    assert ([row[:3] for row in rows(done.out)[1:]], done.err) == ([["1", "0.3", "yes"], ["0", "0.5", "no"]], "")


def test_a_trial_without_one_of_the_metrics_is_on_no_front(build: Command, sweeprun: Command) -> None:
    sweep = build(source=SOURCE)
    sweep.ended(values={"acc": 0.99})
    assert sweeprun("best").err == "demo: no trial has a value of each of acc, ms yet\n"
    sweep.ended(values={"acc": 0.9, "ms": 40.0})
    assert [trial["number"] for trial in sweeprun("best", "--json").document["trials"]] == [1]


def test_without_a_complete_trial_the_front_is_that_of_the_furthest(build: Command, sweeprun: Command) -> None:
    sweep = build(source=SOURCE)
    for acc, ms, step in ((0.9, 40.0, 2), (0.8, 20.0, 2), (0.7, 30.0, 2), (0.99, 1.0, 1)):
        sweep.ended(values={"acc": acc, "ms": ms}, state=TrialState.PRUNED, step=step)
    done = sweeprun("best", "--json")
    assert [trial["number"] for trial in done.document["trials"]] == [0, 1]
    assert "no trial is complete" in done.err


def test_a_front_is_found_without_numpy(fronted: Command) -> None:
    fronted()
    assert not imported_by("best") & HEAVY


# ---- where it stands


def test_the_standing_says_how_large_the_front_is_and_the_best_by_each_metric(
    fronted: Command, sweeprun: Command
) -> None:
    fronted()
    said = "front of 3: acc 0.9 (trial 0), ms 10 (trial 4)"
    assert f"best       {said}\n" in sweeprun("status").out
    assert said in sweeprun("ls").out
    document = sweeprun("status", "--json").document
    assert [trial["number"] for trial in document["front"]] == [0, 2, 4]
    assert (document["metric"], document["best"]["number"]) == ("acc", 0)
    [listed] = sweeprun("ls", "--json").document["sweeps"]
    assert (listed["metric"], listed["best"], listed["front"]) == ("acc", {"number": 0, "value": 0.9}, 3)


def test_that_nothing_is_within_the_limits_is_said(fronted: Command, sweeprun: Command) -> None:
    fronted(values=[(0.9, 90.0), (0.7, 60.0)])
    said = "none within the limits, nearest acc 0.7, ms 60 (trial 1)"
    assert f"best       {said}\n" in sweeprun("status").out
    assert said in sweeprun("ls").out
    assert sweeprun("status", "--json").document["front"] is None


def test_running_trials_show_every_metric(fronted: Command, sweeprun: Command) -> None:
    sweep = fronted()
    sweep.report(sweep.running(), {"epoch": 1, "acc": 0.5, "ms": 15.0})
    headings, row = rows(sweeprun("status").out)[-2:]
    assert headings[3:6] == ["step", "acc", "ms"]
    assert row[3:6] == ["1", "0.5", "15"]


def test_a_target_of_two_metrics_finishes_the_sweep(fronted: Command, sweeprun: Command) -> None:
    fronted(source=SOURCE.replace("budget: 9", "budget: {target: {acc: 0.8, ms: 25}}"))
    assert "trial 2 reached acc 0.8 and ms 20, the target was 0.8 and 25" in sweeprun("status").out


# ---- the trials


def test_a_list_shows_every_metric_and_marks_what_is_beyond_a_limit(fronted: Command, sweeprun: Command) -> None:
    sweep = fronted()
    sweep.running()
    headings, *shown = rows(sweeprun("trials").out)
    assert headings[2:5] == ["acc", "ms", "feasible"]
    assert [row[4] for row in shown] == ["yes", "yes", "yes", "no", "yes", "-"]
    assert [trial["feasible"] for trial in sweeprun("trials", "--json").document["trials"]][3:] == [False, True, None]


def test_trials_are_chosen_by_whether_they_are_feasible(fronted: Command, sweeprun: Command) -> None:
    fronted()
    done = sweeprun("trials", "--where", "not feasible", "--columns", "number,feasible,ms", "--plain")
    assert done.out == "number\tfeasible\tms\n3\tfalse\t60.0\n"


def test_one_trial_says_which_limit_it_is_beyond(fronted: Command, sweeprun: Command) -> None:
    fronted()
    said = dict(line.split(maxsplit=1) for line in sweeprun("show", 3).out.splitlines()[:8])
    assert said["acc"] == "0.99 at step -"
    assert said["ms"] == "60 at step -, beyond its limit: ms <= 50"


def test_two_trials_are_compared_in_every_metric(fronted: Command, sweeprun: Command) -> None:
    fronted()
    shown = sweeprun("compare", 0, 3).out
    assert ["ms", "40", "60", "+20"] in rows(shown)
    assert ["feasible", "yes", "no"] in rows(shown)


def test_every_trial_is_exported_with_its_metrics_and_its_verdict(fronted: Command, sweeprun: Command) -> None:
    fronted()
    found = list(csv.DictReader(io.StringIO(sweeprun("export", "csv").out)))
    assert [(row["acc"], row["ms"], row["feasible"]) for row in found[:1]] == [("0.9", "40.0", "true")]
    assert found[3]["feasible"] == "false"


# ---- two sweeps


def test_of_two_fronts_it_is_said_how_many_the_other_beats(fronted: Command, sweeprun: Command) -> None:
    fronted("one")
    fronted("two", values=[(0.95, 45.0), (0.9, 40.0), (0.85, 15.0), (0.5, 10.0)])
    shown = rows(sweeprun("compare", "one", "two").out)
    assert ["front", "3", "trials", "4", "trials"] in shown
    assert ["beaten", "by", "the", "other", "1", "1"] in shown
    assert sweeprun("compare", "one", "two", "--json").document["comparable"] is True


def test_other_metrics_are_not_compared(fronted: Command, sweeprun: Command) -> None:
    fronted("one")
    fronted("two", source=SOURCE.replace("goal: maximize", "goal: minimize"))
    done = sweeprun("compare", "one", "two")
    assert "one looks for acc (maximize) and ms (minimize), the other for acc (minimize) and ms (minimize)" in done.err


# ---- before anything runs


def test_check_says_the_objectives_the_limits_and_what_is_only_shown(build: Command, sweeprun: Command) -> None:
    build(source=SOURCE.replace("limit: 50}", "limit: 50}\n  - {name: rate, expr: acc / ms}"))
    done = sweeprun("check", "demo.yaml")
    assert [line.split(maxsplit=1) for line in done.out.splitlines()[3:7]] == [
        ["metric", "acc, maximize"],
        ["metric", "ms, minimize, feasible where ms <= 50"],
        ["best", "the Pareto front; where one metric has to count, it is acc"],
        ["computed", "rate = acc / ms"],
    ]
    assert "warning" not in done.err


def test_check_warns_of_a_pruner_that_sees_one_metric(build: Command, sweeprun: Command) -> None:
    build(source=SOURCE)
    done = sweeprun("check", "demo.yaml", "--set", "pruner=median")
    assert "warning: pruner median goes by acc alone: it ends trials that are good by another metric\n" in done.err


def test_a_log_has_to_hold_every_metric(build: Command, sweeprun: Command) -> None:
    sweep = build(source=SOURCE)
    log = sweep.directory / "log"
    log.write_text('{"epoch": 1, "acc": 0.5, "msec": 3}\n')
    done = sweeprun("check", "demo.yaml", "--metrics", log)
    assert done.code == 1
    assert done.err.splitlines()[1:] == [
        "ms is never read: each trial would fail for it",
        "to use what is read, have, in place of ms, the metric msec",
    ]
    log.write_text('{"epoch": 1, "acc": 0.5, "ms": 3}\n')
    assert sweeprun("check", "demo.yaml", "--metrics", log).code == 0


# ---- all of it, with real processes


PROGRAM = """
import sweeprun
params = sweeprun.params()
for epoch in (1, 2):
    sweeprun.report(epoch=epoch, acc=1 - 1 / params.width - epoch / 100, ms=params.width + epoch)
"""
FILE = """
command: [python, train.py]
args: none
metrics:
  - {name: acc, goal: maximize}
  - {name: ms, limit: 52}
  - {name: per_ms, expr: acc / ms}
parameters: {width: [10, 20, 30, 40, 50, 60]}
algorithm: random
budget: 6
resources: {gpus: 0, slots: 2}
"""


def test_a_sweep_for_two_metrics_from_its_file_to_another_sweep(
    sweeprun: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(PROGRAM)
    for name in ("demo", "again"):
        (tmp_path / f"{name}.yaml").write_text(FILE)
    done = sweeprun("start", "demo.yaml", "--require", "acc > 0.9 and ms < 35", "--events", "events")
    assert done.code == 0, done.err
    assert "joins the front, now of" in done.err
    front = [row[1:5] for row in rows(done.out)[1:]]
    assert front == [
        ["0.97", "51", "0.01902", "yes"],
        ["0.965", "41", "0.023537", "yes"],
        ["0.95667", "31", "0.03086", "yes"],
        ["0.94", "21", "0.044762", "yes"],
        ["0.89", "11", "0.080909", "yes"],
    ]
    assert [row[1:5] for row in rows(sweeprun("best").out)[1:]] == front
    [beyond] = sweeprun("trials", "--where", "not feasible", "--json").document["trials"]
    assert (beyond["state"], beyond["params"], beyond["step"]) == ("complete", {"width": 60}, 1)
    told = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [each["front"] for each in told if each["event"] == "best_changed"] == [1, 2, 3, 4, 5]
    sweeprun("export", "demo", "csv", "-o", "table.csv")
    assert sweeprun("import", "csv", "table.csv", "again.yaml").code == 0
    assert [row[1:5] for row in rows(sweeprun("best", "again").out)[1:]] == front
    assert sweeprun("compare", "demo", "again").code == 0


def test_a_smoke_names_the_metric_that_is_missing(
    sweeprun: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("import sweeprun, time\nsweeprun.report(epoch=1, acc=0.5)\ntime.sleep(60)\n")
    (tmp_path / "demo.yaml").write_text(FILE)
    said = sweeprun("start", "demo.yaml", "--smoke").err
    assert "it works: step 1 reported acc 0.5, and not yet ms, without which a trial fails;" in said
