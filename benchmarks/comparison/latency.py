"""What a suggestion costs an optimizer that knows so many trials: the mean milliseconds of 20, each told.

    python -m comparison.latency NAME N_TRIALS
"""

from __future__ import annotations

import os
import sys
import time

from optimizers import start
from problems.mixed import ten_mixed

N_ASKS = 20


def main() -> None:
    result = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # some optimizers print
    name, n_trials = sys.argv[1], int(sys.argv[2])
    problem = ten_mixed()
    optimizer = start(name, problem, 0, n_trials + N_ASKS + 1)
    optimizer.preload(n_trials)
    begun = 0.0
    for number in range(n_trials, n_trials + N_ASKS + 1):
        params = optimizer.ask(number)
        assert params is not None
        optimizer.tell(number, problem.values(params))
        begun = begun or time.perf_counter()  # the first reads every trial, once for a process
    print(1000 * (time.perf_counter() - begun) / N_ASKS, file=result)


if __name__ == "__main__":
    main()
