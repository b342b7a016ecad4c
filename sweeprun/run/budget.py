"""When a sweep stops: pure functions of the record and the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from sweeprun.front import Front, excess
from sweeprun.kept import Part
from sweeprun.objective import Objective
from sweeprun.trials import FailureClass, Trial, TrialState

COUNTED_ORIGINS = ("search", "first")
Limit = Literal["trials", "wall", "deadline", "target", "plateau", "failures", "switch", "stop", "store"]


class Halt(StrEnum):
    """What becomes of running trials when a limit is reached."""

    FINISH = "finish"  # they go on to their end
    STOP = "stop"  # they are ended and wait for a resume


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that is reached: which, what that means for running trials, and the sentence about it. The last three
    of `Limit` are no budgets: this worker was told to leave, every worker was, the disk refuses for too long."""

    key: Limit
    halt: Halt
    why: str

    @property
    def ends_sweep(self) -> bool:
        """Whether no worker runs a trial again that waits, or that is left of a dead one."""
        return self.key not in ("trials", "switch", "stop", "store")


@dataclass(frozen=True, slots=True)
class Plateau:
    """Stop when `trials` trials in a row improved the best, or the front, by no more than `min_delta`."""

    trials: int
    min_delta: float = 0.0


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """Stop after so many failures in a row, or this share of the finished trials once there are `after`."""

    consecutive: int = 10
    fraction: float = 0.5
    after: int = 20


