"""What does it cost to have a runner, beside new interpreters that nobody keeps a record of?

    python benchmarks/overhead.py [--trials 200] [--rounds 3] [--on DIR] [--runners bare fork exec memory journal ...]
                                  [--python ray=PATH orion=PATH guild=PATH] [--busy 100] [--watched 30]

Each runs one script that does nothing but report a number, two at a time, in turns with the others: `fork` and `exec`
are sweeprun's, `memory`, `journal` and `sqlite` Optuna's, `ray`, `orion` and `guild` (one at a time) are run by the
interpreters that have them. A trial costs what there is between the first line of the first and the last line of the
last, divided by how many there are: medians, and in brackets the ratio to `bare` in the same round. In memory, or on
the disk of DIR.

`--busy`: so many trials that import torch and sleep for three seconds, two at a time: which share of the slots' time
they run. `--watched`: eight trials that report every second, so many seconds long: what the worker and the
processes beside it that are no trials cost.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from comparison.batches import ENVIRONMENT
from comparison.report import table
from history import IN_MEMORY, SWEEPRUN, children, own_ms
from sweeprun.store.sweep import Sweep

SLOTS = 2
SCRIPT = """\
import time
begun = time.monotonic()
import json, os, sys
x = 0.5
if len(sys.argv) > 1:
    x = float(sys.argv[-1].rpartition("=")[2])
print(x)
if "SWEEPRUN_METRICS" in os.environ:
    with open(os.environ["SWEEPRUN_METRICS"], "a") as metrics:
        metrics.write(json.dumps({"epoch": 1, "loss": x}) + "\\n")
if "ORION_RESULTS_PATH" in os.environ:
    with open(os.environ["ORION_RESULTS_PATH"], "w") as results:
        json.dump([{"name": "loss", "type": "objective", "value": x}], results)
with open(os.environ["TIMES"], "a") as times:
    times.write(f"{begun} {time.monotonic()}\\n")
"""
SWEEP = """
command: [python, {script}, "${{args}}"]
metric: loss
parameters: {{x: {{min: 0.0, max: 1.0}}}}
algorithm: random
budget: {budget}
resources: {{slots: {slots}, gpus: 0}}
preload: {preload}
"""
SLEEPS = """
import json, os, time, torch
for epoch in range(1, {epochs} + 1):
    time.sleep({seconds})
    with open(os.environ["SWEEPRUN_METRICS"], "a") as metrics:
        metrics.write(json.dumps({{"epoch": epoch, "loss": torch.rand(()).item()}}) + "\\n")
