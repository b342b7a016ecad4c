"""TAB, as it is pressed in a terminal: real shells behind pseudo-terminals."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeprun.run.settling import settled
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Trial, TrialState

Command = Callable[..., Any]
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(sweeprun completion bash)"'),
    "fish": (["fish", "--no-config", "-i"], "sweeprun completion fish | source"),
    "zsh": (["zsh", "-f", "-i"], 'eval "$(sweeprun completion zsh)"'),
}
SOURCE = """
command: python train.py ${args}
metric: val_loss
parameters: {lr: {min: 0.0, max: 1.0}, layers: [2, 4], optimizer: [sgd, adam]}
algorithm: random
"""
PATIENCE_S = 30.0


class Terminal:
    """A shell behind a pseudo-terminal."""

    def __init__(self, argv: list[str], place: Path):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {"PATH": path, "HOME": str(place), "TERM": "xterm", "LANG": "C.UTF-8"}
        # Shells want a terminal of their own, not only one to read from.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *argv], stdin=slave, stdout=slave, stderr=slave, cwd=place, env=env
        )
        os.close(slave)
        self._place = place
        self._seen = b""
        self._n_lines = 0

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def run(self, line: str) -> None:
        """Enter a line, and wait until it is done."""
        self._n_lines += 1
        self.type(f"{line}; echo do''ne-{self._n_lines}\r")
        self._wait_for(f"done-{self._n_lines}".encode())

    def words_after(self, keys: str) -> list[str]:
        """The words that stand in the line after these keys."""
        self.type(f"sweeprun {keys}")
        self.run("\x05 >words.txt\x01printf '%s|' \x05")
        program, *words, last = (self._place / "words.txt").read_text().split("|")
        assert (program, last) == ("sweeprun", "")
        return words

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _wait_for(self, text: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while text not in self._seen:
            ready, _, _ = select.select([self._master], [], [], deadline - time.monotonic())
            assert ready, f"{text!r} did not come; there was {self._seen.decode(errors='replace')}"
            self._seen += os.read(self._master, 1 << 16)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a sweep of one trial, sweep files and directories."""
    place = tmp_path_factory.mktemp("place")
    for name in ("quick.yaml", "my file.yaml", "notes.txt"):
        (place / name).write_text(SOURCE)
    (place / "subdirectory").mkdir()
    spec = settled(SweepFile.load(place / "quick.yaml"))
    sweep = Sweep.create(place / "sweeps" / "digits", SOURCE.encode(), spec.resolved(), "0")
    sweep.create_trial(Trial(0, "uid", TrialState.WAITING, params={"lr": 0.5}), TrialState.WAITING)
    return place


@pytest.fixture(scope="module", params=SHELLS)
def terminal(request: pytest.FixtureRequest, place: Path) -> Iterator[Terminal]:
    argv, switch_on = SHELLS[request.param]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    terminal = Terminal(argv, place)
    try:
        terminal.run(switch_on)
        yield terminal
    finally:
        terminal.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("stat\t", ["status"]),
        ("status dig\t", ["status", "digits"]),
        ("show digits \t", ["show", "digits", "0"]),
        ("best -f comm\t", ["best", "-f", "command"]),
        ("trials --col\tnumber,val\t", ["trials", "--columns", "number,val_loss"]),
        ("check qui\t", ["check", "quick.yaml"]),
        ("check my\t", ["check", "my file.yaml"]),
        ("start quick.yaml --set budget.wa\t1h", ["start", "quick.yaml", "--set", "budget.wall=1h"]),
        ("start --set=budget.wa\t1h", ["start", "--set=budget.wall=1h"]),
        ("add digits lay\t4 opti\tad\t", ["add", "digits", "layers=4", "optimizer=adam"]),
        ("ls --root sub\t", ["ls", "--root", "subdirectory/"]),
        ("status --root=swe\t dig\t", ["status", "--root=sweeps/", "digits"]),
        ("status no\t", ["status", "notes.txt"]),  # nothing is known: files, as the shell has them
    ],
)
def test_tab_completes(terminal: Terminal, keys: str, words: list[str]) -> None:
    assert terminal.words_after(keys) == words


def test_a_program_that_fails_is_no_noise_in_the_line(terminal: Terminal, place: Path) -> None:
    (place / "sweeps" / "torn").mkdir(exist_ok=True)
    (place / "sweeps" / "torn" / "sweep.json").write_bytes(b"junk")
    assert terminal.words_after("show torn \t0") == ["show", "torn", "0"]


def test_the_script_is_printed_for_the_shells_there_are(sweeprun: Command) -> None:
    for shell in SHELLS:
        done = sweeprun("completion", shell)
        assert (done.code, done.err) == (0, "")
        assert f"completion {shell} -- " in done.out
    assert sweeprun("completion", "tcsh").code == 2
