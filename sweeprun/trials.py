"""A trial: its states, the transitions between them, and what its records fold into.

A trial's history is a short list of immutable records (see store/sweep.py). `Trial` is what they add up to;
it holds no file and no process. It and its parts are tuples, as there may be a hundred thousand to be made at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from itertools import chain, compress, count, groupby, zip_longest
from operator import is_not
from typing import Any, NamedTuple, Self, overload

RETRY = "retry"  # the origin of a trial that tries another one, its parent, again
SEGMENT = "segment"  # the origin of a trial that goes on from another one's checkpoint
MEMBER = "member"  # what the notes of a trial of a population have: of which member it is
FROM_STEP = "from_step"  # what the notes of a segment have: how many steps were finished in that checkpoint

Json = Any  # None, bool, int, float, str, list or dict of these
Params = dict[str, Json]
_NOTHING: dict[str, Any] = {}  # shared, as nobody changes what a trial holds


class TrialState(StrEnum):
    """Where a trial stands. The last three are `final` and never change."""

    final: bool

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete", True
    PRUNED = "pruned", True
    FAILED = "failed", True

    def __new__(cls, value: str, final: bool = False) -> Self:
        state = str.__new__(cls, value)
        state._value_, state.final = value, final  # looked up where ten thousand trials are
        return state


OPEN = (TrialState.WAITING, TrialState.RUNNING)  # what some worker has to see to


class Reason(StrEnum):
    """How a trial came to wait or to run; other states need none."""

    QUEUED = "queued"
    PREEMPTED = "preempted"
    REQUEUED = "requeued"
    NEW = "new"
    RESUMED = "resumed"
    PROMOTED = "promoted"
    TAKEN_OVER = "taken over"


class FailureClass(StrEnum):
    """Why a trial failed."""

    CRASH = "crash"
    IMPORT = "import"
    NAN = "nan"
    NO_METRIC = "no_metric"
    OOM = "oom"
    GPU_OOM = "gpu_oom"
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    HANG = "hang"
    SPAWN = "spawn"
    LOST = "lost"
    UNKILLABLE = "unkillable"


_W, _R, _P = TrialState.WAITING, TrialState.RUNNING, TrialState.PAUSED
_FINALS = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED})
TRANSITIONS: Mapping[TrialState | None, frozenset[TrialState]] = {
    None: frozenset({_R, _W}),
    _W: frozenset({_R, TrialState.PRUNED}),  # pruned: `stop --trial` on one that waits
    _R: frozenset({_R, _P, _W}) | _FINALS,  # running to running: taken over from a dead worker
    _P: frozenset({_R, TrialState.PRUNED}),
    **{final: frozenset() for final in _FINALS},
}


REASONS: Mapping[TrialState, frozenset[Reason]] = {
    _W: frozenset({Reason.QUEUED, Reason.PREEMPTED, Reason.REQUEUED}),
    _R: frozenset({Reason.NEW, Reason.RESUMED, Reason.PROMOTED, Reason.TAKEN_OVER}),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of metrics. `step` counts finished steps, so the first report is 1; `values` are what the program
    reported, numbers only, NaN and infinities included; `seconds` is the age of the run when the line was read."""

    step: int
    values: Mapping[str, float]
    seconds: float = 0.0