"""
OPTUNA = ("memory", "journal", "sqlite")


def command(runner: str, n: int, pythons: dict[str, str]) -> list[str]:
    """What runs the script in the working directory."""
    said = [str(n), str(SLOTS), str(Path("script.py").resolve())]
    match runner:
        case "fork" | "exec":
            preload = "auto" if runner == "fork" else "none"
            Path("sweep.yaml").write_text(SWEEP.format(script="script.py", budget=n, slots=SLOTS, preload=preload))
            return [SWEEPRUN, "start", "sweep.yaml"]
        case "bare":
            return [sys.executable, "-m", "runners.bare", *said]
        case "ray":
            return [pythons["ray"], "-m", "runners.with_ray", *said]
        case "orion":
            Path("orion.yaml").write_text("storage: {type: legacy, database: {type: pickleddb, host: orion.pkl}}\n")
            flags = ["-n", "overhead", "-c", "orion.yaml", f"--exp-max-trials={n}", f"--n-workers={SLOTS}"]
            orion = str(Path(pythons["orion"]).with_name("orion"))
            return [orion, "hunt", *flags, pythons["orion"], "script.py", "--x~uniform(0, 1)"]
        case "guild":
            guild = str(Path(pythons["guild"]).with_name("guild"))
            home = Path("home").resolve()
            home.mkdir()
            return [guild, "-H", str(home), "run", "script.py", "-y", f"--max-trials={n}", "x=uniform[0.0:1.0]"]
    return [pythons.get("optuna", sys.executable), "-m", "runners.with_optuna", runner, *said]


def milliseconds_of_a_trial(runner: str, n: int, place: Path, pythons: dict[str, str]) -> float:
    with tempfile.TemporaryDirectory(dir=place) as directory:
        os.chdir(directory)
        Path("script.py").write_text(SCRIPT)
        environment = {**ENVIRONMENT, "TIMES": f"{directory}/times"}
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
        subprocess.run(command(runner, n, pythons), check=True, capture_output=True, env=environment)
        times = [list(map(float, line.split())) for line in Path("times").read_text().splitlines()]
        os.chdir("/")
    if len(times) < n:
        raise RuntimeError(f"{runner} ran {len(times)} of {n}")
    return 1000 * (max(end for _, end in times) - min(begun for begun, _ in times)) / len(times)


def compared(runners: Sequence[str], n: int, rounds: int, place: Path, pythons: dict[str, str]) -> None:
    taken: dict[str, list[float]] = {runner: [] for runner in runners}
    for _ in range(rounds):
        for runner in runners:
            taken[runner].append(milliseconds_of_a_trial(runner, n, place, pythons))
    base = taken[runners[0]]
    rows = []
    for runner, times in taken.items():
        ratio = statistics.median(a / b for a, b in zip(times, base, strict=True))
        rows.append((runner, [f"{statistics.median(times):.1f} ({ratio:.2f})"]))
    print(table(f"{n} trials, {SLOTS} at a time", ["ms a trial"], rows), flush=True)


def started(place: Path, script: str, budget: int, slots: int) -> subprocess.Popen[bytes]:
    (place / "script.py").write_text(script)
    (place / "sweep.yaml").write_text(SWEEP.format(script="script.py", budget=budget, slots=slots, preload="auto"))
    quiet = subprocess.DEVNULL
    return subprocess.Popen([SWEEPRUN, "start", "sweep.yaml"], cwd=place, stdout=quiet, stderr=quiet)


def busy(place: Path, n: int) -> None:
    """The first trials are programs: they too run."""
    if started(place, SLEEPS.format(epochs=1, seconds=3), n, SLOTS).wait() != 0:
        raise RuntimeError("the sweep failed")
    sweep = Sweep(place / "sweeps" / "sweep")
    trials = sweep.trials()
    lived = [json.loads((sweep.layout.run(trial.number, 1) / "exit.json").read_text())["seconds"] for trial in trials]
    wall = max(trial.changed for trial in trials) - min(trial.created for trial in trials)
    share = sum(lived) / (SLOTS * wall)
    print(f"{len(lived)} trials of three seconds: {SLOTS} slots are busy for {share:.1%} of {wall:.0f} s\n", flush=True)


def watched(place: Path, seconds: int) -> None:
    worker = started(place, SLEEPS.format(epochs=seconds + 60, seconds=1), 8, 8)
    time.sleep(30)  # all eight report by then
    launcher = children(worker.pid)[0]
    servers = [pid for pid in children(launcher) if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    ours = {worker.pid: "worker", launcher: "launcher", **dict.fromkeys(servers, "what forks trials")}
    before = {pid: own_ms(pid) for pid in ours}
    time.sleep(seconds)
    rows = [
        (name, [f"{(own_ms(pid) - before[pid]) / seconds / 10:.2f} %", f"{_resident_mb(pid):.0f} MB"])
        for pid, name in ours.items()
    ]
    worker.terminate()
    worker.wait()
    print(table(f"8 trials that report every second, {seconds} s", ["of a core", "resident"], rows), flush=True)


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--on", type=Path, default=IN_MEMORY if IN_MEMORY.is_dir() else None)
    parser.add_argument("--runners", nargs="*", default=["bare", "fork", "exec"])
    parser.add_argument("--python", nargs="*", default=[], metavar="RUNNER=PATH")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--watched", type=int, default=0)
    said = parser.parse_args()
    pythons = dict(each.split("=", 1) for each in said.python)
    if said.runners:
        compared(said.runners, said.trials, said.rounds, said.on, pythons)
    for measure, amount in ((busy, said.busy), (watched, said.watched)):
        if amount:
            with tempfile.TemporaryDirectory(dir=said.on) as place:
                measure(Path(place), amount)


if __name__ == "__main__":
    main()
