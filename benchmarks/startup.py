"""What it costs to type a command, beside a typer program with as many commands that do nothing.

    python benchmarks/startup.py [--runs 20]

The sweep has a hundred trials. They take turns: medians in milliseconds, and ratios to the other program's `--help`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from comparison.report import table
from sweeprun.cli.app import COMMANDS

STUB = """\
import json, os
with open(os.environ["SWEEPRUN_METRICS"], "a") as metrics:
    metrics.write(json.dumps({"epoch": 1, "loss": 0.5}) + "\\n")
"""
SWEEP = """\
command: python stub.py
args: none
metric: loss
parameters: {x: {min: 0.0, max: 1.0}}
algorithm: random
"""


OTHER = """\
import typer
app = typer.Typer(add_completion=False, rich_markup_mode=None)
def command(number):
    def nothing():
        "Does nothing."
    app.command(f"command{number}")(nothing)
for number in range(COUNT):
    command(number)
app()
"""


def seconds(argv: list[str], cwd: str) -> float:
    start = time.perf_counter()
    subprocess.run(argv, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def interleaved(commands: dict[str, list[str]], cwd: str, runs: int) -> dict[str, float]:
    """The median seconds of each command; they take turns, so that a noisy moment hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, argv in commands.items():
            spent = seconds(argv, cwd)
            if turn:  # the first warms the caches
                taken[name].append(spent)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    runs: int = parser.parse_args().runs
    python, sweeprun = sys.executable, str(Path(sys.executable).with_name("sweeprun"))
    with tempfile.TemporaryDirectory() as cwd:
        Path(cwd, "stub.py").write_text(STUB)
        Path(cwd, "small.yaml").write_text(SWEEP + "budget: 100\n")
        Path(cwd, "other.py").write_text(OTHER.replace("COUNT", str(len(COMMANDS))))
        seconds([sweeprun, "start", "small.yaml"], cwd)
        medians = interleaved(
            {
                "python -c pass": [python, "-c", "pass"],
                "python -c 'import sweeprun'": [python, "-c", "import sweeprun"],
                f"typer, {len(COMMANDS)} commands: --help": [python, "other.py", "--help"],
                f"typer, {len(COMMANDS)} commands: one of them": [python, "other.py", "command0"],
                "sweeprun --help": [sweeprun, "--help"],
                "sweeprun --version": [sweeprun, "--version"],
                "sweeprun best --json": [sweeprun, "best", "--json"],
                "sweeprun status": [sweeprun, "status"],
            },
            cwd,
            runs,
        )
    base = next(median for name, median in medians.items() if name.startswith("typer"))
    rows = [(name, [f"{1000 * median:.1f}", f"{median / base:.2f}"]) for name, median in medians.items()]
    print(table("command", ["ms", "ratio"], rows))


if __name__ == "__main__":
    main()
