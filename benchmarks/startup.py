"""What it costs to type a command, against the imports that any such program needs, in one interleaved run.

    python benchmarks/startup.py [--runs 20]

Prints medians in milliseconds and ratios, as a Markdown table for RESULTS.md.
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
budget: 20
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs: int = parser.parse_args().runs
    python, sweeprun = sys.executable, str(Path(sys.executable).with_name("sweeprun"))
    with tempfile.TemporaryDirectory() as cwd:
        Path(cwd, "stub.py").write_text(STUB)
        Path(cwd, "small.yaml").write_text(SWEEP)
        seconds([sweeprun, "start", "small.yaml"], cwd)
        medians = interleaved(
            {
                "python -c pass": [python, "-c", "pass"],
                "python -c 'import sweeprun'": [python, "-c", "import sweeprun"],
                "python -c 'import typer, yaml, pydantic, rich'": [python, "-c", "import typer, yaml, pydantic, rich"],
                "sweeprun --help": [sweeprun, "--help"],
                "sweeprun status (20 trials)": [sweeprun, "status"],
                "sweeprun best --json (20 trials)": [sweeprun, "best", "--json"],
            },
            cwd,
            runs,
        )
    imports = medians["python -c 'import typer, yaml, pydantic, rich'"]
    print("| command | median ms | ratio to the imports |\n| --- | ---: | ---: |")
    for name, median in medians.items():
        print(f"| `{name}` | {1000 * median:.1f} | {median / imports:.2f} |")
    extra = medians["python -c 'import sweeprun'"] - medians["python -c pass"]
    print(f"\n`import sweeprun` costs {1000 * extra:.1f} ms above a bare interpreter ({os.cpu_count()} cores).")


if __name__ == "__main__":
    main()
