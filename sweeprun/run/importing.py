"""Earlier results become trials of a sweep: ended, known to its search, counted against no budget.

A record is made in two steps, created as running and then ended, by a worker that is entered for as long as it
takes. Who is killed between the two leaves a trial that the next worker would run; the same import, typed again,
ends it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeprun.run.earlier import Result
from sweeprun.run.joining import this_process
from sweeprun.space import Space
from sweeprun.store import durable, liveness, records
from sweeprun.store.sweep import NumberTaken, Superseded, Sweep
from sweeprun.trials import Params, Reason, Run, Trial, TrialState

IMPORT = "import"
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class Imported:
    """`trials` are the new ones, each with what it was made of; `n_known` results were there already."""

    trials: Sequence[tuple[Trial, Result]]
    n_known: int


def bring_in(sweep: Sweep, space: Space, results: Sequence[Result], source: str) -> Imported:
    """Make a trial of each result that the sweep does not have yet. `source` is where they are from, for people: what
    stands before the number of an entry. Raises StoreError; then those before it are there, and the same call goes on
    behind them."""
    lease = liveness.Lease()
    observer = liveness.Observer(sweep.layout, lease)
    with durable.writing(sweep.layout.workers):
        member = liveness.join(sweep.layout, this_process(), lease)
    try:
        return _Import(sweep, space, source, member).of(results, observer)
    finally:
        member.leave()


class _Import:
    """One import, by the worker `member`."""

    def __init__(self, sweep: Sweep, space: Space, source: str, member: liveness.Membership):
        self._sweep, self._space, self._source, self._member = sweep, space, source, member
        self._first: dict[str, int] = {}  # the number of the first trial of each configuration
        self._n_looked_at = 0

    def of(self, results: Sequence[Result], observer: liveness.Observer) -> Imported:
        earlier = [trial for trial in self._sweep.trials() if trial.origin == IMPORT and not trial.damaged]
        known = {self._identity(trial.params, trial.values) for trial in earlier if trial.state in _ENDED}
        begun = {
            self._space.key(trial.params): trial
            for trial in earlier
            if trial.state is TrialState.RUNNING and not observer.alive(trial.worker)
        }
        made: list[tuple[Trial, Result]] = []
        for result in results:
            identity = self._identity(result.params, result.values)
            if identity not in known:
                left = begun.pop(self._space.key(result.params), None)
                made.append((self._ended(self._claimed(left) or self._created(result), result), result))
                known.add(identity)
            self._member.beat()
        return Imported(made, len(results) - len(made))

    def _identity(self, params: Params, values: Mapping[str, float]) -> str:
        return f"{self._space.key(params)} {sorted(values.items())}"

    def _created(self, result: Result) -> Trial:
        while True:
            trials = self._sweep.trials()
            number = len(trials)
            trial = Trial(
                number=number,
                uid=uuid.uuid4().hex,
                state=TrialState.RUNNING,
                params=result.params,
                origin=IMPORT,
                configuration=self._configuration(result.params, trials),
                worker=self._member.worker.uuid,
            )
            try:
                return self._sweep.create_trial(trial, TrialState.RUNNING, self._member.log)
            except NumberTaken:
                continue

    def _configuration(self, params: Params, trials: Sequence[Trial]) -> int:
        for trial in trials[self._n_looked_at :]:
            self._first.setdefault(self._space.key(trial.params), trial.number)
        self._n_looked_at = len(trials)
        return self._first.get(self._space.key(params), len(trials))

    def _claimed(self, left: Trial | None) -> Trial | None:
        """What an import that was killed has begun, as ours; None where another worker has it."""
        if left is None:
            return None
        said = records.left(left) | {"worker": self._member.worker.uuid, "run": left.run + 1, "counts": records.DEATH}
        try:
            return self._sweep.advance(
                left, TrialState.RUNNING, "its import died", self._member.log, reason=Reason.TAKEN_OVER, **said
            )
        except Superseded:
            return None

    def _ended(self, trial: Trial, result: Result) -> Trial:
        """It took no time here: what it took elsewhere is no cost of this sweep."""
        runs = (*trial.runs[:-1], Run(trial.runs[-1].started, 0.0))
        curve, furthest = result.curve, max(result.curve.steps, default=0)
        done = trial._replace(runs=runs, values=result.values, step=result.step, last_step=furthest, curve=curve)
        why = f"imported from {self._source} {result.entry}"
        return self._sweep.advance(trial, result.state, why, self._member.log, **records.left(done))
