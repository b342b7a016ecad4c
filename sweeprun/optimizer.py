"""Ask and tell: the algorithms of a sweep without its directory, for scripts and for launchers of one's own."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock, RLock
from typing import Any, SupportsIndex

from sweeprun import registry, seeds, told
from sweeprun.errors import UsageError, near
from sweeprun.front import Front, excess
from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.pruners._rungs import with_first
from sweeprun.pruners.base import AFTER, Action, Demotion, Promoter, Pruner, Verdict, staged
from sweeprun.reported import Reported
from sweeprun.samplers import auto
from sweeprun.samplers._members import PopulationSampler
from sweeprun.samplers.base import Sampler, own_pruner
from sweeprun.space import Space, filled
from sweeprun.spec.search import Search
from sweeprun.trials import Failure, FailureClass, Json, Reason, Suggestion, Trial, TrialState

ADD = "add"
_SUGGESTING = Lock()  # of all optimizers of a process: a sampler may set how many threads its linear algebra has


@dataclass(slots=True)
class _Underway:
    """A trial that was asked for and not told yet: what it reported, whether that is all from before it was asked for,
    and the verdict that ended it, if one did."""

    reported: Reported
    fresh: bool = True
    stopped: Verdict | None = None


class Optimizer:
    """Suggests configurations and learns from what is told of them, in memory alone; threads may share it.

    `parameters`, `linked`, `constraints`, `algorithm` and `pruner` are what they are in a sweep file; an instance of a
    sampler or a pruner will do, too. `metrics` is the name of what is made small, or a mapping of names to `minimize`,
    `maximize` or {goal, limit}; the first one counts where only one can. `budget` is how many configurations are
    suggested, None: no limit; with pbt it is how many members there are. The same seed, asked and told the same,
    suggests the same, which is what a sweep of that seed tries.

    Raises SweepFileError for settings that a sweep file could not have either, with their key path.
    """

    def __init__(
        self,
        parameters: Mapping[str, Json],
        metrics: str | Mapping[str, Any],
        algorithm: str | Mapping[str, Json] | Sampler = "auto",
        pruner: str | Mapping[str, Json] | Pruner = "none",
        budget: int | None = None,
        seed: int = 0,
        linked: Mapping[str, Any] | None = None,
        constraints: tuple[str, ...] | list[str] = (),
    ):
        said = {
            "parameters": parameters,
            "linked": linked or {},
            "constraints": constraints,
            "metrics": metrics,
            "algorithm": "auto" if isinstance(algorithm, Sampler) else algorithm,
            "pruner": "none" if isinstance(pruner, Pruner) else pruner,
            "budget": budget,
            "seed": seed,
        }
        search, space = Search.of(said)
        self._sampler = algorithm if isinstance(algorithm, Sampler) else _sampler(search, space)
        beside = registry.name_of(pruner) if isinstance(pruner, Pruner) else search.pruner.name
        own = own_pruner(self._sampler, registry.name_of(self._sampler), beside)
        self._pruner = own or (pruner if isinstance(pruner, Pruner) else _pruner(search, space))
        self._objectives, self._seed = search.objectives, search.seed
        is_population = isinstance(self._sampler, PopulationSampler)
        self._budget = None if is_population else search.budget  # a population has its members
        self._tracked = _tracked(self._objectives, self._pruner)
        self._history = History(space, self._objectives, (), length=getattr(self._pruner, "length", None))
        self._trials: list[Trial] = []
        self._underway: dict[int, _Underway] = {}
        self._n_suggested = 0
        self._lock = RLock()

    def ask(self, params: Mapping[str, Json] | None = None) -> Trial | None:
        """The next trial: its `params` are what to try, its `number` is its name. Trials that were asked for and not
        told yet are reckoned with. With a pruner that pauses it may be an old one that goes on after its `last_step`,
        and is to leave after `until` finished steps. None: the budget is used, or the algorithm has nothing to suggest;
        where trials are underway, there may be one once they are told.

        One with a `parent` goes on from a copy of what that trial has saved, at `from_step`: take it before you ask for
        the next.

        With `params` it is a configuration of your own, of which what is left out is drawn; it does not count against
        the budget. Raises SpaceError where the space has none like it.
        """
        with self._lock:
            self._history = self._history.advance(self._trials)
            trial = self._promoted() if params is None else None
            trial = trial or self._new(params)
            if trial is None:
                return None
            self._trials[trial.number : trial.number + 1] = [trial]
            self._underway[trial.number] = _Underway(Reported(trial, self._objectives[0], self._tracked))
            return trial._replace(params=copy.deepcopy(trial.params))  # what is done to them changes no history

    def report(self, trial: Trial | int, step: SupportsIndex, values: Mapping[str, Any]) -> Verdict:
        """Note what `trial` has reached after so many finished steps, and have the pruner judge: `stop` is whether to
        leave now, `reason` says why or why not. A trial that was stopped stays so. NaN and infinities stop it, too."""
        with self._lock:
            number = self._number(trial)
            underway, step = self._underway[number], told.step(number, step)
            if underway.fresh:  # who goes on may begin again before the step that it had come to
                underway.reported.forget_from(step)
                underway.fresh = False
            if step < underway.reported.last_step:
                before = underway.reported.last_step
                raise UsageError(f"trial {number} has reported step {before} already; step {step} comes too late")
            underway.reported.note(step, told.reported(number, values, self._tracked))
            self._trials[number] = underway.reported.trial(self._trials[number])
            verdict = underway.stopped or self._judged(number)
            if verdict.stop:
                underway.stopped = verdict
            return verdict

    def tell(
        self, trial: Trial | int, values: Mapping[str, Any] | None = None, *, failed: FailureClass | str | None = None
    ) -> None:
        """Say how `trial` ended: with `values`, which have all metrics; without any, with those of its best reported
        step; or that it `failed`, and how: crash, oom, timeout ... (FailureClass).

        One that was stopped is pruned then, paused, or complete where nobody is to go further. NaN or an infinity, told
        or reported, is the failure `nan`.
        """
        with self._lock:
            ended = self._trials[self._number(trial)]
            if failed is not None:
                ended = _failed(ended, told.failure_class(failed), "its evaluation said so")
            else:
                if values is not None:
                    numbers, step = told.numbers(ended.number, values), ended.last_step or None
                    ended = ended._replace(values=numbers, step=step)
                ended = self._outcome(ended)
            self._trials[ended.number] = ended
            del self._underway[ended.number]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial, by number: those that run and those that failed, too."""
        with self._lock:
            return tuple(self._trials)

    @property
    def best(self) -> Trial | None:
        """The complete trial that is best in the first metric, the first of several; before one is within all limits it
        is the nearest to them. None before there is one."""
        complete = [trial for trial in self.trials if trial.state is TrialState.COMPLETE]
        first = self._objectives[0]
        return min(complete, key=lambda trial: (excess(self._objectives, trial), first.loss_of(trial)), default=None)

    @property
    def front(self) -> tuple[Trial, ...]:
        """The complete trials within all limits of which no other one is better in a metric and as good in the rest."""
        complete = [trial for trial in self.trials if trial.state is TrialState.COMPLETE]
        front = Front(self._objectives, complete)
        return tuple(trial for trial in complete if trial in front)

    def _promoted(self) -> Trial | None:
        """A paused trial that goes on, None where none does; those that are to end before are pruned."""
        if not isinstance(self._pruner, Promoter):
            return None
        while isinstance(decided := self._pruner.promotion(self._history), Demotion):
            pruned = self._trials[decided.trial]._replace(state=TrialState.PRUNED, why=decided.reason)
            self._trials[decided.trial] = pruned
            self._history = self._history.advance(self._trials)
        if decided is None:
            return None
        return self._trials[decided.trial]._replace(
            state=TrialState.RUNNING,
            reason=Reason.PROMOTED,
            why=decided.reason,
            until=decided.until,
        )

    def _new(self, params: Mapping[str, Json] | None) -> Trial | None:
        number = len(self._trials)
        suggestion = self._suggestion(params, number)
        if suggestion is None:
            return None
        return Trial(
            number=number,
            uid=str(number),
            state=TrialState.RUNNING,
            params=suggestion.params,
            notes=suggestion.notes,
            origin=suggestion.origin,
            configuration=self._history.keys.get(self._history.space.key(suggestion.params), number),
            seed=seeds.of_trials(self._seed, 0),
            until=suggestion.until,
            parent=suggestion.parent,
        )

    def _suggestion(self, params: Mapping[str, Json] | None, number: int) -> Suggestion | None:
        rng = seeds.generator(self._seed, number)
        if params is not None:
            return Suggestion(filled(self._history.space, params, rng), origin=ADD)
        if self._n_suggested == self._budget:
            return None
        with _SUGGESTING:
            suggestion = self._sampler.suggest(self._history, rng)
        self._n_suggested += suggestion is not None
        return suggestion and staged(suggestion, self._pruner, self._history)

    def _number(self, trial: Trial | int) -> int:
        """The number of a trial that was asked for and not told yet."""
        number = trial.number if isinstance(trial, Trial) else trial
        if not 0 <= number < len(self._trials):
            there = f"there are 0 to {len(self._trials) - 1}" if self._trials else "none was asked for yet"
            raise UsageError(f"there is no trial {number}; {there}", "trial = optimizer.ask()")
        if number not in self._underway:
            raise UsageError(f"trial {number} was told already: it is {self._trials[number].state}")
        return number

    def _judged(self, number: int) -> Verdict:
        broken = self._underway[number].reported.nonfinite
        if broken is not None:
            return Verdict(Action.STOP, _nonfinite(*broken))
        self._history = self._history.advance(self._trials)
        return self._pruner.verdict(self._trials[number], self._history)

    def _outcome(self, trial: Trial) -> Trial:
        """`trial` in the state that its values and what was said of it before lead to."""
        underway = self._underway[trial.number]
        broken = next(((name, None) for name in self._tracked if _is_broken(trial, name)), None)
        if (found := underway.reported.nonfinite or broken) is not None:
            return _failed(trial, FailureClass.NAN, _nonfinite(*found))
        missing = next((each.name for each in self._objectives if each.name not in trial.values), None)
        if missing is not None:
            there = f"told are: {', '.join(trial.values)}" if trial.values else "nothing was reported either"
            hint = near(missing, trial.values) or f'optimizer.tell({trial.number}, {{"{missing}": ...}})'
            raise UsageError(f"trial {trial.number} has no {missing}; {there}", hint)
        if underway.stopped is not None:
            return trial._replace(state=AFTER[underway.stopped.action], why=underway.stopped.reason)
        return trial._replace(state=TrialState.COMPLETE)


