"""A population that is trained at once: who stands where, who is given up, and who goes on in their place.

A member is a chain of trials, its segments. Each is paused at ready points, and goes on from there or is given up; then
the next segment begins, with a copy of the checkpoint of a better member. The notes of a trial say which member it is
of and at which step it began, so that all of this follows from the record: two who ask find the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from sweeprun.history import History
from sweeprun.objective import Objective
from sweeprun.pruners.base import Demotion, Promotion, Start
from sweeprun.samplers._staging import Rules
from sweeprun.samplers.random import RandomSampler
from sweeprun.trials import FROM_STEP, MEMBER, SEGMENT, Json, Params, Suggestion, Trial, TrialState

GENERATION = "generation"
TRIES = 3  # a member is begun again, until so many segments in a row ended before they were ready


@dataclass(frozen=True, slots=True)
class Member:
    """`trials` are its segments, the oldest first: one at least."""

    number: int
    trials: tuple[Trial, ...]

    @property
    def newest(self) -> Trial:
        return self.trials[-1]

    @property
    def step(self) -> int:
        """How far its newest segment has come."""
        return max(self.newest.last_step, self.newest.from_step)

    @property
    def done(self) -> bool:
        return self.newest.state is TrialState.COMPLETE

    @property
    def lost(self) -> bool:
        """Whether it was given up, or failed: nothing of it goes on."""
        return self.newest.state.final and not self.done

    @property
    def paused(self) -> bool:
        return self.newest.state is TrialState.PAUSED


@dataclass(frozen=True, slots=True)
class Opening:
    """A segment that is to begin: the how manyth of which member, until which step, and from the checkpoint of which
    trial, None: from nothing."""

    member: int
    generation: int
    until: int
    donor: Trial | None = None

    @property
    def notes(self) -> dict[str, Json]:
        return {MEMBER: self.member, GENERATION: self.generation}

    def begun(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Where there is no donor: random parameters, balanced over branches."""
        drawn = RandomSampler().suggest(history, rng)
        return self.filled(history.space.sample(rng) if drawn is None else drawn.params)

    def filled(self, params: Params) -> Suggestion:
        """With these parameters."""
        if self.donor is None:
            return Suggestion(params, self.until, notes=self.notes)
        notes = {**self.notes, FROM_STEP: self.donor.last_step}
        return Suggestion(params, self.until, self.donor.number, notes, SEGMENT)


@dataclass(frozen=True, slots=True)
class _Standing:
    """The loss with which a member came to a ready point, how many came there, itself included, and how many of them
    with a lower one."""

    point: int
    loss: float
    n: int
    better: int


