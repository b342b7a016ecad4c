"""Boosting, a support vector machine or a random forest on scikit-learn's breast cancer data (569 cases, 30 features).

The program needs nothing of sweeprun: it takes arguments, and after each fold of a cross-validation it prints a line of
JSON with the means over the folds so far and with what this fold gave. Alone: `python train.py --model=svm --svm_c=3`.
In a sweep: see sweep.yaml.
"""

from __future__ import annotations

import argparse
import json
import os
from statistics import fmean

from sklearn.base import ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

METRICS = "roc_auc", "accuracy"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--model", choices=["boosting", "svm", "forest"], default="svm")
    parser.add_argument("--n_trees", type=int, default=100, help="of boosting and forest")
    parser.add_argument("--depth", type=int, default=3, help="of boosting and forest")
    parser.add_argument("--learning_rate", type=float, default=0.1, help="of boosting")
    parser.add_argument("--subsample", type=float, default=1.0, help="of boosting: the share of cases that a tree sees")
    parser.add_argument("--features", type=float, default=0.2, help="of forest: the share that a split chooses from")
    parser.add_argument("--balanced", action="store_true", help="svm and forest: the rarer class counts as much")
    parser.add_argument("--svm_c", type=float, default=1.0, help="what an error costs")
    parser.add_argument("--gamma", type=float, default=0.03, help="of svm: one over a squared distance")
    return parser.parse_args()


def build_model(arguments: argparse.Namespace) -> ClassifierMixin:
    weight = "balanced" if arguments.balanced else None
    if arguments.model == "svm":
        return make_pipeline(StandardScaler(), SVC(C=arguments.svm_c, gamma=arguments.gamma, class_weight=weight))
    seed = int(os.environ.get("SWEEPRUN_SEED", "0"))
    trees = {"n_estimators": arguments.n_trees, "max_depth": arguments.depth, "random_state": seed}
    if arguments.model == "forest":
        return RandomForestClassifier(max_features=arguments.features, class_weight=weight, **trees)
    return GradientBoostingClassifier(learning_rate=arguments.learning_rate, subsample=arguments.subsample, **trees)


def main() -> None:
    arguments = parse_arguments()
    x, y = load_breast_cancer(return_X_y=True)
    scores: dict[str, list[float]] = {name: [] for name in METRICS}
    folds = StratifiedKFold(arguments.folds, shuffle=True, random_state=0)  # the same ones in every trial
    for fold, (training, held_out) in enumerate(folds.split(x, y), start=1):
        model = build_model(arguments).fit(x[training], y[training])
        for name, seen in scores.items():
            seen.append(get_scorer(name)(model, x[held_out], y[held_out]))
        means = {name: fmean(seen) for name, seen in scores.items()}
        own = {f"fold_{name}": seen[-1] for name, seen in scores.items()}
        print(json.dumps({"fold": fold} | means | own), flush=True)


if __name__ == "__main__":
    main()
