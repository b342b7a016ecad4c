"""Entering a sweep as a worker."""

from __future__ import annotations

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.joining import join
from sweeprun.run.worker import Switch


def test_who_cannot_start_the_command_does_not_join(stage, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    sweep = stage.sweep("env: {X: '${env:NOT_SET}'}\nbudget: 1")
    with pytest.raises(SweepFileError, match="NOT_SET is not set"):
        join(sweep, Switch())
    assert list(sweep.layout.workers.iterdir()) == []
    assert sweep.trials() == []
