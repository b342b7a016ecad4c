"""The architecture in one place: who may import whom, who may touch what. Read from the source, nothing is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sweeprun

ROOT = Path(sweeprun.__file__).parent
LAYERS = [  # top to bottom; those on one line do not know each other
    {"cli"},
    {"run", "analysis", "optimizer"},
    {"samplers", "executors", "starter", "integrations"},
    {"pruners"},  # a population is trained by a sampler that decides how far each trial goes, too
    {"evidence", "told"},
    {"store", "spec", "history", "launch"},
    {"configurations"},
    {"space", "registry", "client", "front", "reported"},
    {"objective", "kept"},
    {"trials"},
    {"numerics", "expressions", "macros", "processes", "seeds"},
    {"errors"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}

FILES = {"store", "launch", "spec", "cli", "client", "integrations"}
FILES |= {"processes", "executors"}  # /proc; what simulated programs write
CLOCKS = {"run", "store", "launch", "processes", "cli"}
PURE = {"samplers", "pruners", "numerics", "evidence", "history", "configurations", "reported", "space", "expressions"}
PURE |= {"front", "objective", "kept", "trials", "seeds"}
IMPURE_MODULES = {"pathlib", "os", "time", "logging", "random", "datetime", "subprocess", "threading"}
LAZY_MODULES = {"scipy", "torch", "starlette", "pynvml", "sklearn", "moocore", "cmaes", "optuna", "sqlalchemy"}
PROCESS_STARTERS = {"subprocess", "multiprocessing"}

MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def tree_of(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text())


def part_of(module: Path) -> str:
    return module.parts[0].removesuffix(".py")


def imports(node: ast.AST) -> Iterator[str]:
    """Dotted names of all modules imported anywhere below `node`, in functions and for type checkers too."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports hide the layer"
            yield child.module or ""
            if child.module == "sweeprun":
                yield from (f"sweeprun.{alias.name}" for alias in child.names)


def imports_at_start(node: ast.AST) -> Iterator[str]:
    """Those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from imports(ast.Module([child], []))
        elif not (isinstance(child, ast.FunctionDef) or "TYPE_CHECKING" in ast.unparse(getattr(child, "test", child))):
            yield from imports_at_start(child)


def calls(module: Path) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)}


def packages(module: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(tree_of(module))}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_down_only(module: Path) -> None:
    part = part_of(module)
    if part == "__init__":
        return  # the names that a training program and a script may use, each loaded when it is first used
    assert part in LEVEL, f"{part} has no layer yet: give it one, here and in the map of README"
    used = {name.split(".")[1] for name in imports(tree_of(module)) if name.startswith("sweeprun.")} - {part}
    upward = {other for other in used if LEVEL.get(other, len(LAYERS)) <= LEVEL[part]}
    assert not upward, f"{module} imports {upward}, which is not below {part}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_only_the_command_line_formats_for_a_terminal(module: Path) -> None:
    assert part_of(module) == "cli" or not packages(module) & {"typer", "rich", "click"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_heavy_modules_are_imported_where_they_are_used(module: Path) -> None:
    assert not {name.split(".")[0] for name in imports_at_start(tree_of(module))} & LAZY_MODULES


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) in PURE], ids=str)
def test_algorithms_have_no_files_clocks_processes_or_ambient_randomness(module: Path) -> None:
    assert not packages(module) & IMPURE_MODULES
    ambient = {call for call in calls(module) if call.startswith("np.random.")}
    assert not {call for call in ambient if not call.startswith("np.random.default_rng")}
    assert "np.random.default_rng()" not in ast.unparse(tree_of(module))


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) not in FILES], ids=str)
def test_files_are_opened_by_those_who_may(module: Path) -> None:
    opening = {"open", "os.open", "io.open"} & calls(module)
    methods = {call.rsplit(".", 1)[-1] for call in calls(module) if "." in call}
    assert not opening | (methods & {"read_text", "write_text", "read_bytes", "write_bytes"})


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) not in CLOCKS], ids=str)
def test_clocks_are_read_by_those_who_may(module: Path) -> None:
    clocks = {"time.time", "time.monotonic", "time.perf_counter", "datetime.now", "datetime.datetime.now"}
    assert not clocks & calls(module)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_processes_are_started_by_the_launcher(module: Path) -> None:
    starting = {call for call in calls(module) if call.startswith(("os.fork", "os.exec", "os.posix_spawn"))}
    assert part_of(module) == "launch" or not starting | (packages(module) & PROCESS_STARTERS)


def test_the_trial_side_helper_needs_the_standard_library_alone() -> None:
    assert packages(Path("client.py")) <= sys.stdlib_module_names


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_that_has_grown_past_400_lines_misses_a_noun(module: Path) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= 400