@dataclass(frozen=True)
class Population:
    """`members` are those that have begun, by number."""

    rules: Rules
    history: History
    members: tuple[Member, ...]

    @classmethod
    def of(cls, history: History, rules: Rules) -> Self:
        chains: dict[int, list[Trial]] = {}
        for trial in history.trials:
            number = trial.notes.get(MEMBER)
            if type(number) is int and 0 <= number < rules.members:
                chains.setdefault(number, []).append(trial)
        return cls(rules, history, tuple(Member(number, tuple(chains[number])) for number in sorted(chains)))

    # ---- results

    @cached_property
    def metric(self) -> Objective:
        return self.history.metric()

    def result(self, member: Member) -> float:
        """The loss at the last ready point that it came to; NaN before the first."""
        for trial in reversed(member.trials):
            for point in self.rules.ready_points(trial.from_step, trial.last_step):
                if not math.isnan(loss := self.loss(trial, point)):
                    return loss
        return math.nan

    def result_at(self, member: Member, point: int) -> float:
        """The loss with which it came to a ready point, in its newest segment that did; minus infinity where it is a
        copy of one of the best beyond that; NaN where it has not come so far."""
        for trial in reversed(member.trials):
            if trial.from_step < point and not math.isnan(loss := self.loss(trial, point)):
                return loss
        return -math.inf if member.newest.from_step >= point else math.nan

    def loss(self, trial: Trial, step: int) -> float:
        """Its loss when it came to `step`; NaN where it has not."""
        loss = self.history.arrival(trial, self.metric, step, best=False)
        return math.nan if loss is None else loss

    @cached_property
    def donors(self) -> tuple[Member, ...]:
        """The best of those that can be copied."""
        return self._copyable[: self._share(self.rules.members)]

    @cached_property
    def _copyable(self) -> tuple[Member, ...]:
        """Those that have a ready point before them, or stand at one, the best first."""
        live = (m for m in self.members if not m.newest.state.final and self._stop(m) < self.rules.max)
        inside = (m for m in live if self.history.space.encode(m.newest.params) is not None)
        ranked = sorted((self.result(m), m.number, m) for m in inside if math.isfinite(self.result(m)))
        return tuple(member for _, _, member in ranked)

    def _share(self, n: int) -> int:
        return max(1, int(n * self.rules.quantile))

    def _stop(self, member: Member) -> int:
        """The step at which it stands still, or will."""
        return self.rules.max if member.newest.until is None else max(member.newest.until, member.newest.last_step)

    @property
    def running(self) -> list[Trial]:
        """The newest segments of which more is to come before anybody decides about them."""
        states = (TrialState.RUNNING, TrialState.WAITING)
        return [member.newest for member in self.members if member.newest.state in states]

    # ---- who goes on, and who does not

    def decision(self) -> Promotion | Demotion | None:
        """About the paused member that is furthest behind; None while somebody else comes first. Those that begin anew
        come before those that they are copies of go on."""
        if self.unbegun is not None or self._waits:
            return None
        paused = sorted((m for m in self.members if m.paused and self._due(m)), key=_behind)
        judged = paused if self.rules.sync else paused[:1]  # when all are ready, all that are worst go
        demotion = next((found for member in judged if (found := self._demotion(member)) is not None), None)
        if demotion is not None or not paused or next(self._openings(), None) is not None:
            return demotion
        return self._promotion(paused[0])

    def _due(self, member: Member) -> bool:
        return not self.rules.sync or self._stop(member) == self._barrier

    @cached_property
    def _barrier(self) -> int:
        """The first step at which somebody stands still, or will."""
        return min((self._stop(m) for m in self.members if not m.newest.state.final), default=self.rules.max)

    @property
    def _waits(self) -> bool:
        """Whether nothing is decided now, as not all have come to where they will be compared."""
        live = [member for member in self.members if not member.newest.state.final]
        return self.rules.sync and any(not m.paused for m in live if self._stop(m) == self._barrier)

    def _demotion(self, member: Member) -> Demotion | None:
        standing = self._standing(member)
        if standing is None:
            return None
        k = self._share(standing.n)
        others = (each for each in self._copyable if each is not member)
        better_left = any(self.result_at(each, standing.point) < standing.loss for each in others)
        if standing.better < max(standing.n - k, 1) or not better_left:
            return None  # or those that are better have come to their end
        worst = "the worst one begins" if k == 1 else f"the worst {k} begin"
        reason = f"{self._place(standing)}; {worst} again from what better ones have saved"
        return Demotion(member.newest.number, reason)

    def _promotion(self, member: Member) -> Promotion:
        standing, until = self._standing(member), self.rules.next_stop(member.step)
        place = "too few are ready to be compared with" if standing is None else self._place(standing)
        return Promotion(member.newest.number, until, f"{place}; it goes on to step {until}")

    def _standing(self, member: Member) -> _Standing | None:
        """At the last ready point of its newest segment to which enough members came: half of them, and as many as it
        takes for one of them to be the worst share, or all that there are: who has ended before comes no more. None
        where there is none, as after a copy."""
        wanted = max(math.ceil(self.rules.members / 2), math.ceil(1 / self.rules.quantile))
        ended = np.array([each.newest.state.final for each in self.members])
        for point in self.rules.ready_points(member.newest.from_step, member.step):
            losses = np.array([self.result_at(each, point) for each in self.members])
            known = ~np.isnan(losses)
            if known.sum() >= min(wanted, self.rules.members - np.sum(ended & ~known)):
                own = self.result_at(member, point)
                loss, n = (math.inf, known.sum() + 1) if math.isnan(own) else (own, known.sum())
                return _Standing(point, loss, int(n), int(np.sum(losses < loss)))
        return None

    def _place(self, standing: _Standing) -> str:
        value, place = self.metric.value(standing.loss), f"number {standing.better + 1} of {standing.n}"
        return f"{self.metric.name} {value:.6g} at step {standing.point} is {place}"

    # ---- who begins

    @cached_property
    def unbegun(self) -> Opening | None:
        """The first segment of the first member that has not begun."""
        begun = {member.number for member in self.members}
        first = next((number for number in range(self.rules.members) if number not in begun), None)
        return None if first is None else Opening(first, 0, self.rules.next_stop(0))

    @property
    def start(self) -> Start:
        """What a configuration that is given is given: it is the next member, where there is one to begin."""
        return Start(None) if self.unbegun is None else Start(self.unbegun.until, self.unbegun.notes)

    def again(self, trial: Trial) -> Start:
        """What a try more of a trial is given: where that was of a member, it begins again from nothing."""
        member = next((member for member in self.members if trial in member.trials), None)
        if member is None:
            return Start(None)
        notes = {MEMBER: member.number, GENERATION: len(member.trials)}
        return Start(self.rules.next_stop(0), notes)

    def opening(self, rng: np.random.Generator) -> Opening | None:
        """The segment that is to begin now."""
        if self.unbegun is not None:
            return self.unbegun
        found = next(self._openings(), None)
        if found is None:
            return None
        member, quiet = found
        generation = len(member.trials)
        if not quiet:
            return Opening(member.number, generation, self.rules.next_stop(0))
        donor = quiet[int(rng.integers(len(quiet)))].newest
        return Opening(member.number, generation, self.rules.next_stop(donor.last_step), donor)

    def _hopeless(self, member: Member) -> bool:
        """Whether all of its last segments ended without a loss at the step to which they were to go."""
        last = member.trials[-TRIES:]
        return len(last) == TRIES and all(math.isnan(self.loss(trial, trial.until or self.rules.max)) for trial in last)

    def _openings(self) -> Iterator[tuple[Member, Sequence[Member]]]:
        """The lost members that can begin again now, the one furthest behind first, each with those that it may be a
        copy of: a copy is taken of what stands still. None of them: it begins from nothing, as nobody is left who has
        come to a ready point."""
        quiet = [donor for donor in self.donors if donor.paused and not self._waits]
        left = [member for member in self.members if not member.lost]
        from_nothing = not any(member.done or math.isfinite(self.result(member)) for member in left)
        for member in sorted((m for m in self.members if m.lost and not self._hopeless(m)), key=_behind):
            if quiet or from_nothing:
                yield member, quiet


def _behind(member: Member) -> tuple[int, int]:
    return member.step, member.number