def _held_for_alive(worker: str) -> bool:
    """What one who cannot look thinks of every worker."""
    return True


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of a sweep. `wall` in seconds, `deadline` in seconds since the epoch. Failures of trials below
    `forgiven` do not count."""

    trials: int | None = None
    wall: float | None = None
    deadline: float | None = None
    target: Mapping[str, float] = field(default_factory=dict)
    plateau: Plateau | None = None
    failures: FailureLimit = field(default_factory=FailureLimit)
    forgiven: int = 0

    @classmethod
    def of(cls, said: Mapping[str, Any], forgiven: int = 0) -> Budget:
        """The limits that the section `budget` of a resolved sweep file names."""
        plateau = said["plateau"]
        return cls(
            trials=said["trials"],
            wall=said["wall"],
            deadline=said["deadline"],
            target=said["target"],
            plateau=plateau and Plateau(**plateau),
            failures=FailureLimit(**said["failures"]),
            forgiven=forgiven,
        )

    def reached(
        self,
        trials: Sequence[Trial],
        objectives: Sequence[Objective],
        now: float,
        alive: Callable[[str], bool] = _held_for_alive,
        tally: Tally | None = None,
    ) -> Reached | None:
        """The first limit that is reached, those of time first."""
        return self.expired(trials, now, alive) or self.spent(trials, objectives, tally)

    def spent(
        self, trials: Sequence[Trial], objectives: Sequence[Objective], tally: Tally | None = None
    ) -> Reached | None:
        """The first limit that the record has reached. `tally` is of these trials, where somebody keeps one."""
        tally = tally or Tally(self.forgiven, trials)
        checks = (
            self._failures(tally),
            self._target(trials, objectives),
            self._plateau(trials, objectives),
            self._trials(len(tally.configurations)),
        )
        return next((reached for reached in checks if reached), None)

    def expired(self, trials: Sequence[Trial], now: float, alive: Callable[[str], bool]) -> Reached | None:
        """The limit of time that is reached by `now`; `alive` tells by its uuid whether a worker lives."""
        if self.deadline is not None and now >= self.deadline:
            return Reached("deadline", Halt.STOP, "budget.deadline has passed")
        if self.wall is not None and wall_s(trials, now, alive) >= self.wall:
            return Reached("wall", Halt.STOP, f"budget.wall of {self.wall:g} s is used up")
        return None

    def time_left_s(self, trials: Sequence[Trial], now: float, alive: Callable[[str], bool]) -> float:
        """No limit of time is reached before so many seconds have passed, unless runs become known that were not."""
        left = [] if self.deadline is None else [self.deadline - now]
        if self.wall is not None:
            left.append(self.wall - wall_s(trials, now, alive))
        return min(left, default=float("inf"))

    def used(
        self, trials: Sequence[Trial], now: float, alive: Callable[[str], bool] = _held_for_alive
    ) -> dict[str, dict[str, float | None]]:
        """What is used of each countable limit, for `status`."""
        used = {"trials": float(configurations(trials)), "wall": wall_s(trials, now, alive)}
        limits = {"trials": self.trials, "wall": self.wall}
        return {key: {"used": used[key], "limit": limits[key]} for key in used}

    def _trials(self, n_configurations: int) -> Reached | None:
        if self.trials is None or n_configurations < self.trials:
            return None
        tried = "the one configuration of the budget is tried"
        if self.trials > 1:
            tried = f"all {self.trials} configurations of the budget are tried"
        return Reached("trials", Halt.FINISH, tried)

    def _target(self, trials: Sequence[Trial], objectives: Sequence[Objective]) -> Reached | None:
        wanted = [(each, self.target[each.name]) for each in objectives if each.name in self.target]
        if not wanted:
            return None
        for trial in trials:
            if trial.state is TrialState.FAILED:  # so does a damaged one read
                continue
            near = all(objective.loss_of(trial) <= objective.loss(value) for objective, value in wanted)
            if near and excess(objectives, trial) == 0:
                came = " and ".join(f"{each.name} {trial.values[each.name]:.6g}" for each, _ in wanted)
                targets = " and ".join(f"{value:g}" for _, value in wanted)
                why = f"trial {trial.number} reached {came}, the target was {targets}"
                return Reached("target", Halt.FINISH, why)
        return None

    def _plateau(self, trials: Sequence[Trial], objectives: Sequence[Objective]) -> Reached | None:
        if self.plateau is None:
            return None
        n, delta = self.plateau.trials, self.plateau.min_delta
        ends = [trial for trial in trials if trial.state.final and not trial.damaged]
        before = Front(objectives, ends[:-n])
        if not before or any(before.improved_by(trial, delta) for trial in ends[-n:]):
            return None
        what = "best" if len(objectives) == 1 else "front"
        last = "the last trial" if n == 1 else f"the last {n} trials"
        return Reached("plateau", Halt.FINISH, f"{last} improved the {what} by no more than {delta:g}")

    def _failures(self, tally: Tally) -> Reached | None:
        limit, n_failed, n_ended = self.failures, len(tally.failed), len(tally.ended)
        if tally.streak >= limit.consecutive:
            failed = "the last trial failed" if tally.streak == 1 else f"the last {tally.streak} trials all failed"
            return Reached("failures", Halt.FINISH, failed)
        if n_ended >= limit.after and n_failed > limit.fraction * n_ended:
            trials = "trial" if n_ended == 1 else "trials"
            return Reached("failures", Halt.FINISH, f"{n_failed} of {n_ended} {trials} failed")
        return None


class Tally(Part):
    """The numbers of the trials that count: as `configurations`; of those from `forgiven` on the ones that `ended`, and
    that `failed`."""

    def __init__(self, forgiven: int, trials: Iterable[Trial] = ()):
        self._forgiven = forgiven
        self._n = 0
        self.configurations: set[int] = set()
        self.ended: set[int] = set()
        self.failed: set[int] = set()
        for trial in trials:
            self.note(trial)

    def note(self, trial: Trial) -> None:
        self.forget(trial.number)
        self._n = max(self._n, trial.number + 1)
        if _is_configuration(trial):
            self.configurations.add(trial.number)
        if trial.number >= self._forgiven and trial.state.final and not trial.damaged:
            self.ended.add(trial.number)
            if _counts_as_failed(trial):
                self.failed.add(trial.number)

    def forget(self, number: int) -> None:
        for numbers in (self.configurations, self.ended, self.failed):
            numbers.discard(number)

    @property
    def streak(self) -> int:
        """How many of the last that ended failed, one after the other."""
        streak = 0
        for number in range(self._n - 1, -1, -1):
            if number in self.failed:
                streak += 1
            elif number in self.ended:
                break
        return streak


def forgiven(edits: Sequence[Mapping[str, Any]]) -> int:
    """Failures of trials below this number do not count: somebody has resumed the sweep since."""
    return max((change.get("forgiven", 0) for change in edits), default=0)


def configurations(trials: Sequence[Trial]) -> int:
    """How many configurations count against `budget.trials`. A damaged record counts for what it can still tell; one
    that tells nothing is a new configuration, the usual thing."""
    return sum(map(_is_configuration, trials))


def wall_s(trials: Sequence[Trial], now: float, alive: Callable[[str], bool]) -> float:
    """Seconds during which at least one trial ran: the union of all runs. The last run of a dead worker's trial counts
    once a takeover has said how long it was: till now would be the night in which nobody worked."""
    spans = sorted(
        (run.started, run.started + run.seconds if run.seconds is not None else now)
        for trial in trials
        for run in trial.runs
        if run.seconds is not None or (trial.state is TrialState.RUNNING and alive(trial.worker))
    )
    total, end = 0.0, float("-inf")
    for start, stop in spans:
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def _is_configuration(trial: Trial) -> bool:
    return trial.origin in COUNTED_ORIGINS and trial.repeat == 0


def _counts_as_failed(trial: Trial) -> bool:
    return trial.state is TrialState.FAILED and not (trial.failure and trial.failure.kind is FailureClass.NAN)
