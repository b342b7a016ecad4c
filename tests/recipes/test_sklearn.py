"""The recipe without torch: each branch learns, folds are steps, and it needs nothing of sweeprun."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest

pytest.importorskip("sklearn", reason="the recipes need the extra `recipes`")

PROGRAM = "sklearn/train.py"
SOURCE = Path(__file__).parents[2] / "recipes" / PROGRAM
pytestmark = pytest.mark.slow  # each program imports scikit-learn


@pytest.mark.parametrize("model", ["boosting", "svm", "forest"])
def test_every_branch_tells_the_classes_apart(model: str, alone: Callable[..., list[str]]) -> None:
    reports = [json.loads(line) for line in alone(PROGRAM, f"--model={model}", "--n_trees=20", "--folds=3")]
    assert [said["fold"] for said in reports] == [1, 2, 3]
    assert reports[-1]["roc_auc"] > 0.97  # guessing is 0.5
    assert reports[-1]["accuracy"] > 0.9  # the larger class is 0.63


def test_the_means_over_the_folds_so_far_are_reported_beside_each_fold(alone: Callable[..., list[str]]) -> None:
    reports = [json.loads(line) for line in alone(PROGRAM, "--folds=4")]
    folds = [said["fold_accuracy"] for said in reports]
    assert len(set(folds)) > 1
    assert all(0.8 < score <= 1.0 for score in folds)
    assert [said["accuracy"] for said in reports] == [fmean(folds[: i + 1]) for i in range(4)]


def test_it_imports_nothing_of_sweeprun() -> None:
    nodes = ast.walk(ast.parse(SOURCE.read_text()))
    imports = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports
    assert not [line for line in imports if "sweeprun" in line]
