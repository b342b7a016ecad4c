"""What the sweep file means to a worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.plan import Plan
from sweeprun.run.settling import settled
from sweeprun.spec.sweepfile import SweepFile

PATH = Path("sweep.yaml")
FILE = """
command: python train.py ${args}
metric: loss
parameters:
  lr: {min: 1e-4, max: 1.0, log: true}
"""


def chosen(*overrides: str) -> dict[str, object]:
    algorithm = settled(SweepFile.parse(FILE, PATH, overrides)).algorithm
    return {"name": algorithm.name, **algorithm.options}


def test_auto_becomes_what_it_chooses_with_the_options_that_were_given() -> None:
    assert chosen("budget=30") == {"name": "gp"}
    assert chosen("budget=30", "algorithm={name: auto, startup: 4}") == {"name": "gp", "startup": 4}


def test_where_time_alone_is_the_budget_the_gp_is_told_of_it() -> None:
    assert chosen("budget={wall: 1h}") == chosen("budget={wall: 1h}", "resources.slots=3")
    assert chosen("budget={wall: 1h}") == {"name": "gp", "seconds": 3600.0}
    assert chosen("budget={wall: 1h, trials: 30}") == {"name": "gp"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("epoch", "pruner.length: 'epoch' is missing in a configuration, where it has to be a number of steps"),
        ("kind", "pruner.length: 'kind' is 'a' in a configuration"),
        ("few", "pruner.length: 'few' is 0 in a configuration"),
    ],
)
def test_a_length_that_is_no_number_of_steps_in_every_configuration_is_refused(name: str, said: str) -> None:
    more = f"  epochs: 9\n  kind: a\n  few: {{min: 0, max: 1}}\npruner: {{name: asha, length: {name}}}\n"
    file = SweepFile.parse(FILE + more, PATH)
    with pytest.raises(SweepFileError) as caught:
        Plan.of(file)
    assert said in str(caught.value)


def test_what_the_file_says_itself_is_not_changed() -> None:
    assert chosen("budget={wall: 1h}", "algorithm=gp") == {"name": "gp"}
    assert chosen("budget={wall: 1h}", "algorithm={name: auto, seconds: 60}") == {"name": "gp", "seconds": 60}
