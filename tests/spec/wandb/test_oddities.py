"""What becomes of the oddities of real sweep files; docs/wandb.md says where each was found."""

from pathlib import Path

import pytest

from sweeprun.errors import SweepFileError
from sweeprun.run.command import argv
from sweeprun.spec.sweepfile import SweepFile, unsupported

HERE = Path(__file__).parent


def load(name, *overrides):
    return SweepFile.load(HERE / f"{name}.yaml", overrides)


def refusal(name, *overrides):
    with pytest.raises(SweepFileError) as caught:
        load(name, *overrides)
    return caught.value


def parameters(name, *overrides):
    return {parameter.name: parameter for parameter in load(name, *overrides).space.parameters}


def test_a_file_as_the_documentation_has_it():
    sweep = load("plain")
    assert sweep.command == ("python", "train.py", "${args}")
    assert sweep.args == "wandb"
    assert (sweep.objectives[0].name, sweep.objectives[0].goal) == ("val/loss", "minimize")
    assert (sweep.algorithm.name, sweep.pruner.name, sweep.budget.trials) == ("auto", "asha", 20)
    assert sweep.name == "plain"
    assert sweep.source == (HERE / "plain.yaml").read_bytes()
    assert unsupported(sweep) == ()


def test_there_is_a_note_for_each_translated_key_with_its_line():
    notes = load("plain").notes
    assert notes[0] == "line 1: program train.py -> command python train.py ${args}"
    assert notes[1].startswith("line 2: method bayes -> algorithm auto")
    assert notes[2].startswith("line 3: wandb.log -> metrics_from wandb: the log that W&B keeps on disk is read")
    assert notes[3] == "line 6: run_cap 20 -> budget.trials 20"
    assert notes[4].startswith("line 7: early_terminate {type: hyperband, min_iter: 3} -> pruner {name: asha, ")
    assert "a step is a call of wandb.log" in notes[4]
    assert notes[5].startswith("line 11: lr {distribution: log_uniform_values, min: 1.0e-05, max: 0.1} -> {min: 1.0")
    assert notes[6] == "line 22: project, entity -> left out: there is no server"


def test_what_says_the_same_in_both_languages_has_no_note():
    assert len(load("plain").notes) == 7  # nothing of dropout, layers, epochs


def test_groups_of_parameters_have_dotted_names():
    built = load("nested").space
    assert built.configuration(0).keys() == {"batch_size", "optimizer.lr", "optimizer.nadam.beta"}
    noted = "line 8: the group optimizer -> optimizer.lr, ...: an argument each, where W&B writes one dict; "
    assert any(note.startswith(noted) for note in load("nested").notes)


def test_arguments_without_dashes_are_those_of_hydra():
    sweep = load("hydra")
    assert sweep.args == "hydra"
    assert sweep.command[:6] == ("uv", "run", "python3", "main.py", "+experiment=base", "${args}")
    assert parameters("hydra")["optimizer.config.learning_rate"].low == 1e-5


def test_flags_that_are_there_or_not_and_texts_that_look_like_python():
    sweep = load("flags")
    assert sweep.args == "flags"
    assert sweep.space.configuration(0) == {
        "prenorm": False,
        "mup": True,
        "mean": "(0.4914, 0.4822, 0.4465)",
        "rand_augment": "None",
        "milestones": "70,80,90",
        "similarity": "(['SEX', 'MEM'], 0.8)",
    }


def test_parameters_in_a_file_and_a_variable_of_the_environment():
    sweep = load("json_file")
    assert sweep.args == "file"
    assert sweep.command == ("cli", "fit", "--data", "${env:DATA_ROOT}/coco", "--json-file", "${args}")
    assert parameters("json_file").keys() == {"optimizer_config/init_args/lr", "lambda-ponder"}


@pytest.mark.parametrize(("name", "line"), [("no_metric", 3), ("null_metric", 3)])
def test_a_search_without_a_metric_is_refused_until_one_is_given(name, line):
    error = refusal(name)
    assert error.line == line
    assert error.message == "there is no metric: W&B searches without one, sweeprun has to know which trial is best"
    assert "--set metric=val_loss" in error.hint
    assert load(name, "metric=val_loss").objectives[0].name == "val_loss"
    assert load(name, "metric={name: acc, goal: maximize}").objectives[0].goal == "maximize"


def test_a_list_in_a_list_is_a_choice_that_is_a_list():
    assert parameters("no_metric", "metric=loss")["networks"].choices == (["efficientnet_b0"],)


def test_nothing_to_start_is_refused_until_a_command_is_given():
    assert "there is no program and no command" in refusal("no_program").message
    sweep = load("no_program", "command=python train.py ${args}")
    assert sweep.command == ("python", "train.py", "${args}")
    assert sweep.objectives[0].name == "val/loss/min so far"


def test_a_launch_job_is_refused_where_it_stands():
    error = refusal("launch_job")
    assert (error.line, error.message) == (5, "job is for W&B Launch: nothing that can be started here")


def test_a_program_without_arguments_reads_its_configuration():
    sweep = load("no_args")
    assert sweep.command == (
        *("/opt/envs/informer/bin/python", "main_informer.py", "--data", "data", "--device", "0", "--lr", "0.001"),
        *("--amp", "True"),
    )
    assert sweep.args == "none"
    assert any("a command without ${args} -> args none" in note for note in sweep.notes)


def test_a_misspelt_macro_is_refused():
    error = refusal("misspelt_macro")
    assert (error.line, error.hint) == (8, "did you mean 'interpreter'?")
    assert "there is no macro ${interpereter}; W&B leaves such a word out" in error.message


