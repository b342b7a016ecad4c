"""What the sweep file means to a worker: its settings as the objects that do the work."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeprun import registry
from sweeprun.expressions import Expression
from sweeprun.history import Objective
from sweeprun.pruners.base import Pruner
from sweeprun.run.budget import Budget, FailureLimit, Plateau
from sweeprun.run.outcome import Retry
from sweeprun.run.progress import Reporting
from sweeprun.samplers import auto
from sweeprun.samplers.base import Sampler
from sweeprun.space import Space
from sweeprun.spec.sections import Budget as BudgetSection
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store.sweep import Sweep
from sweeprun.trial import Trial


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the loop asks of the sweep file. Times in seconds. `n_edits` accepted changes are in it; failures
    of trials below `forgiven` count no more."""

    command: tuple[str, ...]
    args: str
    env: Mapping[str, str]
    workdir: Path
    first: int | None
    reporting: Reporting
    space: Space
    objectives: tuple[Objective, ...]
    sampler: Sampler
    pruner: Pruner
    needs_curves: bool
    seed: int
    budget: Budget
    forgiven: int
    retry: Retry
    trial_wall_s: float | None
    no_progress_s: float | None
    on_nonfinite: str
    grace_s: float
    stop_signal: int
    store_patience_s: float
    n_edits: int

    @classmethod
    def load(cls, sweep: Sweep) -> Plan:
        """The plan of a sweep directory, every accepted change included."""
        edits = list(sweep.edits)
        forgiven = max((change.get("forgiven", 0) for change in edits), default=0)
        return cls.of(SweepFile.model_validate(sweep.resolved), forgiven, len(edits))

    @classmethod
    def of(cls, file: SweepFile, forgiven: int = 0, n_edits: int = 0) -> Plan:
        """The plan of a sweep file. Raises SweepFileError for an algorithm or an option that there is not."""
        algorithm = settled(file).algorithm
        pruner = registry.load("pruner", file.pruner.name, file.pruner.options, file.seed)
        return cls(
            command=file.command,
            args=file.args,
            env=file.env,
            workdir=Path(file.workdir),
            first=file.step.first if file.step else None,
            reporting=_reporting(file, getattr(pruner, "metric", None)),
            space=file.space,
            objectives=file.objectives,
            sampler=registry.load("sampler", algorithm.name, algorithm.options, file.seed),
            pruner=pruner,
            needs_curves=file.pruner.name != "none",
            seed=file.seed,
            budget=_budget(file.budget),
            forgiven=forgiven,
            retry=Retry(file.retry.max, file.retry.on),
            trial_wall_s=file.budget.trial_wall,
            no_progress_s=file.budget.no_progress,
            on_nonfinite=file.on_nonfinite,
            grace_s=file.stop.grace,
            stop_signal=signal.Signals[file.stop.signal],
            store_patience_s=file.store.retry,
            n_edits=n_edits,
        )

    def first_step(self, trials: Iterable[Trial]) -> int | None:
        """What programs call their first step: as the file says, else as the first report of the sweep decided."""
        if self.first is not None:
            return self.first
        return next((trial.first for trial in trials if trial.first is not None), None)


def settled(file: SweepFile) -> SweepFile:
    """`file` with `algorithm: auto` replaced by what it chooses: once, when a sweep is created."""
    if file.algorithm.name != "auto":
        return file
    choice = auto.choose(file.space, file.budget.trials)
    named = type(file.algorithm)(name=choice.name, **file.algorithm.options)
    return file.model_copy(update={"algorithm": named})


def _reporting(file: SweepFile, pruner_metric: Any) -> Reporting:
    first = file.objectives[0]
    derived = {metric.name: Expression.parse(metric.expr) for metric in file.derived if metric.expr is not None}
    tracked = [objective.name for objective in file.objectives] + [pruner_metric] * bool(pruner_metric)
    return Reporting(
        metric=first.name,
        maximize=first.goal == "maximize",
        step=file.step.name if file.step else "epoch",
        reduce=file.reduce,
        tracked=tuple(dict.fromkeys(tracked)),
        derived=derived,
        from_stdout=file.metrics_from == "stdout",
    )


def _budget(section: BudgetSection) -> Budget:
    plateau, failures = section.plateau, section.failures
    return Budget(
        trials=section.trials,
        wall=section.wall,
        deadline=section.deadline,
        target=section.target,
        plateau=Plateau(plateau.trials, plateau.min_delta) if plateau else None,
        failures=FailureLimit(failures.consecutive, failures.fraction, failures.after),
    )
