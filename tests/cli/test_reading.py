"""Reading never writes and never locks, so it works during every fault."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
READING = [["status"], ["status", "--json"], ["best"], ["best", "-f", "csv"], ["trials"], ["show", "1"], ["logs", "1"]]
WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_APPEND|O_TRUNC")
CALLS = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat"
CALLS += ",truncate,ftruncate,chmod,fchmod,fchmodat,utimensat,flock,fcntl,fsync,fdatasync"


@pytest.fixture
def filled(build: Command) -> Any:
    """A sweep with something of everything."""
    sweep = build()
    sweep.join_self()
    sweep.ended(0.5)
    sweep.report(sweep.running(), {"epoch": 1, "val_loss": 0.4})
    (sweep.sweep.layout.run(1, 1) / "stdout.log").write_text("epoch 1\n")
    sweep.failed()
    sweep.waiting()
    broken = sweep.ended(0.1)
    sweep.sweep.layout.state(broken.number, 2).write_bytes(b"junk")
    return sweep


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_no_system_call_of_a_reading_command_writes_or_locks(filled: Any, tmp_path: Path, words: list[str]) -> None:
    trace = tmp_path / "trace"
    script = "import sys; from sweeprun.cli import main; main()"
    argv = ["strace", "-f", "-y", "-qq", "-e", f"trace={CALLS}", "-o", str(trace), sys.executable, "-c", script, *words]
    before = everything(filled.directory)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    calls = [line for line in trace.read_text().splitlines() if str(filled.directory) in line]
    assert calls, "the trace must show at least that the records are read"
    assert [line for line in calls if "open" not in line] == []
    assert [line for line in calls if WRITING.search(line)] == []
    assert everything(filled.directory) == before


def everything(directory: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file and directory."""
    paths = [directory, *directory.rglob("*")]
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in paths}


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_reading_does_not_wait_for_the_lock(filled: Any, sweeprun: Command, words: list[str]) -> None:
    fd = os.open(filled.sweep.layout.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        assert sweeprun(*words).code == 0
    finally:
        os.close(fd)


@pytest.mark.parametrize("words", READING, ids=" ".join)
@pytest.mark.parametrize("junk", [b"", b"\0" * 300, b'{"format":1}\n', b"[]"])
def test_junk_in_a_record_costs_that_trial_and_no_command(
    filled: Any, sweeprun: Command, words: list[str], junk: bytes
) -> None:
    filled.sweep.layout.state(0, 2).write_bytes(junk)
    filled.sweep.layout.worker_info(filled.worker).write_bytes(junk)
    assert sweeprun(*words).code == 0


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_junk_in_the_metrics_of_a_running_trial_costs_those_lines(
    filled: Any, sweeprun: Command, words: list[str]
) -> None:
    with (filled.sweep.layout.run(1, 1) / "metrics.jsonl").open("ab") as file:
        file.write(b'\xff\x00{"epoch": 2\n[1]\n{"val_loss": "x"}\n{"epoch": 3, "val_loss": 0.3}\n{"epoch": 4, "val_')
    done = sweeprun(*words)
    assert done.code == 0
    assert sweeprun("best", "--json").document["trials"][0]["number"] == 0
    assert sweeprun("show", 1, "--json").document["trial"]["values"] == {"val_loss": 0.3}
