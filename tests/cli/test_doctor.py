"""`doctor`: what works here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeprun.cli import doctor as doctor_command
from sweeprun.errors import StoreError
from sweeprun.launch.devices import Device

Command = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_is_well_on_a_local_disk(here: Path, sweeprun: Command) -> None:
    done = sweeprun("doctor", "--json")
    root = done.document["root"]
    assert done.code == 0
    assert (root["path"], root["locks"], root["problem"]) == (str(here), True, None)
    assert 0 < root["fsync_s"] < 60
    assert "a durable write takes" in sweeprun("doctor").out


def test_nothing_is_left_behind(here: Path, sweeprun: Command) -> None:
    sweeprun("doctor")
    assert list(here.iterdir()) == []


def test_the_interpreter_of_the_trials_is_named(
    here: Path, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    assert sweeprun("doctor", "--json").document["trial_python"] == str(Path(sys.executable).parent / "python")
    monkeypatch.setenv("VIRTUAL_ENV", str(here))
    monkeypatch.setenv("PATH", str(here))
    assert sweeprun("doctor", "--json").document["trial_python"] is None


def test_a_place_that_cannot_hold_a_sweep_is_exit_code_75_and_the_rest_is_said_all_the_same(
    here: Path, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(scratch: Path) -> None:
        raise StoreError("the file system cannot make a hard link")

    monkeypatch.setattr(doctor_command, "self_test", refuse)
    done = sweeprun("doctor", "--json")
    assert done.code == 75
    assert done.document["root"]["problem"] == "the file system cannot make a hard link"
    assert "cannot make a hard link" in done.err
    assert done.document["cores"] >= 1


def test_a_directory_that_cannot_be_written_is_exit_code_75(
    here: Path, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system", str(here))

    monkeypatch.setattr(os, "mkdir", full)
    done = sweeprun("doctor")
    assert done.code == 75
    assert "Read-only file system" in done.err


def test_a_lock_that_keeps_nobody_out_is_said(
    here: Path, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda fd, operation: None)
    assert sweeprun("doctor", "--json").document["root"]["locks"] is False
    assert "has no effect here" in sweeprun("doctor").out


def test_gpus_are_listed_and_hidden_ones_marked(
    here: Path, sweeprun: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Driver:
        def devices(self) -> tuple[Device, ...]:
            return tuple(Device(i, f"GPU-{i}", "NVIDIA H200", 139 << 30) for i in range(2))

        def close(self) -> None: ...

    monkeypatch.setattr(doctor_command, "open_nvml", Driver)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu["visible"] for gpu in sweeprun("doctor", "--json").document["gpus"]] == [False, True]
    lines = [" ".join(line.split()) for line in sweeprun("doctor").out.splitlines()]
    assert "GPU 0 NVIDIA H200, 139 GiB, hidden by CUDA_VISIBLE_DEVICES" in lines
    assert "GPU 1 NVIDIA H200, 139 GiB" in lines


def test_what_the_checkpoints_of_a_sweep_take_is_said(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    checkpoint = sweep.sweep.layout.checkpoint(0, 1)
    (checkpoint / "deep").mkdir(parents=True)
    (checkpoint / "deep" / "model").write_bytes(bytes(3 << 20))
    assert "checkpoints  3.0 MiB, of 1 trial" in sweeprun("doctor", "demo").out
    assert sweeprun("doctor", "demo", "--json").document["checkpoint_bytes"] == 3 << 20


def test_damage_and_strangers_of_a_sweep_are_named(build: Command, sweeprun: Command) -> None:
    sweep = build()
    sweep.ended(0.5)
    assert "all readable" in sweeprun("doctor", "demo").out
    sweep.sweep.layout.state(0, 2).write_bytes(b"junk")
    stranger = sweep.directory / "trials" / "lost+found"
    stranger.mkdir()
    document = sweeprun("doctor", "demo", "--json").document
    assert (document["damaged"], document["strangers"]) == ([0], [str(stranger)])
    out = sweeprun("doctor", "demo").out
    assert "state.0002.json" in out
    assert "lost+found" in out
