"""No epochs at all: a forest, and one number at the end."""
# ruff: noqa - written as such scripts are

import argparse

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--n_estimators", type=int, default=20)
parser.add_argument("--max_depth", type=int, default=4)
parser.add_argument("--min_samples_leaf", type=int, default=1)
parser.add_argument("--criterion", choices=["gini", "entropy"], default="gini")
parser.add_argument("--random_state", type=int, default=0)
parser.add_argument("--test_size", default=0.3)
args = parser.parse_args()

X_train, X_val, y_train, y_val = train_test_split(*load_iris(return_X_y=True), test_size=float(args.test_size), random_state=0)
model = RandomForestClassifier(
    n_estimators=args.n_estimators,
    max_depth=args.max_depth,
    min_samples_leaf=args.min_samples_leaf,
    criterion=args.criterion,
    random_state=args.random_state,
)
model.fit(X_train, y_train)
print("Validation accuracy:", accuracy_score(y_val, model.predict(X_val)))
