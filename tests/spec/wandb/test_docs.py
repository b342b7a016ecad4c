"""docs/wandb.md names the files in which oddities are re-created, and the messages that they meet."""

import re
from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.spec.wandb.command import STYLES
from sweeprun.spec.wandb.distributions import DISTRIBUTIONS

HERE = Path(__file__).parent
DOCS = (HERE.parents[2] / "docs" / "wandb.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in DOCS.partition("## Oddities")[2].splitlines()]
REFUSED = [
    (name, message)
    for *_, becomes, names in (row for row in ROWS if len(row) == 4)
    for message in re.findall(r'^refused: "([^"]+)"', becomes)
    for name in names.split(", ")[:1]
]


def test_the_table_has_every_file_and_no_other():
    named = {name for row in ROWS[3:] if len(row) == 4 for name in row[-1].split(", ")}
    assert named - {"file", "---"} == {path.stem for path in HERE.glob("*.yaml")}


@pytest.mark.parametrize(("name", "message"), REFUSED)
def test_what_it_quotes_is_what_is_said(name, message):
    with pytest.raises(SweepFileError) as caught:
        SweepFile.load(HERE / f"{name}.yaml")
    assert message in caught.value.message


def test_every_distribution_and_every_macro_is_explained():
    missing = {name for name in DISTRIBUTIONS if f"`{name}`" not in DOCS}
    assert missing == {"constant", "categorical", "categorical_w_probabilities"}  # which value and values say
    assert not {ending for ending in STYLES if f"${{args{ending}}}" not in DOCS}
