"""Every file name of a sweep directory, in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BUCKET_SIZE = 1000  # trials a folder, so that no folder grows without bound
BUCKET_NAME = re.compile(r"[0-9]{5,}\Z")
TRIAL_NAME = re.compile(r"[0-9]{8,}\Z")
SNAPSHOT_NAME = re.compile(r"[0-9]{1,12}\.json\Z")
WORKER_NAME = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Layout:
    """The names under one sweep directory. Nothing here touches the disk."""

    directory: Path

    @property
    def source(self) -> Path:
        return self.directory / "sweep.yaml"

    @property
    def manifest(self) -> Path:
        return self.directory / "sweep.json"

    @property
    def earlier(self) -> Path:
        return self.directory / "earlier.jsonl"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def stop(self) -> Path:
        return self.directory / "stop"

    @property
    def scratch(self) -> Path:
        return self.directory / "tmp"

    @property
    def reserve(self) -> Path:
        return self.scratch / "reserve"

    @property
    def trials(self) -> Path:
        return self.directory / "trials"

    @property
    def workers(self) -> Path:
        return self.directory / "workers"

    @property
    def edits(self) -> Path:
        return self.directory / "edits"

    @property
    def snapshots(self) -> Path:
        return self.directory / "snapshot"

    def edit(self, n: int) -> Path:
        return self.edits / f"{n:04d}.json"

    def snapshot(self, n: int) -> Path:
        return self.snapshots / f"{n}.json"

    def bucket(self, number: int) -> Path:
        return self.directory / _bucket(number)

    def trial(self, number: int) -> Path:
        return self.directory / _trial(number)

    def state(self, number: int, n: int) -> Path:
        return self.directory / f"{_trial(number)}/state.{n:04d}.json"

    def trial_stop(self, number: int) -> Path:
        return self.trial(number) / "stop"

    def run(self, number: int, run: int) -> Path:
        return self.trial(number) / f"run{run}"

    def checkpoint(self, number: int, run: int) -> Path:
        return self.trial(number) / f"checkpoint.{run}"

    def worker(self, uuid: str) -> Path:
        return self.workers / uuid

    def worker_info(self, uuid: str) -> Path:
        return self.worker(uuid) / "info.json"

    def worker_beat(self, uuid: str) -> Path:
        return self.worker(uuid) / "beat"

    def worker_log(self, uuid: str) -> Path:
        return self.worker(uuid) / "log"


def _bucket(number: int) -> str:
    return f"trials/{number // BUCKET_SIZE:05d}"


def _trial(number: int) -> str:
    return f"{_bucket(number)}/{trial_name(number)}"


def trial_name(number: int) -> str:
    """Of a trial's directory, in its bucket."""
    return f"{number:08d}"


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The names in the directory of one run."""

    directory: Path

    @property
    def metrics(self) -> Path:
        return self.directory / "metrics.jsonl"

    @property
    def stdout(self) -> Path:
        return self.directory / "stdout.log"

    @property
    def stderr(self) -> Path:
        return self.directory / "stderr.log"

    @property
    def params(self) -> Path:
        return self.directory / "params.json"

    @property
    def wandb_config(self) -> Path:
        return self.directory / "wandb-config.json"

    @property
    def command(self) -> Path:
        return self.directory / "command.json"

    @property
    def exit(self) -> Path:
        return self.directory / "exit.json"

    @property
    def stop(self) -> Path:
        return self.directory / "stop"