def test_several_arguments_in_one_word_are_noted():
    sweep = load("misspelt_macro", "command=python main.py '--logdir logdir' ${args}")
    assert sweep.command[2] == "--logdir logdir"
    noted = SweepFile.parse(
        (HERE / "misspelt_macro.yaml").read_text().replace("interpereter", "interpreter"), Path("f.yaml")
    ).notes
    assert any(
        note.startswith("line 10: command: '--logdir logdir --configs prolog' -> one argument") for note in noted
    )


def test_a_whole_line_in_one_word_is_refused():
    error = refusal("one_word")
    assert error.line == 7
    assert "W&B replaces a macro only where it is a word of its own" in error.message


def test_a_command_in_one_text_is_split():
    sweep = load("one_text")
    assert sweep.command == ("python3", "train.py", "--epochs", "3", "${args}")
    assert any("W&B itself ignores a command that is no list" in note for note in sweep.notes)


def test_a_macro_of_the_programs_own_is_handed_over():
    sweep = load("interpolation")
    assert argv(sweep.command, {}, sweep.args, {})[-1] == "hydra.run.dir=runs/${now:%Y%m%d}"
    assert any("command: hydra.run.dir=runs/${now:%Y%m%d} -> " in note for note in sweep.notes)


def test_no_shell_reads_a_command_but_env_does():
    sweep = load("shell")
    assert sweep.command[:3] == ("/usr/bin/env", "CUDA_VISIBLE_DEVICES=0", "python")
    assert any("command: > -> an argument of the program: no shell" in note for note in sweep.notes)


def test_a_value_that_stands_twice_counts_once_and_null_and_on_are_explained():
    sweep = load("repeated_value")
    assert sweep.name == "rotation-model-sweep-v2"
    assert parameters("repeated_value")["mode.batch_size"].choices == (1, 5, 10, 20)
    assert parameters("repeated_value")["model.filters"].choices == ([55, 110, 220], [32, 96, 256])
    notes = "\n".join(sweep.notes)
    assert "line 7: mode.batch_size {values: [1, 5, 10, 5, 20]} -> [1, 5, 10, 20]: 5 stands more than once" in notes
    assert "line 12: clip null -> no argument: W&B writes --clip=None" in notes
    assert "line 13: bias on, off -> text: W&B reads it as a boolean where it is not quoted" in notes


def test_values_where_exponents_are_wanted_are_asked_about():
    lr, weight_decay = parameters("exponents").values()
    assert (lr.low, lr.high, lr.log) == (1.00001, 1.001, True)
    assert (weight_decay.low, weight_decay.high, weight_decay.log) == (1e-6, 0.1, True)
    asked = [note for note in load("exponents").notes if "were values meant?" in note]
    assert [note.split(":")[0] for note in asked] == ["line 6"]


def test_a_parameter_that_slid_into_another_is_refused():
    error = refusal("misindented")
    assert error.line == 9
    assert error.hint == "is n_conv_layers a parameter? Then it is indented too far"


def test_a_goal_that_is_none_is_refused_and_not_taken_for_minimize():
    error = refusal("goal")
    assert (error.line, error.column) == (6, 3)
    assert error.message == "metric.goal must be minimize or maximize, not 'maximise'; did you mean 'maximize'?"


def test_several_objectives_are_translated():
    sweep = load("objectives")
    assert [(each.name, each.goal) for each in sweep.objectives] == [("accuracy", "maximize"), ("latency", "minimize")]


def test_settings_of_the_server_and_of_ones_own_are_left_out_and_named():
    sweep = load("settings")
    assert sweep.budget.target == {"val_dice": 0.95}
    assert sweep.budget.trials == 50
    assert sweep.description == "two\nlines\n"
    assert not any("early_terminate" in note for note in sweep.notes)
    assert "line 7: count -> left out: no key of a W&B sweep file, and none of sweeprun's" in sweep.notes
    assert "line 8: entity, project, controller -> left out: there is no server" in sweep.notes


def test_numbers_that_pyyaml_takes_for_texts_are_numbers():
    lr, decay = parameters("quoted").values()
    assert (lr.low, lr.high) == (1e-5, 6e-5)
    assert decay.choices == (15e-5, 1e-6)
    assert load("quoted", "parameters.lr=[0.1]").space.configuration(0)["reg"] == 1e-5


def test_a_distribution_that_there_is_not_is_refused_until_a_range_is_given():
    error = refusal("beta")
    assert (error.line, error.column) == (5, 14)
    assert "parameters.momentum: a beta distribution (a 5, b 1) cannot be drawn from" in error.message
    assert parameters("beta", "parameters.momentum={min: 0.5, max: 1.0}")["mixing"].high == 1.0


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("duplicate_key", 7, "the key 'values' stands twice, first at line 6"),
        ("tuple", 6, "the tag !!python/tuple is not allowed"),
        ("merge", 7, "merge keys (<<) are not part of YAML 1.2"),
    ],
)
def test_what_the_loader_refuses_is_refused_with_its_line(name, line, message):
    error = refusal(name)
    assert error.line == line
    assert message in error.message


def test_words_of_both_languages_are_refused_with_both_ways_out():
    error = refusal("mixed")
    assert error.message.startswith("unknown key program")
    assert error.hint.startswith("W&B's program is command here")


def test_a_file_of_another_tool_is_none_of_wandb():
    error = refusal("another_tool")
    assert error.message.startswith("unknown key rules")
    assert error.hint is None
