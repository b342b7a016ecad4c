from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.spec import yaml12
from sweeprun.spec.overrides import override
from sweeprun.spec.sweepfile import SweepFile

FILE = """\
command: a ${args}
metrics: [{name: loss}]
budget: 30
parameters:
  lr: 0.1
  a.b: {min: 1, max: 2}
  model: {parameters: {depth: [1, 2]}}
"""


def parse(*overrides):
    return SweepFile.parse(FILE, Path("f.yaml"), overrides)


def failure(*overrides):
    with pytest.raises(SweepFileError) as caught:
        parse(*overrides)
    return caught.value


def test_a_value_is_read_as_yaml_1_2():
    assert parse("seed=010").seed == 10
    assert parse("description=on").description == "on"
    assert parse("parameters.lr=1e-5").space.configuration(0)["lr"] == 1e-5
    assert parse("parameters.lr={min: 1, max: 4}").space.parameters[0].size == 4


def test_a_key_beside_a_shorthand_keeps_what_the_shorthand_said():
    sweep = parse("budget.wall=2h", "algorithm.name=grid")
    assert (sweep.budget.trials, sweep.budget.wall) == (30, 7200)
    assert sweep.algorithm.name == "grid"


def test_a_section_that_the_file_lacks_is_made():
    assert parse("resources.slots=3").resources.slots == 3
    assert parse("budget.failures.after=5").budget.failures.after == 5


def test_lists_are_reached_by_position_and_names_may_hold_dots():
    assert parse("metrics.0.goal=maximize").objectives[0].goal == "maximize"
    assert parse("parameters.a.b.max=5").space.parameters[0].size == 5
    assert parse("parameters.model.parameters.depth=[1, 2, 3]").space.parameters[1].size == 3


def test_names_of_the_users_own_may_be_new_where_that_makes_sense():
    assert parse("env.A=3").env == {"A": "3"}
    assert parse("budget.target.loss=0.5").budget.target == {"loss": 0.5}
    assert parse("pruner.name=median", "pruner.startup=3").pruner.options == {"startup": 3}


def test_the_last_one_wins():
    assert parse("seed=1", "seed=2").seed == 2


def test_the_document_itself_is_not_changed():
    document = yaml12.load(FILE, "f.yaml")
    changed = override(document, "budget.wall=2h", SweepFile)
    assert document.value["budget"] == 30
    assert changed.value["budget"] == {"trials": 30, "wall": "2h"}


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("budget.trails=3", "unknown key budget.trails; allowed: trials", "did you mean 'trials'?"),
        ("resources.x=1", "unknown key resources.x; allowed: slots, gpus, gpu_memory, cpus", None),
        ("parameters.lrr=3", "unknown key parameters.lrr; allowed: lr, a.b, model", "did you mean 'lr'?"),
        ("parameters.lr.mim=3", "lr is 0.1, which has no keys", None),
        ("metrics.1.goal=maximize", "unknown key metrics.1; allowed: 0", None),
        ("seed", "--set wants key.path=value", "for example --set budget.trials=50"),
        ("seed.x=3", "seed", None),
        ("seed=[", "while parsing", None),
        ("seed=x", "seed must be a whole number", None),
        ("=3", "--set wants", None),
        (".=3", "unknown key", None),
    ],
)
def test_a_fault_names_the_words_of_the_command_line(override, message, hint):
    error = failure(override)
    assert message in error.message
    assert error.file == f"--set {override}"
    assert hint is None or error.hint == hint


def test_a_fault_elsewhere_in_the_file_keeps_its_place():
    with pytest.raises(SweepFileError, match=r"^f\.yaml:3:9: budget\.trials"):
        SweepFile.parse(FILE.replace("30", "-1"), Path("f.yaml"), ["seed=3"])


@pytest.mark.parametrize("before", ["file", "stdout", "{csv: a.csv}", "{regex: '(?P<a>.)'}", None])
@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (r"Epoch (?P<epoch>\d+): \[loss] # (?P<loss>\S+)", r"Epoch (?P<epoch>\d+): \[loss] # (?P<loss>\S+)"),
        ("[e] (?P<loss>.)", "[e] (?P<loss>.)"),
        ("'it''s: (?P<loss>.)'", "it's: (?P<loss>.)"),
    ],
)
def test_a_pattern_is_read_as_it_stands_and_takes_the_place_of_what_was_there(before, text, pattern):
    source = FILE + (f"metrics_from: {before}\n" if before else "")
    file = SweepFile.parse(source, Path("f.yaml"), [f"metrics_from.regex={text}"])
    assert file.metrics_from == {"regex": pattern}


def test_a_csv_file_takes_the_place_of_a_pattern():
    assert parse("metrics_from.regex=(?P<a>.)", "metrics_from.csv=a.csv").metrics_from == {"csv": "a.csv"}
