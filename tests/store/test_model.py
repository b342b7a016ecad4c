"""Two processes' views of one directory against a dictionary: whatever they do, in whatever order."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sweeprun.store import records, snapshot
from sweeprun.store.sweep import NumberTaken, Superseded, Sweep
from sweeprun.trials import TRANSITIONS, Trial, Trials, TrialState

WORKERS = ("a" * 32, "b" * 32)
EITHER = st.sampled_from([0, 1])


class TwoSweeps(RuleBasedStateMachine):
    """`truth[k]` is how often trial k was moved and to what; each side may have seen less of it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.truth: dict[int, tuple[int, TrialState, str]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @initialize()
    def found(self) -> None:
        first = Sweep.create(self.root / "s", b"", {}, "0")
        self.sides = [first, Sweep(self.root / "s")]
        self.logs = [first.layout.worker_log(worker) for worker in WORKERS]
        for log in self.logs:
            log.parent.mkdir()
        self.seen = [Trials(), Trials()]

    @rule(side=EITHER, logged=st.booleans(), waits=st.booleans())
    def create(self, side: int, logged: bool, waits: bool) -> None:
        number, state = len(self.seen[side]), TrialState.WAITING if waits else TrialState.RUNNING
        trial = Trial(number, uuid.uuid4().hex, state, params={"x": number}, worker=WORKERS[side])
        try:
            made = self.sides[side].create_trial(trial, state, self.logs[side] if logged else None)
        except NumberTaken:
            assert number in self.truth
            return
        assert number not in self.truth
        assert made.uid == trial.uid
        self.truth[number] = (1, state, trial.uid)

    @precondition(lambda self: self.truth)
    @rule(side=EITHER, data=st.data(), logged=st.booleans(), broken=st.booleans())
    def advance(self, side: int, data: st.DataObject, logged: bool, broken: bool) -> None:
        movable = [trial for trial in self.seen[side] if TRANSITIONS[trial.state]]
        if not movable:
            return
        trial = data.draw(st.sampled_from(movable))
        after = data.draw(st.sampled_from(sorted(TRANSITIONS[trial.state])))
        run = trial.run + (after is TrialState.RUNNING)
        said = {"worker": WORKERS[side], "run": run}
        if trial.state is TrialState.RUNNING:
            value = float("nan") if broken else 0.5
            ended = trial._replace(runs=(*trial.runs[:-1], trial.runs[-1]._replace(seconds=1.0)), values={"loss": value}
            )
            said |= records.left(ended)
        n, state, uid = self.truth[trial.number]
        log = self.logs[side] if logged else None
        try:
            now, won = self.sides[side].advance(trial, after, "", log, **said), True
        except Superseded as other:
            now, won = other.trial, False
        assert won is (trial.n == n)
        if won:
            n, state = n + 1, after
        assert (now.n, now.state, now.uid) == (n, state, uid)
        self.truth[trial.number] = n, state, uid
        self.seen[side] = self.seen[side].updated({trial.number: now})

    @rule(side=EITHER)
    def refresh(self, side: int) -> None:
        self.seen[side] = self.sides[side].trials()
        assert len(self.seen[side]) == len(self.truth)

    @rule(side=EITHER)
    def reopen(self, side: int) -> None:
        self.sides[side] = Sweep(self.root / "s")
        self.refresh(side)
        assert self._found(self.seen[side]) == self.truth

    @rule(side=EITHER)
    def save_snapshot(self, side: int) -> None:
        snapshot.save(self.sides[side].layout, self.sides[side].uid, self.seen[side])

    @rule()
    def drop_snapshots(self) -> None:
        for path in self.sides[0].layout.snapshots.iterdir():
            path.unlink()

    @rule()
    def drop_logs(self) -> None:
        for log in self.logs:
            log.unlink(missing_ok=True)

    @invariant()
    def a_view_is_old_at_worst(self) -> None:
        for seen in getattr(self, "seen", []):
            for number, trial in enumerate(seen):
                n, state, uid = self.truth[number]
                assert (trial.number, trial.uid, trial.damaged) == (number, uid, False)
                assert trial.n <= n
                assert trial.n < n or trial.state is state

    @staticmethod
    def _found(trials: list[Trial]) -> dict[int, tuple[int, TrialState, str]]:
        return {trial.number: (trial.n, trial.state, trial.uid) for trial in trials}


TwoSweeps.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestTwoSweeps = TwoSweeps.TestCase
