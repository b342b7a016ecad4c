"""What does it cost that a sweep has a long history: one more trial, `best --json`, `status`?

    python benchmarks/history.py [--sizes 100 10000 100000] [--runs 5]

Each sweep is begun by three real trials and filled with copies of their records, in memory where the system has such
a file system. Then `resume` runs two hundred more, two at a time. A trial costs the processor time of the worker and
of its launcher, that of the trial's program not counted, from the first of these to the last; the commands, beside
`--version`, take turns. Medians, and in brackets the ratio to the first size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

from comparison.report import table
from startup import STUB, SWEEP, interleaved
from sweeprun.store import durable
from sweeprun.store.layout import Layout
from sweeprun.store.sweep import Sweep

SWEEPRUN = str(Path(sys.executable).with_name("sweeprun"))
IN_MEMORY = Path("/dev/shm")
N_MORE = 200
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def filled(directory: Path, size: int) -> Layout:
    """A sweep of `size` trials that have ended."""
    file = directory / f"history{size}.yaml"
    file.write_text(SWEEP + "budget: 3\nresources: {slots: 2}\n")
    subprocess.run([SWEEPRUN, "start", file.name], cwd=directory, check=True, capture_output=True)
    layout = Layout(directory / "sweeps" / file.stem)
    first, last = (durable.read_record(layout.state(0, n)) for n in (1, 2))
    for number in range(3, size):
        uid = uuid.uuid4().hex
        layout.trial(number).mkdir(parents=True)
        _copy(layout.state(number, 1), first, number=number, uid=uid, id=uid, params={"x": number / size})
        _copy(layout.state(number, 2), last, uid=uid, id=uuid.uuid4().hex)
    Sweep(layout.directory).tidy()
    return layout


def _copy(path: Path, record: dict[str, Any], **other: Any) -> None:
    kept = {key: value for key, value in record.items() if key != "crc32"}
    path.write_bytes(durable.encode(kept | other))


def milliseconds_of_a_trial(layout: Layout) -> float:
    """Of processor time, for each of N_MORE more."""
    size = sum(1 for _ in layout.trials.glob("*/*"))
    argv = [SWEEPRUN, "resume", layout.directory.name, "--trials", str(size + N_MORE), "--events", "-"]
    worker = subprocess.Popen(argv, cwd=layout.directory.parents[1], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert worker.stdout is not None
    began, spent = None, 0.0
    for line in worker.stdout:
        event = json.loads(line)
        if event["event"] == "trial_started":
            launcher = children(worker.pid)[0]
            spent = own_ms(worker.pid) + own_ms(launcher)
            began = spent if began is None else began
    if worker.wait() != 0 or began is None:
        raise RuntimeError(f"{argv} failed")
    return (spent - began) / (N_MORE - 1)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def own_ms(pid: int) -> float:
    """Processor time of a process, its children not counted."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_MS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=5)
    said = parser.parse_args()
    rows: list[tuple[str, list[str]]] = []
    base: list[float] = []
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as place:
        Path(place, "stub.py").write_text(STUB)
        for size in said.sizes:
            layout = filled(Path(place), size)
            trial = milliseconds_of_a_trial(layout)
            name = layout.directory.name
            commands = {
                "version": [SWEEPRUN, "--version"],
                "best": [SWEEPRUN, "best", name, "--json"],
                "status": [SWEEPRUN, "status", name],
            }
            taken = [1000 * each for each in interleaved(commands, place, said.runs).values()]
            base = base or [trial, *taken]
            cells = [f"{ms:.1f} ({ms / first:.2f})" for ms, first in zip([trial, *taken], base, strict=True)]
            rows.append((str(size), cells))
    print(table("trials", ["one more ms", "--version ms", "best --json ms", "status ms"], rows))


if __name__ == "__main__":
    main()
