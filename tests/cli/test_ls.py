"""`ls`: which sweeps there are, and what is said about each; none of them can spoil the list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.store import durable
from sweeprun.trials import TrialState
from tests.cli.test_main import HEAVY, imported_by

Command = Callable[..., Any]
GRID = """
command: python train.py ${args}
metric: {name: acc, goal: maximize}
parameters: {layers: [2, 4]}
algorithm: grid
"""


def listed(done: Any) -> list[str]:
    return [sweep["name"] for sweep in done.document["sweeps"]]


def test_the_newest_sweep_comes_first(build: Command, sweeprun: Command) -> None:
    for name in ("b", "c", "a"):
        build(name)
    assert listed(sweeprun("ls", "--json")) == ["a", "c", "b"]


def test_a_line_says_state_progress_failures_best_and_age(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    sweep.ended(0.25)
    sweep.failed()
    headings, line = sweeprun("ls").out.splitlines()
    assert headings.split() == ["name", "state", "done", "failed", "best", "age"]
    assert line.split()[:10] == ["demo", "stopped", "3", "of", "6", "1", "val_loss", "0.25", "(trial", "1)"]
    assert line.endswith("s")


def test_json_says_the_same_to_programs(build: Command, sweeprun: Command, tmp_path: Path) -> None:
    sweep = build()
    sweep.ended(0.5)
    sweep.running()
    done = sweeprun("ls", "--json").document
    assert (done["schema"], done["root"]) == ("sweeprun.ls/1", str(tmp_path / "sweeps"))
    [said] = done["sweeps"]
    assert said.pop("created") == sweep.sweep.manifest["created"]
    assert said.pop("counts")["complete"] == 1
    assert said == {
        "name": "demo",
        "dir": str(sweep.directory),
        "state": "stopped",
        "reason": "no worker is alive, and 1 running is left; sweeprun resume goes on",
        "workers": 0,
        "done": 1,
        "budget": 6,
        "metric": "val_loss",
        "goal": "minimize",
        "metrics": [{"name": "val_loss", "goal": "minimize", "limit": None}],
        "best": {"number": 0, "value": 0.5},
        "front": None,
        "problem": None,
    }


def test_plain_is_a_heading_and_a_line_a_sweep(build: Command, sweeprun: Command) -> None:
    build("one").ended(0.5)
    build("two")
    headings, *lines = (line.split("\t") for line in sweeprun("ls", "--plain").out.splitlines())
    assert headings == [
        "name", "state", "workers", "done", "budget", "failed", "metric", "best", "created", "problem", "front"
    ]  # fmt: skip
    assert [line[0] for line in lines] == ["two", "one"]
    assert lines[1][1:8] == ["stopped", "0", "1", "6", "0", "val_loss", "0.5"]
    assert lines[0][7] == ""


def test_a_sweep_with_a_worker_is_running(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.join_self()
    sweep.running()
    assert "running, 1 worker" in sweeprun("ls").out


def test_what_is_queued_or_imported_is_not_progress_of_the_budget(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    sweep.waiting()
    assert sweeprun("ls", "--json").document["sweeps"][0]["done"] == 1


@pytest.mark.parametrize("trials", [1, 2])
def test_a_grid_is_finished_when_every_configuration_was_tried(build: Command, sweeprun: Command, trials: int) -> None:
    sweep = build(source=GRID)
    for layers in (2, 4)[:trials]:
        sweep.params = {"layers": layers}
        sweep.ended(values={"acc": 0.5})
    said = sweeprun("ls", "--json").document["sweeps"][0]
    assert said["state"] == ("finished" if trials == 2 else "stopped")
    assert sweeprun("status", "--json").document["state"] == said["state"]


def test_a_sweep_that_cannot_be_read_is_shown_and_the_others_are_too(
    build: Command, sweeprun: Command, tmp_path: Path
) -> None:
    build("good").ended(0.5)
    build("torn")
    torn = tmp_path / "sweeps" / "torn" / "sweep.json"
    torn.write_bytes(torn.read_bytes()[:-9])
    newer = build("newer").sweep
    durable.replace(newer.layout.scratch, newer.layout.manifest, durable.encode(newer.manifest | {"min_reader": 99}))
    done = sweeprun("ls")
    assert done.code == 0
    assert len(done.out.splitlines()) == 4
    assert done.out.count("cannot be read") == 2
    assert "torn cannot be read: " in done.err
    assert "too old to read" in done.err
    states = {each["name"]: each["state"] for each in sweeprun("ls", "--json").document["sweeps"]}
    assert states == {"good": "stopped", "torn": "unreadable", "newer": "unreadable"}


def test_a_directory_that_may_not_be_looked_into_is_shown(
    build: Command, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("good")
    locked = build("locked").sweep.layout.manifest
    exists, read = Path.exists, durable.read

    def refuse(path: Path) -> None:
        if path.name == locked.name and path.parent.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", lambda path: refuse(path) or exists(path))
    monkeypatch.setattr(durable, "read", lambda path, *rest, **more: refuse(path) or read(path, *rest, **more))
    done = sweeprun("ls")
    assert (done.code, len(done.out.splitlines())) == (0, 3)
    assert "locked cannot be read: " in done.err
    assert "Permission denied" in done.err


def test_a_damaged_trial_is_no_reason_not_to_list_its_sweep(build: Command, sweeprun: Command) -> None:
    sweep = build()
    trial = sweep.ended(0.5)
    sweep.ended(0.7)
    sweep.sweep.layout.state(trial.number, 2).write_bytes(b"junk")
    [said] = sweeprun("ls", "--json").document["sweeps"]
    assert (said["state"], said["best"]["value"], said["counts"]["damaged"]) == ("stopped", 0.7, 1)


def test_the_root_is_an_argument_an_option_or_the_environment(
    build: Command, sweeprun: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build()
    (tmp_path / "sweeps").rename(tmp_path / "elsewhere")
    assert listed(sweeprun("ls", "elsewhere", "--json")) == ["demo"]
    assert listed(sweeprun("ls", "--root", "elsewhere", "--json")) == ["demo"]
    monkeypatch.setenv("SWEEPRUN_ROOT", "elsewhere")
    assert listed(sweeprun("ls", "--json")) == ["demo"]


def test_an_empty_root_says_what_to_type(sweeprun: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = sweeprun("ls")
    assert (done.code, done.out) == (0, "")
    assert "sweeprun start FILE" in done.err
    assert listed(sweeprun("ls", "--json")) == []


def test_a_root_that_is_not_there_is_refused(sweeprun: Command, tmp_path: Path) -> None:
    assert "there is no directory" in sweeprun("ls", tmp_path / "nowhere").err


def test_plain_and_json_exclude_each_other(sweeprun: Command) -> None:
    assert sweeprun("ls", "--plain", "--json").code == 2


def test_the_list_imports_nothing_heavy(build: Command) -> None:
    build("one").ended(0.5)
    build("two").ended(0.5, TrialState.PRUNED)
    assert not imported_by("ls") & HEAVY
