"""What `warm_start` may say, and where the fault stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.spec.warm_start import WarmStart

FILE = """\
command: train ${{args}}
metric: loss
parameters:
  optimizer: [sgd, adam]
  momentum: {{min: 0.0, max: 0.99, when: {{optimizer: sgd}}}}
  lr: {{min: 1e-4, max: 0.1, log: true}}
  model:
    parameters:
      depth: {{min: 2, max: 8}}
linked:
  size: [{{width: 64, heads: 2}}, {{width: 128, heads: 4}}]
constraints: [model.depth * width <= 512]
warm_start:
{said}
"""


def parse(said: str) -> SweepFile:
    return SweepFile.parse(FILE.format(said=said), Path("demo.yaml"))


def test_configurations_are_listed_whole_or_in_part() -> None:
    said = parse("  first:\n  - {lr: 0.1}\n  - {optimizer: adam, lr: 0.01, model.depth: 2, width: 64}\n  - {}")
    assert said.warm_start.first[0] == {"lr": 0.1}
    assert len(said.warm_start.first) == 3
    assert SweepFile.model_validate(said.resolved()).warm_start == said.warm_start


@pytest.mark.parametrize("text", ["warm_start:", "warm_start: {}", ""])
def test_a_section_that_says_nothing_is_as_good_as_left_out(text: str) -> None:
    file = SweepFile.parse(f"command: train ${{args}}\nmetric: loss\n{text}", Path("demo.yaml"))
    assert file.warm_start == WarmStart()


@pytest.mark.parametrize(
    ("said", "place", "message"),
    [
        ("  first: [{lr: 1}]", "14:12", "warm_start.first.0.lr: lr = 1 is not allowed"),
        ("  first:\n  - {lr: 0.1}\n  - {optimizer: adam,\n     lr: 7}", "17:6", "warm_start.first.1.lr: lr = 7 is not"),
        ("  first: [{lrr: 0.1}]", "14:12", "warm_start.first.0.lrr: there is no parameter 'lrr'; there are: optimizer"),
        ("  first: [{model.depth: 9}]", "14:12", "warm_start.first.0.model.depth: model.depth = 9 is not allowed"),
        ("  first: [{optimizer: adam, momentum: 0.9}]", "14:29", "momentum is not active where optimizer is 'adam'"),
        ("  first: [{width: 64, heads: 4}]", "14:12", "no row of size has width = 64 and heads = 4"),
        ("  first: [{width: 128, model.depth: 8}]", "14:11", "the constraint 'model.depth * width <= 512' rejects"),
        ("  first: [{lr: 0.1}, {lr: 1e-1}]", "14:22", "warm_start.first.1: warm_start.first.0 is the same"),
        ("  top: 3", "13:1", "warm_start must say in `from` which sweeps the top trials are those of"),
        ("  from: [a, b, a]", "13:1", "warm_start must not name a sweep twice in `from`"),
        ("  first: {lr: 0.1}", "14:3", "warm_start.first must be a list, not {'lr': 0.1}"),
    ],
)
def test_what_the_space_does_not_hold_is_refused_where_it_stands(said: str, place: str, message: str) -> None:
    with pytest.raises(SweepFileError) as refused:
        parse(said)
    assert f"{refused.value.line}:{refused.value.column}" == place
    assert message in str(refused.value)


def test_a_value_that_is_refused_is_told_what_is_allowed() -> None:
    with pytest.raises(SweepFileError) as refused:
        parse("  first: [{model.depth: 9}]")
    assert refused.value.hint == "model.depth is {'min': 2, 'max': 8}"
