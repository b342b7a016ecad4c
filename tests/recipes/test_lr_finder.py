"""The learning-rate range test: what it suggests is an entry of a sweep file, and comes from the curve."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeprun.spec.sweepfile import SweepFile

pytest.importorskip("torch", reason="the recipes need the extra `recipes`")
pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

PROGRAM = "lr_finder/find.py"
DIGITS = Path(__file__).parents[2] / "recipes" / "digits" / "sweep.yaml"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finder(module: Callable[[str], Any]) -> Any:
    return module(PROGRAM)


def points(finder: Any, shape: Callable[[float], float], n: int = 200, low: float = 1e-6, high: float = 10.0) -> Any:
    """A smooth curve over rates: `shape` maps the decimal logarithm of the rate to the loss."""
    rates = [low * (high / low) ** (i / (n - 1)) for i in range(n)]
    return [finder.Point(rate, loss, loss) for rate in rates for loss in [shape(math.log10(rate))]]


def valley(decade: float) -> float:
    """Falls steepest at 1e-3, is lowest about 1e-2, and has doubled its lowest value near 1e-1."""
    return 2.0 - 1.5 / (1 + math.exp(-4 * (decade + 3))) + math.exp(5 * (decade + 1.1))


def until_it_diverges(finder: Any, curve: Any) -> Any:
    lowest = math.inf
    for i, point in enumerate(curve):
        lowest = min(lowest, point.smoothed)
        if finder.has_diverged(point, lowest):
            return curve[: i + 1]
    return curve


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_what_it_prints_is_a_parameter_that_the_digits_recipe_can_use(
    optimizer: str, alone: Callable[..., list[str]], tmp_path: Path
) -> None:
    comment, line = alone(PROGRAM, f"--optimizer={optimizer}", "--n_batches=150", cwd=tmp_path)
    assert comment.startswith("# ")
    [(name, suggested)] = yaml.safe_load(line).items()
    source = f"command: a ${{args}}\nmetric: b\nparameters:\n  {comment}\n  {line}\n"
    sweep = SweepFile.parse(source, Path("sweep.yaml"))
    [parameter] = sweep.space.parameters
    assert (parameter.name, parameter.log) == (name, True)
    known = yaml.safe_load(DIGITS.read_text())["parameters"][name]
    assert float(suggested["min"]) < float(known["max"]), "it has nothing in common with what is known to be good"
    assert float(suggested["max"]) > float(known["min"])
    assert float(suggested["max"]) > 3 * float(suggested["min"])


def test_the_curve_is_a_row_for_each_batch_until_it_diverges(alone: Callable[..., list[str]], tmp_path: Path) -> None:
    alone(PROGRAM, "--n_batches=150", cwd=tmp_path)
    with open(tmp_path / "curve.csv") as file:
        rows = [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]
    assert [row["batch"] for row in rows] == [*range(1, len(rows) + 1)]
    assert len(rows) < 150
    assert all(a["lr"] < b["lr"] for a, b in pairwise(rows))
    losses = [row["smoothed"] for row in rows]
    assert losses[0] == pytest.approx(rows[0]["loss"])
    assert losses[-1] > 2 * min(losses) >= max(losses[:-1][losses.index(min(losses)) :])


def test_the_range_goes_from_a_decade_below_the_steepest_descent_to_a_third_of_divergence(finder: Any) -> None:
    curve = until_it_diverges(finder, points(finder, valley))
    said = yaml.safe_load(finder.suggestion("lr", curve))["lr"]
    assert float(said["min"]) == pytest.approx(1e-4, rel=0.2)
    assert float(said["max"]) == pytest.approx(curve[-1].lr / 3, rel=0.05)
    assert 0.03 < curve[-1].lr < 0.3


def test_a_fall_after_the_lowest_point_is_not_taken_for_learning(finder: Any) -> None:
    def bumpy(decade: float) -> float:
        return valley(decade) if decade < -1.2 else 1.6 - 0.9 * (decade > -1)

    said = yaml.safe_load(finder.suggestion("lr", points(finder, bumpy)))["lr"]
    assert float(said["min"]) == pytest.approx(1e-4, rel=0.2)


def test_a_loss_that_never_diverges_is_said_and_ends_the_range_at_the_highest_rate(finder: Any) -> None:
    said = finder.suggestion("lr", points(finder, lambda decade: valley(min(decade, -2))))
    assert "does not diverge up to 1.0e+01" in said
    assert float(yaml.safe_load(said)["lr"]["max"]) == 10.0


@pytest.mark.parametrize("shape", [lambda decade: 2.0, lambda decade: 2.0 + math.exp(decade)])
def test_a_loss_that_falls_at_no_rate_suggests_nothing(finder: Any, shape: Callable[[float], float]) -> None:
    with pytest.raises(SystemExit, match="nothing to suggest"):
        finder.suggestion("lr", points(finder, shape))


def test_a_loss_that_is_no_number_has_diverged(finder: Any) -> None:
    assert finder.has_diverged(finder.Point(1.0, math.nan, math.nan), 0.5)
    assert finder.has_diverged(finder.Point(1.0, math.inf, math.inf), 0.5)
    assert not finder.has_diverged(finder.Point(1.0, 0.9, 0.9), 0.5)
