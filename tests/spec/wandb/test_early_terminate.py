"""W&B's hyperband as a pruner of ours: where it judges, and that nobody is ended who is good."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.pruners.asha import AshaPruner
from sweeprun.reported import ENDLESS
from sweeprun.run.plan import Plan
from sweeprun.spec.sweepfile import SweepFile

FILE = "program: a.py\nmethod: random\nmetric: {name: loss}\nparameters: {x: {min: 0.0, max: 1.0}}\nearly_terminate: "


def parse(written: str, *overrides: str) -> SweepFile:
    return SweepFile.parse(FILE + written, Path("w.yaml"), overrides)


@pytest.mark.parametrize(
    ("written", "rungs"),
    [
        ("{type: hyperband, min_iter: 3}", (3, 9, 27, 81)),
        ("{type: hyperband, min_iter: 5, eta: 2}", (5, 10, 20, 40)),
        ("{type: hyperband, max_iter: 27, s: 2}", (3, 9)),
        ("{type: hyperband, max_iter: 50, s: 9, eta: 3}", (1, 5, 16)),
        ("{type: hyperband, max_iter: 27, s: 2, min_iter: 5}", (3, 9)),
    ],
)
def test_trials_are_judged_where_wandb_judges_them_and_end_by_themselves(written: str, rungs: tuple[int, ...]) -> None:
    pruner = Plan.of(parse(written)).pruner
    assert isinstance(pruner, AshaPruner)
    assert (pruner.mode, pruner.compare) == ("stop", "value")
    *steps, last = pruner.ladder.steps({})
    assert tuple(steps[: len(rungs)]) == rungs
    assert len(steps) == len(rungs) or "min_iter" in written
    assert last == ENDLESS


@pytest.mark.parametrize(
    "written",
    [
        *("{type: hyperband}", "{type: hyperband, max_iter: 27}", "{type: hyperband, max_iter: 1, s: 1}", "3"),
        *(
            "{type: envelope}",
            "{min_iter: 3}",
            "{type: hyperband, min_iter: 0}",
            "{type: hyperband, min_iter: 3, eta: 1}",
        ),
        "{type: hyperband, min_iter: x}",
    ],
)
def test_what_wandb_would_not_understand_is_refused_unless_a_pruner_is_said(written: str) -> None:
    with pytest.raises(
        SweepFileError, match="early_terminate must be hyperband with min_iter, or with max_iter"
    ) as caught:
        parse(written)
    assert caught.value.line == 5
    assert "--set pruner=none" in str(caught.value.hint)
    assert parse(written, "pruner=none").pruner.name == "none"
