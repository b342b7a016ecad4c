"""The text of a proposed file: it is always a sweep file, whatever the script is like."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeprun.spec.json_schema import schema
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.starter.document import MODELINE
from sweeprun.starter.proposal import propose

Read = Callable[..., Any]
SMALL = "p = ArgumentParser()\np.add_argument('--lr', type=float, default=0.1)\n"

words = st.text(string.ascii_letters + string.digits + "_-.", min_size=1, max_size=12).filter(
    lambda word: word.strip("-.") != "" and word[0] != "-"
)
defaults = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=20)
declarations = st.fixed_dictionaries(
    {"default": defaults},
    optional={
        "type": st.sampled_from(["int", "float", "str", "bool", "str2bool"]).map(lambda name: Literally(name)),
        "choices": st.lists(st.text(max_size=8) | st.integers(0, 9), min_size=1, max_size=4),
        "required": st.booleans(),
        "help": st.text(max_size=30),
    },
)
KNOWN = ["lr", "batch-size", "epochs", "dropout", "momentum", "save", "optimizer", "hidden", "warmup", "seed", "betas"]
names = words | st.sampled_from(KNOWN)
flags = st.builds(lambda dashes, name: dashes + name, st.sampled_from(["--", "-", ""]), names)


class Literally(str):
    """Text that stands for itself in the script."""

    def __repr__(self) -> str:
        return str(self)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(flags, declarations), min_size=1, max_size=8))
def test_whatever_the_arguments_are_the_proposal_is_a_sweep_file(arguments: list[tuple[str, dict[str, Any]]]) -> None:
    calls = [
        f"p.add_argument({flag!r}, {', '.join(f'{key}={value!r}' for key, value in given.items())})"
        for flag, given in arguments
    ]
    proposed = propose("\n".join(["p = ArgumentParser()", *calls]), "a b/train.py", "sweep.yaml", lambda module: None)
    loaded = SweepFile.parse(proposed.text, Path("sweep.yaml"))
    assert set(loaded.parameters) == {line.name for line in (*proposed.placed.searched, *proposed.placed.fixed)}
    assert loaded.command[:2] == ("python", "a b/train.py")


def test_the_file_says_what_it_is_and_where_its_schema_is(proposal: Read) -> None:
    text = proposal(SMALL, file="mine.yaml").text
    assert text.startswith(MODELINE + "\n")
    assert "sweeprun start mine.yaml" in text


def test_it_is_valid_by_the_schema_as_editors_check_it(script: Read) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    from sweeprun.spec import yaml12

    validator = jsonschema.Draft202012Validator(schema())
    for name in ("mnist.py", "cifar.py", "wordlm.py", "minigpt.py", "forest.py", "textcls/main.py"):
        assert list(validator.iter_errors(yaml12.load(script(name).text, name).value)) == []


def test_every_line_of_a_parameter_has_its_reason(script: Read) -> None:
    for placed in (script("cifar.py").placed, script("wordlm.py").placed):
        assert all(line.why for line in (*placed.searched, *placed.fixed, *placed.suggested))


def test_switches_are_written_as_switches(proposal: Read) -> None:
    text = proposal(SMALL + "p.add_argument('--nesterov', action='store_true')\n").text
    assert SweepFile.parse(text, Path("s.yaml")).args == "flags"
    assert SweepFile.parse(proposal(SMALL).text, Path("s.yaml")).args == "equals"


def test_without_metrics_there_are_three_ways_to_choose_from(proposal: Read) -> None:
    text = proposal(SMALL).text
    assert text.count("metrics_from") == 2
    assert "sweeprun.report" in text
    assert SweepFile.parse(text, Path("s.yaml")).metrics_from == "file"


def test_patterns_with_quotes_in_them_are_written_so_that_they_come_back(proposal: Read) -> None:
    loop = "for epoch in range(3):\n    print(f\"epoch {epoch} 'val loss' # {x:.3f}\")\n"
    proposed = proposal(SMALL + loop)
    assert SweepFile.parse(proposed.text, Path("s.yaml")).metrics_from == proposed.metrics.read


def test_the_subcommand_stands_before_the_arguments(proposal: Read) -> None:
    parsers = "p = ArgumentParser()\ns = p.add_subparsers()\na = s.add_parser('fit')\nb = s.add_parser('predict')\n"
    text = proposal(parsers + "a.add_argument('--lr', type=float)\n").text
    assert SweepFile.parse(text, Path("s.yaml")).command == ("python", "train.py", "fit", "${args}")
    assert "the others: predict" in text


def test_a_trap_is_explained_beside_the_argument(proposal: Read) -> None:
    text = proposal(SMALL + "p.add_argument('--amsgrad', type=bool, default=False)\n").text
    assert "BooleanOptionalAction" in text
    assert "# amsgrad: false" in text
