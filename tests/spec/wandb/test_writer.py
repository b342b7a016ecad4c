import os
from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.spec.sweepfile import SweepFile
from sweeprun.spec.wandb import translated

HERE = Path(__file__).parent
GOOD = (
    *("plain", "nested", "hydra", "flags", "json_file", "no_args", "one_text", "shell", "repeated_value"),
    *("exponents", "objectives", "settings", "quoted"),
)


def test_the_text_has_a_comment_for_each_translated_key():
    assert translated(HERE / "plain.yaml", HERE).splitlines() == [
        "# From the W&B sweep file plain.yaml. The comments have its own words.",
        "# project, entity left out: there is no server",
        'command: [python, train.py, "${args}"]  # was program train.py',
        "args: wandb",
        "# was wandb.log: the log that W&B keeps on disk is read, no account needed; metrics_from: file for "
        "sweeprun.report",
        "metrics_from: wandb",
        "metric: {name: val/loss, goal: minimize}",
        "parameters:",
        "  lr: {min: 1.0e-05, max: 0.1, log: true}"
        "  # was lr {distribution: log_uniform_values, min: 1.0e-05, max: 0.1}",
        "  dropout: {min: 0, max: 0.5}",
        "  layers: [2, 4, 8]",
        "  epochs: 30",
        "algorithm: auto  # was method bayes: sweeprun chooses by the space and the budget",
        "budget: 20  # was run_cap 20",
        "# was early_terminate {type: hyperband, min_iter: 3}: a step is a call of wandb.log (--set step=epoch counts "
        "by a metric), where W&B counts those with the metric; each trial is judged once at a rung, by its value "
        "there, W&B goes on judging",
        "pruner: {name: asha, mode: stop, min: 3, max: 1000000000, eta: 3, compare: value}",
    ]


@pytest.mark.parametrize("name", GOOD)
def test_what_is_written_is_the_same_sweep_and_has_nothing_more_to_say(name, tmp_path):
    original = SweepFile.load(HERE / f"{name}.yaml")
    written = tmp_path / "imported.yaml"
    written.write_text(translated(HERE / f"{name}.yaml", tmp_path))
    again = SweepFile.load(written)
    assert again.translation is None
    assert again.notes == ()
    assert again.resolved() | {"name": ""} == original.resolved() | {"name": ""}


def test_where_trials_run_is_relative_to_where_the_text_is_kept(tmp_path):
    assert "workdir:" not in translated(HERE / "plain.yaml", HERE)
    assert f"workdir: {os.path.relpath(HERE, tmp_path)}\n" in translated(HERE / "plain.yaml", tmp_path)


def test_groups_of_parameters_are_blocks_of_their_own():
    lines = translated(HERE / "nested.yaml", HERE).splitlines()
    start = lines.index("parameters:")
    assert [line.split("#")[0].rstrip() for line in lines[start + 1 :] if line.lstrip()[0] != "#"][:7] == [
        "  batch_size: [32, 64]",
        "  optimizer:",
        "    parameters:",
        "      lr: [0.001, 0.0001]",
        "      nadam:",
        "        parameters:",
        "          beta: {min: 0.9, max: 0.95, step: 0.05}",
    ]


def test_several_comments_stand_above_what_they_are_about(tmp_path):
    (tmp_path / "w.yaml").write_text(
        "{program: a.py, method: grid, metric: loss, parameters: {clip: {values: [1, 1, null]}}}"
    )
    lines = translated(tmp_path / "w.yaml", tmp_path).splitlines()
    assert lines[lines.index("parameters:") + 1 :][:3] == [
        "  # was clip {values: [1, 1, null]}: 1 stands more than once, and counts once",
        "  # was clip null: W&B writes --clip=None",
        "  clip: [1, null]",
    ]


@pytest.mark.parametrize("name", ["no_metric", "beta", "goal"])
def test_what_is_refused_is_not_written(name):
    with pytest.raises(SweepFileError):
        translated(HERE / f"{name}.yaml")


def test_a_file_of_our_own_is_not_translated(tmp_path):
    (tmp_path / "own.yaml").write_text("command: a ${args}\nmetric: loss\nparameters: {x: [1, 2]}\n")
    with pytest.raises(SweepFileError, match="this is no W&B sweep file"):
        translated(tmp_path / "own.yaml")


def test_whatever_stands_in_a_comment_it_is_one_line(tmp_path):
    name = "a\nb.yaml"
    (tmp_path / name).write_text('{program: "a\\u2028.py", method: grid, metric: loss, name: "x\\ny"}')
    assert len(translated(tmp_path / name, tmp_path).splitlines()) == 8
