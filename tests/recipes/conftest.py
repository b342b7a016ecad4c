"""Programs of the recipes, started as a sweep would start them."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"


class Training:
    """One trial's directory and the program started in it, which leaves after its command's `arguments`."""

    def __init__(self, root: Path, command: Sequence[str], **params: Any):
        self.root, self.command, self.n_runs = root, [*command], 0
        self.checkpoint = root / "checkpoint.1"
        self.checkpoint.mkdir(parents=True)
        (root / "params.json").write_text(json.dumps(params))

    def next_run(self) -> dict[str, str]:
        """Make the directory of one more run; its environment."""
        self.n_runs += 1
        run = self.root / f"run{self.n_runs}"
        run.mkdir()
        given = {"SWEEPRUN_TRIAL": "0", "SWEEPRUN_SEED": "3", "SWEEPRUN_DIR": str(run)}
        given |= {"SWEEPRUN_CHECKPOINT": str(self.checkpoint), "SWEEPRUN_PARAMS": str(self.root / "params.json")}
        return given | {"SWEEPRUN_METRICS": str(run / "metrics.jsonl")}

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[bytes]:
        given, command = self.next_run() | env, [*self.command, *arguments]
        with open(Path(given["SWEEPRUN_DIR"]) / "stdout", "wb") as stdout:
            return subprocess.Popen(command, env=os.environ | given, stdout=stdout, start_new_session=True)

    def finish(self, *arguments: str, **env: str) -> None:
        assert self.start(*arguments, **env).wait(120) == 0

    def finish_here(self, program: ModuleType, *arguments: str, **env: str) -> None:
        """Run it in this process, which spares the import of torch."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (self.next_run() | env).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", [*self.command[1:], *arguments])
            try:
                program.main()
            finally:
                sys.modules["torch"].use_deterministic_algorithms(False)

    def start_and_kill_while_saving(self, file: str) -> None:
        """Kill it when it has begun to write the temporary `file` of its checkpoint."""
        os.mkfifo(self.checkpoint / file)
        with open(self.checkpoint / file, "r+b", buffering=0) as pipe:  # both ends: nobody waits for the other
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)  # no checkpoint fits, so it cannot be done before it is killed
            program = self.start()
            begun, _, _ = select.select([pipe], [], [], 60)
            os.killpg(program.pid, signal.SIGKILL)
            assert program.wait(60) == -signal.SIGKILL
        assert begun
        (self.checkpoint / file).unlink()

    def reports(self, run: int) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / f"run{run}" / "metrics.jsonl").read_text().splitlines()]

    def printed(self, run: int) -> list[str]:
        return (self.root / f"run{run}" / "stdout").read_text().splitlines()

    def curve(self, step: str = "epoch") -> dict[int, dict[str, Any]]:
        """The reports by step: a later run replaces what it reports again."""
        return {said[step]: said for run in range(1, self.n_runs + 1) for said in self.reports(run)}


def interpreter(program: str) -> str:
    return "sh" if program.endswith(".sh") else sys.executable


@pytest.fixture(scope="session")
def training() -> Callable[..., Training]:
    """`training(root, "digits/train.py", "--epochs=3")`; keywords are parameters for programs that read their file."""

    def prepared(root: Path, program: str, *arguments: str, **params: Any) -> Training:
        return Training(root, [interpreter(program), str(RECIPES / program), *arguments], **params)

    return prepared


@pytest.fixture(scope="session")
def module() -> Callable[[str], ModuleType]:
    """`module("digits/train.py")`: a program imported, for the functions in it."""

    def imported(program: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(program.replace("/", "_").removesuffix(".py"), RECIPES / program)
        assert spec is not None
        assert spec.loader is not None
        found = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        return found

    return imported


@pytest.fixture(scope="session")
def alone() -> Callable[..., list[str]]:
    """`alone("digits/train.py", "--epochs=3")`: the lines that a program prints outside of any sweep."""

    def printed(program: str, *arguments: str, cwd: Path | None = None, stdin: str = "") -> list[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SWEEPRUN_")}
        command = [interpreter(program), str(RECIPES / program), *arguments]
        done = subprocess.run(
            command, env=clean, cwd=cwd, input=stdin, stdout=subprocess.PIPE, text=True, timeout=120, check=True
        )
        return done.stdout.splitlines()

    return printed


@dataclass(frozen=True)
class Swept:
    """A sweep that has ended, in a directory of its own."""

    root: Path

    def call(self, command: str, *arguments: str) -> str:
        """What `sweeprun COMMAND ...` prints about it."""
        line = [sys.executable, "-c", "from sweeprun.cli import main; main()", command, *arguments]
        env = os.environ | {"SWEEPRUN_ROOT": str(self.root)}
        return subprocess.run(line, env=env, stdout=subprocess.PIPE, text=True, timeout=170, check=True).stdout

    def trials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.call("trials", "--json"))["trials"]
        return found


@pytest.fixture(scope="session")
def sweep() -> Callable[..., Swept]:
    """`sweep(root, file, "parameters.epochs=2")`: start a sweep file with some values overridden, to its end."""

    def started(root: Path, file: Path, *overrides: str) -> Swept:
        swept = Swept(root)
        swept.call("start", str(file), *(word for override in overrides for word in ("--set", override)))
        return swept

    return started
