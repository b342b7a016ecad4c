"""Where a sweep stands: what `status` says, as facts. Nothing here prints, writes or locks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sweeprun.cli.outlook import left_s
from sweeprun.cli.presence import Presence
from sweeprun.cli.ranking import Ranking, named, ranked, up_to_date
from sweeprun.errors import SpaceError
from sweeprun.front import feasible
from sweeprun.objective import Objective
from sweeprun.run.budget import Budget, Reached, forgiven
from sweeprun.run.progress import Reporting
from sweeprun.store import earlier
from sweeprun.store.liveness import Observer, Worker
from sweeprun.store.sweep import Sweep
from sweeprun.trials import MEMBER, OPEN, Json, Trial, TrialState


@dataclass(frozen=True)
class Standing:
    """`state` is running (a worker is alive), finished (nothing more will be done) or stopped (something is left).
    `eta_s` is None where it cannot be known."""

    sweep: Sweep
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...]
    presence: Presence
    state: str
    reason: str
    budget: dict[str, dict[str, float | None]]
    eta_s: float | None
    now: float
    earlier_damage: str | None

    @classmethod
    def of(cls, sweep: Sweep, observer: Observer) -> Standing:
        resolved, now = sweep.resolved, time.time()
        reporting = Reporting.of(resolved)
        trials = tuple(up_to_date(sweep, reporting))
        presence = Presence.of(sweep.layout, observer, now)
        alive = {worker.uuid for worker in presence.workers}.__contains__
        limits = Budget.of(resolved["budget"], forgiven(sweep.edits))
        used = limits.used(trials, now, alive)
        reached = limits.reached(trials, reporting.objectives, now, alive)
        state, reason = _state(sweep, trials, bool(presence.workers), reached)
        limit, begun = used["trials"]["limit"], used["trials"]["used"] or 0.0
        eta_s = None if limit is None or state != "running" else left_s(trials, limit - begun, now)
        learns = (resolved["warm_start"] or {}).get("from")
        damage = earlier.read(sweep.layout).damage if learns else None
        return cls(sweep, reporting.objectives, trials, presence, state, reason, used, eta_s, now, damage)

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state; damaged ones are in none."""
        states = Counter(trial.state for trial in self.trials if not trial.damaged)
        damaged = sum(trial.damaged for trial in self.trials)
        return {state.value: states[state] for state in TrialState} | {"damaged": damaged}

    @property
    def objective(self) -> Objective:
        """The first one."""
        return self.objectives[0]

    @cached_property
    def ranking(self) -> Ranking:
        """The trials by `best`'s rules."""
        return ranked(self.objectives, self.trials)

    @property
    def best(self) -> Trial | None:
        """The best trial so far; of a front that which is the best by the first objective."""
        return next(iter(self.ranking.trials), None)

    def having(self, state: TrialState) -> list[Trial]:
        """The trials in `state`, damaged ones aside."""
        return [trial for trial in self.trials if trial.state is state and not trial.damaged]

    def owner(self, trial: Trial) -> Worker | None:
        """The living worker that runs `trial`; None where it is dead."""
        return next((worker for worker in self.presence.workers if worker.uuid == trial.worker), None)

    def body(self) -> dict[str, Json]:
        """The document of `status --json`."""
        best = self.best
        return {
            "sweep": self.sweep.name,
            "dir": str(self.sweep.layout.directory),
            "state": self.state,
            "reason": self.reason,
            "counts": self.counts,
            **named(self.objectives),
            "best": best and self._best(best),
            "front": [self._best(trial) for trial in self.ranking.trials] if self.ranking.is_front else None,
            "budget": self.budget,
            "workers": [_worker(worker) for worker in self.presence.workers],
            "unseen": [_worker(unseen.worker) | {"since": unseen.since} for unseen in self.presence.unseen],
            "running": [self._running(trial) for trial in self.having(TrialState.RUNNING)],
            "waiting": [_waiting(trial) for trial in self.having(TrialState.WAITING)],
            "eta_s": self.eta_s,
            "damaged": [_damage(trial) for trial in self.trials if trial.damaged],
            "earlier_damage": self.earlier_damage,
            "strangers": [str(path) for path in self.sweep.strangers],
        }

    def _best(self, trial: Trial) -> dict[str, Json]:
        return {
            "number": trial.number,
            "state": trial.state.value,
            "params": trial.params,
            "values": dict(trial.values),
            "feasible": feasible(self.objectives, trial),
            "step": trial.step,
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


def kinds(failed: Sequence[Trial]) -> str:
    """What they failed of, the most frequent first."""
    found = Counter(trial.failure.kind.value for trial in failed if trial.failure is not None)
    return ", ".join(f"{kind} {n} times" if n > 1 else kind for kind, n in found.most_common())


def _state(sweep: Sweep, trials: Sequence[Trial], at_work: bool, reached: Reached | None) -> tuple[str, str]:
    left = Counter(trial.state for trial in trials if trial.state in OPEN)
    # Under the limit of trials those that wait are still to be run, and of those that are paused some may go on; under
    # any other one they are not.
    goes_on = (reached is None or reached.key == "trials") and not left and _goes_on(sweep, trials)
    over = reached is not None and (reached.key != "trials" or not (left or goes_on))
    if at_work and (left[TrialState.RUNNING] or not over):
        return "running", ""
    if reached is not None and over:
        return "finished", reached.why + _way_on(reached, left[TrialState.WAITING])
    if left:
        what = " and ".join(f"{n} {state}" for state, n in left.items())
        is_left = "is left" if left.total() == 1 else "are left"
        return "stopped", f"no worker is alive, and {what} {is_left}; sweeprun resume goes on"
    if goes_on:
        n_paused = sum(trial.state is TrialState.PAUSED for trial in trials)
        going_on = "1 paused trial goes on" if n_paused == 1 else f"of {n_paused} paused trials some go on"
        return "stopped", f"no worker is alive, and {going_on}: sweeprun resume"
    if (exhausted := _exhausted(sweep, trials)) is not None:
        return "finished", exhausted
    return "stopped", "no worker is alive, and the budget is not used up; sweeprun resume goes on"


def _way_on(reached: Reached, n_waiting: int) -> str:
    if reached.key == "failures":
        return "; sweeprun resume forgives them"
    return "; what waits is run where that limit is raised: sweeprun resume --edit FILE" if n_waiting else ""


def _goes_on(sweep: Sweep, trials: Sequence[Trial]) -> bool:
    """Whether a worker would take on one of the trials that are paused. Costs the import of all that it needs."""
    if not any(trial.state is TrialState.PAUSED for trial in trials):
        return False
    from sweeprun.run.plan import Plan

    plan = Plan.load(sweep)
    history = plan.history(trials)
    return plan.promotion(history) is not None or (plan.is_population and plan.suggest(history) is not None)


def _exhausted(sweep: Sweep, trials: Sequence[Trial]) -> str | None:
    """Why nothing more is suggested, None where something is. Costs the import of all that a worker needs, where it is
    not plain: the last question to ask."""
    if _endless(sweep.resolved["parameters"]) and not any(MEMBER in trial.notes for trial in trials):
        return None
    from sweeprun.run.plan import Plan

    plan = Plan.load(sweep)
    history = plan.history(trials)
    try:
        all_tried = plan.suggest(history) is None if plan.is_population else plan.space.size == history.n_tried
    except SpaceError:  # more configurations than can be counted are more than can have been tried
        return None
    return plan.sampler.exhausted if all_tried else None


def _endless(entries: Mapping[str, Json]) -> bool:
    """Whether one of the parameters is a range of real numbers without steps."""
    return any(_endless(each["parameters"]) if "parameters" in each else _is_real(each) for each in entries.values())


def _is_real(entry: Mapping[str, Json]) -> bool:
    if "any" in entry:
        return any(map(_is_real, entry["any"]))
    ends = [entry.get("min"), entry.get("max")]
    return float in map(type, ends) and ends[0] != ends[1] and not entry.keys() & {"step", "repeat"}


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
    return {"number": trial.number, "reason": trial.reason, "why": trial.why}


def _damage(trial: Trial) -> dict[str, Json]:
    return {"number": trial.number, "why": trial.why}
