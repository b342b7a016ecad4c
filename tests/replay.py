"""What a sweep directory says happened, moment by moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeprun.run.plan import Plan
from sweeprun.store import durable, records
from sweeprun.store.sweep import Sweep
from sweeprun.trials import Reason, Trial, TrialState


@dataclass(frozen=True)
class Moment:
    """One transition: `before` is every trial as it was then, by number; `after` the one that moved."""

    before: Sequence[Trial]
    after: Trial


def replayed(directory: Path) -> Iterator[Moment]:
    """Every transition in the order of the times in the records. At one time runs end before others begin, as a worker
    hears of ends before it fills its slots."""
    layout = Sweep(directory).layout
    said = [durable.read_record(path) for path in layout.trials.glob("*/*/state.*.json")]
    numbers = {record["uid"]: record["number"] for record in said if record["n"] == 1}
    said.sort(key=lambda record: (record["at"], record["state"] == "running", numbers[record["uid"]], record["n"]))
    trials: list[Trial] = []
    for record in said:
        number = numbers[record["uid"]]
        after = records.fold(trials[number] if number < len(trials) else None, record)
        yield Moment(tuple(trials), after)
        trials[number : number + 1] = [after]


def check_promotions(directory: Path) -> int:
    """That each slot went to the trial that the pruner would have promoted then, and to a new one only where there was
    none, each with the record of that moment alone; how many promotions there were."""
    plan, n = Plan.load(Sweep(directory)), 0
    for moment in replayed(directory):
        if moment.after.state is not TrialState.RUNNING or moment.after.reason not in (Reason.NEW, Reason.PROMOTED):
            continue
        due = plan.promotion(plan.history(moment.before))
        if moment.after.reason is Reason.NEW:
            assert due is None, f"trial {moment.after.number} was begun though {due} was due"
            continue
        assert due is not None, f"trial {moment.after.number} was promoted, and none was due"
        assert (due.trial, due.until) == (moment.after.number, moment.after.until)
        n += 1
    return n
