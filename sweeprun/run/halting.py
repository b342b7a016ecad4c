"""Everything that can end a worker's work, the hardest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sweeprun.history import History
from sweeprun.run.budget import Halt, Reached, Tally
from sweeprun.run.ledger import Ledger
from sweeprun.run.plan import Plan
from sweeprun.run.spawning import Spawning
from sweeprun.store.sweep import StopRequest, Sweep

WALL_LOOK_S = 10.0  # at the latest; adding up ten thousand runs is not for every turn of the loop


@dataclass(slots=True)
class Switch:
    """How the outside asks a worker to leave. `level` 1: no new trials; 2: running ones are ended and wait; 3: at
    once. Set by signal handlers and timeouts; `why` is for people."""

    level: int = 0
    why: str = ""

    def turn(self, level: int, why: str) -> None:
        if level > self.level:
            self.level, self.why = level, why


class Halting:
    """Tells whether a worker goes on. `obeyed` is the request to stop that was there before the worker was, `now` the
    time of day; `alive` tells by its uuid whether a worker lives."""

    def __init__(
        self,
        sweep: Sweep,
        plan: Plan,
        switch: Switch,
        obeyed: StopRequest | None,
        ledger: Ledger,
        spawning: Spawning,
        now: Callable[[], float],
        alive: Callable[[str], bool],
    ):
        self._sweep, self._switch, self._ledger = sweep, switch, ledger
        self._obeyed, self._spawning = obeyed, spawning
        self._now, self._alive = now, alive
        self.adopt(plan)

    def adopt(self, plan: Plan) -> None:
        """Go by `plan` from now on."""
        self._plan, self._look_at = plan, float("-inf")
        self._time_out: Reached | None = None
        self._judged: tuple[History, Reached | None] | None = None

    def reached(self, history: History) -> Reached | None:
        """What ends the work now; None: nothing."""
        return self._told() or self.stuck() or self._expired(history) or self._spent(history)

    def may_create(self, history: History) -> bool:
        """Whether the budget allows one more configuration."""
        budget, tally = self._plan.budget, self._tally(history)
        return budget.reached(history.trials, history.objectives, self._now(), self._alive, tally) is None

    @property
    def impatient(self) -> bool:
        """Whether not even what has ended can wait any longer for the disk: its exit.json must do."""
        return self._switch.level > 1 or self._ledger.trouble_s > self._plan.store_patience_s

    def _told(self) -> Reached | None:
        if self._switch.level:
            return Reached("switch", Halt.FINISH if self._switch.level == 1 else Halt.STOP, self._switch.why)
        request = self._sweep.stop_request()
        if request is not None and request != self._obeyed:
            return Reached("stop", Halt.STOP if request.now else Halt.FINISH, "sweeprun stop was typed")
        return None

    def stuck(self) -> Reached | None:
        """The end of our patience with a disk that refuses, or with a program that cannot be started."""
        if self._ledger.trouble is not None and self._ledger.trouble_s > self._plan.store_patience_s:
            return Reached("store", Halt.STOP, str(self._ledger.trouble))
        return self._spawning.hopeless

    def _expired(self, history: History) -> Reached | None:
        """Once a limit of time is reached it stays so: what the trials that it ends are found to have used may be a
        little less than what they seemed to use while they ran."""
        now = self._now()
        if self._time_out is None and now >= self._look_at:
            left_s = self._plan.budget.time_left_s(history.trials, now, self._alive)
            self._look_at = now + min(left_s, WALL_LOOK_S)
            self._time_out = self._plan.budget.expired(history.trials, now, self._alive)
        return self._time_out

    def _spent(self, history: History) -> Reached | None:
        if self._judged is None or self._judged[0] is not history:
            tally = self._tally(history)
            self._judged = history, self._plan.budget.spent(history.trials, history.objectives, tally)
        return self._judged[1]

    def _tally(self, history: History) -> Tally:
        forgiven = self._plan.budget.forgiven
        return history.part(("tally", forgiven), lambda: Tally(forgiven))