def _sampler(search: Search, space: Space) -> Sampler:
    named = search.algorithm
    name = auto.choose(space, search.budget, len(search.objectives)).name if named.name == "auto" else named.name
    options = with_first(name, named.options, (parameter.name for parameter in space.parameters))
    sampler: Sampler = registry.load("sampler", name, options, search.seed, search.budget)
    return sampler


def _pruner(search: Search, space: Space) -> Pruner:
    name = search.pruner.name
    options = with_first(name, search.pruner.options, (parameter.name for parameter in space.parameters))
    pruner: Pruner = registry.load("pruner", name, options, search.seed)
    return pruner


def _tracked(objectives: Sequence[Objective], pruner: Pruner) -> tuple[str, ...]:
    """The metrics whose curves are kept: those that count, and the one that the pruner looks at."""
    also = getattr(pruner, "metric", None)
    return tuple(dict.fromkeys([*(each.name for each in objectives), *([also] if also else [])]))


def _failed(trial: Trial, kind: FailureClass, why: str) -> Trial:
    return trial._replace(state=TrialState.FAILED, why=why, failure=Failure(kind, why))


def _is_broken(trial: Trial, metric: str) -> bool:
    return not math.isfinite(trial.values.get(metric, 0.0))


def _nonfinite(metric: str, step: int | None) -> str:
    return f"{metric} became NaN or infinite" + (f" at step {step}" if step is not None else "")
