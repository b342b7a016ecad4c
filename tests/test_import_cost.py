"""`import sweeprun` stands in every training script, so it must cost next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import sweeprun

HEAVY = {"asyncio", "logging", "subprocess", "dataclasses", "inspect", "pathlib", "tempfile", "socket"}


def newly_imported(code: str) -> set[str]:
    """The modules that a bare interpreter has loaded after `code` and not before it."""
    program = f"import sys; before = set(sys.modules)\n{code}\nnew = sorted(set(sys.modules) - before)"
    program += "\nimport json; print(json.dumps(new))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_else() -> None:
    assert newly_imported("import sweeprun") == {"sweeprun"}


def test_reporting_loads_the_standard_library_only_and_nothing_heavy_of_it() -> None:
    new = newly_imported("import sweeprun; sweeprun.params(lr=1); sweeprun.report(epoch=1)")
    roots = {name.partition(".")[0] for name in new}
    assert roots - {"sweeprun"} <= sys.stdlib_module_names
    assert {name for name in new if name.startswith("sweeprun")} == {"sweeprun", "sweeprun.client"}
    assert not new & HEAVY


def test_no_module_hides_a_helper_of_its_name() -> None:
    package = Path(sweeprun.__file__).parent
    modules = {path.stem for path in package.iterdir()}
    assert not modules & set(sweeprun.__all__)
