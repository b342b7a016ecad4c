"""Arguments and environment of a trial."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.macros import around
from sweeprun.run.command import arguments, argv, base_environment, text

PARAMS = {
    "lr": 1e-05,
    "n": 3,
    "big": 1e22,
    "half": 0.5,
    "on": True,
    "off": False,
    "name": "a b; $(rm) ${env:HOME}",
    "widths": [64, 128],
    "none": None,
    "model.depth": 2,
}
TEMPLATE = ("python", "train.py", "--data", "${env:DATA}/x", "${args}", "last")


def test_equals_is_one_word_a_parameter():
    words = argv(TEMPLATE, PARAMS, "equals", {"DATA": "/data"})
    assert words == [
        "python",
        "train.py",
        "--data",
        "/data/x",
        "--lr=1.0e-05",
        "--n=3",
        "--big=1.0e+22",
        "--half=0.5",
        "--on=true",
        "--off=false",
        "--name=a b; $(rm) ${env:HOME}",
        "--widths=[64,128]",
        "--model.depth=2",
        "last",
    ]


def test_space_is_two_words_a_parameter():
    assert argv(("p", "${args}"), {"lr": 1e-05, "none": None, "n": 2}, "space") == ["p", "--lr", "1.0e-05", "--n", "2"]


def test_json_is_one_word_with_everything():
    (word,) = argv(("${args}",), PARAMS, "json")
    assert json.loads(word) == PARAMS


def test_none_is_no_word():
    assert argv(("p", "${args}", "q"), PARAMS, "none") == ["p", "q"]


def test_a_file_of_parameters_is_one_word_its_path():
    words = argv(("p", "${args}", "q"), PARAMS, "file", {"SWEEPRUN_PARAMS": "/run1/params.json"})
    assert words == ["p", "/run1/params.json", "q"]
    assert argv(("p", "${args}"), PARAMS, "file") == ["p", "${env:SWEEPRUN_PARAMS}"]
    assert arguments(PARAMS, "file") == []


def test_args_inside_a_word_is_not_replaced():
    assert argv(("p", "x${args}"), {"lr": 1}, "equals") == ["p", "x${args}"]


@pytest.mark.parametrize(
    ("value", "written"),
    [(-1e-07, "-1.0e-07"), (1.5e-07, "1.5e-07"), (0.0001, "0.0001"), (10, "10"), (2.0, "2.0"), ({"a": 1}, '{"a":1}')],
)
def test_numbers_are_written_so_that_every_yaml_reads_them_back(value, written):
    assert text(value) == written


def test_variables_are_expanded_in_the_template_and_never_in_a_value():
    params = {"x": "${env:SECRET}"}
    assert argv(("${env:P}", "${args}"), params, "equals", {"P": "p", "SECRET": "s"}) == ["p", "--x=${env:SECRET}"]
    assert argv(("${env:P}", "${args}"), {"x": "${args}"}, "space", {"P": "${env:P}"}) == ["${env:P}", "--x", "${args}"]


def test_two_dollars_are_one_of_the_programs_own_macros():
    command = ("p", "dir=$${now:%Y}/${env:X}", "$${env:X}", "${args}")
    words = argv(command, {"x": "$${y}"}, "equals", {"X": "$${z}"})
    assert words == ["p", "dir=${now:%Y}/$${z}", "${env:X}", "--x=$${y}"]
    assert argv(command[:2], {}, "equals") == ["p", "dir=$${now:%Y}/${env:X}"], "records show what is written"


def test_records_show_the_template_unexpanded():
    assert argv(("--token", "${env:TOKEN}"), {}, "equals") == ["--token", "${env:TOKEN}"]


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(SweepFileError, match="DATA is not set") as raised:
        argv(TEMPLATE, {}, "equals", {})
    assert raised.value.hint == "export DATA=..."


def test_nothing_of_an_outer_sweep_or_launcher_is_inherited():
    outer = {"SWEEPRUN_TRIAL": "7", "SWEEPRUN_ROOT": "r", "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}
    outer |= {"MASTER_ADDR": "h", "MASTER_PORT": "1", "HOME": "/home", "VIRTUAL_ENV": "/venv", "PATH": "/bin"}
    assert base_environment(outer, {}, 2, {}) == {
        "HOME": "/home",
        "VIRTUAL_ENV": "/venv",
        "PATH": "/bin",
        "OMP_NUM_THREADS": "2",
        "PYTHONUNBUFFERED": "1",
    }


def test_our_interpreter_stands_first_in_the_path_unless_an_environment_is_active():
    ours = str(Path(sys.executable).parent)
    assert base_environment({"PATH": "/bin"}, {}, 1, {})["PATH"] == f"{ours}:/bin"
    assert base_environment({}, {}, 1, {})["PATH"].startswith(f"{ours}:")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        assert base_environment({"PATH": "/bin", name: "/x"}, {}, 1, {})["PATH"] == "/bin"


def test_what_the_file_declares_wins_over_what_is_inherited_and_that_over_defaults():
    inherited = {"OMP_NUM_THREADS": "8", "A": "1", "B": "1", "VIRTUAL_ENV": "/v"}
    found = base_environment(inherited, {"A": "2", "C": "${env:B}3"}, 2, {})
    assert (found["OMP_NUM_THREADS"], found["A"], found["C"]) == ("8", "2", "13")
    assert base_environment({}, {"OMP_NUM_THREADS": "4"}, 2, {})["OMP_NUM_THREADS"] == "4"


def test_what_the_file_declares_may_name_what_the_trial_is_given():
    inherited = {"VIRTUAL_ENV": "/v", "SWEEPRUN_DIR": "/outer"}
    found = base_environment(inherited, {"LOGS": "${env:SWEEPRUN_DIR}/logs"}, 2, {"SWEEPRUN_DIR": "/run1"})
    assert found["LOGS"] == "/run1/logs"


def test_what_an_outer_sweep_gave_is_not_there():
    assert around({"SWEEPRUN_DIR": "/outer", "A": "1"}, {"SWEEPRUN_SEED": "7"}) == {"A": "1", "SWEEPRUN_SEED": "7"}
