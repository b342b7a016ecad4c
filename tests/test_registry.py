"""File name -> class -> validated settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sweeprun import registry
from sweeprun.errors import SweepFileError
from sweeprun.pruners.median import MedianPruner
from sweeprun.samplers.grid import GridSampler

OUT_OF_TREE = """
from sweeprun.samplers.base import Sampler
from sweeprun.samplers.random import RandomSampler  # imported, so not its own

class First(Sampler):
    depth: int
    def suggest(self, history, rng):
        return None
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the user's, `mine`, on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    return tmp_path / "mine"


def refusal(kind: registry.Kind, name: str, options: dict[str, object] | None = None) -> SweepFileError:
    with pytest.raises(SweepFileError) as caught:
        registry.load(kind, name, options or {})
    return caught.value


def test_the_files_of_a_folder_are_its_algorithms() -> None:
    assert {"random", "grid", "sobol"} <= set(registry.names("sampler"))
    assert {"none", "median"} <= set(registry.names("pruner"))


def test_bases_private_modules_and_the_choice_itself_are_no_algorithms() -> None:
    names = registry.names("sampler") + registry.names("pruner")
    assert not [name for name in names if name in ("base", "auto") or name.startswith("_")]


def test_listing_imports_no_algorithm() -> None:
    code = (
        "import sys; from sweeprun import registry; registry.names('sampler'), registry.names('pruner');"
        "sys.exit(any(name in sys.modules for name in ('sweeprun.samplers.grid', 'numpy', 'pydantic', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", ["sampler", "pruner"])
def test_every_algorithm_loads_with_what_it_needs_and_describes_its_settings(kind: registry.Kind) -> None:
    needed = {"patience": {"patience": 3}, "threshold": {"upper": 1.0}}
    needed |= {name: {"max": 9} for name in ("asha", "hyperband", "pbt", "pb2")}
    for name in registry.names(kind):
        options = needed.get(name, {})
        assert registry.load(kind, name, options) == registry.find(kind, name)(**options)
        assert all(setting.description for setting in registry.settings(kind, name))
        assert registry.find(kind, name).__doc__


def test_options_become_settings() -> None:
    assert registry.load("pruner", "median", {"warmup": 7, "quantile": 0.25}) == MedianPruner(warmup=7, quantile=0.25)


def test_the_sweeps_seed_fills_a_seed_that_is_left_out() -> None:
    assert registry.load("sampler", "grid", {}, seed=7) == GridSampler(seed=7)
    assert registry.load("sampler", "grid", {"seed": 1}, seed=7) == GridSampler(seed=1)
    registry.load("pruner", "median", {}, seed=7)  # has none


def test_settings_carry_defaults_and_rules() -> None:
    settings = {setting.name: setting for setting in registry.settings("pruner", "median")}
    assert settings["warmup"].default == 3
    assert settings["warmup"].schema["minimum"] == 0
    assert "noise" in settings["warmup"].description


def test_an_unknown_name_is_refused_with_the_list_and_the_nearest() -> None:
    error = refusal("sampler", "sobl")
    assert "'sobl'" in error.message
    assert "grid, nsga2, pb2, pbt, random, sobol" in error.message
    assert error.hint == "did you mean 'sobol'?"


def test_a_name_like_nothing_gets_no_suggestion() -> None:
    assert refusal("pruner", "xyzzy").hint is None


def test_an_unknown_option_is_refused_with_the_list_and_the_nearest() -> None:
    error = refusal("pruner", "median", {"warm_up": 3})
    assert "pruner 'median' has no option 'warm_up'" in error.message
    assert "min_trials" in error.message
    assert error.hint == "did you mean 'warmup'?"
    assert "it takes none" in refusal("pruner", "none", {"warmup": 3}).message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"warmup": -1}, "warmup is -1; allowed is a number of at least 0"),
        ({"warmup": 1.5}, "warmup is 1.5; allowed is a whole number"),
        ({"warmup": "3"}, "warmup is '3'; allowed is a whole number"),
        ({"warmup": True}, "warmup is True; allowed is a whole number"),
        ({"quantile": 1}, "quantile is 1; allowed is a number below 1.0"),
        ({"quantile": 0}, "quantile is 0; allowed is a number above 0.0"),
        ({"quantile": float("nan")}, "quantile is nan; allowed is a finite number"),
        ({"compare": "bset"}, "compare is 'bset'; allowed is 'best' or 'value'"),
        ({"metric": 3}, "metric is 3; allowed is a string"),
    ],
)
def test_a_wrong_value_is_refused_with_the_option_the_value_and_what_is_allowed(
    options: dict[str, object], said: str
) -> None:
    assert refusal("pruner", "median", options).message == f"pruner 'median': {said}"


def test_a_rule_of_an_algorithms_own_is_told_in_its_own_words() -> None:
    said = refusal("pruner", "threshold", {"behind": {"5": "15"}}).message
    assert said.startswith("pruner 'threshold': behind holds the distance '15'; allowed is a percentage such as 15%")
    said = refusal("pruner", "threshold", {"lower": 3, "upper": 1.5}).message
    assert said == "pruner 'threshold': lower is 3 and upper is 1.5; lower must be below upper"


def test_a_dotted_name_is_a_module_outside(package: Path) -> None:
    (package / "search.py").write_text(OUT_OF_TREE)
    assert registry.load("sampler", "mine.search", {"depth": 3}).depth == 3
    assert refusal("sampler", "mine.search").message == "sampler 'mine.search' needs the option 'depth'"


def test_a_module_that_is_not_there_is_refused_by_name(package: Path) -> None:
    assert "there is no module 'mine.serach'" in refusal("sampler", "mine.serach").message
    assert "there is no module 'yours'" in refusal("sampler", "yours.search").message


def test_a_module_that_lacks_something_says_itself_what(package: Path) -> None:
    (package / "broken.py").write_text("import not_installed_anywhere")
    with pytest.raises(ModuleNotFoundError, match="not_installed_anywhere"):
        registry.load("sampler", "mine.broken", {})


@pytest.mark.parametrize(
    ("source", "seen"),
    [("x = 1", "none"), (OUT_OF_TREE + OUT_OF_TREE.replace("First", "Second"), "First, Second")],
)
def test_a_module_without_exactly_one_algorithm_is_refused(package: Path, source: str, seen: str) -> None:
    (package / f"odd{len(source)}.py").write_text(source)
    error = refusal("sampler", f"mine.odd{len(source)}")
    assert f"must hold one public subclass of Sampler; it holds {seen}" in error.message


def test_a_private_class_is_not_the_algorithm(package: Path) -> None:
    (package / "private.py").write_text(OUT_OF_TREE + OUT_OF_TREE.replace("First", "_Second"))
    assert registry.load("sampler", "mine.private", {"depth": 1}).depth == 1
