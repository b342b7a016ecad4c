"""Optuna with its random sampler, a thread for each slot; STORAGE is memory, journal or sqlite."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def storage(kind: str) -> Any:
    if kind == "journal":
        return JournalStorage(JournalFileBackend("journal.log"))
    return None if kind == "memory" else "sqlite:///study.db"


def main() -> None:
    kind, n, slots, script = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        done = subprocess.run([sys.executable, script, f"--x={x}"], check=True, capture_output=True, text=True)
        return float(done.stdout)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=storage(kind), sampler=optuna.samplers.RandomSampler(0))
    study.optimize(objective, n_trials=n, n_jobs=slots)


if __name__ == "__main__":
    main()
