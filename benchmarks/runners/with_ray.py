"""Ray Tune with its random search."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from ray import tune


def main() -> None:
    n, slots, script = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

    def objective(config: dict[str, Any]) -> dict[str, float]:
        command = [sys.executable, script, f"--x={config['x']}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return {"loss": float(done.stdout)}

    settings = tune.TuneConfig(metric="loss", mode="min", num_samples=n, max_concurrent_trials=slots)
    run = tune.RunConfig(storage_path=os.getcwd(), verbose=0)
    tune.Tuner(objective, param_space={"x": tune.uniform(0.0, 1.0)}, tune_config=settings, run_config=run).fit()


if __name__ == "__main__":
    main()
