"""Entering a sweep as a worker."""

from __future__ import annotations

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.joining import join
from sweeprun.run.worker import Switch
from sweeprun.store import liveness


def test_who_cannot_start_the_command_does_not_join(stage, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    sweep = stage.sweep("env: {X: '${env:NOT_SET}'}\nbudget: 1")
    with pytest.raises(SweepFileError, match="NOT_SET is not set"):
        join(sweep, Switch())
    assert list(sweep.layout.workers.iterdir()) == []
    assert sweep.trials() == []


def test_a_stop_that_is_typed_while_a_worker_joins_is_obeyed(stage, monkeypatch):
    sweep = stage.sweep("resources: {gpus: 0}\nbudget: 3")
    sweep.request_stop()  # of a time before

    def joined(*arguments):
        sweep.request_stop()
        return enter(*arguments)

    enter = liveness.join
    monkeypatch.setattr(liveness, "join", joined)
    events = list(join(sweep, Switch()).work())
    assert events[-1].said["reason"] == "stop"
    assert sweep.trials() == []
