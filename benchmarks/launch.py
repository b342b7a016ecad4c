"""How soon does a script run that imports torch, or nothing, as a program of its own and as a fork?

    python benchmarks/launch.py [--runs 20] [--modules torch]

One launcher starts the same script by turns in both ways; beside it the bare interpreter, started by subprocess. Until
the script's first line after its imports, and until the news of its end: medians in milliseconds, and ratios to the
fork.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from comparison.report import table
from sweeprun.launch.control import Launcher
from sweeprun.launch.events import Ended, Order, Started

SCRIPT = """\
{imports}
import os, time
with open(os.environ["SWEEPRUN_DIR"] + "/began", "w") as file:
    file.write(str(time.monotonic()))
"""


class Starts:
    """One script, and how it is started."""

    def __init__(self, directory: Path, modules: tuple[str, ...]):
        self._directory, self._modules, self._count = directory, modules, 0
        self._launcher = Launcher()
        self.script = directory / "script.py"
        self.script.write_text(SCRIPT.format(imports="\n".join(f"import {name}" for name in modules)))

    def launched(self, forks: bool) -> tuple[float, float, bool]:
        """Seconds to its first line and to the news of its end; whether it was forked."""
        number, self._count = self._count, self._count + 1
        run_dir = self._directory / f"run{number}"
        run_dir.mkdir()
        uid = f"{os.getpid()}-{number}"
        env = {**os.environ, "SWEEPRUN_DIR": str(run_dir), "SWEEPRUN_TRIAL_UID": uid}
        argv, preload = [sys.executable, str(self.script)], (self._modules or ("json",)) if forks else None
        begun, forked = time.monotonic(), False
        self._launcher.spawn(Order(number, uid, argv, env, self._directory, run_dir, preload=preload))
        while True:
            for event in self._launcher.poll(10.0):
                if isinstance(event, Started):
                    forked = event.how == "fork"
                elif isinstance(event, Ended) and event.code == 0:
                    return float((run_dir / "began").read_text()) - begun, time.monotonic() - begun, forked
                else:
                    raise RuntimeError(str(event))

    def bare(self) -> tuple[float, float]:
        """The same without a launcher."""
        env = {**os.environ, "SWEEPRUN_DIR": str(self._directory)}
        begun = time.monotonic()
        subprocess.run([sys.executable, str(self.script)], check=True, env=env)
        return float((self._directory / "began").read_text()) - begun, time.monotonic() - begun

    def close(self) -> None:
        self._launcher.close(1.0)


def measured(modules: tuple[str, ...], runs: int) -> list[tuple[str, list[str]]]:
    taken: dict[str, list[tuple[float, float]]] = {"fork": [], "exec": [], "bare": []}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        starts = Starts(Path(directory), modules)
        while not starts.launched(forks=True)[2]:
            time.sleep(0.1)
        for _ in range(runs):
            first, last, forked = starts.launched(forks=True)
            if not forked:
                raise RuntimeError("it was not forked")
            taken["fork"].append((first, last))
            taken["exec"].append(starts.launched(forks=False)[:2])
            taken["bare"].append(starts.bare())
        starts.close()
    middle = {how: [statistics.median(column) for column in zip(*times, strict=True)] for how, times in taken.items()}
    imports = ", ".join(modules) or "nothing"
    return [(f"{imports}, {how}", list(map(_cell, middle[how], middle["fork"]))) for how in taken]


def _cell(seconds: float, fork: float) -> str:
    return f"{1000 * seconds:.1f} ({seconds / fork:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--modules", nargs="*", default=["torch"])
    said = parser.parse_args()
    rows = [row for modules in ((), tuple(said.modules)) for row in measured(modules, said.runs)]
    print(table("it imports, and is started by", ["first line, ms", "its end is known, ms"], rows))


if __name__ == "__main__":
    main()
