"""What the sweep file means to a worker: its settings as the objects that do the work."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeprun import seeds
from sweeprun.history import History
from sweeprun.launch.slots import Resources
from sweeprun.objective import Objective
from sweeprun.pruners.base import Demotion, Promoter, Promotion, Pruner, staged
from sweeprun.run import budget
from sweeprun.run.fidelity import Fidelity
from sweeprun.run.keeping import Keep
from sweeprun.run.outcome import Retry
from sweeprun.run.progress import Reporting
from sweeprun.run.search import Search
from sweeprun.run.warm_start import Given, history_of, next_given
from sweeprun.samplers._members import PopulationSampler
from sweeprun.samplers.base import Sampler
from sweeprun.space import Space
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.store import earlier
from sweeprun.store.earlier import NOTHING, Earlier
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Json, Suggestion, Trial


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the loop asks of the sweep file. Times in seconds. `n_edits` accepted changes are in it.
    `continues`: a trial that goes on is expected to do so from its checkpoint.
    `declared` is what the file has under `parameters`; `given` are the configurations that are run first, `earlier` the
    sweeps that inform the search."""

    command: tuple[str, ...]
    args: str
    env: Mapping[str, str]
    workdir: Path
    reporting: Reporting
    space: Space
    declared: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    given: tuple[Given, ...]
    earlier: Earlier
    sampler: Sampler
    pruner: Pruner
    fidelity: Fidelity | None
    continues: bool
    needs_curves: bool
    seed: int
    budget: budget.Budget
    retry: Retry
    trial_wall_s: float | None
    no_progress_s: float | None
    on_nonfinite: str
    grace_s: float
    stop_signal: int
    store_patience_s: float
    keep: Keep
    resources: Resources
    preload: tuple[str, ...] | None
    n_edits: int

    @classmethod
    def load(cls, sweep: Sweep) -> Plan:
        """The plan of a sweep directory, every accepted change included."""
        edits = list(sweep.edits)
        file = SweepFile.model_validate(sweep.resolved)
        known = earlier.read(sweep.layout) if file.warm_start.from_ else NOTHING
        return cls.of(file, known, budget.forgiven(edits), len(edits))

    @classmethod
    def of(cls, file: SweepFile, known: Earlier = NOTHING, forgiven: int = 0, n_edits: int = 0) -> Plan:
        """The plan of a sweep file and of what is `known` of the sweeps that it learns from. Raises SweepFileError for
        an algorithm or an option that there is not."""
        search, resolved = Search.of(file, known), file.resolved()
        return cls(
            command=file.command,
            args=file.args,
            env=file.env,
            workdir=Path(file.workdir),
            reporting=Reporting.of(resolved, search.judged),
            space=file.space,
            declared=resolved["parameters"],
            objectives=file.objectives,
            given=search.given,
            earlier=known,
            sampler=search.sampler,
            pruner=search.pruner,
            fidelity=Fidelity.of(resolved),
            continues=file.fidelity is None and file.resumes is not False,
            needs_curves=file.pruner.name != "none",
            seed=file.seed,
            budget=search.limited(budget.Budget.of(resolved["budget"], forgiven)),
            retry=Retry(file.retry.max, file.retry.on),
            trial_wall_s=file.budget.trial_wall,
            no_progress_s=file.budget.no_progress,
            on_nonfinite=file.on_nonfinite,
            grace_s=file.stop.grace,
            stop_signal=signal.Signals[file.stop.signal],
            store_patience_s=file.store.retry,
            keep=_keep(file, population=search.members is not None),
            resources=_resources(file),
            preload=_preload(file.preload),
            n_edits=n_edits,
        )

    def history(self, trials: Sequence[Trial]) -> History:
        """What these trials of the sweep are to the search."""
        known = [history_of(sweep, self.space, self.objectives) for sweep in self.earlier.sweeps]
        length = getattr(self.pruner, "length", None)
        return History(self.space, self.objectives, trials, earlier=known, length=length)

    @property
    def is_population(self) -> bool:
        """Whether the algorithm trains members, and new trials are what comes of them."""
        return isinstance(self.sampler, PopulationSampler)

    @property
    def brings_pruner(self) -> bool:
        """Whether the algorithm itself decides how far each trial goes."""
        return isinstance(self.sampler, Pruner)

    def promotion(self, history: History) -> Promotion | Demotion | None:
        """The paused trial that goes on, or ends, before a new one is begun; None where there is none."""
        return self.pruner.promotion(history) if isinstance(self.pruner, Promoter) else None

    def suggest(self, history: History) -> Suggestion | None:
        """The configuration of the next trial: one of those that are run first, then what the algorithm suggests; and
        how far it goes at first.

        None: nothing more. The same in every process.
        """
        given = next_given(self.given, history, seeds.generator(self.seed, history.number))
        suggestion = given or self.sampler.suggest(history, seeds.generator(self.seed, history.number))
        return suggestion and staged(suggestion, self.pruner, history)


def _preload(said: Json) -> tuple[str, ...] | None:
    """The modules that trials are forked with: none named, those that they import; None: no trial is forked."""
    return None if said == "none" else () if said == "auto" else tuple(said)


def _keep(file: SweepFile, population: bool) -> Keep:
    said = file.checkpoints
    return Keep(said.keep, said.top, said.max_disk, population)


def _resources(file: SweepFile) -> Resources:
    said = file.resources
    return Resources(said.slots, said.gpus, said.gpu_memory, said.cpus)
