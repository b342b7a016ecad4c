"""Where a sweep stands: what `status` says, as facts. Nothing here prints, writes or locks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sweeprun.cli.declared import Declared
from sweeprun.cli.ranking import ranked, up_to_date
from sweeprun.errors import SpaceError
from sweeprun.store.liveness import Observer, Worker
from sweeprun.store.sweep import Sweep
from sweeprun.trial import Json, Trial, TrialState

_OPEN = (TrialState.WAITING, TrialState.RUNNING)


@dataclass(frozen=True, slots=True)
class Standing:
    """`state` is running (a worker is alive), finished (nothing is left to do) or stopped (something is). `workers` of
    other machines are alive as far as their beats have been watched. `eta_s` is None where it cannot be known."""

    sweep: Sweep
    declared: Declared
    trials: tuple[Trial, ...]
    workers: tuple[Worker, ...]
    state: str
    reason: str
    budget: dict[str, dict[str, float | None]]
    eta_s: float | None
    now: float

    @classmethod
    def of(cls, sweep: Sweep, observer: Observer) -> Standing:
        declared, now = Declared.of(sweep), time.time()
        trials = tuple(up_to_date(sweep, declared))
        workers = tuple(observer.workers())
        state, reason = _state(sweep, trials, workers)
        budget = _budget(declared, trials, now, {worker.uuid for worker in workers})
        eta_s = _eta_s(trials, budget["trials"], now) if state == "running" else None
        return cls(sweep, declared, trials, workers, state, reason, budget, eta_s, now)

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state; damaged ones are in none."""
        states = Counter(trial.state for trial in self.trials if not trial.damaged)
        damaged = sum(trial.damaged for trial in self.trials)
        return {state.value: states[state] for state in TrialState} | {"damaged": damaged}

    @property
    def best(self) -> Trial | None:
        """The best trial so far, by `best`'s rules."""
        return next(iter(ranked(self.declared, self.trials).trials), None)

    def having(self, state: TrialState) -> list[Trial]:
        """The trials in `state`, damaged ones aside."""
        return [trial for trial in self.trials if trial.state is state and not trial.damaged]

    def owner(self, trial: Trial) -> Worker | None:
        """The living worker that runs `trial`; None where it is dead."""
        return next((worker for worker in self.workers if worker.uuid == trial.worker), None)

    def body(self) -> dict[str, Json]:
        """The document of `status --json`."""
        best = self.best
        return {
            "sweep": self.sweep.name,
            "dir": str(self.sweep.layout.directory),
            "state": self.state,
            "reason": self.reason,
            "counts": self.counts,
            "best": best and {
                "number": best.number,
                "state": best.state.value,
                "params": best.params,
                "values": dict(best.values),
                "step": best.step,
            },
            "budget": self.budget,
            "workers": [_worker(worker) for worker in self.workers],
            "running": [self._running(trial) for trial in self.having(TrialState.RUNNING)],
            "waiting": [_waiting(trial) for trial in self.having(TrialState.WAITING)],
            "eta_s": self.eta_s,
            "damaged": [_damage(trial) for trial in self.trials if trial.damaged],
            "strangers": [str(path) for path in self.sweep.strangers],
        }

    def _running(self, trial: Trial) -> dict[str, Json]:
        return {
            "number": trial.number,
            "run": trial.run,
            "worker": trial.worker,
            "alive": self.owner(trial) is not None,
            "seconds": self.now - trial.runs[-1].started,
            "step": trial.last_step,
            "values": dict(trial.values),
        }


def _state(sweep: Sweep, trials: Sequence[Trial], workers: Sequence[Worker]) -> tuple[str, str]:
    if workers:
        return "running", ""
    left = Counter(trial.state for trial in trials if trial.state in _OPEN)
    if left:
        what = " and ".join(f"{n} {state}" for state, n in left.items())
        return "stopped", f"no worker is alive, and {what} are left; sweeprun resume goes on"
    over = _over(sweep, trials)
    if over is not None:
        return "finished", over
    return "stopped", "no worker is alive, and the budget is not used up; sweeprun resume goes on"


def _over(sweep: Sweep, trials: Sequence[Trial]) -> str | None:
    """Why nothing new will be tried; None where something would. Costs the import of all that a worker needs."""
    from sweeprun.history import History
    from sweeprun.run.plan import Plan

    plan = Plan.load(sweep)
    history = History(plan.space, plan.objectives, trials)
    reached = plan.budget.reached(history, time.time(), plan.forgiven)
    if reached is not None:
        return reached.why
    try:
        exhausted = plan.space.size == history.n_tried
    except SpaceError:  # more configurations than can be counted are more than can have been tried
        exhausted = False
    return "every configuration of the space has been tried" if exhausted else None


def _budget(
    declared: Declared, trials: Sequence[Trial], now: float, alive: set[str]
) -> dict[str, dict[str, float | None]]:
    from sweeprun.run.budget import Budget

    said = declared.resolved["budget"]
    return Budget(trials=said["trials"], wall=said["wall"]).used(trials, now, alive.__contains__)


def _eta_s(trials: Sequence[Trial], configurations: dict[str, float | None], now: float) -> float | None:
    """How long the rest will take if trials go on to take as long as they did, at as many at once as now."""
    ended = [trial.seconds for trial in trials if trial.state.final and trial.runs]
    running = [trial for trial in trials if trial.state is TrialState.RUNNING]
    limit, used = configurations["limit"], configurations["used"]
    if limit is None or used is None or not running or not any(trial.state is TrialState.COMPLETE for trial in trials):
        return None
    mean = sum(ended) / len(ended)
    waiting = sum(trial.state is TrialState.WAITING for trial in trials)
    begun = sum(max(0.0, mean - (now - trial.runs[-1].started)) for trial in running)
    return (mean * (max(0.0, limit - used) + waiting) + begun) / len(running)


def _worker(worker: Worker) -> dict[str, Json]:
    return {
        "uuid": worker.uuid,
        "host": worker.host,
        "pid": worker.pid,
        "here": worker.here,
        "started": worker.started,
        "devices": list(worker.devices),
    }


def _waiting(trial: Trial) -> dict[str, Json]:
    return {"number": trial.number, "reason": trial.reason}


def _damage(trial: Trial) -> dict[str, Json]:
    return {"number": trial.number, "why": trial.reason}