class Curve(NamedTuple):
    """What a trial reported over its steps, thinned to at most 512 points.

    `steps` is strictly increasing; each column of `values` is as long as `steps`, NaN where a step lacks the metric.
    `firsts[metric][step]` is the first report of a step where it differs from the last one: rungs go by the first.
    """

    steps: tuple[int, ...] = ()
    values: Mapping[str, tuple[float, ...]] = _NOTHING
    firsts: Mapping[str, Mapping[int, float]] = _NOTHING


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a sampler wants tried: parameters as the program will see them, and what the sampler must remember.

    One with a `parent` begins with a copy of that trial's checkpoint. The parent is paused: where it runs again before
    the copy is whole, another suggestion is asked for; where it has saved nothing, this one is begun `from_nothing`.
    """

    params: Params
    until: int | None = None
    parent: int | None = None
    notes: Mapping[str, Json] = field(default_factory=dict)
    origin: str = "search"

    @property
    def from_nothing(self) -> Self:
        """The same parameters, trained from the first step on as far as the copy would have gone."""
        notes = {key: value for key, value in self.notes.items() if key != FROM_STEP}
        return replace(self, parent=None, notes=notes, origin="search")


@dataclass(frozen=True, slots=True)
class Failure:
    """`kind` is the class; `message` one line for people; `stderr` the last lines the program wrote there."""

    kind: FailureClass
    message: str
    exit_code: int | None = None
    signal: str | None = None
    stderr: tuple[str, ...] = ()


class Run(NamedTuple):
    """One process of a trial. `started` is on the writer's clock; `seconds` is None while it runs. `skipped` lines of
    its metrics were no JSON objects, `cut` ones too long."""

    started: float
    seconds: float | None = None
    gpu_seconds: float = 0.0
    memory_bytes: int = 0
    skipped: int = 0
    cut: int = 0


class Trial(NamedTuple):
    """What the records of one trial add up to.

    `n` is the number of its last record, `run` that of its last process. `reason` is the kind of waiting or running,
    `why` a sentence for people. Three counters: `deaths` of its worker, automatic `retries`, and `preemptions` in a
    row that brought no new step. `values` come from one step, `step`; `last_step` is the furthest step that was
    reached; `first` is how the program counts (its first step is 0 or 1; None: not known). `created` and `changed` are
    seconds since the epoch on the writer's clock. A damaged trial is one whose records cannot be believed: `why` says
    what is wrong, its state reads failed, and nothing touches it again.
    """

    number: int
    uid: str
    state: TrialState
    reason: Reason | None = None
    why: str = ""
    params: Params = _NOTHING
    notes: Mapping[str, Json] = _NOTHING
    origin: str = "search"
    configuration: int = 0
    repeat: int = 0
    seed: int = 0
    until: int | None = None
    parent: int | None = None
    worker: str = ""
    n: int = 1
    run: int = 0
    deaths: int = 0
    retries: int = 0
    preemptions: int = 0
    values: Mapping[str, float] = _NOTHING
    step: int | None = None
    last_step: int = 0
    curve: Curve = Curve()
    failure: Failure | None = None
    runs: tuple[Run, ...] = ()
    first: int | None = None
    created: float = 0.0
    changed: float = 0.0
    damaged: bool = False

    @property
    def from_step(self) -> int:
        """How many steps were finished in the checkpoint that it began with: 0 for any but a segment."""
        step = self.notes.get(FROM_STEP)
        return step if type(step) is int and step >= 0 else 0

    @property
    def because(self) -> str:
        """How it came to its state, in one phrase; empty where there is nothing to say."""
        return ": ".join(filter(None, (self.reason, self.why)))

    @property
    def seconds(self) -> float:
        """Time spent in finished runs."""
        return sum(run.seconds or 0.0 for run in self.runs)


_CHUNK = 256


class _Chunk(tuple[Trial, ...]):
    """Neighbours by number."""

    @cached_property
    def open(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self if trial.state in OPEN)


class Trials(Sequence[Trial]):
    """All trials of a sweep at one moment, by number. It never changes.

    The next moment shares with it what has not changed. To make it, to tell the two apart and to find the trials that
    are open costs what has changed, and not how many trials there are.
    """

    __slots__ = ("_chunks", "_n")
    _chunks: tuple[_Chunk, ...]
    _n: int

    def __init__(self, trials: Iterable[Trial] = ()):
        if isinstance(trials, Trials):
            self._chunks, self._n = trials._chunks, trials._n
        else:
            every = tuple(trials)
            self._chunks = tuple(_Chunk(every[at : at + _CHUNK]) for at in range(0, len(every), _CHUNK))
            self._n = len(every)

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, at: int) -> Trial: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Trial]: ...

    def __getitem__(self, at: int | slice) -> Trial | Sequence[Trial]:
        if isinstance(at, slice):
            return tuple(self)[at]
        number = at + self._n if at < 0 else at
        if not 0 <= number < self._n:
            raise IndexError(f"there is no trial {at} of {self._n}")
        return self._chunks[number // _CHUNK][number % _CHUNK]

    def __iter__(self) -> Iterator[Trial]:
        return chain.from_iterable(self._chunks)

    def __eq__(self, other: object) -> bool:
        """Whether `other` is a sequence of the same trials, of whatever kind."""
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __repr__(self) -> str:
        return f"Trials({list(self)})"

    @property
    def open(self) -> Iterator[Trial]:
        """Those that some worker has to see to."""
        return chain.from_iterable(chunk.open for chunk in self._chunks)

    def updated(self, changed: Mapping[int, Trial]) -> Self:
        """With these in their places, of which each is there or follows the last one."""
        chunks = [*self._chunks]
        for at, numbers in groupby(sorted(changed), lambda number: number // _CHUNK):
            now = [*chunks[at]] if at < len(chunks) else []
            for number in numbers:
                now[number % _CHUNK : number % _CHUNK + 1] = [changed[number]]
            chunks[at : at + 1] = [_Chunk(now)]
        following = type(self)()
        following._chunks, following._n = tuple(chunks), sum(map(len, chunks))
        return following

    def changed_since(self, before: Self) -> Iterator[int]:
        """The numbers of the trials that are other objects than they were, or were not there, or are not any more."""
        for i, (now, then) in enumerate(zip_longest(self._chunks, before._chunks, fillvalue=())):
            if now is not then:
                yield from compress(count(i * _CHUNK), map(is_not, now, then))
                shorter, longer = sorted((len(now), len(then)))
                yield from range(i * _CHUNK + shorter, i * _CHUNK + longer)
